"""Whatever happens in whatever order: limits hold, everything ends once, nothing is lost."""

from __future__ import annotations

import gc
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tymeconn.errors import ExchangeError
from tymeconn.policy.patience import Timeouts
from tymeconn.pooling import Pool, PoolLimits
from tymeconn.testing.scripting import END, answer

from ..stand_ins import Clock
from .peers import Peers

ANSWERS = [
    answer("kept"),
    answer("last", connection="close"),
    answer("hint", keep_alive="timeout=3"),
    answer("moved", 302, location="http://d.test/"),
    b"garbage\r\n\r\n",
    END,
]
KINDS = ["ask", "answer", "speak", "leave", "resume", "service", "pass", "refuse", "close", "collect"]


class Watched(Pool):
    """A pool that remembers its exchanges."""

    def enqueue(self, exchange):
        self.exchanges.append(exchange)
        super().enqueue(exchange)


class World:
    """A pool, its peers, and the generators that use it."""

    def __init__(self, total, per_origin):
        self.clock = Clock()
        self.peers = Peers(self.clock)
        limits = PoolLimits(total, per_origin, idle=5, age=30, uses=4)
        self.pool = Watched(network=self.peers, connections=limits, timeouts=Timeouts(total=40))
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
            self._go_on(generator, self.clock.now)

    def _service(self, number):
        self.pool.service()

    def _pass(self, number):
        self.clock.now += number % 7

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
        for each in stats.origins.values():
            assert not (each.waiting and (each.idle or (room and each.open < self.limits.per_origin)))

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


@settings(max_examples=150)
@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 30)), max_size=80),
)
def test_any_order_of_things(total, per_origin, steps):
    """Never over the limits, nobody waits while a slot is free, all ends once and all slots come back."""
    world = World(total, per_origin)
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
