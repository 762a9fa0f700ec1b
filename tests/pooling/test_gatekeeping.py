"""Pools with gates: who waits behind one is woken in time, and everybody leaves as often as he entered."""

from __future__ import annotations

from collections import defaultdict
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import Canceled, PoolTimeout, TotalTimeout
from tymeconn.policy.chance import draws
from tymeconn.policy.gating import GateLimits
from tymeconn.policy.patience import Timeouts
from tymeconn.pooling import Pool, PoolLimits
from tymeconn.pooling.gatekeeping import Gates
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import ScriptedNetwork, answer
from tymeconn.tyming.clocks import Calendar
from tymeconn.tyming.waiting import Wait
from tymeconn.wire.urls import Origin

from ..exchanging.parking import Parking
from ..stand_ins import Clock
from .peers import Peer, Peers, begin, pool_of

A, B = "http://a.test/", "http://b.test/"
ORIGIN = Origin("http", "a.test", 80)
ONE = PoolLimits(total=1)
BUSY = answer("", 503, retry_after="60")
PATIENT = Timeouts(pool=None)


@pytest.fixture
def parking():
    return Parking()


@pytest.fixture
def gated(parking):
    """Make pools whose gates, deadlines and waits run on the parking scheduler's tyme."""

    def make(limits, *scripts, **options):
        network = ScriptedNetwork(*scripts, clock=parking.clock)
        pool = Pool(network=network, gate=limits, draw=lambda name, count: 0.5, **options)
        pool.wind(parking.clock)
        return pool

    return make


def ends(parking, *generators):
    """Return the text of each answer or the class of each error, and the tyme of its end."""
    return [(getattr(end, "text", type(end)), tyme) for end, tyme in parking.run(*generators)]


def after(tyme, generator):
    """Run a generator from some tyme on."""
    yield Wait(until=tyme)
    return (yield from generator)


ANSWERS = [answer("a"), BUSY, answer("", 429, retry_after="1"), answer("", 500)]
GATES = st.builds(
    GateLimits,
    concurrency=st.sampled_from([None, 1, 2]),
    rate=st.sampled_from([None, 0.5, 2.0]),
    failures=st.integers(1, 2),
)


class Ready(Peers):
    """A network on which the nth request of each origin has the nth answer, at once."""

    def __init__(self, clock, numbers):
        super().__init__(clock)
        self.numbers = numbers
        self.asked = defaultdict(count)

    def connector(self, address, tls=None):
        peer = super().connector(address, tls)
        peer.send = lambda data: self._reply(peer, data)
        return peer

    def _reply(self, peer, data):
        number = self.numbers[next(self.asked[peer.host]) % len(self.numbers)]
        peer.say(ANSWERS[number])
        return Peer.send(peer, data)


def ticked(clock, generators):
    """Return when each generator ends if all are resumed, over and over, each eighth of a second."""
    ends = {}
    for generator in generators:
        next(generator)
    while len(ends) < len(generators):
        for _ in range(3 * len(generators)):
            for generator in [each for each in generators if each not in ends]:
                try:
                    generator.send(clock.now)
                except StopIteration:
                    ends[generator] = clock.now
        clock.now += 0.125
    return [ends[generator] for generator in generators]


@given(
    GATES,
    st.integers(1, 3),
    st.lists(st.integers(0, 3), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from([A, B])), min_size=1, max_size=6),
)
def test_who_is_parked_comes_as_soon_as_who_asks_all_the_time(gate, total, numbers, requests):
    """No waking is lost: whatever a Wait leaves out would have changed nothing."""
    tymes = []
    for clock in (Parking(), Clock()):
        network = Ready(getattr(clock, "clock", clock), numbers)
        limits, timeouts = PoolLimits(total=total, idle=None, age=None), Timeouts(pool=None, total=None)
        options = {"gate": gate, "connections": limits, "timeouts": timeouts, "draw": lambda *_: 0.5}
        pool = Pool(network=network, **options)
        pool.wind(network.clock)
        # One origin's gate never opens when the other is asked: who is first then is not the pool's to say.
        moments = [tyme / 2 + (url == B) / 8 for tyme, url in requests]
        asked = [
            after_polled(clock, moment, pool.get(url))
            for moment, (_, url) in zip(moments, requests, strict=True)
        ]
        parked = isinstance(clock, Parking)
        tymes.append([tyme for _, tyme in clock.run(*asked)] if parked else ticked(clock, asked))
    assert tymes[0] == tymes[1]


def after_polled(clock, tyme, generator):
    """Run a generator from some tyme on, however often it is resumed before."""
    while clock.now < tyme:
        yield Wait(until=tyme)
    return (yield from generator)


class TestGates:
    def gates(self):
        clock = Clock()
        return Gates(GateLimits(), draws(), clock, Calendar.on(clock))

    def test_put_away(self):
        """A gate that was put away is the origin's when it is asked again, and nobody else's."""
        gates = self.gates()
        gate = gates.take(ORIGIN)
        gates.put_away(ORIGIN, gate)
        assert gates.take(Origin("http", "b.test", 80)) is not gate
        assert gates.take(ORIGIN) is gate
        assert gates.take(ORIGIN) is not gate

    def test_no_limits(self):
        """Then there is no gate, and none is kept."""
        gates = Gates(None, draws(), Clock(), Calendar.on(Clock()))
        gates.put_away(ORIGIN, gates.take(ORIGIN))
        assert gates.take(ORIGIN) is None

    def test_no_more_than_many(self):
        """Of more origins than can be counted the last are remembered."""
        gates = self.gates()
        origins = [Origin("http", "a.test", port) for port in range(1, 1003)]
        kept = [gates.take(origin) for origin in origins]
        for origin, gate in zip(origins, kept, strict=True):
            gates.put_away(origin, gate)
        assert [gates.take(origins[n]) is kept[n] for n in (0, 1, 2, 1001)] == [False, False, True, True]


class TestWaiting:
    def test_rate(self, parking, gated):
        """Requests go one after another at the rate, each woken when it is its turn."""
        pool = gated(GateLimits(rate=2.0), [answer("a")] * 4)
        assert [tyme for _, tyme in ends(parking, *[pool.get(A) for _ in range(4)])] == [0.0, 0.5, 1.0, 1.5]

    def test_only_the_first_knocks(self, parking, gated):
        """The others wait for nothing but their turn."""
        pool = gated(GateLimits(rate=2.0), [None], timeouts=Timeouts(pool=7))
        asked = [pool.get(A) for _ in range(3)]
        assert [next(generator).until for generator in asked][1:] == [0.5, 7.0]

    def test_concurrency(self, parking, gated):
        """Who finds the origin full goes when somebody leaves."""
        script = [[None, answer("a")], [None, answer("b")]]
        pool = gated(GateLimits(concurrency=1), script)
        assert ends(parking, pool.get(A), pool.get(A)) == [("a", 0.0), ("b", 0.0)]
        assert pool.stats.open == 1

    def test_other_origins_go_on(self, parking, gated):
        """A shut gate keeps nobody else waiting, be it for a slot that the origin does not use."""
        pool = gated(GateLimits(), [BUSY], [answer("b")], [answer("a")], connections=ONE, timeouts=PATIENT)
        asked = [pool.get(A), after(1.0, pool.get(A)), after(1.0, pool.get(B))]
        assert ends(parking, *asked) == [("", 0.0), ("a", 60.0), ("b", 1.0)]

    def test_idle_connection_of_a_shut_origin(self, parking, gated):
        """It makes room for an origin that has others, too."""
        limits = PoolLimits(total=2)
        scripts = [[BUSY], [None], [answer("b")]]
        pool = gated(GateLimits(), *scripts, connections=limits, timeouts=Timeouts(pool=None, read=None))
        first, last = pool.get(B), pool.get(B)

        def ask():
            yield from pool.get(A)
            next(first)
            queued = pool.get(A)
            next(queued)
            response = yield from last
            first.close()
            queued.close()
            return response

        assert ends(parking, ask()) == [("b", 0.0)]

    def test_cool_off_is_everybody_s(self, parking, gated):
        """What one was told all obey, those who wait already and those who come later."""
        pool = gated(GateLimits(concurrency=1), [BUSY, *[answer("a")] * 3], timeouts=PATIENT)
        asked = [pool.get(A), pool.get(A), after(5.0, pool.get(A)), after(70.0, pool.get(A))]
        assert [tyme for _, tyme in ends(parking, *asked)] == [0.0, 60.0, 60.0, 70.0]

    def test_quota(self, parking, gated):
        """With the last of a quota everybody waits until there is more."""
        last = answer("a", ratelimit='"day";r=0;t=30')
        pool = gated(GateLimits(), [last, answer("b")], timeouts=PATIENT)
        assert ends(parking, pool.get(A), after(1.0, pool.get(A))) == [("a", 0.0), ("b", 30.0)]

    def test_head_of_a_stream(self, parking, gated):
        """An answer that is never read to its end is heard all the same."""
        pool = gated(GateLimits(), [BUSY + b"x"], [answer("b")], timeouts=PATIENT)

        def look():
            (yield from pool.stream("GET", A)).close()

        assert ends(parking, look(), after(1.0, pool.get(A))) == [(type(None), 0.0), ("b", 60.0)]

    def test_breaker(self, parking, gated):
        """An origin that fails is left alone, one probe goes to see, and then all may go."""
        script = [answer("", 500), answer("b"), answer("c")]
        pool = gated(GateLimits(failures=1, rest=8.0), script, connections=ONE)
        asked = [pool.get(A), *[after(1.0, pool.get(A)) for _ in range(2)]]
        assert ends(parking, *asked) == [("", 0.0), ("b", 6.0), ("c", 6.0)]

    def test_probe_that_is_given_up(self, parking, gated):
        """The next one goes at once."""
        pool = gated(GateLimits(failures=1, rest=8.0), [answer("", 500), []], [answer("c")])
        probe = pool.get(A)

        def give_up():
            next(probe)
            yield Wait(until=6.0)
            probe.send(6.0)
            yield Wait(until=7.0)
            probe.close()

        asked = [pool.get(A), after(1.0, give_up()), after(2.0, pool.get(A))]
        assert ends(parking, *asked)[2] == ("c", 7.0)

    def test_who_gives_up_wakes_the_next(self, parking, gated):
        """Somebody always waits for the gate's tyme."""
        pool = gated(GateLimits(rate=0.1), [answer("a"), answer("b")])
        queued = pool.get(A)

        def give_up():
            next(queued)
            yield Wait(until=3.0)
            queued.close()

        asked = [pool.get(A), give_up(), pool.get(A)]
        assert [tyme for _, tyme in ends(parking, *asked)] == [0.0, 3.0, 10.0]

    def test_replay(self, parking, gated):
        """An exchange that is repeated on a fresh connection has entered once, and leaves once."""
        pool = gated(GateLimits(concurrency=1), [answer("a"), b""], [answer("b"), answer("c")])
        assert ends(parking, *[pool.get(A) for _ in range(3)]) == [("a", 0.0), ("b", 0.0), ("c", 0.0)]

    def test_gate_outlives_connections(self, parking, gated):
        """What is to be spared is spared, though nothing of it is left in the pool."""
        closing = answer("", 503, retry_after="60", connection="close")
        pool = gated(GateLimits(), [closing], [answer("b")], timeouts=PATIENT)
        assert ends(parking, pool.get(A), after(1.0, pool.get(A)))[1] == ("b", 60.0)


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "script", "why"),
        [
            (GateLimits(), [BUSY], "the server asked to be left alone"),
            (GateLimits(rate=0.001), [answer("a")], "no more than 0.001 requests a second"),
            (GateLimits(failures=1, rest=60.0), [answer("", 500)], "failed too often"),
            (GateLimits(concurrency=1), [None], "1 requests at once are on the way"),
        ],
        ids=["cool-off", "rate", "breaker", "concurrency"],
    )
    def test_waiting_too_long(self, parking, gated, limits, script, why):
        """Who waits too long behind a gate is told why it was shut."""
        pool = gated(limits, script, timeouts=Timeouts(pool=7, read=None))
        first, queued = parking.run(after(0.0, holding(pool)), after(1.0, pool.get(A)))
        assert isinstance(queued[0], PoolTimeout)
        assert (queued[1], first[1]) == (8.0, 20.0)
        assert why in str(queued[0])

    def test_total(self, parking, gated):
        """It ends a wait behind a gate, too."""
        pool = gated(GateLimits(), [BUSY])
        asked = [pool.get(A), after(1.0, pool.get(A, timeout=Timeouts(pool=None, total=2)))]
        assert ends(parking, *asked)[1] == (TotalTimeout, 3.0)

    def test_no_connection(self, parking, gated):
        """With an open gate it is the connection that was missing."""
        pool = gated(GateLimits(), [None], connections=ONE, timeouts=Timeouts(pool=7))
        (_, queued) = parking.run(pool.get(A), pool.get(B))
        assert str(queued[0]) == "http://b.test had no free connection in time"

    def test_closing(self, parking, gated):
        """A pool that is closed keeps nobody behind its gates, and nobody inside."""
        pool = gated(GateLimits(concurrency=1), [None], [answer("b")])

        def close():
            yield Wait(until=2.0)
            pool.close()

        assert ends(parking, pool.get(A), pool.get(A), close())[:2] == [(Canceled, 2.0)] * 2
        assert ends(parking, pool.get(A)) == [("b", 2.0)]


def holding(pool):
    """Ask once, and go on for twenty seconds."""
    fetch = pool.get(A)
    wait = next(fetch)
    try:
        while wait.until is None or wait.until < 20.0:
            wait = fetch.send((yield wait))
    except StopIteration:
        pass
    yield Wait(until=20.0)
    fetch.close()


class TestClocks:
    def test_pool_that_is_not_wound(self):
        """Its gates run on the network's clock."""
        clock = Clock(1000.0)
        pool, _ = pool_of([BUSY], [answer("b")], clock=clock, gate=GateLimits(), timeouts=PATIENT)
        drive(pool.get(A))
        generator = begin(pool.get(A))
        assert generator.send(5.0).until == 65.0
        clock.now = 1060.0
        assert drive(generator)[0].text == "b"

    def test_pool_that_is_wound_later(self):
        """What was left to wait on the network's clock is left on tyme, and who waits hears of it."""
        clock, tyme = Clock(1000.0), Clock(3.0)
        pool, _ = pool_of([BUSY, answer("b")], clock=clock, gate=GateLimits(), timeouts=PATIENT)
        drive(pool.get(A))
        generator = begin(pool.get(A))
        woken = []
        generator.send(5.0).on[0].attend("test", lambda: woken.append(True))
        pool.wind(tyme)
        assert (woken, generator.send(3.0).until) == ([True], 63.0)
        tyme.now = 63.0
        assert drive(generator, tyme=63.0, tock=0.0)[0].text == "b"

    def test_resumed_too_early(self, parking, gated):
        """Who is resumed for no reason waits on."""
        pool = gated(GateLimits(rate=1.0), [answer("a"), answer("b")])
        drive(pool.get(A))
        generator = begin(pool.get(A))
        assert [generator.send(0.0).until for _ in range(3)] == [1.0] * 3
        generator.close()


def moody(name, count):
    """Draw for who tries it, and for nobody else."""
    return 0.0 if not name else 1 / 0


class TestChance:
    def test_that_raises(self):
        """It is the caller's own mistake, and takes no slot away."""
        peers = Peers()
        pool = Pool(network=peers, gate=GateLimits(failures=1), connections=ONE, draw=moody)
        first, second = begin(pool.get(A)), begin(pool.get(B))
        first.send(0.0)
        peers.connectors[0].answer(answer("", 500))
        with pytest.raises(ZeroDivisionError):
            first.send(0.0)
        second.close()
        pool.close()
        assert (pool.stats.open, peers.open) == (0, [])
