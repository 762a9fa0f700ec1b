"""Timeouts as moments of the network's clock: pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from ..errors import ConnectTimeout, ExchangeTimeout, ReadTimeout, TotalTimeout, WriteTimeout
from ..policy.patience import Timeouts

__all__ = ["Deadline", "connect_deadlines", "flow_deadlines", "total_deadlines"]

# When, what it is then, and what to say of it before the origin's name.
Deadline: TypeAlias = tuple[float, type[ExchangeTimeout], str]


def connect_deadlines(timeouts: Timeouts, begun: float) -> Iterator[Deadline]:
    """Yield the end of connecting that began at `begun`, if it has one."""
    if timeouts.connect is not None:
        yield begun + timeouts.connect, ConnectTimeout, "no connection to"


def flow_deadlines(timeouts: Timeouts, moved: float, *, sending: bool) -> Iterator[Deadline]:
    """Yield the end of a silence that began at `moved`, on the side that is awaited."""
    if sending and timeouts.write is not None:
        yield moved + timeouts.write, WriteTimeout, "no bytes taken by"
    if not sending and timeouts.read is not None:
        yield moved + timeouts.read, ReadTimeout, "no bytes from"


def total_deadlines(timeouts: Timeouts, started: float) -> Iterator[Deadline]:
    """Yield the end of an exchange that began at `started`, if it has one."""
    if timeouts.total is not None:
        yield started + timeouts.total, TotalTimeout, "no whole answer from"
