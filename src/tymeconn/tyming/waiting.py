"""What a generator yields while it waits, and what wakes it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol, TypeAlias, runtime_checkable

__all__ = ["TYMTH", "Awaitable", "Readable", "Signal", "Wait"]

TYMTH: ContextVar[Callable[[], float] | None] = ContextVar("TYMTH", default=None)
"""The tyme of the scheduler that runs here, for those whom nobody has wound; None when it does not say."""


@runtime_checkable
class Readable(Protocol):
    """Something with a descriptor that a selector can watch.

    Its attribute `wants` says for what: bits of selectors.EVENT_READ and EVENT_WRITE. Without it, it is to
    be read. Its attribute `closing`, if it has one, is a Signal that fires before the descriptor is closed.
    """

    def fileno(self) -> int | None:
        """Return the descriptor, or None when there is none."""


class Signal:
    """An edge: `fire` wakes whoever waits at this moment and stores nothing.

    A waiter registers with `attend` under a key of its own and is forgotten when it is woken or calls
    `withdraw`; so a long-lived signal holds nobody who was woken by something else.
    """

    __slots__ = ("_of", "_wakes")

    def __init__(self, of: object = None) -> None:
        """Begin with no waiters; `of` is what its repr shows, for whoever asks what is awaited."""
        self._of = of
        self._wakes: dict[object, Callable[[], None]] = {}

    def __repr__(self) -> str:
        return f"<Signal of {self._of!r}>" if self._of is not None else super().__repr__()

    def attend(self, key: object, wake: Callable[[], None]) -> None:
        """Call `wake` once when the signal fires next; a second call with the same key replaces it."""
        self._wakes[key] = wake

    def withdraw(self, key: object) -> None:
        """Forget the waiter of `key`, if it is still there."""
        self._wakes.pop(key, None)

    def fire(self) -> None:
        """Wake all who wait now, in the order in which they came."""
        if not self._wakes:
            return
        # One by one, so that a waiter may attend again and may withdraw another that was not woken yet.
        for key in list(self._wakes):
            wake = self._wakes.pop(key, None)
            if wake is not None:
                wake()


Awaitable: TypeAlias = Signal | Readable


class Wait(float):
    """A yielded tock of 0.0 that also says what is awaited.

    hio's own Doist and DoDoer see 0.0 and run the doer again in the next tick. A scheduler that knows
    more may leave it parked until one of `on` fires or is ready, or until tyme reaches `until`. Either
    may resume it for no reason: check what was awaited and wait again.

    Attributes:
        on: signals and descriptors, any of which ends the wait.
        until: absolute tyme seconds at which the wait ends; None is never.
    """

    __slots__ = ("on", "until")

    on: tuple[Awaitable, ...]
    until: float | None

    def __new__(
        cls, on: Awaitable | tuple[Awaitable, ...] | None = None, until: float | None = None
    ) -> Wait:
        """Make a wait for `on` (any of them, when a tuple), but no longer than `until`."""
        wait = float.__new__(cls)
        wait.on = on if isinstance(on, tuple) else () if on is None else (on,)
        wait.until = until
        return wait

    def __repr__(self) -> str:
        return f"Wait(on={self.on!r}, until={self.until!r})"
