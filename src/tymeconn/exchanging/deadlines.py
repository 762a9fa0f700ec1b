"""Timeouts as moments of the network's clock, infinity for none: pure functions."""

from __future__ import annotations

from math import inf
from typing import TypeAlias

from ..errors import ConnectTimeout, ExchangeTimeout, ReadTimeout, TotalTimeout, WriteTimeout
from ..policy.patience import Timeouts

__all__ = ["NEVER", "Deadline", "busy_deadline", "connect_deadline", "total_deadline"]

# When, what it is then, and what to say of it before the origin's name.
Deadline: TypeAlias = tuple[float, type[ExchangeTimeout], str]
NEVER: Deadline = (inf, TotalTimeout, "")


def connect_deadline(timeouts: Timeouts, begun: float) -> Deadline:
    """Return the end of connecting that began at `begun`."""
    return _after(begun, timeouts.connect), ConnectTimeout, "no connection to"


def busy_deadline(timeouts: Timeouts, started: float, moved: float, *, sending: bool) -> Deadline:
    """Return what ends first: a silence that began at `moved`, or the exchange that began at `started`."""
    quiet = timeouts.write if sending else timeouts.read
    silence = inf if quiet is None else moved + quiet
    whole = inf if timeouts.total is None else started + timeouts.total
    if whole < silence:
        return whole, TotalTimeout, "no whole answer from"
    if sending:
        return silence, WriteTimeout, "no bytes taken by"
    return silence, ReadTimeout, "no bytes from"


def total_deadline(timeouts: Timeouts, started: float) -> Deadline:
    """Return the end of an exchange that began at `started`."""
    return _after(started, timeouts.total), TotalTimeout, "no whole answer from"


def _after(moment: float, seconds: float | None) -> float:
    return inf if seconds is None else moment + seconds
