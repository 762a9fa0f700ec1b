"""What is begun in one pass of a ReadyDoist goes out in a row, behind all who were served in it."""

from __future__ import annotations

import pytest
from hio.base import doing

import tymeconn
from tymeconn import PoolDoer, ReadyDoist, Wait, gather
from tymeconn.errors import Canceled, ReadTimeout
from tymeconn.policy.patience import Timeouts
from tymeconn.pooling import Pool
from tymeconn.testing.scripting import END

from .peers import Telling

A, B = "http://a.test/", "http://b.test/"


@pytest.fixture
def peers():
    return Telling()


@pytest.fixture
def pool(peers):
    """A pool with two idle connections, one to each of two origins."""
    pool = Pool(network=peers)
    run(gather([pool.get(A), pool.get(B)]))
    peers.log.clear()
    return pool


def run(main, doist=None, limit=None):
    """Return what a generator returns that is run in a doist."""
    values = []

    def doer(**_):
        yield 0.0
        values.append((yield from main))

    (doist or ReadyDoist(real=False)).do(doers=[doing.doify(doer)], limit=limit)
    return values[0] if values else None


def asking(pool, url, log):
    """Ask twice, and log each."""
    for _ in range(2):
        log.append("asked")
        response = yield from pool.get(url)
        log.append(response.text)


def test_in_a_row(pool, peers):
    """Both have asked before anything is sent, and both have their answers before they ask again."""
    run(gather([asking(pool, A, peers.log), asking(pool, B, peers.log)]))
    assert peers.log == [
        "asked",
        "asked",
        "sent",
        "sent",
        "a",
        "asked",
        "a",
        "asked",
        "sent",
        "sent",
        "a",
        "a",
    ]


def test_under_hio(pool, peers):
    """A scheduler that does not know where its pass ends has each sent at once."""
    run(gather([asking(pool, A, peers.log), asking(pool, B, peers.log)]), doing.Doist(real=False, limit=5))
    assert peers.log[:4] == ["asked", "sent", "asked", "sent"]


def test_by_hand(pool, peers):
    """Who runs a generator outside of any pass has it send at once."""
    pool.wind(ReadyDoist().tymen())
    next(pool.get(A))
    assert peers.log == ["sent"]


def test_closed_before(pool, peers):
    """Who gives up in the same pass has sent nothing, and the connection is the next one's."""

    def main():
        given_up = pool.get(A)
        next(given_up)
        given_up.close()
        return (yield from pool.get(A))

    assert run(main()).text == "a"
    assert (peers.log, len(peers.connectors)) == (["sent"], 2)


def test_pool_closed_before(pool, peers):
    """Nothing is sent on a pool that was closed in the same pass."""

    def main():
        asked = pool.get(A)
        wait = next(asked)
        pool.close()
        with pytest.raises(Canceled):
            yield from going_on(wait, asked)
        return peers.log

    assert run(main()) == []


def going_on(wait, generator):
    """Go on with a generator that was begun, and return what it returns."""
    try:
        while True:
            wait = generator.send((yield wait))
    except StopIteration as stop:
        return stop.value


def test_end_before(pool, peers):
    """A connection that its peer ends meanwhile is replaced."""

    def main():
        asked = pool.get(A)
        wait = next(asked)
        peers.connectors[0].say(END)
        return (yield from going_on(wait, asked))

    assert run(main()).text == "a"
    assert len(peers.connectors) == 3


def test_part(pool, peers):
    """A peer that takes a part at a time gets all of it."""
    peers.connectors[0].window = 10
    assert run(pool.get(A)).text == "a"
    assert len(peers.log) > 2


def test_silence():
    """The limits of an exchange count from when it was begun, on the network's clock."""
    doist, peers = ReadyDoist(real=False), Telling()
    peers.clock = doist.tymen()
    pool = Pool(network=peers, timeouts=Timeouts(read=7))

    def main():
        yield from pool.get(A)
        peers.answering = False
        begun = doist.tyme
        with pytest.raises(ReadTimeout):
            yield from pool.get(A)
        return doist.tyme - begun

    assert run(main(), doist) == 7


def test_without_limits(pool, peers):
    """With none at all it waits for its answer alone."""
    peers.answering = False

    def main():
        asked = pool.get(A, timeout=Timeouts(read=None, total=None))
        wait = next(asked)
        asked.close()
        return wait.until
        yield

    assert run(main()) is None


def test_left_by_another_scheduler(pool, peers):
    """What a scheduler that was left in the middle of a pass did not send off disturbs no other one."""

    def leaving():
        next(pool.get(A))
        raise KeyError("left")
        yield

    with pytest.raises(KeyError):
        run(leaving())
    assert run(pool.get(A)).text == "a"


def test_deferred_once():
    """What is deferred is done once, behind the pass, however often it was asked for."""
    doist, log = ReadyDoist(real=False), []

    def act():
        log.append("done")

    def main():
        assert doist.defer(act)
        assert doist.defer(act)
        log.append("first")
        yield Wait(until=1.0)
        log.append("second")

    run(main(), doist)
    assert log == ["first", "done", "second"]
    assert not doist.defer(act)


def test_scheduler_inside_a_pass(pool):
    """Who runs another scheduler inside of a pass has its answer, though that pass cannot end before."""

    def main():
        yield from pool.get(A)
        return tymeconn.run(pool.get(A), real=False)

    assert tymeconn.run(main(), PoolDoer(pool), real=False).text == "a"


def test_given_up_while_it_is_sent(pool, peers):
    """The garbage collector may close a generator at any moment: its connection is not lost."""
    held = []

    def main():
        held.append(pool.get(A))
        next(held[0])
        peer = peers.connectors[0]
        send, peer.send = peer.send, lambda data: (held.pop().close(), send(data))[1]
        yield Wait(until=1.0)
        return (yield from pool.get(A))

    assert run(main()).text == "a"
    assert (pool.stats.open, pool.stats.idle) == (2, 2)


def test_later_doers_delay_nothing(pool, peers):
    """What is begun in one step of a doer goes out behind that, not behind those who come after it."""

    def asker(**_):
        yield 0.0
        yield from pool.get(A)

    def slow(**_):
        while not peers.log:
            yield 0.0
        peers.log.append("slow")

    doers = [doing.doify(asker), doing.doify(slow)]
    ReadyDoist(real=False).do(doers=doers)
    assert peers.log == ["sent", "slow"]


def test_deadlock_names_the_request(peers):
    """Who waits for an answer that can never come is told of with what it asked."""
    peers.answering = False
    pool = Pool(
        network=peers, timeouts=Timeouts(connect=None, read=None, write=None, total=None, pool=None)
    )
    with pytest.raises(tymeconn.Deadlock, match=r"<Request GET http://a\.test/>"):
        tymeconn.run(pool.get(A), real=False)
