"""Who has which connection, kept in order whatever happens meanwhile.

What there is to decide is decided in the ledger, between two passes and never within one; what follows
(closing, waking) is done when the ledger is in order again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

from ..errors import Canceled
from ..exchanging.connection import Phase
from ..exchanging.exchange import Exchange, Outcome
from ..exchanging.setup import Setup
from ..policy.gating import Gate
from ..tyming.waiting import Signal
from ..wire.messages import Response
from ..wire.urls import Origin
from .assigning import Ledger, Slot
from .gatekeeping import Gates
from .lasting import SILENT, expiry, keep_alive
from .limits import PoolLimits
from .stats import PoolStats, stats_of

__all__ = ["Keeper"]

_CLOSED = "the pool was closed"


class Keeper:
    """The slots of a pool, and the exchanges that have or want one.

    Attributes:
        carrying: the slot of each exchange that has one: all connections on which anything may happen.
        earlier: fires when an idle connection expires before those that were idle before.
    """

    def __init__(self, setup: Setup, limits: PoolLimits, gates: Gates) -> None:
        """Begin with none; `setup` is what connections are made with."""
        self.carrying: dict[Exchange, Slot] = {}
        self.earlier = Signal()
        self._setup = setup
        self._limits = limits
        self._gates = gates
        self._ledger = Ledger(limits, self._open, gates)
        self._news: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._closing: list[Slot] = []
        self._telling = False
        self._opened = self._reused = 0

    @property
    def due(self) -> float:
        """No idle connection expires before, on the network's clock."""
        return self._ledger.due

    @property
    def stats(self) -> PoolStats:
        """What there is now, and what was done."""
        origins = {place.origin: stats_of(place) for place in self._ledger.places}
        each = origins.values()
        idle, waiting = sum(stats.idle for stats in each), sum(stats.waiting for stats in each)
        return PoolStats(self._ledger.held, idle, waiting, self._opened, self._reused, origins)

    def seek(self, exchange: Exchange) -> None:
        """Have a slot found for the exchange: now, or when it is its turn."""
        self._tell(self._seek, exchange)

    def release(self, slot: Slot) -> None:
        """Take back the slot when its exchange has ended, unless a pass over its connection goes on."""
        self._tell(self._release, slot)

    def forget(self, exchange: Exchange) -> None:
        """Take back what an exchange that has ended has or waits for."""
        self._tell(self._forget, exchange)

    def shut_until(self, exchange: Exchange) -> float:
        """Return the tyme at which an exchange that waits has to `knock`; inf when it need not.

        Only the first who waits at a shut gate has to. Whoever becomes that is woken, and so is the first
        one whenever the gate was asked again.
        """
        place = self._ledger.place(exchange.origin)
        if place is None or place.shut_until is None or next(iter(place.waiting), None) is not exchange:
            return inf
        return place.shut_until

    def knock(self, exchange: Exchange) -> None:
        """Have the gate at which an exchange waits asked again, if it is time."""
        place = self._ledger.place(exchange.origin)
        if place is not None and place.shut_until is not None and place.shut_until <= self._gates.tyme():
            self._tell(self._ledger.knock, exchange.origin)

    def why(self, exchange: Exchange) -> str:
        """Return what an exchange has waited for in vain."""
        gate = self._gate(exchange.origin)
        reason = None if gate is None else gate.why(self._gates.tyme())
        if reason is None:
            return f"{exchange.origin} had no free connection in time"
        return f"{exchange.origin} could not be asked in time: {reason}"

    def heed(self, exchange: Exchange, head: Response) -> None:
        """Do what an answer's head asks of all who ask its origin."""
        gate = self._gate(exchange.origin)
        if gate is not None:
            gate.heed(head, self._gates.tyme(), self._gates.calendar.now())

    def rewind(self) -> None:
        """Take note that tyme is another's from now on."""
        self._tell(self._rewind)

    def expire(self) -> None:
        """Close the idle connections whose time is over."""
        self._tell(self._expire)

    def close(self) -> None:
        """Close all connections, and end the exchanges that are on them or wait, with Canceled."""
        self._tell(self._close)

    def _open(self, origin: Origin) -> Slot:
        return Slot(origin, self._setup, self._limits)

    def _tell(self, act: Callable[[Any], None], subject: Any = None) -> None:
        """Bring the ledger up to date, and do what follows."""
        # The garbage collector may close a generator, and come here, at any moment: then whoever is at it
        # already hears of the news before it is done.
        if self._telling:
            self._news.append((act, subject))
            return
        self._telling = True
        try:
            act(subject)
        finally:
            self._telling = False
        more = bool(self._news or self._closing or self._ledger.turns)
        while more:
            more = self._follow()

    def _follow(self) -> bool:
        """Do what follows from what is new, and tell whether that made more."""
        self._telling = True
        try:
            woken = self._rearrange()
        finally:
            self._telling = False
        closing, self._closing = self._closing, []
        for slot in closing:
            self._shut(slot)
        for exchange in woken:
            exchange.done.fire()
        return bool(self._news or self._closing)

    def _shut(self, slot: Slot) -> None:
        exchange = slot.exchange
        slot.connection.close(_CLOSED)
        if exchange is not None:
            exchange.conclude(Canceled(_CLOSED), "waiting")
            self.release(slot)

    def _rearrange(self) -> list[Exchange]:
        """Tell the ledger all that is new, and return the exchanges that have to hear of what followed."""
        while self._news:
            act, subject = self._news.popleft()
            act(subject)
        orders = self._ledger.assign(self._setup.network.clock())
        self._closing += orders.closing
        for exchange, slot in orders.granted:
            self._grant(exchange, slot)
        return [*(exchange for exchange, _ in orders.granted), *orders.shut]

    def _seek(self, exchange: Exchange) -> None:
        slot = self._ledger.take(exchange.origin, self._setup.network.clock())
        if slot is None:
            self._ledger.wait(exchange)
        else:
            self._grant(exchange, slot)

    def _grant(self, exchange: Exchange, slot: Slot) -> None:
        slot.exchange = slot.connection.exchange = exchange
        slot.passes = 0
        self.carrying[exchange] = slot

    def _release(self, slot: Slot) -> None:
        exchange, connection = slot.exchange, slot.connection
        if exchange is None or exchange.outcome is None or connection.exchange is not None:
            return
        del self.carrying[exchange]
        slot.exchange = None
        now, outcome = self._setup.network.clock(), exchange.outcome
        if exchange.reused:
            self._reused += 1
        elif exchange.sent:
            self._opened += 1
        if isinstance(outcome, Response):
            said = keep_alive(outcome.headers) if "keep-alive" in outcome.headers else SILENT
            slot.left = min(slot.left - 1, said.uses)
            slot.expires = expiry(self._limits, said, slot.born, now)
        try:
            if slot.ticket is not None:
                self._depart(slot.origin, slot.ticket, outcome)
        finally:
            if slot.connection.phase is not Phase.READY or slot.left <= 0 or slot.expires <= now:
                self._ledger.retire(slot)
                self._closing.append(slot)
            elif self._ledger.rest(slot):
                self.earlier.fire()

    def _depart(self, origin: Origin, ticket: int, outcome: Outcome) -> None:
        # It draws, and the caller's own chance may raise: then the slot is taken back all the same.
        gate = self._gate(origin)
        assert gate is not None
        gate.leave(ticket, outcome, self._gates.tyme(), self._gates.calendar.now())
        self._ledger.knock(origin)

    def _gate(self, origin: Origin) -> Gate | None:
        place = self._ledger.place(origin)
        return None if place is None else place.gate

    def _forget(self, exchange: Exchange) -> None:
        slot = self.carrying.get(exchange)
        if slot is None:
            self._ledger.leave(exchange)
        else:
            self._release(slot)

    def _rewind(self, _: None) -> None:
        self._ledger.knock_everywhere()

    def _expire(self, _: None) -> None:
        self._closing += self._ledger.expire(self._setup.network.clock())

    def _close(self, _: None) -> None:
        waiting, idle = self._ledger.clear()
        self._closing += [*idle, *self.carrying.values()]
        for exchange in waiting:
            exchange.conclude(Canceled(_CLOSED), "waiting")
