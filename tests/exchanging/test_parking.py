"""What a Wait says is enough: who is parked until then ends when something happened, not at a deadline."""

from __future__ import annotations

import gzip
import shutil
import socket
import threading

import pytest

from tymeconn.clienting import Client
from tymeconn.errors import ConnectError, TlsError
from tymeconn.net.networking import SocketNetwork
from tymeconn.net.resolving import Resolver
from tymeconn.net.seams import Address, Tls
from tymeconn.testing.scripting import ScriptedConnector, ScriptedLookup, ScriptedNetwork, answer
from tymeconn.tyming.waiting import Wait

from .parking import Parking

REFUSED = [ConnectionRefusedError("no")]


@pytest.fixture
def parking():
    return Parking()


@pytest.fixture
def client_of(parking):
    """Make clients whose deadlines and waits run on the parking scheduler's tyme."""

    def make(network, **options):
        network.clock = parking.clock
        client = Client(hostname="h.test", network=network, **options)
        client.wind(parking.clock)
        return client

    return make


def ends(parking, *generators):
    """Return the text of each answer or the class of each error, and the tyme of its end."""
    return [(getattr(end, "text", type(end)), tyme) for end, tyme in parking.run(*generators)]


@pytest.mark.parametrize("script", [[answer("a")], [[None, answer("a")[:9], None, None, answer("a")[9:]]]])
def test_answer(parking, client_of, script):
    """Whoever asks for one thing has it as soon as its peer says it."""
    client = client_of(ScriptedNetwork(script))
    assert ends(parking, client.get("/")) == [("a", 0.0)]


def test_requests_one_after_another(parking, client_of):
    """Those who wait for a connection have it as soon as it is free, also when it has to be opened anew."""
    client = client_of(ScriptedNetwork([answer("a"), answer("b", connection="close")], [answer("c")]))
    asked = [client.get(f"/{n}") for n in range(3)]
    assert ends(parking, *asked) == [("a", 0.0), ("b", 0.0), ("c", 0.0)]


def test_queue_behind_a_refused_connection(parking, client_of):
    """Each of a queue finds out at once that nobody listens any more."""
    client = client_of(ScriptedNetwork([answer("a", connection="close")], *[REFUSED] * 3))
    asked = [client.get("/") for _ in range(4)]
    assert ends(parking, *asked) == [("a", 0.0), *[(ConnectError, 0.0)] * 3]


@pytest.mark.parametrize("tyme", [0.0, 1.0])
def test_who_gives_up_wakes_the_next(parking, client_of, tyme):
    """A generator that is closed frees its connection at once, dialing or not."""
    client = client_of(ScriptedNetwork([None], [answer("b")], [answer("c")]))

    def give_up():
        first = client.get("/")
        next(first)
        yield Wait(until=tyme)
        first.close()

    assert ends(parking, give_up(), client.get("/"))[1] in [("b", tyme), ("c", tyme)]


def test_closed_client_wakes_all(parking, client_of):
    """Whoever closes a client ends everybody else's wait."""
    client = client_of(ScriptedNetwork([None]))

    def close():
        yield Wait(until=1.0)
        client.close()

    asked = [client.get("/") for _ in range(3)]
    assert [tyme for _, tyme in ends(parking, *asked, close())] == [1.0] * 4


def gated(gate):
    """Return a getaddrinfo that answers once `gate` is set."""

    def getaddrinfo(host, port, **_):
        gate.wait(5)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

    return getaddrinfo


def test_name_that_is_looked_up(parking, client_of):
    """A look-up on its thread wakes who waits for it."""
    gate, network = threading.Event(), ScriptedNetwork([answer("a")])
    network.resolve = Resolver(getaddrinfo=gated(gate)).resolve
    client = client_of(network)

    def open_gate():
        yield Wait(until=0.0)
        gate.set()

    assert ends(parking, client.get("/"), open_gate())[0] == ("a", 0.0)


@pytest.mark.parametrize(("there", "expected"), [(True, "a"), (False, TlsError)])
def test_roots_that_are_loaded(parking, client_of, cafile, tmp_path, there, expected):
    """So does a thread that loads what TLS needs, or fails to."""
    path, network = tmp_path / "roots.pem", ScriptedNetwork([answer("a")])
    network.ready = SocketNetwork().ready
    client = client_of(network, tls=Tls(cafile=str(path)))
    if there:
        shutil.copy(cafile, path)
    assert ends(parking, client.get("https://h.test/")) == [(expected, 0.0)]


class Deaf(ScriptedConnector):
    """A connector whose descriptor never tells of anything."""

    ear = None

    def fileno(self):
        return self.ear.fileno()


@pytest.fixture
def deaf(monkeypatch, parking):
    """Have connectors of a network be deaf, of the class that is given."""
    ends, parking.patience = socket.socketpair(), 0

    def make(network, kind=Deaf):
        monkeypatch.setattr(kind, "ear", ends[0])
        connect = network.connector

        def connector(address, tls=None):
            made = connect(address, tls)
            made.__class__, made.wants = kind, 1
            return made

        network.connector = connector
        return network

    yield make
    for end in ends:
        end.close()


def test_answer_that_another_has_read(parking, client_of, deaf):
    """Whoever's answer is read in somebody else's pass is told that it is there."""
    network = deaf(ScriptedNetwork([[None], answer("b")]))
    client = client_of(network)

    def come_later():
        client.service()
        yield Wait(until=1.0)
        network.connectors[0].say(answer("a"))
        return (yield from client.get("/"))

    first, second = ends(parking, client.get("/"), come_later())
    assert first == ("a", 1.0)
    assert second[0] == "b"


class Inside(Deaf):
    """A connector whose bytes are inside, where no descriptor tells of them."""

    @property
    def pending(self):
        return self._connects < 2 or bool(self._readable)

    @pending.setter
    def pending(self, _):
        pass


def test_bytes_inside(parking, client_of, deaf):
    """What is inside a connector is fetched at once, in the handshake and after it."""
    client = client_of(deaf(ScriptedNetwork([answer("a")]), Inside))
    assert ends(parking, client.get("/")) == [("a", 0.0)]


class NeverUp(ScriptedConnector):
    """A connector that is never up."""

    def connect(self):
        return False


def test_second_address(parking, client_of):
    """A connection to the second address is begun when its time has come (RFC 8305 5)."""
    network = ScriptedNetwork([], [answer("a")])
    places = Address(0, ("a", 80)), Address(0, ("b", 80))
    network.resolve = lambda host, port: ScriptedLookup(places)
    connect = network.connector

    def connector(address, tls=None):
        made = connect(address, tls)
        made.__class__ = NeverUp if address is places[0] else ScriptedConnector
        return made

    network.connector = connector
    assert ends(parking, client_of(network).get("/")) == [("a", 0.25)]


def chunked(body):
    return b"".join(b"1\r\n%c\r\n" % each for each in body) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", *[b"x"] * 50],
        [answer(b"x" * 1_000_000)],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"x" * 9_000)],
        [answer(gzip.compress(bytes(8 << 20)), content_encoding="gzip")],
    ],
)
def test_more_than_a_pass_takes(parking, client_of, pieces):
    """What is left of an answer when a pass has taken its share is taken in the next, at the same tyme."""
    client = client_of(ScriptedNetwork([pieces]))
    (end, tyme), *_ = parking.run(client.get("/"))
    assert (end.status, tyme) == (200, 0.0)


def test_more_than_a_pass_sends(parking, client_of):
    """So is what is left of a request."""
    network = ScriptedNetwork([answer("a")])
    connect = network.connector

    def connector(address, tls=None):
        made = connect(address, tls)
        made.window = 1_000
        return made

    network.connector = connector
    assert ends(parking, client_of(network).post("/", body=bytes(100_000))) == [("a", 0.0)]
