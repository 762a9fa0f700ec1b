"""Pools inside hio's own schedulers, without sockets."""

from __future__ import annotations

import pytest
from hio.base.doing import DoDoer, Doist, doify

from tymeconn.polling import PollingDoer
from tymeconn.pooling import Pool, PoolDoer, PoolLimits
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import answer
from tymeconn.tyming.waiting import Wait

from ..stand_ins import Clock
from .peers import Peers, pool_of


def asking(pool, out, *urls):
    """Return a doer that gets URLs and appends the answers' texts, with the tyme."""

    def ask(tymth=None, tock=0.0, **opts):
        yield
        for url in urls:
            out.append(((yield from pool.get(url)).text, tymth()))
        return True

    return doify(ask)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("nest", [list, lambda doers: [DoDoer(doers=doers)]])
def test_order_of_doers_does_not_matter(order, nest):
    """Answers come in the same tick whether the pool's doer stands before or behind who asks."""
    pool, _ = pool_of([answer("a"), answer("c")], [answer("b")])
    out = []
    doers = [PoolDoer(pool), asking(pool, out, "http://a.test/", "http://a.test/")][::order]
    Doist(limit=1.0, doers=nest(doers)).do()
    assert [text for text, _ in out] == ["a", "c"]
    assert out[-1][1] <= 3 * 0.03125


def test_no_doer_is_needed():
    """The generators that wait do all of it."""
    pool, _ = pool_of([answer("a"), answer("b"), answer("c")], connections=PoolLimits(total=1))
    out = []
    doers = [asking(pool, out, "http://a.test/") for _ in range(3)]
    Doist(limit=1.0, doers=doers).do()
    assert [text for text, _ in out] == ["a", "b", "c"]


def test_exit_closes():
    """What is open then is closed, and what is under way ends."""
    pool, network = pool_of([answer("a")], [None])
    doers = [PoolDoer(pool), asking(pool, [], "http://a.test/", "http://b.test/")]
    Doist(limit=0.5, doers=doers).do()
    assert [connector.closed for connector in network.connectors] == [True, True]
    assert pool.stats.open == 0


def test_jobs_are_followed_over_a_pool():
    """A pool is all that a job needs: it is submitted on one origin and looked at on another."""
    accepted = answer("", 202, location="http://b.test/jobs/1")
    done = answer('{"status":"succeeded"}', content_type="application/json")
    pool, network = pool_of([accepted], [answer("", 202), done])
    job = PollingDoer(pool, "POST", "http://a.test/jobs", json={})
    Doist(limit=20.0, doers=[PoolDoer(pool), job]).do()
    assert job.outcome.json() == {"status": "succeeded"}
    assert [len(connector.sent) for connector in network.connectors] == [1, 2]


def test_tock_is_a_wait_for_the_next_to_expire():
    """Nothing else has to be done by the doer of a pool whose users wait themselves."""
    clock = Clock(100.0)
    pool, _ = pool_of([answer("a")], clock=clock, connections=PoolLimits(idle=5))
    doer = PoolDoer(pool)
    assert (doer.tock, doer.tock.on) == (0.0, ())
    doer.wind(lambda: 7.0)
    assert doer.tock.until is None
    woken = []
    doer.tock.on[0].attend("test", lambda: woken.append(True))
    drive(pool.get("http://a.test/"))
    assert (woken, doer.tock.until) == ([True], 12.0)


def test_later_expiry_wakes_nobody():
    """Only an earlier one makes a wait too long."""
    clock = Clock()
    pool = Pool(network=Peers(clock), connections=PoolLimits(idle=5))
    woken = []
    for clock.now in (0.0, 1.0):
        for peer in ask(pool, f"http://a{clock.now:.0f}.test/"):
            peer.answer(answer("a"))
        pool.service()
        pool.upkeep()
        pool._keeper.earlier.attend("test", lambda: woken.append(clock.now))
    assert woken == []


def ask(pool, url):
    """Begin to get the URL and return the peers that owe an answer."""
    generator = pool.get(url)
    next(generator)
    pool.service()
    pool.kept = [*getattr(pool, "kept", []), generator]
    return [peer for peer in pool._setup.network.connectors if peer.owing]


def test_own_tock_is_kept():
    """A doer that was given one is run as often as that says."""
    pool, _ = pool_of()
    assert PoolDoer(pool, tock=0.25).tock == 0.25
    assert not isinstance(PoolDoer(pool, tock=0.25).tock, Wait)


def test_pool_is_wound():
    """The pool knows the doer's tyme, however it came to it."""
    pool, _ = pool_of([None])
    PoolDoer(pool, tymth=Doist(tyme=3.0).tymen())
    generator = pool.get("http://a.test/")
    assert next(generator).until >= 3.0
    generator.close()


def test_wrong_pool():
    """Only a pool can be serviced."""
    with pytest.raises(TypeError, match="7"):
        PoolDoer(7)
