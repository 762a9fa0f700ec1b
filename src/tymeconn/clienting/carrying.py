"""Exchanges on their way over one connection, moved by the generators that wait for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from math import inf
from typing import Any

from ..errors import Canceled, ExchangeError, PoolTimeout, TotalTimeout
from ..exchanging.connection import Connection
from ..exchanging.exchange import Exchange
from ..exchanging.setup import Setup
from ..tyming.waiting import TYMTH, Awaitable, Wait
from ..wire.messages import Response

__all__ = ["Carriage", "Carrier", "Waiting", "close_tunnel", "queue_limit"]

Waiting = Generator[Wait, float | None, None]


class Carriage(ABC):
    """Whoever sees exchanges to their ends, over one connection or many."""

    _tymth: Any = None

    def wind(self, tymth: Any) -> None:
        """Take hio's tyme; only waiting uses it, network deadlines run on the network's clock."""
        self._tymth = tymth

    def now(self) -> Wait:
        """Return a wait that is over at once."""
        tymth = self._tymth or TYMTH.get()
        return Wait(until=-inf if tymth is None else tymth())

    def _wait(self, tyme: float | None, on: tuple[Awaitable, ...], left: float, due: float | None) -> Wait:
        """Return the wait for `on`, for at most `left` seconds, or until `due` in tyme."""
        if tyme is None:
            # A body's source that waits itself is not told tyme by whoever sends the body.
            tymth = self._tymth or TYMTH.get()
            if tymth is None:
                return Wait(until=-inf)  # who is resumed at once is told tyme, and knows until when to wait
            tyme = tymth()
        until = min(tyme + left, inf if due is None else due)
        return Wait(on, None if until == inf else until)

    @abstractmethod
    def enqueue(self, exchange: Exchange) -> None:
        """Have the exchange carried after those that came before it."""

    @abstractmethod
    def carried(self, exchange: Exchange, ready: Callable[[], bool] | None = None) -> Waiting:
        """Yield until the exchange has ended, or `ready()`, and move its connection meanwhile."""

    @abstractmethod
    def abandon(self, exchange: Exchange) -> None:
        """End the exchange, unless it has ended, and what it has brought; for whoever gives up waiting."""


class Carrier(Carriage):
    """One connection and the exchanges that wait for it.

    When the next exchange is for another origin, the connection is closed and another one is opened.
    """

    def __init__(self, setup: Setup) -> None:
        """Take what connections are made with."""
        self._setup = setup
        # A dict is a queue from which any exchange can be taken at the cost of one.
        self._queue: dict[Exchange, None] = {}
        self._connection = Connection(setup, self._next)
        self._pumps = 0
        self._now = 0.0
        self._awaited: tuple[Awaitable, ...] = ()
        self._until: float | None = None
        self._stale = False

    @property
    def begun(self) -> bool:
        """An exchange is under way, or waits to be."""
        return self._connection.exchange is not None or bool(self._queue)

    def service(self) -> None:
        """Make one pass: send, receive and hand over as much as can be without blocking."""
        # Not counted as a waiter's pass: who waits ahead of the caller would see its answer a tick later.
        self._connection.service()
        self._stale = True

    def close(self) -> None:
        """Close the connection and end every exchange that was begun with Canceled."""
        self._connection.close("the client was closed")
        while (exchange := Carrier._next(self)) is not None:
            exchange.conclude(Canceled("the client was closed"), "waiting")

    def enqueue(self, exchange: Exchange) -> None:
        """Have the exchange carried after those that came before it."""
        self._queue[exchange] = None

    def carried(self, exchange: Exchange, ready: Callable[[], bool] | None = None) -> Waiting:
        """Yield until the exchange has ended, or `ready()`, and move the connection meanwhile."""
        expiry, error = queue_limit(exchange, self._setup.network.clock())
        tyme = None
        self._pump()
        while exchange.outcome is None and not (ready and ready()):
            pumps = self._pumps
            on = (exchange.done, *self._awaited)
            tyme = yield self._wait(tyme, on, self._left(exchange, expiry), self._connection.due)
            # Of all who wait, one is enough to move the connection: whoever finds that nobody did, or that
            # it was left in another state than the last one saw.
            if self._pumps == pumps or self._stale:
                self._pump()
            if self._now >= expiry and exchange is not self._connection.exchange:
                exchange.conclude(error(f"{exchange.origin} had no free connection in time"), "waiting")

    def abandon(self, exchange: Exchange) -> None:
        """End the exchange, unless it has ended, and what it has brought; for whoever gives up waiting."""
        self._queue.pop(exchange, None)
        if exchange.outcome is None:
            error = Canceled("the generator was closed")
            if exchange is self._connection.exchange:
                self._connection.cancel(exchange, error)
                self._stale = True
            exchange.conclude(error, "waiting")
        else:
            close_tunnel(exchange)

    def _pump(self) -> None:
        self._pumps += 1
        self._connection.service()
        self._stale = False
        self._now = self._setup.network.clock()
        self._awaited = (self._connection.stirred, *self._connection.awaited)
        self._until = self._connection.until

    def _left(self, exchange: Exchange, expiry: float) -> float:
        """Return the seconds until there is something to do for the exchange though nothing has come."""
        moment = inf if self._until is None else self._until
        if exchange is not self._connection.exchange:
            moment = min(moment, expiry)
        return max(0.0, moment - self._now)

    def _next(self) -> Exchange | None:
        exchange = next(iter(self._queue), None)
        if exchange is not None:
            del self._queue[exchange]
            exchange.done.fire()  # who waits for it was told when to look without a connection
        return exchange


def close_tunnel(exchange: Exchange) -> None:
    """Close the connection that the exchange's answer brought along, if it brought one."""
    if isinstance(exchange.outcome, Response) and exchange.outcome.meta.tunnel is not None:
        exchange.outcome.meta.tunnel.connector.close()


def queue_limit(exchange: Exchange, now: float) -> tuple[float, type[ExchangeError]]:
    """Return until when an exchange that comes `now` may wait for a connection, and what it is then."""
    pool, total = exchange.timeouts.pool, exchange.timeouts.total
    free = inf if pool is None else now + pool
    whole = inf if total is None else exchange.started + total
    return (whole, TotalTimeout) if whole <= free else (free, PoolTimeout)
