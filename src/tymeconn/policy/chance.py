"""Chance without global state: the same seed gives the same draws and ids in every process."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from hashlib import blake2b
from typing import TypeAlias

__all__ = ["Draw", "Mint", "draws", "mints"]

Draw: TypeAlias = Callable[[str, int], float]
Mint: TypeAlias = Callable[[], str]


def draws(seed: str = "") -> Draw:
    """Return a function of a name and a count whose value in [0, 1) depends on these and the seed alone.

    >>> draws("a")("job-1", 3) == draws("a")("job-1", 3)
    True
    """

    def draw(name: str, count: int) -> float:
        digest = blake2b(f"{seed}\0{name}\0{count}".encode(), digest_size=8).digest()
        # 53 bits are what a float can tell apart below 1.0.
        return (int.from_bytes(digest, "big") >> 11) / (1 << 53)

    return draw


def mints(seed: str | None = None) -> Mint:
    """Return a maker of 32-digit hexadecimal ids: unguessable without a seed, repeatable with one."""
    if seed is None:
        return lambda: os.urandom(16).hex()
    counter = itertools.count()
    return lambda: blake2b(f"{seed}\0{next(counter)}".encode(), digest_size=16).hexdigest()
