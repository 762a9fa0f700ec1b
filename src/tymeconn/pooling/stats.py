"""What a pool is doing, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..wire.urls import Origin
from .assigning import Place

__all__ = ["OriginStats", "PoolStats", "stats_of"]


@dataclass(frozen=True, slots=True)
class OriginStats:
    """One origin's part of a pool.

    Attributes:
        open: connections, those being opened included.
        idle: of them, those that carry nothing.
        waiting: exchanges that wait for a connection.
    """

    open: int
    idle: int
    waiting: int

    @property
    def busy(self) -> int:
        """Connections that carry an exchange, or are opened for one."""
        return self.open - self.idle


@dataclass(frozen=True, slots=True)
class PoolStats(OriginStats):
    """A pool at one moment, and what it has done until then.

    Attributes:
        opened: exchanges that ended on a connection made for them, once something was sent.
        reused: exchanges that ended on a connection that had carried another.
        origins: those that there is, or is wanted, a connection to.
    """

    opened: int
    reused: int
    origins: Mapping[Origin, OriginStats]


def stats_of(place: Place) -> OriginStats:
    """Return the numbers of one origin."""
    return OriginStats(place.held, len(place.idle), len(place.waiting))
