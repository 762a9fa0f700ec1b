"""aiohttp with one session, on asyncio's own loop or on uvloop's."""

from __future__ import annotations

import asyncio
import atexit
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter
from typing import Any, TypeAlias

import aiohttp

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

Session: TypeAlias = aiohttp.ClientSession
Work: TypeAlias = Callable[[Session, Order, int], Awaitable[Figures]]

TOCK = 1 / 32


async def opened(limit: int, order: Order) -> Session:
    """Return a session of so many connections."""
    context = ssl.create_default_context(cafile=order.cafile) if order.tls else True
    return Session(connector=aiohttp.TCPConnector(limit=limit, ssl=context))


async def ask(session: Session, url: str) -> None:
    """Make one small exchange."""
    async with session.get(url) as response:
        check(response.headers["Content-Type"], await response.json())


async def small(session: Session, order: Order, times: int) -> Figures:
    """As many tasks as connections."""

    async def asking(times: int) -> None:
        for _ in range(times):
            await ask(session, order.small)

    await asyncio.gather(*(asking(share(times, index, CONNECTIONS)) for index in range(CONNECTIONS)))
    return {}


async def latency(session: Session, order: Order, times: int) -> Figures:
    """One exchange after another."""
    latencies = []
    for _ in range(times):
        start = perf_counter()
        await ask(session, order.small)
        latencies.append(perf_counter() - start)
    return latency_figures(latencies)


async def download(session: Session, order: Order, times: int) -> Figures:
    """One download after another, in whatever pieces come."""
    for _ in range(times):
        size = 0
        async with session.get(order.big) as response:
            async for chunk in response.content.iter_any():
                size += len(chunk)
        check_size(size)
    return {}


async def jobs(order: Order) -> Figures:
    """A task for each job."""
    meter = Meter(order)
    async with await opened(POLLING_CONNECTIONS, order) as session:

        async def job(due: float) -> None:
            while True:
                await asyncio.sleep(due - perf_counter())
                await ask(session, order.small)
                meter.lateness.append(perf_counter() - due)
                due += meter.interval

        tasks = [asyncio.create_task(job(meter.due(index))) for index in range(order.size)]
        await asyncio.sleep(meter.start - perf_counter())
        meter.begin()
        await asyncio.sleep(meter.stop - perf_counter())
        figures = meter.figures()
        await ended(tasks)
    return figures


async def ended(tasks: list[asyncio.Task[Any]]) -> None:
    """End tasks that go on for ever; raise the first error that one of them has ended with."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


async def idle(order: Order) -> Figures:
    """Connections that nobody uses, beside a task that ticks as often as a doer does."""

    async def ticking() -> None:
        while True:
            await asyncio.sleep(TOCK)

    async with await opened(order.size, order) as session:
        await asyncio.gather(*(ask(session, order.small) for _ in range(order.size)))
        task, meter = asyncio.create_task(ticking()), Meter(order)
        meter.begin()
        await asyncio.sleep(order.seconds)
        figures = meter.figures()
        await ended([task])
    return figures


def works(factory: Callable[[], asyncio.AbstractEventLoop]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return COUNTED and TIMED for loops of this kind."""

    def counted(work: Work, order: Order) -> Count:
        runner = asyncio.Runner(loop_factory=factory)
        session = runner.run(opened(CONNECTIONS, order))
        atexit.register(lambda: runner.run(session.close()))
        return lambda times: runner.run(work(session, order, times))

    def timed(work: Callable[[Order], Any], order: Order) -> Callable[[], Figures]:
        def run() -> Figures:
            with asyncio.Runner(loop_factory=factory) as runner:
                return runner.run(work(order))

        return run

    return (
        {each.__name__: partial(counted, each) for each in (small, latency, download)},
        {each.__name__: partial(timed, each) for each in (jobs, idle)},
    )


COUNTED, TIMED = works(asyncio.new_event_loop)
