"""A client shares the thread, the machine's memory and its roots with all others."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import socket
import ssl
import sys
import threading
import tracemalloc

import falcon
import pytest
from hio.base.tyming import Tymist
from hio.core import http, tcp

from tymeconn.clienting import Client, ClientDoer, backendRequest
from tymeconn.net.networking import SocketNetwork
from tymeconn.net.resolving import Resolver
from tymeconn.policy.patience import Timeouts
from tymeconn.wire.messages import Limits

from .running import Replies, answers

pytestmark = pytest.mark.loopback

BRIEF = Timeouts(connect=5, write=5, read=5, total=20)


def client_of(server, hostname="127.0.0.1", **options):
    return Client(hostname=hostname, port=server.port, timeouts=BRIEF, **options)


def asked(server, **options):
    client = client_of(server, **options)
    client.request(method="GET", path="/a")
    return client


class Nameless:
    """While it is on, the system knows no name; an audit hook cannot be removed.

    Attributes:
        names: what the thread that made it has looked up meanwhile.
    """

    def __init__(self):
        self.names = []
        self._on = False
        self._thread = threading.get_ident()
        sys.addaudithook(self._hook)

    def _hook(self, event, args):
        if event == "socket.getaddrinfo" and self._on:
            if threading.get_ident() == self._thread:
                self.names.append(args[0])
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def __enter__(self):
        self.names.clear()
        self._on = True
        return self.names

    def __exit__(self, *exc):
        self._on = False


@pytest.fixture(scope="module")
def nameless():
    return Nameless()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "nowhere.invalid"])
def test_constructor_looks_no_name_up(nameless, scheme, host):
    """A name is looked up when a connection is wanted, and not by the thread that services (finding 40)."""
    with nameless as names:
        Client(hostname=host, scheme=scheme)
        Client(path=f"{scheme}://{host}/a")
    assert names == []


def test_lookup_holds_nobody_up(peer, nameless):
    """While a resolver hangs a client beside has its answer, and later the one that waited (finding 40)."""
    go = threading.Event()

    def getaddrinfo(host, port, *args, **kwargs):
        assert go.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    waiting = client_of(
        peer(Replies()), hostname="slow.test", network=SocketNetwork(Resolver(getaddrinfo=getaddrinfo))
    )
    waiting.request(method="GET", path="/a")
    with nameless as names:
        [beside] = answers(asked(peer(Replies())), doers=[ClientDoer(client=waiting)])
    go.set()
    [response] = answers(waiting)
    assert (beside.body, response.body, names) == (b"ok", b"ok", [])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_unknown_host_is_an_errored_response(nameless, scheme):
    """The constructor takes any name; the request to one that nobody knows fails (finding 40)."""
    client = Client(hostname="nowhere.invalid", scheme=scheme)
    client.request(method="GET", path="/a")
    with nameless:
        [response] = answers(client)
    assert (response.status, response.errored) == (None, True)
    assert "nowhere.invalid" in response.error


def test_roots_are_loaded_once(monkeypatch, cafile, tmp_path):
    """Clients with the same TLS files share what was loaded of them (finding 40)."""
    made = []
    create = ssl.create_default_context
    monkeypatch.setattr(
        ssl, "create_default_context", lambda *pa, **kwa: made.append(1) or create(*pa, **kwa)
    )
    own = shutil.copy(cafile, tmp_path / "own.pem")
    for n in range(5):
        Client(hostname="127.0.0.1", port=1 + n, scheme="https", cafilepath=str(own))
    assert len(made) == 1


class Meter:
    """Counts in place of a WireLog what came in."""

    def __init__(self):
        self.received = 0

    def writeRx(self, data, who):  # noqa: N802 hio's name
        self.received += len(data)

    def writeTx(self, data, who):  # noqa: N802 hio's name
        pass


def sending(body):
    """Return a handler that answers with the body, as fast as it is taken."""

    def handle(connection):
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        connection.sendall(body)
        connection.recv(1)

    return handle


def test_one_pass_takes_a_bounded_share(peer):
    """However fast a peer sends, service() returns after 256 KiB, give or take a read (finding 41)."""
    meter, shares, body = Meter(), [], bytes(32_000_000)
    client = asked(peer(sending(body)), wl=meter)
    while not client.responses:
        before = meter.received
        client.service()
        shares.append(meter.received - before)
    client.close()
    assert max(shares) <= 262_144 + 65_536
    assert client.respond().body == body


def test_body_is_held_once(peer):
    """While it comes and when it is there a body needs its own size and little more (finding 41)."""
    body = bytes(16_000_000)
    client = asked(peer(sending(body)))
    tracemalloc.start()
    [response] = answers(client)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.body == body
    assert peak < 1.5 * len(body)


OVERFLOWS = {
    "body": b"Content-Length: 101\r\n\r\n" + bytes(101),
    "body by chunks": b"Transfer-Encoding: chunked\r\n\r\n" + b"33\r\n%b\r\n" % bytes(51) * 2,
    "body until the end": b"\r\n" + bytes(101),
    "one name 200000 times": b"X-A: b\r\n" * 200_000 + b"\r\n",
    "many names": b"".join(b"X-%d: b\r\n" % n for n in range(1_500)) + b"\r\n",
    "one endless value": b"X-A: " + b"b" * 300_000,
    "decoded body": b"Content-Encoding: gzip\r\nContent-Length: 35\r\n\r\n"
    + gzip.compress(bytes(9_000), mtime=0),
}


@pytest.mark.parametrize("overflow", OVERFLOWS.values(), ids=OVERFLOWS)
def test_answer_beyond_the_limits_is_an_errored_response(peer, once, overflow):
    """What a peer sends is bounded in number and size, and so is what it turns into (finding 41)."""
    server = peer(once(b"HTTP/1.1 200 OK\r\n" + overflow))
    [response] = answers(asked(server, limits=Limits(body=100, decoded=1_000)))
    assert (response.status, response.errored, response.body) == (None, True, b"")
    assert "Limits." in response.error


def pumped(generator, tick=lambda: None):
    """Return what a generator returns, when all it yields is b""."""
    while True:
        try:
            assert next(generator) == b""
        except StopIteration as end:
            return end.value
        tick()


@pytest.mark.parametrize("wound", [False, True])
def test_service_while_gen_returns_the_answer(peer, wound):
    """It yields b"" and returns the named tuple, whether the client knows tyme or not (finding 42)."""
    client, tymist = asked(peer(Replies())), Tymist(tock=0.0)
    if wound:
        client.wind(tymist.tymen())
    response = pumped(client.serviceWhileGen(tymeout=20))
    client.close()
    assert (response.status, response.body, response.request["path"]) == (200, b"ok", "/a")


@pytest.mark.parametrize("wound", [False, True])
def test_service_while_gen_returns_none_in_the_end(peer, silent, wound):
    """Its tymeout counts tyme, and real seconds for a client that knows no tyme (finding 42)."""
    client, tymist = asked(peer(silent)), Tymist(tock=1.0)
    if wound:
        client.wind(tymist.tymen())
    assert pumped(client.serviceWhileGen(tymeout=50 if wound else 0.1), tymist.tick) is None
    client.close()
    assert not wound or 50 <= tymist.tyme < 60


def test_backend_request_returns_the_response_dict(peer):
    """It says that JSON is wanted and that the connection is for one request (finding 42)."""
    replies = Replies()
    options = {"host": "127.0.0.1", "port": peer(replies).port, "path": "/a?b=c", "tymeout": 20}
    response = pumped(backendRequest(Tymist(tock=0.0).tymen(), **options))
    assert (response["status"], response["body"], response["request"]["qargs"]) == (200, b"ok", {"b": "c"})
    assert (replies.fields("accept"), replies.fields("connection")) == (["application/json"], ["close"])


@pytest.mark.parametrize("where", [{"host": "nowhere.invalid"}, {"path": "http://nowhere.invalid/a"}])
def test_backend_request_to_an_unknown_host_is_an_errored_response(nameless, where):
    """It returns a dict that says so, and raises nothing (finding 42)."""
    with nameless:
        response = pumped(backendRequest(Tymist(tock=0.0).tymen(), tymeout=20, **where))
    assert (response["status"], response["errored"]) == (None, True)
    assert "nowhere.invalid" in response["error"]


class Gateway:
    """A Falcon resource that relays what its backend says; `ask()` is a generator like backendRequest."""

    def __init__(self, ask):
        self.ask = ask

    def on_get(self, req, rep):
        rep.stream = self.relay()

    def relay(self):
        response = yield from self.ask()
        yield (
            b"nobody"
            if response is None
            else b"%s %s" % (str(response["status"]).encode(), response["body"])
        )


@contextlib.contextmanager
def gateway(ask):
    """Serve a gateway with hio's own WSGI server, whose tyme goes to `ask`; yield port and doer."""
    app = falcon.App()
    servant = tcp.Server(ha=("127.0.0.1", 0))
    app.add_route("/", Gateway(lambda: ask(servant.tymth)))
    servant.reopen()
    servant.eha = servant.ha  # hio checks its port against this one
    server = http.Server(servant=servant, app=app)
    try:
        yield servant.ha[1], http.ServerDoer(server=server)
    finally:
        server.close()


def by_client(port):
    """Ask with a client's serviceWhileGen."""

    def ask(tymth):
        client = Client(hostname="127.0.0.1", port=port, tymth=tymth, timeouts=BRIEF)
        client.request(method="GET", path="/a")
        response = yield from client.serviceWhileGen(tymeout=0.5)
        client.close()
        return response and response._asdict()

    return ask


def by_backend_request(port):
    """Ask with backendRequest."""
    return lambda tymth: backendRequest(tymth, host="127.0.0.1", port=port, path="/a", tymeout=0.5)


# hio 0.6 dates its responses by datetime.utcnow, which Python 3.12 deprecates.
@pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")
@pytest.mark.parametrize("asking", [by_client, by_backend_request])
@pytest.mark.parametrize(("answering", "relayed"), [(True, b"200 ok"), (False, b"nobody")])
def test_wsgi_app_asks_its_backend(peer, silent, asking, answering, relayed):
    """Inside a WSGI app on hio's server both let it serve others, and give up in time (finding 42)."""
    backend = peer(Replies() if answering else silent)
    with gateway(asking(backend.port)) as (port, doer):
        front = Client(hostname="127.0.0.1", port=port, timeouts=BRIEF)
        front.request(method="GET", path="/")
        [response] = answers(front, doers=[doer])
    assert (response.status, response.body) == (200, relayed)
