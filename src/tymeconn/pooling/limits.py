"""How many connections a pool has, and for how long."""

from __future__ import annotations

import sys
from dataclasses import dataclass

__all__ = ["PoolLimits"]


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """What a pool holds of connections; None is no limit. Seconds are of the network's clock.

    `total` and `per_origin` are what httpx and aiohttp have. `idle` is below the 60 s and 75 s after which
    common balancers and nginx close.

    Attributes:
        total: connections at a time, idle ones included.
        per_origin: of them, to one origin.
        idle: seconds for which an unused connection is kept; a server that says less is believed.
        age: seconds after which a connection is not used again, so that new addresses of a name are seen.
        uses: requests that one connection carries.
    """

    total: int = 100
    per_origin: int = 100
    idle: float | None = 50.0
    age: float | None = 600.0
    uses: int | None = None

    def __post_init__(self) -> None:
        for name in ("total", "per_origin", "uses"):
            _check_count(name, getattr(self, name), optional=name == "uses")
        for name in ("idle", "age"):
            _check_seconds(name, getattr(self, name))


def _check_count(name: str, value: object, *, optional: bool) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a number of connections or requests, not {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1: {value!r}")


def _check_seconds(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be seconds or None, not {value!r}")
    if not 0 <= value <= sys.float_info.max:
        raise ValueError(f"{name} must be finite and not negative: {value!r}")
