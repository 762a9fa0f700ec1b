"""Requests over many connections, against scripted peers."""

from __future__ import annotations

import pytest

from tymeconn.errors import (
    Canceled,
    ConnectError,
    HookError,
    InvalidRequest,
    PoolTimeout,
    StaleConnection,
    TotalTimeout,
)
from tymeconn.exchanging.exchange import Tunnel
from tymeconn.net.seams import Tls
from tymeconn.policy.patience import Timeouts
from tymeconn.pooling import OriginStats, Pool, PoolLimits
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import END, ScriptedNetwork, answer
from tymeconn.wire.cookies import CookieJar
from tymeconn.wire.redirecting import Follow
from tymeconn.wire.urls import Origin

from ..stand_ins import Clock
from .peers import Peers, begin, pool_of

A, B = "http://a.test/", "http://b.test/"
ONE = PoolLimits(total=1)


def texts(pool, *urls):
    """Get the URLs one after another."""
    return [drive(pool.get(url))[0].text for url in urls]


def finish(*generators):
    """Resume generators that were begun, in turn, until all have ended, and return their outcomes."""
    ends = {}
    for _ in range(50):
        for each in [each for each in generators if each not in ends]:
            try:
                each.send(0.0)
            except StopIteration as stop:
                ends[each] = stop.value.text
            except (Canceled, PoolTimeout, TotalTimeout, ConnectError) as error:
                ends[each] = type(error)
    return [ends[each] for each in generators]


class TestConnections:
    def test_one_after_another(self):
        """Requests to one origin share a connection as long as they do not meet."""
        pool, network = pool_of([answer("a"), answer("b")])
        assert texts(pool, A, A) == ["a", "b"]
        assert len(network.connectors) == 1

    def test_at_the_same_time(self):
        """Those that meet have a connection each."""
        pool, network = pool_of([answer("a")], [answer("b")])
        assert finish(begin(pool.get(A)), begin(pool.get(A))) == ["a", "b"]
        assert len(network.connectors) == 2

    def test_many_origins(self):
        """Each has its own connections, which are kept."""
        pool, network = pool_of([answer("a"), answer("c")], [answer("b")])
        assert texts(pool, A, B, A) == ["a", "b", "c"]
        assert [connector.closed for connector in network.connectors] == [False, False]

    def test_queue(self):
        """Who finds no connection gets the first that becomes free, in the order of asking."""
        pool, network = pool_of([answer(str(n)) for n in range(4)], connections=PoolLimits(per_origin=1))
        asked = [begin(pool.get(f"{A}{n}")) for n in range(4)]
        assert finish(*asked) == ["0", "1", "2", "3"]
        assert [sent.split()[1] for sent in network.connectors[0].sent] == [b"/0", b"/1", b"/2", b"/3"]

    def test_room_is_made(self):
        """An idle connection gives way to another origin's when there is no more room."""
        pool, network = pool_of([answer("a")], [answer("b")], connections=ONE)
        assert texts(pool, A, B) == ["a", "b"]
        assert [connector.closed for connector in network.connectors] == [True, False]

    def test_handed_on_at_once(self):
        """The next request leaves in the pass that ends the one before."""
        network = Peers()
        pool = Pool(network=network, connections=ONE)
        first, second = begin(pool.get(A)), begin(pool.get(A))
        first.send(0.0)
        network.connectors[0].answer(answer("a"))
        with pytest.raises(StopIteration):
            first.send(0.0)
        assert len(network.connectors[0].sent) == 2
        second.close()

    def test_server_closes(self):
        """A connection that carries no more is closed, and its room is free."""
        pool, network = pool_of([answer("a", connection="close")], [answer("b")], connections=ONE)
        assert texts(pool, A) == ["a"]
        assert (pool.stats.open, network.connectors[0].closed) == (0, True)
        assert texts(pool, A) == ["b"]

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_end_is_seen_before_reuse(self, method):
        """What the server closed meanwhile carries nothing, whatever the method."""
        pool, network = pool_of([answer("a")], [answer("b")])
        texts(pool, A)
        network.connectors[0].say(END)
        assert drive(pool.fetch(method, A))[0].text == "b"
        assert len(network.connectors[0].sent) == 1

    def test_replay(self):
        """What may be repeated is, once, when a used connection ends under it."""
        pool, network = pool_of([answer("a"), END], [answer("b")])
        assert texts(pool, A, A) == ["a", "b"]
        assert network.connectors[0].closed

    def test_no_replay(self):
        """What may have had an effect is not repeated."""
        pool, _ = pool_of([answer("a"), END])
        texts(pool, A)
        with pytest.raises(StaleConnection):
            drive(pool.post(A))
        assert pool.stats.open == 0

    def test_refused(self):
        """The exchange ends, and the room is free."""
        pool, _ = pool_of(connections=ONE)
        for url in (A, A, B):
            with pytest.raises(ConnectError):
                drive(pool.get(url))
        assert pool.stats.open == 0

    def test_tunnel(self):
        """A connection that speaks something else is the caller's, and no longer the pool's."""
        upgraded = b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello"
        pool, network = pool_of([[upgraded]])
        response, _ = drive(pool.get(A, upgrade="x"))
        pool.close()
        assert response.meta.tunnel == Tunnel(network.connectors[0], b"hello")
        assert not network.connectors[0].closed


class TestTime:
    def test_idle_expires(self):
        """A connection that was idle for too long is not used again."""
        clock = Clock()
        pool, network = pool_of([answer("a")], [answer("b")], clock=clock, connections=PoolLimits(idle=5))
        texts(pool, A)
        clock.now = 5.0
        assert texts(pool, A) == ["b"]
        assert network.connectors[0].closed

    def test_service_closes_what_has_expired(self):
        """Nobody has to ask for it."""
        clock = Clock()
        pool, network = pool_of([answer("a")], clock=clock, connections=PoolLimits(idle=5))
        texts(pool, A)
        clock.now = 4.0
        pool.service()
        assert not network.connectors[0].closed
        clock.now = 5.0
        pool.service()
        assert network.connectors[0].closed

    def test_server_s_hint(self):
        """What the server says of its patience is believed, less a second."""
        clock = Clock()
        kept = answer("a", keep_alive="timeout=5")
        pool, network = pool_of([kept, kept], [answer("b")], clock=clock)
        texts(pool, A)
        clock.now = 3.9
        assert texts(pool, A) == ["a"]
        clock.now = 7.9
        assert texts(pool, A) == ["b"]
        assert len(network.connectors) == 2

    def test_hint_of_the_last_request(self):
        """A server that takes no more is asked on another connection."""
        pool, network = pool_of([answer("a", keep_alive="max=0")], [answer("b")])
        assert texts(pool, A, A) == ["a", "b"]
        assert network.connectors[0].closed

    def test_hint_holds_for_who_has_no_answer(self):
        """A request that failed on this side alone does not lengthen the life of its connection."""
        clock = Clock()
        scripts = [answer("a", keep_alive="timeout=5"), answer("lost")], [answer("b")]
        pool, network = pool_of(*scripts, clock=clock)
        texts(pool, A)
        clock.now = 3.0
        with pytest.raises(HookError):
            drive(pool.get(A, progress=lambda told: 1 / 0))
        clock.now = 4.0
        assert texts(pool, A) == ["b"]
        assert len(network.connectors[0].sent) == 2

    def test_age(self):
        """A connection is not used for ever, however busy it is."""
        clock = Clock()
        limits = PoolLimits(idle=None, age=10)
        pool, network = pool_of([answer("a")] * 2, [answer("b")], clock=clock, connections=limits)
        for clock.now in (0.0, 9.0, 10.0):
            texts(pool, A)
        assert [len(connector.sent) for connector in network.connectors] == [2, 1]

    def test_uses(self):
        """Nor for more requests than it may carry."""
        pool, network = pool_of(*[[answer("a")] * 2] * 2, connections=PoolLimits(uses=2))
        texts(pool, A, A, A)
        assert [len(connector.sent) for connector in network.connectors] == [2, 1]

    def test_no_connection_becomes_free(self):
        """Waiting for one is limited, and nothing was sent."""
        clock = Clock()
        pool, _ = pool_of([None], clock=clock, connections=ONE, timeouts=Timeouts(read=None, pool=10))
        first, queued = begin(pool.get(A)), begin(pool.get(B))
        clock.now = 10.0
        with pytest.raises(PoolTimeout) as caught:
            queued.send(0.0)
        assert (caught.value.sent, pool.stats.waiting) == (0, 0)
        first.close()

    def test_total_holds_in_the_queue(self):
        """It counts from the first step of the call."""
        clock = Clock()
        pool, _ = pool_of([None], clock=clock, connections=ONE, timeouts=Timeouts(read=None, pool=None))
        first, queued = begin(pool.get(A)), begin(pool.get(A, timeout=Timeouts(total=2)))
        clock.now = 2.0
        with pytest.raises(TotalTimeout):
            queued.send(0.0)
        first.close()

    def test_who_got_a_connection_has_not_waited_too_long(self):
        """Whoever is resumed late, and has a connection since, goes on."""
        clock = Clock()
        scripts = [answer("a"), answer("b")]
        pool, _ = pool_of(scripts, clock=clock, connections=ONE, timeouts=Timeouts(pool=1))
        first, queued = begin(pool.get(A)), begin(pool.get(A))
        assert finish(first) == ["a"]
        clock.now = 2.0
        assert finish(queued) == ["b"]


class TestGivingUp:
    @pytest.mark.parametrize("passes", [0, 1, 2])
    def test_closing_a_generator_frees_its_slot(self, passes):
        """In the same call, whatever the connection was at."""
        pool, network = pool_of([None], [answer("b")], connections=ONE)
        first, second = begin(pool.get(A)), begin(pool.get(A))
        for _ in range(passes):
            pool.service()
        first.close()
        assert (pool.stats.waiting, network.connectors[0].closed) == (0, True)
        assert finish(second) == ["b"]

    def test_closing_a_generator_that_waits(self):
        """It leaves the queue, and its request is never sent."""
        pool, network = pool_of([answer("a"), answer("c")], connections=ONE)
        first, second, third = (begin(pool.get(f"{A}x{n}")) for n in range(3))
        second.close()
        assert finish(first, third) == ["a", "c"]
        assert b"x1" not in b"".join(network.connectors[0].sent)

    def test_closing_a_generator_that_was_just_served(self):
        """Its place is free though it has never opened a connection."""
        pool, network = pool_of([answer("a")], [answer("b")], connections=ONE)
        first, second = begin(pool.get(A)), begin(pool.get(B))
        finish(first)
        second.close()
        assert (pool.stats.open, len(network.connectors)) == (0, 1)

    def test_unstarted_generator_holds_nothing(self):
        """Nothing happens before the first step."""
        pool, network = pool_of()
        pool.get(A).close()
        assert network.connectors == []

    def test_tunnel_that_nobody_takes_is_closed(self):
        """Who has given up when the 101 comes leaves no connection behind."""
        upgraded = b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
        pool, network = pool_of([[upgraded]])
        fetch = begin(pool.get(A, upgrade="x"))
        for _ in range(5):
            pool.service()
        fetch.close()
        assert network.connectors[0].closed

    def test_hook_that_closes_others(self):
        """A function of the caller's may end other exchanges, and its own, in the middle of a pass."""
        pool, _ = pool_of([answer("a")], [None], connections=PoolLimits(total=2))
        fetch, others = pool.get(A, progress=lambda told: [each.close() for each in others]), []
        begin(fetch)
        others += [begin(pool.get(B)), begin(pool.get(B))]
        assert finish(fetch) == ["a"]
        assert (pool.stats.open, pool.stats.idle) == (1, 1)

    def test_hook_that_closes_others_in_a_service(self):
        """Those that are gone before it was their turn are left alone."""
        pool, network = pool_of([[None, answer("a")]], [None])
        others = []
        fetch = begin(pool.get(A, progress=lambda told: [each.close() for each in others]))
        others.append(begin(pool.get(B)))
        while pool.stats.idle == 0:
            pool.service()
        assert finish(fetch) == ["a"]
        assert [connector.closed for connector in network.connectors] == [False, True]

    def test_hook_that_closes_its_own(self):
        """Its connection makes room once the pass over it has ended, and not before."""
        pool, network = pool_of([answer("a")], [answer("b")], connections=ONE)
        others = []

        def hook(_progress):
            fetch.close()
            others.append(begin(pool.get(B)))

        fetch = begin(pool.get(A, progress=hook))
        while not others:
            pool.service()
        assert [connector.closed for connector in network.connectors] == [True]
        assert finish(*others) == ["b"]

    def test_interrupted_pass(self):
        """What ends the program leaves no slot behind either."""
        pool, _ = pool_of([answer("a")], [answer("b")], connections=ONE)
        with pytest.raises(KeyboardInterrupt):
            drive(pool.get(A, progress=interrupt))
        assert pool.stats.open == 0
        assert texts(pool, A) == ["b"]


def interrupt(_progress):
    raise KeyboardInterrupt


class TestClosing:
    def test_every_exchange_ends_once(self):
        """Those on connections, those being connected, those that wait: all with Canceled."""
        pool, network = pool_of([None], [None], connections=PoolLimits(total=2))
        asked = [begin(pool.get(A))]
        pool.service()
        asked += [begin(pool.get(url)) for url in (B, A, B)]
        pool.close()
        assert finish(*asked) == [Canceled] * 4
        assert [connector.closed for connector in network.connectors] == [True] * 2

    def test_idle_connections_are_closed(self):
        """Nothing is left open."""
        pool, network = pool_of([answer("a")], [answer("b")])
        texts(pool, A, B)
        pool.close()
        assert [connector.closed for connector in network.connectors] == [True, True]
        assert pool.stats.open == 0

    def test_who_was_just_served(self):
        """An exchange that may open a connection, and has not begun to, ends too."""
        pool, _ = pool_of([answer("a")], connections=ONE)
        first, second = begin(pool.get(A)), begin(pool.get(B))
        finish(first)
        pool.close()
        assert finish(second) == [Canceled]

    def test_opened_again(self):
        """A closed pool connects again when it is asked."""
        pool, _ = pool_of([answer("a")], [answer("b")])
        texts(pool, A)
        pool.close()
        assert texts(pool, A) == ["b"]

    def test_by_a_hook(self):
        """In the middle of a pass it takes effect at its end."""
        pool, network = pool_of([answer("a")], [None])
        fetch = begin(pool.get(A, progress=lambda _: pool.close()))
        other = begin(pool.get(B))
        assert finish(fetch, other) == [Canceled, Canceled]
        assert (pool.stats.open, {connector.closed for connector in network.connectors}) == (0, {True})


class TestConversing:
    def test_redirect_to_another_origin(self):
        """The answer is the last one, and both connections are kept."""
        pool, _ = pool_of([answer("", 302, location=B)], [answer("b")])
        response, _ = drive(pool.get(A))
        assert (response.text, len(response.history), pool.stats.idle) == ("b", 1, 2)

    def test_follow(self):
        """The pool says which redirects are followed."""
        pool, _ = pool_of([answer("", 302, location=B)], follow=Follow(most=0))
        assert drive(pool.get(A))[0].status == 302

    def test_cookies(self):
        """What an answer sets goes with the next request to whom it is for."""
        pool, network = pool_of([answer("", set_cookie="a=1")] * 2, [answer("")], cookies=CookieJar())
        texts(pool, A, A, B)
        sent = [b"".join(connector.sent).count(b"Cookie: a=1") for connector in network.connectors]
        assert sent == [1, 0]

    def test_auth_is_for_the_base(self):
        """Another origin gets none, unless the call says so."""
        pool, network = pool_of([answer("")], [answer("")], base_url=A, auth=("u", "p"))
        drive(pool.get("x"))
        drive(pool.get(B))
        sent = [b"Authorization" in connector.sent[0] for connector in network.connectors]
        assert sent == [True, False]

    def test_defaults(self):
        """Base, headers and params are those of every request."""
        pool, network = pool_of([answer("")], base_url=A, headers={"X": "1"}, params={"v": 2})
        drive(pool.get("x"))
        assert network.connectors[0].sent[0].startswith(b"GET /x?v=2 HTTP/1.1\r\n")
        assert b"\r\nX: 1\r\n" in network.connectors[0].sent[0]

    def test_stream(self):
        """Pieces come as they are read; the connection is used again once all have come."""
        parts = [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", None, b"ab", None, b"cd"]
        pool, network = pool_of([parts, answer("next")], connections=ONE)

        def read():
            pieces = []
            with (yield from pool.stream("GET", A)) as stream:
                while piece := (yield from stream.read()):
                    pieces.append(piece)
            return pieces

        assert drive(read())[0] == [b"ab", b"cd"]
        assert texts(pool, A) == ["next"]
        assert len(network.connectors) == 1

    def test_stream_that_is_left(self):
        """Who closes a stream, or loses it, frees its connection."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
        pool, network = pool_of([[head]], [answer("next")], connections=ONE)
        drive(pool.stream("GET", A))[0].close()
        assert network.connectors[0].closed
        assert texts(pool, A) == ["next"]


class TestWaiting:
    def test_wait_of_a_request_that_is_out(self):
        """It ends with the deadline, in the tyme that was sent in."""
        clock = Clock()
        pool, _ = pool_of([None], clock=clock, timeouts=Timeouts(read=3))
        generator = begin(pool.get(A))
        for tyme in (50.0, 51.0, 52.0):
            wait = generator.send(tyme)
        assert (wait, wait.until, len(wait.on)) == (0.0, 55.0, 2)
        generator.close()

    def test_wait_in_the_queue(self):
        """It ends when a connection is there, or at the limit."""
        pool, _ = pool_of([None], connections=ONE, timeouts=Timeouts(pool=7))
        first, queued = begin(pool.get(A)), begin(pool.get(A))
        wait = queued.send(50.0)
        assert (wait.until, len(wait.on)) == (57.0, 1)
        first.close()
        queued.close()

    def test_wait_without_limits(self):
        """It has no end."""
        none = Timeouts(connect=None, read=None, write=None, total=None, pool=None)
        pool, _ = pool_of([None], connections=ONE, timeouts=none)
        pool.wind(lambda: 7.0)
        first, queued = pool.get(A), pool.get(A)
        next(first)
        waits = [first.send(7.0), first.send(7.0), next(queued)]
        assert [wait.until for wait in waits[1:]] == [None, None]
        first.close()
        queued.close()

    def test_service_wakes_who_waits(self):
        """What was said to be awaited is out of date once somebody else has moved the connection."""
        pool, _ = pool_of([None])
        pool.wind(lambda: 0.0)
        generator = pool.get(A)
        woken = []
        next(generator).on[0].attend("test", lambda: woken.append(True))
        pool.service()
        assert woken == [True]
        generator.close()

    def test_nobody_moves_a_connection_twice(self):
        """A generator whose connection was serviced since it was resumed last leaves it alone."""
        network = Peers()
        pool = Pool(network=network)
        generator = begin(pool.get(A))
        for _ in range(3):
            generator.send(0.0)
        pool.service()
        looks = network.connectors[0].looks
        generator.send(1.0)
        assert network.connectors[0].looks == looks
        generator.close()


class TestStats:
    def test_what_there_is(self):
        """Connections and waiting exchanges, in total and by origin."""
        pool, _ = pool_of([answer("a")], [None], connections=PoolLimits(total=2, per_origin=1))
        texts(pool, A)
        generators = [begin(pool.get(B)) for _ in range(2)]
        stats = pool.stats
        assert (stats.open, stats.idle, stats.busy, stats.waiting) == (2, 1, 1, 1)
        assert stats.origins[Origin("http", "b.test", 80)] == OriginStats(open=1, idle=0, waiting=1)
        for generator in generators:
            generator.close()

    def test_what_was_done(self):
        """Exchanges on new connections and on used ones, but none that had no connection."""
        pool, _ = pool_of([answer("a")] * 3)
        texts(pool, A, A, A)
        with pytest.raises(ConnectError):
            drive(pool.get(B))
        assert (pool.stats.opened, pool.stats.reused) == (1, 2)


class TestArguments:
    @pytest.mark.parametrize(
        "name", ["tls", "limits", "timeouts", "follow", "cookies", "connections", "network", "headers"]
    )
    def test_wrong_type(self, name):
        """What is of the wrong type is named."""
        with pytest.raises(TypeError, match=name):
            Pool(**{"network": ScriptedNetwork(), name: 7})

    def test_auth_without_a_base(self):
        """It would be for nobody."""
        with pytest.raises(ValueError, match="base_url"):
            Pool(network=ScriptedNetwork(), auth=("u", "p"))

    def test_relative_url_without_a_base(self):
        """It is refused at the call."""
        with pytest.raises(InvalidRequest):
            pool_of()[0].get("/x")

    def test_default_network(self):
        """Without a network it is that of this machine."""
        assert Pool().stats.open == 0

    def test_tls_is_prepared_when_the_pool_is_made(self):
        """What may block does so now, and a wrong file is told."""
        network, prepared = ScriptedNetwork(), []
        network.prepare = prepared.append
        Pool(network=network, base_url=A)
        assert prepared == []
        Pool(network=network, base_url="https://a.test/")
        Pool(network=network, tls=Tls(cafile="/nowhere.pem"))
        assert prepared == [Tls(), Tls(cafile="/nowhere.pem")]


def test_what_is_remembered_is_bounded():
    """However many URLs are asked for, and however long they are, a pool does not grow with them."""
    pool, _ = pool_of()
    for number in range(1_100):
        pool.get(f"http://a.test/{number}")
        pool.get(f"http://a.test/{number}?{'x' * 2_000}")
    assert len(pool._plans) == 1_024
