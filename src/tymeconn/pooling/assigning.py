"""Who gets which connection. Nothing here sends, receives, opens or closes; it says what is to be done.

Exchanges of one origin are served in the order in which they came; origins take turns. An idle connection
is given to its own origin, the one that was used last first: what is used little expires. When the total is
reached, the connection that has been idle longest makes room.

An origin that has connections passes one on to another only when that has none, or fewer by more than one:
turns alone would close connections that their own origin is waiting for, again and again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from math import inf
from typing import NamedTuple

from ..exchanging.connection import Connection
from ..exchanging.exchange import Exchange
from ..exchanging.setup import Setup
from ..wire.urls import Origin
from .limits import PoolLimits

__all__ = ["Ledger", "Orders", "Place", "Slot"]


class Slot:
    """Room for one connection, and the exchange that has it.

    Attributes:
        origin: where the connection leads.
        connection: it belongs to this slot alone.
        exchange: which has the connection; None while it is idle.
        passes: over the connection, for that exchange.
        born: when the slot was made, on the network's clock.
        left: exchanges that may still be carried.
        expires: when the connection, idle, is not to be used again; at once, before the first answer.
    """

    __slots__ = ("born", "connection", "exchange", "expires", "left", "origin", "passes")

    def __init__(self, origin: Origin, setup: Setup, limits: PoolLimits) -> None:
        self.origin = origin
        self.connection = Connection(setup, self._take)
        self.exchange: Exchange | None = None
        self.passes = 0
        self.born = setup.network.clock()
        self.left: float = inf if limits.uses is None else limits.uses
        self.expires = -inf

    def _take(self) -> Exchange | None:
        exchange = self.exchange
        return exchange if exchange is not None and exchange.outcome is None else None


class Place:
    """What there is of one origin.

    Attributes:
        origin: it.
        held: slots, idle ones included.
        idle: of them, those without an exchange; last the one that was used last.
        waiting: exchanges without a slot, in the order in which they came.
    """

    __slots__ = ("held", "idle", "origin", "waiting")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.held = 0
        # Whatever is first or last is taken at the same cost, however many were taken before: a dict looks
        # at the places of all those first.
        self.idle: OrderedDict[Slot, None] = OrderedDict()
        self.waiting: OrderedDict[Exchange, None] = OrderedDict()


class Orders(NamedTuple):
    """What `Ledger.assign` decided; the slots of `closing` are no longer in the ledger."""

    granted: list[tuple[Exchange, Slot]]
    closing: list[Slot]


class Ledger:
    """Exchanges that wait and slots, by origin.

    Attributes:
        held: slots, idle ones included.
        due: no idle connection expires before, on the network's clock.
    """

    def __init__(self, limits: PoolLimits, make: Callable[[Origin], Slot]) -> None:
        """Begin empty; `make(origin)` makes a slot."""
        self.held = 0
        self.due = inf
        self._limits = limits
        self._make = make
        self._places: dict[Origin, Place] = {}
        # Those for whose exchanges there is, or may be, a connection within the limit of their own.
        self._turns: OrderedDict[Place, None] = OrderedDict()
        # All idle slots, first the one that was used longest ago.
        self._idle: OrderedDict[Slot, None] = OrderedDict()

    @property
    def places(self) -> Iterator[Place]:
        """The origins that have slots, or exchanges that wait."""
        return iter(self._places.values())

    def wait(self, exchange: Exchange) -> None:
        """Take an exchange that has no slot, behind those of its origin."""
        origin = exchange.origin
        place = self._places.get(origin)
        if place is None:
            place = self._places[origin] = Place(origin)
        place.waiting[exchange] = None
        self._review(place)

    def leave(self, exchange: Exchange) -> None:
        """Let an exchange that no longer waits go, if it is still there."""
        place = self._places.get(exchange.origin)
        if place is not None and exchange in place.waiting:
            del place.waiting[exchange]
            self._review(place)

    def rest(self, slot: Slot) -> None:
        """Take back a slot whose connection may be used again until `slot.expires`."""
        place = self._places[slot.origin]
        place.idle[slot] = self._idle[slot] = None
        self.due = min(self.due, slot.expires)
        self._review(place)

    def retire(self, slot: Slot) -> None:
        """Take back a slot for good; it is not idle."""
        self.held -= 1
        place = self._places[slot.origin]
        place.held -= 1
        self._review(place)

    def expire(self, now: float) -> list[Slot]:
        """Retire the idle slots whose time is over, and return them."""
        expired = [slot for slot in self._idle if slot.expires <= now]
        for slot in expired:
            self._lose(slot)
        self.due = min((slot.expires for slot in self._idle), default=inf)
        return expired

    def clear(self) -> tuple[list[Exchange], list[Slot]]:
        """Let go of, and return, the exchanges that wait and the slots that are idle."""
        places, idle = [*self._places.values()], [*self._idle]
        waiting = [exchange for place in places for exchange in place.waiting]
        for place in places:
            place.waiting.clear()
            self._review(place)
        for slot in idle:
            self._lose(slot)
        return waiting, idle

    def assign(self, now: float) -> Orders:
        """Give slots to exchanges as long as there are both; until the next change there is no more to do.

        Every exchange that gets a slot gets it here: whoever limits how fast an origin is asked decides
        here whether a place takes its turn.
        """
        orders = Orders([], [])
        while self._turns:
            place = next(iter(self._turns))
            slot = self._rested(place, now, orders) or self._opened(place, orders)
            if slot is not None:
                exchange, _ = place.waiting.popitem(last=False)
                orders.granted.append((exchange, slot))
            elif not self._idle:
                break
            self._turns.move_to_end(place)
            self._review(place)
        return orders

    def _rested(self, place: Place, now: float, orders: Orders) -> Slot | None:
        """Return the idle slot of the place that was used last, unless all have expired."""
        while place.idle:
            slot = next(reversed(place.idle))
            if now < slot.expires:
                del place.idle[slot], self._idle[slot]
                return slot
            self._lose(slot)
            orders.closing.append(slot)
        return None

    def _opened(self, place: Place, orders: Orders) -> Slot | None:
        """Return a new slot, if there is room or can be made."""
        if self.held >= self._limits.total:
            oldest = next(iter(self._idle), None)
            if oldest is None or not _yields(self._places[oldest.origin], place):
                return None
            self._lose(oldest)
            orders.closing.append(oldest)
        self.held += 1
        place.held += 1
        return self._make(place.origin)

    def _lose(self, slot: Slot) -> None:
        """Retire an idle slot."""
        del self._idle[slot], self._places[slot.origin].idle[slot]
        self.retire(slot)

    def _review(self, place: Place) -> None:
        """See whether the place takes turns, and whether there is anything left of it."""
        if place.waiting and (place.idle or place.held < self._limits.per_origin):
            self._turns[place] = None
        else:
            self._turns.pop(place, None)
        if not (place.held or place.waiting):
            self._places.pop(place.origin, None)


def _yields(holder: Place, taker: Place) -> bool:
    """Tell whether a connection of `holder` is to make room for one of `taker`."""
    return not holder.waiting or not taker.held or taker.held + 1 < holder.held
