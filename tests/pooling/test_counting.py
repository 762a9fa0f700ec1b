"""What an exchange over a pool costs, counted."""

from __future__ import annotations

import ssl

import pytest

from tymeconn.exchanging import http1
from tymeconn.exchanging.connection import Connection
from tymeconn.pooling import Pool, PoolLimits
from tymeconn.pooling import assigning as module
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import answer
from tymeconn.wire.responding import Respondent

from .peers import Peers

A = "http://a.test/"


class Counted:
    """Counts the calls of a function, and makes them."""

    def __init__(self, function):
        self.calls = 0
        self._function = function

    def __call__(self, *arguments, **options):
        self.calls += 1
        return self._function(*arguments, **options)


@pytest.fixture
def warm():
    """A wound pool with one idle connection, and its peer."""
    peers = Peers()
    pool = Pool(network=peers, headers={"X": "1"})
    pool.wind(lambda: 0.0)
    exchange(pool, peers)
    return pool, peers.connectors[0]


def exchange(pool, peers):
    """Get one answer, which comes in one piece as soon as it is asked for; return the number of Waits."""
    generator = pool.get(A)
    waits = 0
    try:
        next(generator)
        while True:
            waits += 1
            for peer in peers.open:
                if peer.owing:
                    peer.answer(answer("a"))
            generator.send(0.0)
    except StopIteration:
        return waits


def test_calls_of_the_network(warm):
    """One send, and two reads: one that sees no end before the request, one for the answer."""
    pool, peer = warm
    sends, looks = len(peer.sent), peer.looks
    exchange(pool, pool._setup.network)
    assert (len(peer.sent) - sends, peer.looks - looks) == (1, 2)


def test_one_wait(warm):
    """An answer in one piece is waited for once."""
    pool, _ = warm
    assert exchange(pool, pool._setup.network) == 1


def test_nothing_is_made_anew(warm, monkeypatch):
    """A used connection costs no other connection, codec, TLS context or reader of the answer."""
    pool, _ = warm
    made = {
        "connection": Counted(Connection),
        "codec": Counted(http1.Http1),
        "context": Counted(ssl.SSLContext),
        "reader": Counted(Respondent),
    }
    monkeypatch.setattr(module, "Connection", made["connection"])
    monkeypatch.setattr("tymeconn.exchanging.line.Http1", made["codec"])
    monkeypatch.setattr(ssl, "SSLContext", made["context"])
    monkeypatch.setattr(http1, "Respondent", made["reader"])
    exchange(pool, pool._setup.network)
    assert [each.calls for each in made.values()] == [0, 0, 0, 0]


def test_idle_connections_cost_nothing():
    """A thousand of them are neither read nor visited while a pool is serviced and used."""
    peers = Peers()
    pool = Pool(network=peers, connections=PoolLimits(total=1001))
    for number in range(1000):
        drive(begun(pool, peers, f"http://a{number}.test/"))
    looks = sum(peer.looks for peer in peers.connectors)
    exchange(pool, peers)
    for _ in range(100):
        pool.service()
    others = peers.connectors[:1000]
    assert (pool.stats.idle, sum(peer.looks for peer in others)) == (1001, looks)


def begun(pool, peers, url):
    """Get the URL, whose peer answers at once."""
    generator = pool.get(url)
    wait = next(generator)
    while True:
        try:
            wait = generator.send((yield wait))
        except StopIteration as stop:
            return stop.value
        if peers.connectors[-1].owing:
            peers.connectors[-1].answer(answer("a"))
