"""Who gets which connection: decisions only, no network."""

from __future__ import annotations

from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from tymeconn.exchanging.exchange import Exchange
from tymeconn.exchanging.setup import Setup
from tymeconn.net.seams import Tls
from tymeconn.policy.gating import GateLimits
from tymeconn.policy.patience import Timeouts
from tymeconn.pooling.assigning import Ledger, Slot
from tymeconn.pooling.gatekeeping import Gates
from tymeconn.pooling.limits import PoolLimits
from tymeconn.testing.scripting import ScriptedNetwork
from tymeconn.tyming.clocks import Calendar
from tymeconn.wire.messages import Limits, Request
from tymeconn.wire.urls import split

from ..stand_ins import Clock

SETUP = Setup(ScriptedNetwork(), Tls(), Limits(), Timeouts())


class Desk:
    """A ledger, and who has which slot."""

    def __init__(self, total=100, per_origin=100, gate=None):
        self.tyme = Clock()
        self.limits = PoolLimits(total, per_origin)
        self.ledger = Ledger(self.limits, lambda origin: Slot(origin, SETUP, self.limits), self.gates(gate))
        self.granted = {}
        self.closed = []
        self.asked = 0

    def gates(self, limits):
        return Gates(limits, lambda name, count: 0.5, self.tyme, Calendar.on(self.tyme))

    def ask(self, *hosts):
        """Have exchanges wait, and return them."""
        exchanges = []
        for host in hosts:
            self.asked += 1
            request = Request("GET", split(f"http://{host}.test/{self.asked}"))
            exchanges.append(Exchange(request, Timeouts(), lambda: 0.0))
            self.ledger.wait(exchanges[-1])
        return exchanges

    def assign(self, now=0.0):
        """Return the targets of the exchanges that get slots, with their hosts."""
        orders = self.ledger.assign(now)
        self.closed += orders.closing
        self.shut = orders.shut
        self.granted.update(orders.granted)
        return [
            f"{exchange.origin.host[0]}{exchange.request.url.target[1:]}" for exchange, _ in orders.granted
        ]

    def rest(self, exchange, expires=inf):
        """Have an exchange end on a connection that may be used again."""
        slot = self.granted.pop(exchange)
        slot.expires = expires
        self.ledger.rest(slot)
        return slot

    def retire(self, exchange):
        """Have an exchange end with its connection."""
        self.ledger.retire(self.granted.pop(exchange))

    def held(self):
        return {place.origin.host[0]: place.held for place in self.ledger.places}


def test_all_who_wait_get_slots():
    """As long as there is room, in the order in which they came, origins in turn."""
    desk = Desk()
    desk.ask("a", "a", "b", "b", "c")
    assert desk.assign() == ["a1", "b3", "c5", "a2", "b4"]
    assert (desk.ledger.held, desk.assign()) == (5, [])


def test_limit_of_an_origin():
    """More of one origin wait for those before them; others do not."""
    desk = Desk(per_origin=1)
    first, _, _ = desk.ask("a", "a", "b")
    assert desk.assign() == ["a1", "b3"]
    desk.rest(first)
    assert desk.assign() == ["a2"]


def test_limit_in_total():
    """It holds for all origins together."""
    desk = Desk(total=2)
    desk.ask("a", "b", "c")
    assert desk.assign() == ["a1", "b2"]


def test_last_used_is_used_first():
    """What is used little expires."""
    desk = Desk()
    exchanges = desk.ask("a", "a")
    desk.assign()
    slots = [desk.rest(exchange) for exchange in exchanges]
    (third,) = desk.ask("a")
    desk.assign()
    assert desk.granted[third] is slots[1]


def test_expired_is_closed():
    """An idle connection whose time is over is not given to anybody."""
    desk = Desk()
    exchanges = desk.ask("a", "a")
    desk.assign()
    slots = [desk.rest(exchanges[0], expires=9.0), desk.rest(exchanges[1], expires=5.0)]
    (third,) = desk.ask("a")
    desk.assign(now=5.0)
    assert desk.granted[third] is slots[0]
    assert (desk.closed, desk.ledger.held) == ([slots[1]], 1)


def test_all_expired():
    """Then another one is opened, also when the expired ones had taken all the room."""
    desk = Desk(total=1, per_origin=1)
    (first,) = desk.ask("a")
    desk.assign()
    desk.rest(first, expires=5.0)
    desk.ask("a")
    assert desk.assign(now=6.0) == ["a2"]
    assert (len(desk.closed), desk.ledger.held) == (1, 1)


def test_oldest_makes_room():
    """When the total is reached, the connection that has been idle longest is closed for another origin."""
    desk = Desk(total=2)
    first, second = desk.ask("a", "b")
    desk.assign()
    slots = [desk.rest(second), desk.rest(first)]
    desk.ask("c")
    assert desk.assign() == ["c3"]
    assert (desk.closed, desk.held()) == (slots[:1], {"a": 1, "c": 1})


def test_who_has_none_gets_the_next():
    """One busy origin cannot keep all slots: when it has had its turn the other has one."""
    desk = Desk(total=2)
    asked = desk.ask("a", "a", "a", "a")
    desk.assign()
    desk.ask("b")
    desk.rest(asked[0])
    assert desk.assign() == ["a3"]
    slot = desk.rest(asked[1])
    assert desk.assign() == ["b5"]
    assert (desk.closed, desk.held()) == ([slot], {"a": 1, "b": 1})


def test_connections_are_not_passed_to_and_fro():
    """Origins that have about the same number keep what they have, however many wait."""
    desk = Desk(total=4)
    waiting = desk.ask(*"abababababababababab")
    desk.assign()
    for exchange in waiting[:16]:
        desk.rest(exchange)
        desk.assign()
    assert (desk.closed, desk.held()) == ([], {"a": 2, "b": 2})


def test_turn_is_passed_on():
    """An origin whose turn it is, and that has as many connections as others, leaves them theirs."""
    desk = Desk(total=2)
    _, second = desk.ask("a", "b")
    desk.assign()
    desk.ask("a", "b")
    desk.rest(second)
    assert desk.assign() == ["b4"]
    assert desk.closed == []


def test_more_origins_than_slots():
    """Each of them has its turn."""
    desk = Desk(total=1)
    waiting = desk.ask(*"aaabbbccc")
    order = desk.assign()
    while desk.granted:
        desk.rest(next(iter(desk.granted)))
        order += desk.assign()
    assert order == ["a1", "b4", "c7", "a2", "b5", "c8", "a3", "b6", "c9"]
    assert len(waiting) == len(order)


def test_who_has_many_yields():
    """An origin that has more by two gives one up to another that has some."""
    desk = Desk(total=4)
    asked = desk.ask(*"aaa")
    desk.assign()
    desk.ask(*"bb")
    desk.assign()
    desk.ask("a")
    desk.rest(asked[0])
    assert desk.assign() == ["b5"]
    assert desk.held() == {"a": 2, "b": 2}


def test_who_leaves_is_not_served():
    """An exchange that no longer waits gets nothing, and may leave again."""
    desk = Desk(per_origin=1)
    first, second, _ = desk.ask("a", "a", "a")
    desk.assign()
    desk.ledger.leave(second)
    desk.ledger.leave(second)
    desk.rest(first)
    assert desk.assign() == ["a3"]


def test_nothing_is_left_of_an_origin():
    """An origin without slots and exchanges takes no room."""
    desk = Desk()
    first, second = desk.ask("a", "b")
    desk.assign()
    desk.retire(first)
    desk.rest(second)
    (third,) = desk.ask("c")
    desk.ledger.leave(third)
    desk.ledger.leave(third)
    assert desk.held() == {"b": 1}


def test_expiry():
    """Those whose time is over are retired, and the next one's is known."""
    desk = Desk()
    exchanges = desk.ask("a", "a", "b")
    desk.assign()
    slots = [
        desk.rest(exchange, expires) for exchange, expires in zip(exchanges, (5.0, 9.0, 3.0), strict=True)
    ]
    assert desk.ledger.due == 3.0
    assert desk.ledger.expire(5.0) == [slots[0], slots[2]]
    assert (desk.ledger.due, desk.held()) == (9.0, {"a": 1})
    assert desk.ledger.expire(9.0) == [slots[1]]
    assert desk.ledger.due == inf


def test_clearing():
    """What waits and what is idle goes; what is busy stays."""
    desk = Desk(total=2)
    first, _, third = desk.ask("a", "b", "b")
    desk.assign()
    slot = desk.rest(first)
    assert desk.ledger.clear() == ([third], [slot])
    assert (desk.held(), desk.assign()) == ({"b": 1}, [])


def test_gates_are_asked_in_turn():
    """An origin whose gate is shut takes no turn until somebody knocks, and its first exchange is named."""
    desk = Desk(gate=GateLimits(rate=1.0))
    _, second, _, _ = desk.ask("a", "a", "a", "b")
    assert desk.assign() == ["a1", "b4"]
    assert (desk.shut, desk.ledger.place(second.origin).shut_until) == ([second], 1.0)
    desk.tyme.now = 1.0
    desk.ask("a")
    assert (desk.assign(), desk.shut) == ([], [])


def test_knocking():
    """A gate is asked again when somebody knocks, leaves the queue, or all are asked."""
    desk = Desk(gate=GateLimits(rate=1.0))
    asked = desk.ask(*"aaaa")
    order = desk.assign()
    desk.tyme.now = 1.0
    desk.ledger.knock_everywhere()
    order += desk.assign()
    desk.tyme.now = 2.0
    desk.ledger.leave(asked[2])
    order += desk.assign()
    desk.ask("a")
    desk.tyme.now = 3.0
    desk.ledger.knock(asked[0].origin)
    assert order + desk.assign() == ["a1", "a2", "a4", "a5"]


def test_knocking_where_nobody_waits():
    """Who knocks late, when nothing is left of the origin, changes nothing."""
    desk = Desk(gate=GateLimits(rate=1.0))
    first, _ = desk.ask("a", "b")
    desk.assign()
    desk.retire(first)
    desk.ledger.knock(first.origin)
    assert (desk.held(), desk.assign(), desk.shut) == ({"b": 1}, [], [])


def test_shut_origin_yields():
    """Its idle connections are for others, though its own exchanges wait."""
    desk = Desk(total=3, gate=GateLimits(rate=0.1, burst=2))
    asked = desk.ask("a", "b", "a", "a")
    desk.assign()
    slot = desk.rest(asked[0])
    desk.ask("b")
    assert desk.assign() == ["b5"]
    assert desk.closed == [slot]


def test_gate_is_kept():
    """An origin of which nothing is left is spared none the less."""
    desk = Desk(gate=GateLimits(rate=1.0))
    (first,) = desk.ask("a")
    desk.assign()
    desk.retire(first)
    desk.ask("a")
    assert desk.assign() == []


def waits_in_vain(desk):
    """Return who waits although a slot could be had."""
    places = [*desk.ledger.places]
    idle = sum(len(place.idle) for place in places)
    room = desk.ledger.held < desk.limits.total or idle
    return [
        place.origin
        for place in places
        if place.waiting and (place.idle or (room and place.held < desk.limits.per_origin))
    ]


@settings(max_examples=200)
@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from(["ask", "rest", "retire", "leave", "expire"]), st.integers(0, 50))),
)
def test_any_order_of_things(total, per_origin, steps):
    """Limits hold, nobody waits while there is room, and each origin is served in order."""
    desk, asked, order = Desk(total, per_origin), [], []
    for now, (step, number) in enumerate(steps):
        running = [*desk.granted]
        if step == "ask":
            asked += desk.ask("abcd"[number % 4])
        elif step == "leave" and asked:
            desk.ledger.leave(asked[number % len(asked)])
        elif step == "expire":
            desk.ledger.expire(float(now))
        elif running:
            gone = running[number % len(running)]
            desk.rest(gone, now + number % 5) if step == "rest" else desk.retire(gone)
        order += desk.assign(float(now))
        assert desk.ledger.held <= total
        assert max(desk.held().values(), default=0) <= per_origin
        assert waits_in_vain(desk) == []
    for host in "abcd":
        served = [int(each[1:]) for each in order if each[0] == host]
        assert served == sorted(served)
