"""Requests over many connections, moved by the generators that wait for them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator
from math import inf
from typing import Any, TypeAlias

from ..clienting.carrying import Waiting, close_tunnel, queue_limit
from ..clienting.describing import given_or_new
from ..clienting.fetching import Asker, Plan
from ..errors import Canceled
from ..exchanging.connection import Phase
from ..exchanging.conversing import Manner
from ..exchanging.deadlines import busy_deadline
from ..exchanging.exchange import Exchange, FetchOptions
from ..exchanging.setup import Setup
from ..net.networking import default_network
from ..net.seams import Network, Tls
from ..policy.authorizing import make_auth
from ..policy.chance import Draw, draws, mints
from ..policy.gating import GateLimits
from ..policy.patience import Timeouts
from ..policy.retrying import Retry
from ..tyming.clocks import Calendar
from ..tyming.waiting import TYMTH, Wait
from ..wire.cookies import CookieJar
from ..wire.headers import HeadersInput
from ..wire.messages import Limits, Request, Response
from ..wire.redirecting import Follow
from ..wire.requesting import MessageOptions
from ..wire.urls import Origin, Params
from .assigning import Slot
from .defaults import Defaults
from .gatekeeping import Gates
from .keeping import Keeper
from .limits import PoolLimits
from .stats import PoolStats

__all__ = ["Pool"]

# Of one pool; what is longer would fill the memory.
_REMEMBERED = 1024
_SHORT = 1024

_Granted: TypeAlias = Generator[Wait, float | None, Slot | None]


class Pool(Asker):
    """HTTP client of many connections to many origins, for as many generators as there are.

    Each generator method sends and receives by itself; a `PoolDoer` is of use, not needed. A closed pool
    opens connections again when it is asked.
    """

    def __init__(  # noqa: PLR0913 what belongs to a session, each under its name
        self,
        *,
        base_url: str | None = None,
        headers: HeadersInput | None = None,
        params: Params | None = None,
        auth: Any = None,
        cookies: CookieJar | None = None,
        follow: Follow | None = None,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        connections: PoolLimits | None = None,
        gate: GateLimits | None = None,
        retry: Retry | None = None,
        draw: Draw | None = None,
        tls: Tls | None = None,
        network: Network | None = None,
    ) -> None:
        """Take what all requests have in common; what one of them says itself goes before it.

        `base_url` is where relative URLs are read at (RFC 3986 5.2): with ``https://a.example/v1/`` the URL
        ``jobs`` is below it, and ``/jobs`` is not. `headers` go to every origin, so they cannot hold
        secrets; `auth` and `params` are for the origin of `base_url` and go to no other. `connections` says
        how many there are. The other arguments are as in Client.

        With `gate` each origin has a gate, on the pool's tyme; of a pool that is not wound, on the
        network's clock. With `retry` a request is sent again; without it, each goes out once. `draw` makes
        the jitter of both: it returns a number from 0 to less than 1 for a name and a count, the same for
        the same; without it that is another in each pool.

        Raises:
            InvalidRequest: `base_url` is no URL, or `headers` hold what cannot be every request's.
            ValueError: `auth` or `params` without `base_url`; a file of `tls` cannot be used; `draw` draws
                no such number.
            TypeError: a value of the wrong type.
        """
        network = default_network() if network is None else network
        if not callable(getattr(network, "connector", None)):
            raise TypeError(f"network must be a Network, not {network!r}")
        if auth is not None and base_url is None:
            raise ValueError("auth needs a base_url, whose origin it is for")
        setup = Setup(
            network,
            given_or_new("tls", Tls, tls),
            given_or_new("limits", Limits, limits),
            given_or_new("timeouts", Timeouts, timeouts),
        )
        draw = draws(mints()()) if draw is None else _checked(draw)
        calendar = Calendar.on(network.clock)
        follow = given_or_new("follow", Follow, follow)
        super().__init__(setup, Manner(make_auth(auth), cookies, follow, calendar, retry), draw)
        self._defaults = Defaults.of(base_url, headers, params)
        self._prepare(self._defaults.base)
        limited = None if gate is None else given_or_new("gate", GateLimits, gate)
        gates = Gates(limited, draw, self._tyme, calendar)
        self._keeper = Keeper(setup, given_or_new("connections", PoolLimits, connections), gates)
        # What is to go out behind all who are served in a pass of their scheduler.
        self._leaving: list[tuple[Slot, Exchange]] = []
        # Requests without options, which are made again and again.
        self._plans: OrderedDict[tuple[str, str], Plan] = OrderedDict()

    def wind(self, tymth: Any) -> None:
        """Take hio's tyme; waiting and gates run on it, network deadlines on the network's clock."""
        super().wind(tymth)
        self._keeper.rewind()

    def service(self) -> None:
        """Make a pass over every connection that carries something, and close what has idled too long."""
        for slot in tuple(self._keeper.carrying.values()):
            if slot.exchange is not None:
                self._pump(slot, slot.exchange)
            if slot.exchange is not None:
                slot.exchange.done.fire()  # what its generator has said it waits for may be out of date
        if self._setup.network.clock() >= self._keeper.due:
            self._keeper.expire()

    def upkeep(self) -> Wait:
        """Return the wait until there is something to do for which no generator waits."""
        if self._tymth is None:
            return Wait()
        left = self._keeper.due - self._setup.network.clock()
        return Wait(self._keeper.earlier, None if left == inf else self._tymth() + max(0.0, left))

    def close(self) -> None:
        """Close all connections; every exchange that was begun ends with Canceled."""
        self._keeper.close()
        self._rouse()

    @property
    def stats(self) -> PoolStats:
        """What there is now, and what was done."""
        return self._keeper.stats

    def enqueue(self, exchange: Exchange) -> None:
        """Have the exchange carried, after those to its origin that came before it."""
        self._keeper.seek(exchange)

    def carried(self, exchange: Exchange, ready: Callable[[], bool] | None = None) -> Waiting:
        """Yield until the exchange has ended, or `ready()`, and move its connection meanwhile."""
        slot = self._keeper.carrying.get(exchange)
        tyme, passes = None, 0 if slot is None else slot.passes
        if slot is None:
            slot = yield from self._granted(exchange)
        elif not passes and (wait := self._postponed(slot, exchange)) is not None:
            tyme, passes = (yield wait), 1
        while slot is not None:
            if exchange.outcome is None and slot.passes == passes:
                self._pump(slot, exchange)
            if exchange.outcome is not None or (ready and ready()):
                return
            passes, connection = slot.passes, slot.connection
            on = (exchange.done, *connection.awaited)
            tyme = yield self._wait(tyme, on, self._left(connection.until), connection.due)

    def abandon(self, exchange: Exchange) -> None:
        """End the exchange, unless it has ended, and what it has brought; for whoever gives up waiting."""
        slot, error = self._keeper.carrying.get(exchange), Canceled("the generator was closed")
        if slot is not None and slot.connection.exchange is exchange:
            slot.connection.cancel(exchange, error)
        exchange.conclude(error, "waiting")
        close_tunnel(exchange)
        self._keeper.forget(exchange)

    def _planned(self, method: str, url: str, options: FetchOptions) -> Plan:
        if options or not (isinstance(method, str) and isinstance(url, str)) or len(url) > _SHORT:
            return super()._planned(method, url, options)
        plan = self._plans.get((method, url))
        if plan is None:
            plan = self._plans[method, url] = super()._planned(method, url, options)
            if len(self._plans) > _REMEMBERED:
                self._plans.popitem(last=False)
        return plan

    def _make(self, method: str, url: str, options: MessageOptions) -> Request:
        return self._defaults.request(method, url, options)

    def _heard(self, exchange: Exchange, head: Response) -> None:
        self._keeper.heed(exchange, head)

    def _trusts(self, origin: Origin) -> bool:
        return self._defaults.owns(origin)

    def _postponed(self, slot: Slot, exchange: Exchange) -> Wait | None:
        """Have a request over an open connection go out together with those that others begin meanwhile.

        Only a scheduler that knows where its pass ends can do that. To wake a peer that sleeps takes as
        long as half of all else here; the second request of a row finds it awake. Returns the wait for the
        answer.
        """
        tymth = TYMTH.get()
        doist = getattr(tymth, "doist", None)
        if tymth is None or doist is None or slot.connection.phase is not Phase.READY:
            return None
        # Whoever runs a scheduler inside of a pass of another one waits for the end of that in vain.
        another = self._tymth is not None and getattr(self._tymth, "doist", None) is not doist
        if another or slot.ticket is not None or not doist.defer(self._send_off):
            return None
        self._leaving.append((slot, exchange))
        now = self._setup.network.clock()
        until, _, _ = busy_deadline(exchange.timeouts, exchange.started, now, sending=False)
        connection = slot.connection
        watched = connection.connector if connection.watched else None
        on = (exchange.done, watched or connection.stirred)
        return Wait(on, None if until == inf else tymth() + until - now)

    def _send_off(self) -> None:
        leaving, self._leaving = self._leaving, []
        for slot, exchange in leaving:
            if slot.exchange is not exchange or slot.passes:
                continue
            if slot.connection.service():
                slot.passes = 1
            else:
                self._pump(slot, exchange)
                exchange.done.fire()  # what it was told to wait for is not all that there is to wait for
            if exchange.outcome is not None:
                self._keeper.release(slot)

    def _granted(self, exchange: Exchange) -> _Granted:
        """Wait for a slot, and return it; None when the exchange has ended."""
        clock, carrying = self._setup.network.clock, self._keeper.carrying
        expiry, error = queue_limit(exchange, clock())
        tyme = None
        while exchange.outcome is None and exchange not in carrying:
            shut = self._keeper.shut_until(exchange)
            moment, due = (expiry, shut) if self._tymth else (min(expiry, shut), None)
            tyme = yield self._wait(tyme, (exchange.done,), self._left(moment), due)
            self._keeper.knock(exchange)
            if clock() >= expiry and exchange not in carrying:
                exchange.conclude(error(self._keeper.why(exchange)), "waiting")
                self._keeper.forget(exchange)
        return carrying.get(exchange)

    def _left(self, moment: float | None) -> float:
        """Return the seconds until a moment of the network's clock."""
        return inf if moment is None else max(0.0, moment - self._setup.network.clock())

    def _pump(self, slot: Slot, exchange: Exchange) -> None:
        """Make a pass, and one for the exchange that got the connection in it: it need not wait a tick."""
        heir: Exchange | None = exchange
        while heir is not None:
            exchange = heir
            slot.passes += 1
            try:
                slot.connection.service()
            finally:
                if exchange.outcome is not None:
                    self._keeper.release(slot)
            heir = None if slot.exchange is exchange else slot.exchange


def _checked(draw: Draw) -> Draw:
    """Return a chance that was tried once."""
    value: object = draw
    if not callable(value):
        raise TypeError(f"draw must be a function of a name and a count, not {value!r}")
    drawn = draw("", 0)
    if not 0 <= drawn < 1:
        raise ValueError(f"draw must return a number from 0 to less than 1, not {drawn!r}")
    return draw
