"""One client in a process of its own, which does what it is told line by line.

usage: python -m compare.clients NAME

It says that it is there. The first line that it reads is an Order as JSON, answered when the client is
ready. Each line after that asks for a round, and is answered by its figures.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter, process_time
from typing import Any

from ..pinning import allow_descriptors
from .ordering import Count, Figures, Order


def counted(run: Count, times: int) -> Figures:
    """Return the figures of so many units."""
    start, cpu = perf_counter(), process_time()
    figures = run(times)
    used, wall = process_time() - cpu, perf_counter() - start
    return {"wall": wall, "cpu": used, "rate": times / wall, "cpu_each": used / times, **figures}


def calibrated(run: Count, order: Order) -> int:
    """Warm up, and return how many units take about as long as a round is to be."""
    times = least = max(1, order.size)
    run(times)
    while (found := counted(run, times))["wall"] < order.seconds / 4:
        times *= 2
    return least * max(1, round(found["rate"] * order.seconds / least))


def prepared(client: Any, order: Order) -> Callable[[], Figures]:
    """Return what does a round."""
    if order.work in client.COUNTED:
        run = client.COUNTED[order.work](order)
        return partial(counted, run, calibrated(run, order))
    ready: Callable[[], Figures] = client.TIMED[order.work](order)
    return ready


def say(figures: Figures) -> None:
    """Answer."""
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do what is told until nothing more is."""
    allow_descriptors()
    client = importlib.import_module(f".{sys.argv[1]}", __package__)
    say({})
    round_ = prepared(client, Order(**json.loads(sys.stdin.readline())))
    say({})
    for _ in sys.stdin:
        say(round_())


if __name__ == "__main__":
    main()
