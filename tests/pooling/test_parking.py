"""What the Waits of a pool say is enough: who is parked until then is woken in time, and no sooner."""

from __future__ import annotations

import pytest

from tymeconn.errors import ConnectError, PoolTimeout, ReadTimeout
from tymeconn.policy.patience import Timeouts
from tymeconn.pooling import Pool, PoolLimits
from tymeconn.testing.scripting import END, ScriptedNetwork, answer
from tymeconn.tyming.waiting import Wait

from ..exchanging.parking import Parking

A, B = "http://a.test/", "http://b.test/"
ONE = PoolLimits(total=1)


@pytest.fixture
def parking():
    return Parking()


@pytest.fixture
def pool_of(parking):
    """Make pools whose deadlines and waits run on the parking scheduler's tyme."""

    def make(*scripts, **options):
        pool = Pool(network=ScriptedNetwork(*scripts, clock=parking.clock), **options)
        pool.wind(parking.clock)
        return pool

    return make


def ends(parking, *generators):
    """Return the text of each answer or the class of each error, and the tyme of its end."""
    return [(getattr(end, "text", type(end)), tyme) for end, tyme in parking.run(*generators)]


@pytest.mark.parametrize("script", [[answer("a")], [[None, answer("a")[:9], None, None, answer("a")[9:]]]])
def test_answer(parking, pool_of, script):
    """Whoever asks for one thing has it as soon as its peer says it."""
    assert ends(parking, pool_of(script).get(A)) == [("a", 0.0)]


def test_queue(parking, pool_of):
    """Those who wait for a connection have one as soon as one is free, be it another or a new one."""
    pool = pool_of(
        [answer("a"), answer("b", connection="close")], [answer("c")], [answer("d")], connections=ONE
    )
    asked = [pool.get(A), pool.get(A), pool.get(A), pool.get(B)]
    assert [tyme for _, tyme in ends(parking, *asked)] == [0.0] * 4


def test_queue_behind_a_refused_connection(parking, pool_of):
    """Each finds out at once that nobody listens."""
    pool = pool_of(*[[ConnectionRefusedError("no")]] * 4, connections=ONE)
    assert ends(parking, *[pool.get(A) for _ in range(4)]) == [(ConnectError, 0.0)] * 4


@pytest.mark.parametrize("url", [A, B])
@pytest.mark.parametrize("tyme", [0.0, 1.0])
def test_who_gives_up_wakes_the_next(parking, pool_of, tyme, url):
    """A generator that is closed frees its connection, whatever it is at."""
    pool = pool_of([None], [answer("b")], connections=ONE)

    def give_up():
        first = pool.get(A)
        next(first)
        yield Wait(until=tyme)
        first.close()

    assert ends(parking, give_up(), pool.get(url))[1] == ("b", tyme)


def test_deadlines(parking, pool_of):
    """Limits end a wait at their moment, for a connection and on it."""
    pool = pool_of([None], connections=ONE, timeouts=Timeouts(read=20, pool=7))
    assert ends(parking, pool.get(A), pool.get(A)) == [(ReadTimeout, 20.0), (PoolTimeout, 7.0)]


def test_stale_connection(parking, pool_of):
    """A request on a connection that has ended goes to a new one at once."""
    pool = pool_of([answer("a"), END], [answer("b")])

    def both():
        yield from pool.get(A)
        return (yield from pool.get(A))

    assert ends(parking, both()) == [("b", 0.0)]


def test_service_by_another(parking, pool_of):
    """A generator whose connection is moved by somebody else hears of it."""
    pool = pool_of([[None, answer("a")]])

    def service():
        for _ in range(3):
            pool.service()
            yield Wait(until=0.0)

    assert ends(parking, pool.get(A), service())[0] == ("a", 0.0)


def test_closing(parking, pool_of):
    """Whoever is parked when the pool is closed is told at once."""
    pool = pool_of([None], connections=ONE)

    def close():
        yield Wait(until=2.0)
        pool.close()

    assert [tyme for _, tyme in ends(parking, pool.get(A), pool.get(A), close())] == [2.0] * 3


def test_stream(parking, pool_of):
    """Reading goes on when bytes come, and when they are taken."""
    body = b"x" * 200_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"
    pool = pool_of([[head, None, body[:100_000], None, None, body[100_000:]]])

    def read():
        size = 0
        with (yield from pool.stream("GET", A)) as stream:
            while piece := (yield from stream.read(50_000)):
                size += len(piece)
        return size

    assert parking.run(read()) == [(200_000, 0.0)]


def test_body_that_comes_later(parking, pool_of):
    """A source that says until when it has nothing is asked then."""
    pool = pool_of([None, answer("thanks")])

    def body():
        yield b"a"
        yield Wait(until=3.0)
        yield b"b"

    fetch = pool.put(A, body=body(), headers={"Content-Length": "2"})
    assert ends(parking, fetch) == [("thanks", 3.0)]
