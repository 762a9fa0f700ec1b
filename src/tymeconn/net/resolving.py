"""Names become addresses on threads of their own, because getaddrinfo blocks (RFC 8305 4 for the order)."""

from __future__ import annotations

import errno
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, TypeAlias, cast

from ..tyming.clocks import Clock, monotonic
from ..tyming.waiting import Signal
from .seams import Address, Lookup

__all__ = ["Resolver"]

THREADS = 4
CACHED = 1024
POSITIVE = 60.0
NEGATIVE = 5.0

Getaddrinfo: TypeAlias = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class _Answer:
    addresses: tuple[Address, ...] = ()
    error: OSError | None = None


class _Question:
    """One name asked for once, however many wait for it; `answer` is set last, by any thread."""

    __slots__ = ("answer", "asked", "host", "port")

    def __init__(self, host: str, port: int, asked: float, answer: _Answer | None = None) -> None:
        self.host = host
        self.port = port
        self.asked = asked
        self.answer = answer

    def fresh(self, now: float) -> bool:
        """Tell whether another look-up may share this one. Age counts from the asking."""
        if self.answer is None:
            return True
        return now < self.asked + (NEGATIVE if self.answer.error else POSITIVE)


class _Ticket:
    """A Lookup that reads the answer where a thread puts it."""

    __slots__ = ("_question", "_waiting", "signal")

    def __init__(self, question: _Question) -> None:
        self._question = question
        self._waiting = question.answer is None
        self.signal = Signal()

    @property
    def ended(self) -> bool:
        if self._question.answer is None:
            return False
        if self._waiting:
            self._waiting = False
            self.signal.fire()
        return True

    @property
    def addresses(self) -> tuple[Address, ...]:
        answer = self._question.answer
        return answer.addresses if answer else ()

    @property
    def error(self) -> OSError | None:
        answer = self._question.answer
        return answer.error if answer else None

    def cancel(self) -> None:
        self._waiting = False


class Resolver:
    """Looks names up on at most 4 daemon threads, which live only while there are names to look up.

    IP literals and "localhost" need no look-up and end at once. Addresses are kept for 60 s and failures
    for 5 s of `clock`, counted from the asking, for at most 1024 names; who asks for a name that is being
    looked up shares that look-up. A look-up that hangs in the system cannot be stopped: it occupies its
    thread, and `cancel` gives up the ticket only.

    One thread calls `resolve` and reads the look-ups. A look-up's signal fires on that thread, when its
    `ended` is first read as True: whoever parks on the signal needs somebody who asks, for example once
    a tick.
    """

    def __init__(self, clock: Clock = monotonic, getaddrinfo: Getaddrinfo = socket.getaddrinfo) -> None:
        """Ask `getaddrinfo(host, port, type=SOCK_STREAM)`; it may block and runs on any thread."""
        self._clock = clock
        self._getaddrinfo = getaddrinfo
        self._questions: dict[tuple[str, int], _Question] = {}
        self._lock = threading.Lock()
        self._asked: deque[_Question] = deque()
        self._threads = 0

    def resolve(self, host: str, port: int) -> Lookup:
        """Begin to look up `host`; its addresses carry `port`. Failures are the look-up's `error`."""
        # The protocol's attributes are typed as settable; a ticket computes them and nobody sets them.
        return cast(Lookup, _Ticket(self._question(host, port)))

    def _question(self, host: str, port: int) -> _Question:
        now = self._clock()
        if known := _literal(host, port):
            return _Question(host, port, now, _Answer(known))
        question = self._questions.pop((host, port), None)
        if question is None or not question.fresh(now):
            question = _Question(host, port, now)
            self._ask(question)
        self._questions[host, port] = question
        if len(self._questions) > CACHED:
            del self._questions[next(iter(self._questions))]
        return question

    def _ask(self, question: _Question) -> None:
        with self._lock:
            self._asked.append(question)
            if self._threads == THREADS:
                return
            self._threads += 1
        try:
            threading.Thread(target=self._work, name="tymeconn-resolver", daemon=True).start()
        except RuntimeError as error:
            self._strand(OSError(errno.EAGAIN, f"no thread for the look-up: {error}"))

    def _strand(self, error: OSError) -> None:
        """Fail what is asked, unless a thread is there that will come to it."""
        with self._lock:
            self._threads -= 1
            while self._asked and not self._threads:
                self._asked.popleft().answer = _Answer(error=error)

    def _work(self) -> None:
        while question := self._next():
            question.answer = self._look_up(question.host, question.port)

    def _next(self) -> _Question | None:
        # Taking a name and giving up the thread exclude each other, so that no name is left without one.
        with self._lock:
            if self._asked:
                return self._asked.popleft()
            self._threads -= 1
            return None

    def _look_up(self, host: str, port: int) -> _Answer:
        try:
            rows = self._getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            return _Answer(error=error)
        except ValueError as error:  # UnicodeError, or a NUL: no name of DNS
            return _Answer(error=socket.gaierror(socket.EAI_NONAME, str(error)))
        addresses = _interleaved(rows)
        if not addresses:
            return _Answer(error=socket.gaierror(socket.EAI_NONAME, "no IPv4 or IPv6 address"))
        return _Answer(addresses)


def _literal(host: str, port: int) -> tuple[Address, ...]:
    if host == "localhost":  # RFC 6761 6.3: never asked of DNS
        return Address(socket.AF_INET, ("127.0.0.1", port)), Address(socket.AF_INET6, ("::1", port, 0, 0))
    if _parses(socket.AF_INET, host):
        return (Address(socket.AF_INET, (host, port)),)
    if _parses(socket.AF_INET6, host):
        return (Address(socket.AF_INET6, (host, port, 0, 0)),)
    return ()


def _parses(family: int, host: str) -> bool:
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return False
    return True


def _interleaved(rows: list[tuple[Any, ...]]) -> tuple[Address, ...]:
    """Return each address once, families in turn, led by the one the system prefers (RFC 8305 4)."""
    found = dict.fromkeys(
        Address(row[0], row[4]) for row in rows if row[0] in (socket.AF_INET, socket.AF_INET6)
    )
    lead = next((address.family for address in found), None)
    ours = [address for address in found if address.family == lead]
    others = [address for address in found if address.family != lead]
    return tuple(address for address in chain.from_iterable(zip_longest(ours, others)) if address)
