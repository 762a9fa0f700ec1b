"""tymeconn, with every default on."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from itertools import repeat
from time import perf_counter
from typing import Any, TypeAlias

from hio.base.doing import doify

import tymeconn
from tymeconn import Client, Pool, PoolDoer, PoolLimits, ReadyDoist, Tls, Wait

from .ordering import (
    CONNECTIONS,
    POLLING_CONNECTIONS,
    Count,
    Figures,
    Meter,
    Order,
    check,
    check_size,
    latency_figures,
    share,
)
from .parking import parked

Fetching: TypeAlias = Generator[Wait, Any, Any]


def small(order: Order) -> Count:
    """As many generators as connections, through one pool."""
    pool = Pool(connections=PoolLimits(per_origin=CONNECTIONS))

    def asking(times: int) -> Fetching:
        for _ in repeat(None, times):
            response = yield from pool.get(order.small)
            check(response.headers["Content-Type"], response.json())

    def run(times: int) -> Figures:
        parts = [asking(share(times, index, CONNECTIONS)) for index in range(CONNECTIONS)]
        tymeconn.run(tymeconn.gather(parts))
        return {}

    return run


def latency(order: Order) -> Count:
    """One exchange after another."""
    client = Client(hostname="127.0.0.1", port=order.port)

    def asking(times: int) -> Fetching:
        latencies = []
        for _ in repeat(None, times):
            start = perf_counter()
            response = yield from client.get("/jobs/7")
            check(response.headers["Content-Type"], response.json())
            latencies.append(perf_counter() - start)
        return latency_figures(latencies)

    return lambda times: tymeconn.run(asking(times))


def jobs(order: Order) -> Figures:
    """A generator for each job, in one gather."""
    meter = Meter(order)
    pool = Pool(connections=PoolLimits(per_origin=POLLING_CONNECTIONS))

    def job(due: float, offset: float) -> Fetching:
        while True:
            yield Wait(until=due - offset)
            response = yield from pool.get(order.small)
            check(response.headers["Content-Type"], response.json())
            meter.lateness.append(perf_counter() - due)
            due += meter.interval

    def window(offset: float) -> Fetching:
        yield Wait(until=meter.start - offset)
        meter.begin()
        yield Wait(until=meter.stop - offset)
        return meter.figures()

    def main() -> Fetching:
        # Between two beats tyme is what the clock says.
        tyme = yield Wait(until=1e-3)
        offset = perf_counter() - tyme
        waiting = [job(meter.due(index), offset) for index in range(order.size)]
        crowd = tymeconn.as_completed([window(offset), *waiting])
        figures = yield from next(crowd)
        # as_completed is a gather that hands over the first; closing it closes all jobs.
        crowd.close()
        return figures

    return tymeconn.run(main())


def download(order: Order) -> Count:
    """One stream after another."""
    pool = Pool(tls=Tls(cafile=order.cafile))

    def reading(times: int) -> Fetching:
        for _ in repeat(None, times):
            size = 0
            with (yield from pool.stream("GET", order.big)) as stream:
                while chunk := (yield from stream.read(262_144)):
                    size += len(chunk)
            check_size(size)

    def run(times: int) -> Figures:
        tymeconn.run(reading(times), PoolDoer(pool))
        return {}

    return run


def idle(order: Order) -> Figures:
    """A pool full of connections that nobody uses, beside a doer that ticks."""
    pool = Pool(connections=PoolLimits(total=order.size, per_origin=order.size))
    meter = Meter(order)

    def ticking(tymth: Any, tock: float = 0.0, **opts: Any) -> Generator[float, Any, None]:  # noqa: ARG001 hio's
        while True:
            yield tock

    def main() -> Fetching:
        yield from tymeconn.gather(pool.get(order.small) for _ in range(order.size))
        if pool.stats.idle != order.size:
            raise AssertionError(f"not all connections are there: {pool.stats}")
        tyme = yield Wait(until=1e-3)
        meter.begin()
        yield Wait(until=tyme + order.seconds)
        return meter.figures()

    return tymeconn.run(main(), PoolDoer(pool), doify(ticking))


COUNTED = {"small": small, "latency": latency, "download": download}
TIMED = {
    "jobs": lambda order: partial(jobs, order),
    "idle": lambda order: partial(idle, order),
    "parked": partial(parked, ReadyDoist),
}
