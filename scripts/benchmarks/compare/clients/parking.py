"""What a tick costs in which one doer of many is ready."""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import repeat
from time import perf_counter
from typing import Any

from hio.base.doing import Doer

from tymeconn import Signal, Wait

from .ordering import Figures, Order

FEW = 100
# Ticks between two looks at the clock.
_SOME = 5


class Parked(Doer):
    """Waits for what never comes. To hio a Wait is a yielded 0.0: it knows no other way to wait."""

    def __init__(self, signal: Signal) -> None:
        super().__init__()
        self._signal = signal

    def recur(self, tock: float = 0.0) -> Generator[Wait, Any, bool]:  # noqa: ARG002 hio's
        """Wait."""
        while True:
            yield Wait(self._signal)


class Ready(Doer):
    """Has something to do in every tick."""

    def recur(self, tyme: float) -> bool:  # noqa: ARG002 hio's
        """Do next to nothing."""
        return False


def parked(scheduler: Callable[..., Any], order: Order) -> Callable[[], Figures]:
    """Return what measures ticks with few doers parked and with as many as are ordered."""
    few, many = (_entered(scheduler, count) for count in (FEW, order.size))

    def run() -> Figures:
        tick_few, tick_many = (_each(doist.recur, order.seconds / 2) for doist in (few, many))
        return {"tick_few": tick_few, "tick_many": tick_many, "growth": tick_many / tick_few}

    return run


def _entered(scheduler: Callable[..., Any], count: int) -> Any:
    signal = Signal()
    doist = scheduler(real=False, tock=0.03125, doers=[*(Parked(signal) for _ in range(count)), Ready()])
    doist.enter()
    # In their first tick they park.
    doist.recur()
    return doist


def _each(tick: Callable[[], None], seconds: float) -> float:
    """Return the seconds of one tick."""
    ticks, start = 0, perf_counter()
    while (wall := perf_counter() - start) < seconds or not ticks:
        for _ in repeat(None, _SOME):
            tick()
        ticks += _SOME
    return wall / ticks
