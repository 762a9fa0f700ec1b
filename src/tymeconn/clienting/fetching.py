"""Requests as generators: what a client of one connection is, before it has hio's deques."""

from __future__ import annotations

from collections.abc import Generator
from math import inf
from typing import Any, Unpack, cast

from ..errors import Canceled, ExchangeError, PoolTimeout, TotalTimeout
from ..exchanging.connection import Connection
from ..exchanging.exchange import Exchange, FetchOptions
from ..exchanging.setup import Setup
from ..net.seams import Tls
from ..policy.patience import Timeouts
from ..tyming.waiting import Awaitable, Wait
from ..wire.messages import Request, Response
from ..wire.requesting import MessageOptions, make_request
from ..wire.urls import Url, join

__all__ = ["Fetcher"]


class Fetcher:
    """Sends requests from a base over one connection at a time.

    The generators send and receive by themselves. When the next exchange is for another origin, the
    connection is closed and another one is opened.
    """

    def __init__(self, setup: Setup, base: Url) -> None:
        """Take what connections are made with, and where relative URLs lead.

        Raises:
            ValueError: a file of the setup's `tls` cannot be used.
        """
        self._setup = setup
        self._base = base
        # A dict is a queue from which any exchange can be taken at the cost of one.
        self._queue: dict[Exchange, None] = {}
        self._connection = Connection(setup, self._next)
        self._pumps = 0
        self._now = 0.0
        self._awaited: tuple[Awaitable, ...] = ()
        self._until: float | None = None
        self._tymth: Any = None
        self._stale = False
        # A wrong file is told now. What a default client of an http origin needs for https, when it is led
        # there, is loaded off the thread.
        if base.origin.scheme == "https" or setup.tls != Tls():
            setup.network.prepare(setup.tls)

    @property
    def timeouts(self) -> Timeouts:
        """The limits of exchanges that are given none of their own."""
        return self._setup.timeouts

    @property
    def begun(self) -> bool:
        """An exchange is under way, or waits to be."""
        return self._connection.exchange is not None or bool(self._queue)

    def fetch(
        self, method: str, url: str, **options: Unpack[FetchOptions]
    ) -> Generator[Wait, float | None, Response]:
        """Check the request now and return a generator that sends it when it is run.

        `url` is absolute or relative to the client's base. The generator yields a `Wait` until the answer
        is whole and returns it. Closing it before that ends the exchange.

        Raises:
            InvalidRequest, TypeError: at this call, for a request that cannot be sent.
            ExchangeError: out of the generator, when there is no answer.
        """
        given = options.pop("timeout", None)
        timeouts = self._setup.timeouts if given is None else given
        if not isinstance(timeouts, Timeouts):
            raise TypeError(f"timeout must be Timeouts, not {timeouts!r}")
        message = cast("MessageOptions", options)
        return self._carry(make_request(method, join(self._base, url), **message), timeouts)

    def get(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with GET."""
        return self.fetch("GET", url, **options)

    def post(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with POST."""
        return self.fetch("POST", url, **options)

    def put(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with PUT."""
        return self.fetch("PUT", url, **options)

    def patch(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with PATCH."""
        return self.fetch("PATCH", url, **options)

    def delete(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with DELETE."""
        return self.fetch("DELETE", url, **options)

    def head(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with HEAD."""
        return self.fetch("HEAD", url, **options)

    def options(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with OPTIONS."""
        return self.fetch("OPTIONS", url, **options)

    def service(self) -> None:
        """Make one pass: send, receive and hand over as much as can be without blocking."""
        # Not counted as a waiter's pass: who waits ahead of the caller would see its answer a tick later.
        self._connection.service()
        self._stale = True

    def wind(self, tymth: Any) -> None:
        """Take hio's tyme; only waiting uses it, network deadlines run on the network's clock."""
        self._tymth = tymth

    def close(self) -> None:
        """Close the connection and end every exchange that was begun with Canceled."""
        self._connection.close("the client was closed")
        while (exchange := Fetcher._next(self)) is not None:
            exchange.conclude(Canceled("the client was closed"), "waiting")

    def _carry(self, request: Request, timeouts: Timeouts) -> Generator[Wait, float | None, Response]:
        exchange = Exchange(request, timeouts, self._setup.network.clock)
        expiry, error = _queue_limit(exchange)
        self._queue[exchange] = None
        tyme = self._tymth() if self._tymth else None
        try:
            self._pump()
            while exchange.outcome is None:
                pumps = self._pumps
                tyme = yield self._wait(exchange, expiry, tyme)
                # Of all who wait, one is enough to move the connection: whoever finds that nobody did, or
                # that it was left in another state than the last one saw.
                if self._pumps == pumps or self._stale:
                    self._pump()
                if self._now >= expiry and exchange is not self._connection.exchange:
                    exchange.conclude(error(f"{exchange.origin} had no free connection in time"), "waiting")
            return exchange.result()
        finally:
            self._abandon(exchange)

    def _pump(self) -> None:
        self._pumps += 1
        self._connection.service()
        self._stale = False
        self._now = self._setup.network.clock()
        self._awaited = self._connection.awaited
        self._until = self._connection.until

    def _wait(self, exchange: Exchange, expiry: float, tyme: float | None) -> Wait:
        if tyme is None:
            return Wait()
        moment = self._until
        if exchange is not self._connection.exchange:
            moment = expiry if moment is None else min(moment, expiry)
        until = None if moment is None or moment == inf else tyme + max(0.0, moment - self._now)
        return Wait((exchange.done, *self._awaited), until=until)

    def _abandon(self, exchange: Exchange) -> None:
        self._queue.pop(exchange, None)
        if exchange.outcome is None:
            error = Canceled("the generator was closed")
            if exchange is self._connection.exchange:
                self._connection.cancel(exchange, error)
                self._stale = True
            exchange.conclude(error, "waiting")

    def _next(self) -> Exchange | None:
        exchange = next(iter(self._queue), None)
        if exchange is not None:
            del self._queue[exchange]
        return exchange


def _queue_limit(exchange: Exchange) -> tuple[float, type[ExchangeError]]:
    """Return until when the exchange may wait for the connection, and what it is then."""
    pool, total = exchange.timeouts.pool, exchange.timeouts.total
    if total is not None and (pool is None or total <= pool):
        return exchange.started + total, TotalTimeout
    return (inf if pool is None else exchange.started + pool), PoolTimeout
