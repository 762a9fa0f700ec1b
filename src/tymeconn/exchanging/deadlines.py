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
    end = inf if timeouts.connect is None else begun + timeouts.connect
    return end, ConnectTimeout, "no connection to"


def busy_deadline(timeouts: Timeouts, started: float, moved: float, *, sending: bool) -> Deadline:
    """Return what ends first: a silence that began at `moved`, or the exchange that began at `started`."""
    quiet = timeouts.write if sending else timeouts.read
    silence = inf if quiet is None else moved + quiet
    total = total_deadline(timeouts, started)
    if total[0] < silence:
        return total
    if sending:
        return silence, WriteTimeout, "no bytes taken by"
    return silence, ReadTimeout, "no bytes from"


def total_deadline(timeouts: Timeouts, started: float) -> Deadline:
    """Return the end of an exchange that began at `started`."""
    end = inf if timeouts.total is None else started + timeouts.total
    return end, TotalTimeout, "no whole answer from"
