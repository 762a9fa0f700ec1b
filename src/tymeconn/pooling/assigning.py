"""Who gets which connection. Nothing here sends, receives, opens or closes; it says what is to be done.

Exchanges of one origin are served in the order in which they came; origins take turns. An idle connection
is given to its own origin, the one that was used last first: what is used little expires. When the total is
reached, the connection that has been idle longest makes room.

An origin that has connections passes one on to another only when that has none, or fewer by more than one:
turns alone would close connections that their own origin is waiting for, again and again.

An origin may have a gate. It is asked when the origin has its turn: one whose gate is shut takes none, and
gives up idle connections to others, until somebody knocks or leaves.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from math import inf
from typing import NamedTuple

from ..exchanging.connection import Connection
from ..exchanging.exchange import Exchange
from ..exchanging.setup import Setup
from ..policy.gating import Gate
from ..wire.urls import Origin
from .gatekeeping import Gates
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
        ticket: with which the exchange leaves its origin's gate; None when there is none.
    """

    __slots__ = ("born", "connection", "exchange", "expires", "left", "origin", "passes", "ticket")

    def __init__(self, origin: Origin, setup: Setup, limits: PoolLimits) -> None:
        self.origin = origin
        self.connection = Connection(setup)
        self.exchange: Exchange | None = None
        self.passes = 0
        self.born = setup.network.clock()
        self.left: float = inf if limits.uses is None else limits.uses
        self.expires = -inf
        self.ticket: int | None = None


class Place:
    """What there is of one origin.

    Attributes:
        origin: it.
        held: slots, idle ones included.
        idle: of them, those without an exchange; last the one that was used last.
        waiting: exchanges without a slot, in the order in which they came.
        gate: which lets them go.
        shut_until: the tyme at which the gate, found shut, is to be asked again; None: at the next turn.
    """

    __slots__ = ("gate", "held", "idle", "origin", "shut_until", "waiting")

    def __init__(self, origin: Origin, gate: Gate | None) -> None:
        self.origin = origin
        self.gate = gate
        self.shut_until: float | None = None
        self.held = 0
        # Whatever is first or last is taken at the same cost, however many were taken before: a dict looks
        # at the places of all those first.
        self.idle: OrderedDict[Slot, None] = OrderedDict()
        self.waiting: OrderedDict[Exchange, None] = OrderedDict()


class Orders(NamedTuple):
    """What `Ledger.assign` decided.

    Attributes:
        granted: who got which slot.
        closing: slots that are no longer in the ledger.
        shut: the first who waits at each gate that was found shut: the one who knocks when it is time.
    """

    granted: list[tuple[Exchange, Slot]]
    closing: list[Slot]
    shut: list[Exchange]


class Ledger:
    """Exchanges that wait and slots, by origin.

    Attributes:
        held: slots, idle ones included.
        due: no idle connection expires before, on the network's clock.
        turns: places, in order, that may have connections for those who wait.
    """

    def __init__(self, limits: PoolLimits, make: Callable[[Origin], Slot], gates: Gates) -> None:
        """Begin empty; `make(origin)` makes a slot."""
        self.held = 0
        self.due = inf
        self._limits = limits
        self._make = make
        self._gates = gates
        self._places: dict[Origin, Place] = {}
        self.turns: OrderedDict[Place, None] = OrderedDict()
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
            place = self._places[origin] = Place(origin, self._gates.take(origin))
        place.waiting[exchange] = None
        self._review(place)

    def take(self, origin: Origin, now: float) -> Slot | None:
        """Return the idle slot that an exchange of `origin` gets at once, if nobody is to be asked."""
        place = self._places.get(origin)
        # While there are idle slots, `assign` has left nobody waiting who could have had one.
        if place is None or not place.idle or place.gate is not None:
            return None
        slot = next(reversed(place.idle))
        if now >= slot.expires:
            return None
        del place.idle[slot], self._idle[slot]
        return slot

    def leave(self, exchange: Exchange) -> None:
        """Let an exchange that no longer waits go, if it is still there."""
        place = self._places.get(exchange.origin)
        if place is not None and exchange in place.waiting:
            del place.waiting[exchange]
            self._ask_again(place)

    def place(self, origin: Origin) -> Place | None:
        """Return what there is of an origin."""
        return self._places.get(origin)

    def knock(self, origin: Origin) -> None:
        """Have an origin's gate asked again: something has changed, or it is time."""
        place = self._places.get(origin)
        if place is not None:
            self._ask_again(place)

    def knock_everywhere(self) -> None:
        """Have all gates asked again."""
        for place in self._places.values():
            self._ask_again(place)

    def rest(self, slot: Slot) -> bool:
        """Take back a slot that may be used until `slot.expires`; tell whether nothing expires before."""
        place = self._places[slot.origin]
        place.idle[slot] = self._idle[slot] = None
        if place.waiting:
            self._review(place)
        if slot.expires >= self.due:
            return False
        self.due = slot.expires
        return True

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

        Every exchange that gets a slot gets it, and enters its origin's gate, here.
        """
        orders = Orders([], [], [])
        while self.turns:
            place = next(iter(self.turns))
            if self._shuts(place):
                orders.shut.append(next(iter(place.waiting)))
                continue
            slot = self._rested(place, now, orders) or self._opened(place, orders)
            if slot is not None:
                exchange, _ = place.waiting.popitem(last=False)
                slot.ticket = None if place.gate is None else place.gate.enter(self._gates.tyme())
                orders.granted.append((exchange, slot))
            elif not self._idle:
                break
            self.turns.move_to_end(place)
            self._review(place)
        return orders

    def _ask_again(self, place: Place) -> None:
        place.shut_until = None
        self._review(place)

    def _shuts(self, place: Place) -> bool:
        """Tell whether the place's gate is shut; then it takes no turns."""
        place.shut_until = None if place.gate is None else place.gate.admit(self._gates.tyme())
        if place.shut_until is None:
            return False
        del self.turns[place]
        return True

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
        ready = place.waiting and place.shut_until is None
        if ready and (place.idle or place.held < self._limits.per_origin):
            self.turns[place] = None
        else:
            self.turns.pop(place, None)
        if not (place.held or place.waiting) and self._places.pop(place.origin, None) is not None:
            self._gates.put_away(place.origin, place.gate)


def _yields(holder: Place, taker: Place) -> bool:
    """Tell whether a connection of `holder` is to make room for one of `taker`."""
    resting = not holder.waiting or holder.shut_until is not None
    return resting or not taker.held or taker.held + 1 < holder.held
