"""httpx's AsyncClient on asyncio's own loop."""

from __future__ import annotations

import asyncio
import atexit
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter
from typing import Any, TypeAlias

import httpx

from .ordering import CONNECTIONS, Count, Figures, Order, check, check_size, latency_figures, share

Work: TypeAlias = Callable[[httpx.AsyncClient, Order, int], Awaitable[Figures]]


async def ask(client: httpx.AsyncClient, url: str) -> None:
    """Make one small exchange."""
    response = await client.get(url)
    check(response.headers["Content-Type"], response.json())


async def small(client: httpx.AsyncClient, order: Order, times: int) -> Figures:
    """As many tasks as connections."""

    async def asking(times: int) -> None:
        for _ in range(times):
            await ask(client, order.small)

    await asyncio.gather(*(asking(share(times, index, CONNECTIONS)) for index in range(CONNECTIONS)))
    return {}


async def latency(client: httpx.AsyncClient, order: Order, times: int) -> Figures:
    """One exchange after another."""
    latencies = []
    for _ in range(times):
        start = perf_counter()
        await ask(client, order.small)
        latencies.append(perf_counter() - start)
    return latency_figures(latencies)


async def download(client: httpx.AsyncClient, order: Order, times: int) -> Figures:
    """One download after another, in whatever pieces come."""
    for _ in range(times):
        size = 0
        async with client.stream("GET", order.big) as response:
            async for chunk in response.aiter_bytes():
                size += len(chunk)
        check_size(size)
    return {}


def counted(work: Work, order: Order) -> Count:
    """Return what does the work with one client."""
    runner = asyncio.Runner()
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    client = httpx.AsyncClient(limits=limits, verify=ssl.create_default_context(cafile=order.cafile))
    atexit.register(lambda: runner.run(client.aclose()))
    return lambda times: runner.run(work(client, order, times))


COUNTED = {each.__name__: partial(counted, each) for each in (small, latency, download)}
TIMED: dict[str, Any] = {}
