"""hio's own HTTP client, in its Doist at tock 0."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from functools import partial
from time import perf_counter
from typing import Any

from hio.base.doing import Doist, doify
from hio.core.http.clienting import Client

from .ordering import CONNECTIONS, Count, Figures, Order, check, latency_figures, share
from .parking import parked


def client_of(order: Order) -> Client:
    """Return a client whose connection is being opened."""
    client = Client(hostname="127.0.0.1", port=order.port)
    client.reopen()
    return client


def fetching(client: Client) -> Iterator[float]:
    """Make an exchange; hio's client is serviced by whoever waits, which is less than a doer of its own."""
    client.request(method="GET", path="/jobs/7")
    while not client.responses:
        client.service()
        yield 0.0
    response = client.respond()
    check(response.headers["content-type"], json.loads(response.body))


def run_doers(asking: Callable[..., Iterator[float]], count: int) -> None:
    """Run so many doers of the generator, which is told which of them it is."""

    def numbered(index: int) -> Any:
        def doer(tymth: Any, tock: float = 0.0, **opts: Any) -> Generator[float, Any, bool]:  # noqa: ARG001 hio's
            yield tock
            yield from asking(index)
            return True

        return doify(doer)

    Doist(real=True, tock=0.0, doers=[numbered(index) for index in range(count)]).do()


def small(order: Order) -> Count:
    """As many clients as connections, each with a doer."""
    clients = [client_of(order) for _ in range(CONNECTIONS)]

    def run(times: int) -> Figures:
        def asking(index: int) -> Iterator[float]:
            for _ in range(share(times, index, CONNECTIONS)):
                yield from fetching(clients[index])

        run_doers(asking, CONNECTIONS)
        return {}

    return run


def latency(order: Order) -> Count:
    """One client."""
    client = client_of(order)

    def run(times: int) -> Figures:
        latencies = []

        def asking(_: int) -> Iterator[float]:
            for _ in range(times):
                start = perf_counter()
                yield from fetching(client)
                latencies.append(perf_counter() - start)

        run_doers(asking, 1)
        return latency_figures(latencies)

    return run


COUNTED = {"small": small, "latency": latency}
TIMED = {"parked": partial(parked, Doist)}
