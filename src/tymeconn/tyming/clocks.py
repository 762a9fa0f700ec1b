"""The only room that reads a real clock.

A `Clock` gives seconds that only grow; their zero means nothing. A `Calendar` gives UTC.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Calendar", "Clock", "countdown", "monotonic"]

Clock: TypeAlias = Callable[[], float]

monotonic: Clock = time.monotonic


_SIMULATED = 1_767_225_600.0


class Calendar:
    """Seconds since 1970-01-01T00:00:00Z: an epoch plus what a clock has counted since then.

    The wall clock is read once, when the calendar is made, so that a later jump of the wall clock moves
    neither a deadline nor a token's expiry.
    """

    def __init__(self, clock: Clock, epoch: float) -> None:
        """Start at `epoch` UTC seconds now; from here on only `clock` counts."""
        self._clock = clock
        self._offset = epoch - clock()

    @classmethod
    def real(cls) -> Calendar:
        """Return a calendar anchored to the machine's wall clock now."""
        return cls(monotonic, time.time())

    @classmethod
    def on(cls, clock: Clock) -> Calendar:
        """Return the calendar that goes with a network's clock: the real one when that is monotonic time.

        A simulated clock is at 2026-01-01T00:00:00Z now, in every run.
        """
        return cls.real() if clock is monotonic else cls(clock, _SIMULATED)

    def now(self) -> float:
        """Return UTC seconds since 1970."""
        return self._offset + self._clock()


def countdown(seconds: float, *clocks: Clock) -> Callable[[], bool]:
    """Return a function that tells whether any of `clocks` has counted `seconds` since now.

    hio's tyme stands still at a tock of 0.0, and runs away when it is not real: what must end in either
    case is counted on tyme and on a real clock.
    """
    ends = [(clock, clock() + seconds) for clock in clocks]
    return lambda: any(clock() >= end for clock, end in ends)
