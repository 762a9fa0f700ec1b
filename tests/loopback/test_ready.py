"""The client on real sockets, under ReadyDoist: an exchange takes what the network takes, and no tock."""

from __future__ import annotations

import socket

import pytest
from hio.base import doing

from tymeconn.clienting import Client, ClientDoer
from tymeconn.net.connecting import TcpConnector
from tymeconn.net.networking import SocketNetwork
from tymeconn.net.readying import Readiness
from tymeconn.net.resolving import Resolver
from tymeconn.net.seams import Tls
from tymeconn.pooling import Pool
from tymeconn.running import ReadyDoDoer, ReadyDoist, gather, run

pytestmark = pytest.mark.loopback


class Counting(Readiness):
    """Counts how often it is polled, and how often it slept until nothing but time had passed."""

    def __init__(self):
        super().__init__()
        self.polls = 0
        self.overslept = 0
        self.told = False

    def attend(self, thing, key, wake):
        def tell():
            self.told = True
            wake()

        super().attend(thing, key, tell)

    def poll(self, timeout=0.0):
        self.polls += 1
        self.told = False
        super().poll(timeout)
        self.overslept += timeout != 0.0 and not self.told


def asking(client, paths, texts):
    """Return a doer that gets the paths one after another."""

    def run(tymth=None, tock=0.0, **opts):
        client.wind(tymth)
        yield tock
        for path in paths:
            texts.append((yield from client.get(path)).text)

    return doing.doify(run)


@pytest.fixture
def counting():
    return Counting()


@pytest.fixture
def doist(counting):
    """A doist whose tock is longer than any test."""
    return ReadyDoist(real=True, tock=60.0, readiness=counting, limit=50.0)


def test_exchanges_one_after_another(peer, echo, doist, counting):
    """Each takes as many polls as its bytes take arrivals, and nobody sleeps for a tock."""
    server, texts = peer(echo), []
    client = Client(hostname="127.0.0.1", port=server.port)
    paths = [f"/{n}" for n in range(100)]
    doist.do(doers=[asking(client, paths, texts)])
    client.close()
    assert texts == paths
    assert (counting.overslept, doist.done) == (0, True)
    assert counting.polls <= 3 * len(paths) + 10


def test_inside_dodoers_beside_a_client_doer(peer, echo, doist, counting):
    """Depth costs no tyme, and neither do plain doers beside it."""
    server, texts = peer(echo), []
    client = Client(hostname="127.0.0.1", port=server.port)
    asker = asking(client, ["/a", "/b"], texts)
    inner = ReadyDoDoer(doers=[asker])

    def end(tymth=None, tock=0.0, **opts):
        yield tock
        while inner.done is not True:
            yield from client.get("/c")
        tymth.doist.exit()

    doist.do(doers=[ClientDoer(client=client), ReadyDoDoer(doers=[inner]), doing.doify(end)])
    assert (texts, counting.overslept) == (["/a", "/b"], 0)


def test_gathered(peer, echo, doist, counting):
    """Many clients side by side as one doer."""
    server, got = peer(echo), []
    clients = [Client(hostname="127.0.0.1", port=server.port) for _ in range(10)]

    def run(tymth=None, tock=0.0, **opts):
        for client in clients:
            client.wind(tymth)
        yield tock
        got.extend((yield from gather(client.get(f"/{n}") for n, client in enumerate(clients))))

    doist.do(doers=[doing.doify(run)])
    for client in clients:
        client.close()
    assert [answer.text for answer in got] == [f"/{n}" for n in range(10)]
    assert counting.overslept == 0


def test_names_are_looked_up_on_a_thread(peer, echo, counting):
    """Artificial tyme does not leap past a thread's end, and its end is heard at once."""
    server, texts = peer(echo), []

    def lookup(*args, **kwa):
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", server.port))]

    network = SocketNetwork(Resolver(getaddrinfo=lookup))
    client = Client(hostname="h.test", port=server.port, network=network)
    doist = ReadyDoist(real=False, tock=60.0, readiness=counting)
    doist.do(doers=[asking(client, ["/a"], texts)])
    client.close()
    assert (texts, counting.overslept) == (["/a"], 0)


class Calls:
    """Counts calls of a method of a class."""

    def __init__(self, monkeypatch, kind, name):
        self.count = 0
        method = getattr(kind, name)

        def counted(*arguments):
            self.count += 1
            return method(*arguments)

        monkeypatch.setattr(kind, name, counted)


def test_calls_of_the_system(peer, echo, monkeypatch):
    """A small exchange of a pool on an open connection: one send, one recv, one look ahead, one Wait."""
    url = f"http://127.0.0.1:{peer(echo).port}/a"
    pool, waits = Pool(), []
    counted = [Calls(monkeypatch, TcpConnector, name) for name in ("send", "recv", "quiet")]

    def main():
        yield from pool.get(url)
        for each in counted:
            each.count = 0
        asked = pool.get(url)
        wait = next(asked)
        try:
            while True:
                waits.append(wait)
                wait = asked.send((yield wait))
        except StopIteration as stop:
            return stop.value.text

    assert run(main) == "/a"
    pool.close()
    assert [each.count for each in counted] == [1, 1, 1]
    assert len(waits) == 1


def test_tls_in_a_row(peer, echo, server_context, cafile):
    """What TLS holds back of a request goes out, though nothing else happens on its connection."""
    port = peer(echo, context=server_context("127.0.0.1")).port
    pool = Pool(base_url=f"https://127.0.0.1:{port}/", tls=Tls(cafile=cafile))

    def main():
        texts = []
        for _ in range(3):
            answers = yield from gather([pool.post(f"/{n}", body=bytes(60_000)) for n in range(3)])
            texts += [each.text for each in answers]
        return texts

    assert run(main) == ["/0", "/1", "/2"] * 3
    pool.close()
