"""Run a generator to its end without a scheduler."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

__all__ = ["Stuck", "drive"]

T = TypeVar("T")


class Stuck(AssertionError):
    """The generator did not end within its ticks."""


def drive(
    generator: Generator[Any, Any, T], *, ticks: int = 100, tyme: float = 0.0, tock: float = 0.03125
) -> tuple[T, int]:
    """Return what the generator returns, and how often it yielded; tyme is sent in as hio does.

    Raises:
        Stuck: it yielded more than `ticks` times. It is closed then.
    """
    yielded = 0
    try:
        next(generator)
        while yielded < ticks:
            yielded += 1
            generator.send(tyme + tock * (yielded - 1))
    except StopIteration as stop:
        return stop.value, yielded
    generator.close()
    raise Stuck(f"no end within {ticks} ticks")
