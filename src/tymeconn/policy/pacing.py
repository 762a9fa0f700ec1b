"""When to look at a job next."""

from __future__ import annotations

from dataclasses import dataclass

from .checking import check_number

__all__ = ["Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """Delays between the looks at one job, in tyme seconds, counted from the end of a look.

    A server's hint (Retry-After) is obeyed within floor and cap. Without one the delay starts at `start`
    and grows by `grow` with each look, up to `cap`. Failed looks back off by doubling from `start` and do
    not advance the growth.

    Attributes:
        first: delay before the first look when the submission's answer has no hint.
        floor: the least delay between two looks.
        start: the delay after the first look.
        cap: the longest delay.
        grow: factor from one delay to the next.
        jitter: a delay without a hint is scaled by a factor drawn from [1 - jitter, 1 + jitter).
    """

    first: float = 0.0
    floor: float = 0.5
    start: float = 1.0
    cap: float = 60.0
    grow: float = 1.5
    jitter: float = 0.1

    def __post_init__(self) -> None:
        for name in ("first", "floor", "start", "cap", "grow", "jitter"):
            check_number(f"pace {name}", getattr(self, name))
        if self.cap < self.floor:
            raise ValueError(f"pace cap {self.cap!r} is less than floor {self.floor!r}")
        if self.grow < 1:
            raise ValueError(f"pace grow must be at least 1: {self.grow!r}")
        if self.jitter >= 1:
            raise ValueError(f"pace jitter must be less than 1: {self.jitter!r}")

    def initial(self, hint: float | None) -> float:
        """Return the delay before the first look; a server's hint is obeyed."""
        return self.first if hint is None else self._clamp(hint)

    def delay(self, looks: int, hint: float | None, u: float) -> float:
        """Return the delay after the `looks`-th look (from 1) that was answered; `u` is in [0, 1)."""
        if hint is not None:
            return self._clamp(hint)
        return self._clamp(self._scaled(self._grown(self.grow, looks), u))

    def blind(self, misses: int, hint: float | None, u: float) -> float:
        """Return the delay after the `misses`-th failed look in a row (from 1)."""
        if hint is not None:
            return self._clamp(hint)
        return self._clamp(self._scaled(self._grown(2.0, misses), u))

    def _grown(self, factor: float, turn: int) -> float:
        try:
            return min(self.start * float(factor) ** (turn - 1), self.cap)
        except OverflowError:  # a power that large is beyond any cap
            return self.cap if self.start else 0.0

    def _scaled(self, delay: float, u: float) -> float:
        return delay * (1 - self.jitter + 2 * self.jitter * u)

    def _clamp(self, delay: float) -> float:
        return min(max(delay, self.floor), self.cap)
