"""What a client is told to do, and how it looks at what it got."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any, TypeAlias

from ..answering import BIG, DOCUMENT

Figures: TypeAlias = dict[str, float]
Count: TypeAlias = Callable[[int], Figures]

CONNECTIONS = 100
POLLING_CONNECTIONS = 50
# Together, however many jobs there are.
POLLS_PER_SECOND = 1_000

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Order:
    """One work and where to do it.

    Attributes:
        work: the name of the work.
        port: of the server on 127.0.0.1.
        tls_port: where it speaks TLS.
        cafile: its root, as a PEM file.
        seconds: about how long a round is.
        size: how many there are, of what the work is about.
        tls: the work is to be done with TLS.
    """

    work: str
    port: int
    tls_port: int
    cafile: str
    seconds: float
    size: int = 0
    tls: bool = False

    @property
    def small(self) -> str:
        """The URL of the small document."""
        return f"http://127.0.0.1:{self.port}/jobs/7"

    @property
    def big(self) -> str:
        """The URL of the 100 MB."""
        return f"https://127.0.0.1:{self.tls_port}/big" if self.tls else f"http://127.0.0.1:{self.port}/big"


def check(kind: str | None, document: Any) -> None:
    """Raise unless these are the Content-Type and the content of the small document."""
    if kind != "application/json" or document != DOCUMENT:
        raise AssertionError(f"not the answer: {kind} {document!r}")


def check_size(size: int) -> None:
    """Raise unless this is the size of the big answer."""
    if size != BIG:
        raise AssertionError(f"not the answer: {size} bytes")


def share(times: int, index: int, parts: int) -> int:
    """Return how many of `times` the part of this index does, so that all parts together do all."""
    return times // parts + (index < times % parts)


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which this part of the values lies; raises ValueError for none."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def resident() -> int:
    """Return the bytes of memory that this process occupies."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * _PAGE


def one_by_one(fetch: Callable[[], None]) -> Count:
    """Return what measures each of so many calls by itself."""

    def run(times: int) -> Figures:
        latencies = []
        for _ in range(times):
            start = perf_counter()
            fetch()
            latencies.append(perf_counter() - start)
        return latency_figures(latencies)

    return run


def latency_figures(latencies: Sequence[float]) -> Figures:
    """Return what is said of latencies, in seconds."""
    return {"latency": quantile(latencies, 0.5), "latency_p99": quantile(latencies, 0.99)}


class Meter:
    """What a client used of the machine between two moments, and how late its polls were meanwhile.

    Attributes:
        start: the moment of `perf_counter` at which the window begins; all are made and wait by then.
        stop: the moment at which it ends.
        interval: seconds between two polls of one job.
        lateness: of every poll, from when it was due until its answer was in hand, in seconds.
    """

    def __init__(self, order: Order, each: float = 40e-6) -> None:
        """Take the order, and the seconds that making one job may take."""
        self._jobs = order.size
        self._memory = resident()
        self.start = perf_counter() + 0.2 + each * order.size
        self.stop = self.start + order.seconds
        self.interval = order.size / POLLS_PER_SECOND
        self.lateness: list[float] = []
        self._began = 0.0
        self._cpu = 0.0
        self._growth = 0

    def due(self, index: int) -> float:
        """Return the moment of the first poll of a job; those of all are spread evenly."""
        return self.start + index / POLLS_PER_SECOND

    def begin(self) -> None:
        """Begin the window: everybody waits."""
        self._growth = resident() - self._memory
        self._began, self._cpu = perf_counter(), process_time()

    def figures(self) -> Figures:
        """End the window, and return what was used in it.

        `cpu` is the part of a core that was used; `late` is zero if the window began when it should.
        """
        cpu, wall = process_time() - self._cpu, perf_counter() - self._began
        figures = {"wall": wall, "cpu_share": cpu / wall, "late": self._began - self.start}
        if self.lateness:
            figures |= {"polls": len(self.lateness), "lateness": quantile(self.lateness, 0.5)}
            figures |= {"lateness_p99": quantile(self.lateness, 0.99), "memory": self._growth / self._jobs}
        return figures
