"""Whatever happens in whatever order: limits hold, everything ends once, nothing is lost."""

from __future__ import annotations

import gc
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tymeconn.errors import ExchangeError
from tymeconn.policy.gating import GateLimits
from tymeconn.policy.patience import Timeouts
from tymeconn.policy.retrying import Retry
from tymeconn.pooling import Pool, PoolLimits
from tymeconn.testing.scripting import END, answer

from ..stand_ins import Clock
from .peers import Peers

ANSWERS = [
    answer("kept"),
    answer("last", connection="close"),
    answer("hint", keep_alive="timeout=3"),
    answer("moved", 302, location="http://d.test/"),
    answer("busy", 503, retry_after="3"),
    answer("spent", ratelimit='"a";r=0;t=2'),
    answer("broken", 500),
    b"garbage\r\n\r\n",
    END,
]
KINDS = [
    "ask",
    "answer",
    "speak",
    "leave",
    "resume",
    "service",
    "pass",
    "refuse",
    "close",
    "collect",
    "wind",
]
GATES = st.builds(
    GateLimits,
    concurrency=st.sampled_from([None, 1, 2]),
    rate=st.sampled_from([None, 0.5, 3.0]),
    burst=st.integers(1, 2),
    failures=st.integers(1, 3),
)


class Watched(Pool):
    """A pool that remembers its exchanges."""

    def enqueue(self, exchange):
        self.exchanges.append(exchange)
        super().enqueue(exchange)


class World:
    """A pool, its peers, and the generators that use it."""

    def __init__(self, total, per_origin, gate=None, retry=None):
        self.clock = Clock()
        self.gate = gate
        self.tyme = self.clock
        self.peers = Peers(self.clock)
        limits = PoolLimits(total, per_origin, idle=5, age=30, uses=4)
        timeouts = Timeouts(total=40)
        self.pool = Watched(
            network=self.peers, connections=limits, timeouts=timeouts, gate=gate, retry=retry
        )
        self.pool.exchanges = []
        self.limits = limits
        self.running = []
        self.ended = self.begun = 0

    def step(self, kind, number):
        getattr(self, f"_{kind}")(number)

    def _ask(self, number):
        self.begun += 1
        url = f"http://{'abc'[number % 3]}.test/{self.begun}"
        generator = self.pool.fetch(["GET", "POST"][number % 2], url)
        self.running.append(generator)
        self._go_on(generator, None)

    def _answer(self, number):
        owing = [peer for peer in self.peers.open if peer.owing]
        if owing:
            owing[number % len(owing)].answer(ANSWERS[number % len(ANSWERS)])

    def _speak(self, number):
        """A peer ends, or says what nobody asked for."""
        if self.peers.open:
            self.peers.open[number % len(self.peers.open)].say([END, b"x"][number % 2])

    def _leave(self, number):
        if self.running:
            self.running.pop(number % len(self.running)).close()
            self.ended += 1

    def _resume(self, number):
        for generator in [*self.running]:
            self._go_on(generator, self.tyme())

    def _service(self, number):
        self.pool.service()

    def _pass(self, number):
        self.clock.now += number % 7

    def _wind(self, number):
        """Another scheduler runs all of it from now on."""
        begun = self.clock.now - number
        self.tyme = lambda: self.clock.now - begun
        self.pool.wind(self.tyme)

    def _refuse(self, number):
        self.peers.refusing = number % 2 == 0

    def _close(self, number):
        if number % 5 == 0:
            self.pool.close()

    def _collect(self, number):
        """A generator is lost, and so closed; somebody else's collection finds it."""
        if self.running:
            self.running.pop(number % len(self.running))
            self.ended += 1

    def _go_on(self, generator, tyme):
        try:
            generator.send(tyme)
        except (StopIteration, ExchangeError) as end:
            # The pool's exchanges are kept here, and with their errors the frames that hold generators.
            end.__traceback__ = None
            self.running.remove(generator)
            self.ended += 1

    def check(self):
        """Look at what has to hold at every moment."""
        stats = self.pool.stats
        assert stats.open <= self.limits.total
        assert len(self.peers.open) <= stats.open
        hosts = Counter(peer.host for peer in self.peers.open)
        assert max(hosts.values(), default=0) <= self.limits.per_origin
        room = stats.open < self.limits.total or stats.idle
        for origin, each in stats.origins.items():
            free = each.idle or (room and each.open < self.limits.per_origin)
            assert not (each.waiting and free) or self.shut(origin)
            if self.gate is not None and self.gate.concurrency is not None:
                assert each.busy <= self.gate.concurrency
        self.check_gates()

    def shut(self, origin):
        """Tell whether a gate keeps out who waits; when it is time, he has only to be resumed."""
        place = self.pool._keeper._ledger.place(origin)
        if place.gate is None:
            return False
        return place.gate.admit(self.tyme()) is not None or place.shut_until <= self.tyme()

    def check_gates(self):
        """As many are inside as have connections."""
        inside = Counter(exchange.origin for exchange in self.pool._keeper.carrying)
        for place in self.pool._keeper._ledger.places:
            assert place.gate is None or place.gate.inside == inside[place.origin]

    def end(self):
        """Have everything end, and look at what is left."""
        self.peers.refusing = False
        for _ in range(2_000):
            if not self.running:
                break
            for peer in self.peers.open:
                if peer.owing:
                    peer.answer(answer("end"))
            self.clock.now += 0.1
            self._resume(0)
        assert self.ended == self.begun
        assert all(exchange.outcome is not None for exchange in self.pool.exchanges)
        assert (self.pool.stats.waiting, self.pool.stats.busy) == (0, 0)
        self.pool.close()
        assert (self.pool.stats.open, self.peers.open) == (0, [])


@settings(max_examples=200)
@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.one_of(st.none(), GATES),
    st.sampled_from([None, Retry(), Retry(base=8.0, saved=1, spare=0.1)]),
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 30)), max_size=80),
)
def test_any_order_of_things(total, per_origin, gate, retry, steps):
    """Never over the limits, nobody waits who may go, all ends once, all slots and tickets come back."""
    world = World(total, per_origin, gate, retry)
    for kind, number in steps:
        world.step(kind, number)
        world.check()
    world.end()


def test_requests_of_an_origin_are_served_in_order():
    """Who came first is first, also when others of the same origin give up or fail."""
    world = World(total=2, per_origin=1)
    for _ in range(12):
        world.step("ask", 0)
        world.step("ask", 1)
    for number in range(60):
        world.step("resume", 0)
        world.step("answer", number % 3)
        if number % 7 == 0:
            world.step("leave", len(world.running) - 1)
    world.end()
    for host in ("a.test", "b.test"):
        asked = [
            int(target[1:])
            for peer in world.peers.connectors
            if peer.host == host
            for target in peer.targets
        ]
        assert asked == sorted(asked)
        assert len(set(asked)) > 5


def test_generators_that_are_lost_together():
    """Those that only a collection of garbage finds give back their slots."""
    world = World(total=2, per_origin=1)
    for number in range(9):
        world.step("ask", number)
        generator = world.running.pop()
        ring = [generator]
        ring.append(ring)
        del generator, ring
    gc.collect()
    world.ended = world.begun
    world.end()
