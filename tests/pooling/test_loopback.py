"""Pools on real sockets, under hio's own Doist and by what their Waits say."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from hio.base.doing import DoDoer, Doist, doify

from tymeconn.net.seams import Tls
from tymeconn.pooling import Pool, PoolDoer, PoolLimits
from tymeconn.testing.scripting import answer

from ..exchanging.parking import Parking
from ..stand_ins import request_of

pytestmark = pytest.mark.loopback


def asking(pool, urls, out):
    """Return a doer that gets URLs one after another and appends the answers' texts."""

    def ask(tymth=None, tock=0.0, **opts):
        yield
        for url in urls:
            out.append((yield from pool.get(url)).text)
        return True

    return doify(ask)


class Until(DoDoer):
    """Runs doers until those that end have ended, and then what remains is ended too."""

    def __init__(self, main, others):
        super().__init__(doers=[*main, *others])
        self.main = main

    def recur(self, tyme, deeds=None):
        super().recur(tyme, deeds=deeds)
        return all(doer.done for doer in self.main)


def run(main, *others):
    Doist(real=True, tock=0.001, limit=30.0, doers=[Until(main, others)]).do()


def test_many_share_few(peer, echo):
    """Forty doers get four hundred answers, each its own, over five connections to each of two servers."""
    servers = [peer(echo), peer(echo)]
    pool = Pool(connections=PoolLimits(total=10, per_origin=5))
    out = []
    urls = [[f"http://127.0.0.1:{servers[n % 2].port}/{d}-{n}" for n in range(10)] for d in range(40)]
    run([asking(pool, each, out) for each in urls], PoolDoer(pool))
    assert Counter(out) == Counter(f"/{d}-{n}" for d in range(40) for n in range(10))
    assert [server.accepted for server in servers] == [5, 5]
    assert pool.stats.open == 0


def test_tls(peer, echo, server_context, cafile):
    """Connections inside TLS are kept and used again."""
    server = peer(echo, context=server_context("127.0.0.1"))
    pool = Pool(base_url=f"https://127.0.0.1:{server.port}/", tls=Tls(cafile=cafile))
    out = []
    run([asking(pool, ["a", "b", "c"], out)], PoolDoer(pool))
    assert (out, server.accepted) == (["/a", "/b", "/c"], 1)


def test_server_that_closes_behind_its_answer(peer):
    """The end is seen before the next request, which goes to a new connection whatever it does."""
    closed = threading.Event()

    def handle(connection):
        request_of(connection)
        connection.sendall(answer("a"))
        connection.close()
        closed.set()

    server, parking = peer(handle), Parking()
    pool = Pool(base_url=f"http://127.0.0.1:{server.port}/")
    pool.wind(parking.clock)
    for _ in range(3):
        ((response, _),) = parking.run(pool.post("x"))
        assert (response.text, closed.wait(20)) == ("a", True)
        closed.clear()
    pool.close()
    assert server.accepted == 3


def test_parked(peer, echo):
    """Whoever is woken by what its Wait names, and by nothing else, has its answer."""
    server = peer(echo)
    parking = Parking()
    pool = Pool(base_url=f"http://127.0.0.1:{server.port}/", connections=PoolLimits(per_origin=3))
    pool.wind(parking.clock)
    ends = parking.run(*[pool.get(f"{n}") for n in range(20)])
    pool.close()
    assert [(end.text, tyme) for end, tyme in ends] == [(f"/{n}", 0.0) for n in range(20)]
    assert server.accepted == 3
