"""Calls that block are made on threads of their own; who waits has a signal and a descriptor."""

from __future__ import annotations

import errno
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ..tyming.waiting import Signal

__all__ = ["Errand", "Threads", "Ticket"]

T = TypeVar("T")


class Errand(Generic[T]):
    """One call that may block, made once, however many wait for it.

    Attributes:
        outcome: what it returned, or the OSError that it raised; None before, and set by any thread.
    """

    __slots__ = ("_bells", "_call", "_lock", "outcome")

    def __init__(self, call: Callable[[], T], outcome: T | OSError | None = None) -> None:
        """Have `call` made later, which returns anything but None; with an `outcome` there is no need."""
        self.outcome = outcome
        self._call = call
        self._lock = threading.Lock()
        self._bells: list[socket.socket] = []

    def run(self) -> None:
        """Make the call, which may block."""
        outcome: T | OSError
        try:
            outcome = self._call()
        except OSError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 the thread has no caller, and who waits would for ever
            outcome = OSError(f"{type(error).__name__}: {error}")
        self.end(outcome)

    def end(self, outcome: T | OSError) -> None:
        """Set the outcome and tell those who wait."""
        # Whoever comes with a bell finds the outcome, or is found: never neither.
        with self._lock:
            self.outcome = outcome
            for bell in self._bells:
                bell.send(b"\0")

    def attend(self, bell: socket.socket) -> None:
        """Send a byte into `bell` at the end, or now when it has ended."""
        with self._lock:
            self._bells.append(bell)
            if self.outcome is not None:
                bell.send(b"\0")

    def withdraw(self, bell: socket.socket) -> None:
        """Forget `bell`, which may be closed then."""
        with self._lock:
            self._bells.remove(bell)


class Ticket(Generic[T]):
    """Somebody's wait for an errand, to be looked at on one thread.

    The signal fires when `ended` is first read as True, which takes somebody who asks, for example once a
    tick. Who is parked meanwhile watches the descriptor, which is there from the first call of `fileno` to
    the end or to `cancel`. Nobody who does not ask for it pays for it.
    """

    __slots__ = ("_errand", "_rope", "_waiting", "signal")

    def __init__(self, errand: Errand[T]) -> None:
        self.signal = Signal()
        self._errand = errand
        self._waiting = errand.outcome is None
        self._rope: tuple[socket.socket, socket.socket] | None = None

    @property
    def ended(self) -> bool:
        """There is an outcome."""
        if self._errand.outcome is None:
            return False
        if self._waiting:
            self._waiting = False
            self.signal.fire()
            self._let_go()
        return True

    @property
    def error(self) -> OSError | None:
        """What the call raised."""
        outcome = self._errand.outcome
        return outcome if isinstance(outcome, OSError) else None

    def fileno(self) -> int | None:
        """Return what becomes readable at the end; None after it, and when no descriptor is left."""
        if self._waiting and self._rope is None:
            try:
                self._rope = socket.socketpair()
            except OSError:
                return None
            self._errand.attend(self._rope[1])
        return None if self._rope is None else self._rope[0].fileno()

    def cancel(self) -> None:
        """Wait no longer: no signal fires and there is no descriptor. The call itself goes on."""
        self._waiting = False
        self._let_go()

    def _let_go(self) -> None:
        if self._rope is not None:
            self._errand.withdraw(self._rope[1])
            for end in self._rope:
                end.close()
            self._rope = None


class Threads:
    """Runs errands on at most `most` daemon threads, which live only while there is something to do.

    An errand that hangs in the system cannot be stopped and occupies its thread.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[Errand[Any]] = deque()
        self._count = 0

    def run(self, errand: Errand[Any]) -> None:
        """Run `errand` soon; when the system gives no thread it ends with an OSError, EAGAIN."""
        with self._lock:
            self._waiting.append(errand)
            if self._count == self._most:
                return
            self._count += 1
        try:
            threading.Thread(target=self._work, name="tymeconn-offload", daemon=True).start()
        except RuntimeError as error:
            self._strand(OSError(errno.EAGAIN, f"no thread to be had: {error}"))

    def _strand(self, error: OSError) -> None:
        """Fail what waits, unless a thread is there that will come to it."""
        with self._lock:
            self._count -= 1
            while self._waiting and not self._count:
                self._waiting.popleft().end(error)

    def _work(self) -> None:
        while errand := self._next():
            errand.run()

    def _next(self) -> Errand[Any] | None:
        # Taking an errand and giving up the thread exclude each other, so that none is left without one.
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._count -= 1
            return None
