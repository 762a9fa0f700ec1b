"""After a doer's enter the servicing thread does nothing that may block."""

from __future__ import annotations

import shutil
import socket
import ssl
import sys
import threading

import brotli
import pytest
from hio.base.doing import Doist

from tymeconn.clienting import Client, ClientDoer
from tymeconn.net import securing
from tymeconn.net.networking import SocketNetwork
from tymeconn.net.resolving import Resolver
from tymeconn.net.seams import Address, Tls
from tymeconn.polling import PollingDoer
from tymeconn.testing.jobserver import JobServer, JobServerDoer
from tymeconn.wire.cookies import CookieJar

from .test_client import doing

pytestmark = pytest.mark.loopback

BLOCKING = (
    "open",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "time.sleep",
    "subprocess.Popen",
    "import",
)


class Watch:
    """Notes audit events of one thread while it is on; an audit hook cannot be removed."""

    def __init__(self):
        self.thread = None
        self.events = []
        sys.addaudithook(self._hook)

    def _hook(self, event, args):
        if self.thread != threading.get_ident():
            return
        if event in BLOCKING or (event == "socket.connect" and args[0].gettimeout() != 0.0):
            self.events.append((event, args[:1]))

    def __enter__(self):
        self.events.clear()
        self.thread = threading.get_ident()
        return self

    def __exit__(self, *exc):
        self.thread = None


@pytest.fixture(scope="module")
def watching():
    return Watch()


@pytest.fixture
def watch(watching, monkeypatch):
    """Watch contexts being made, too: OpenSSL reads their files without an audit event."""
    make = ssl.create_default_context

    def note(*args, **kwargs):
        if watching.thread == threading.get_ident():
            watching.events.append(("ssl.create_default_context", args))
        return make(*args, **kwargs)

    monkeypatch.setattr(ssl, "create_default_context", note)
    return watching


def localhost_only(host, port, *args, **kwargs):
    """A getaddrinfo that knows one name."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def recurring(doist, until, ticks=200_000):
    """Run a doist that was entered, without its sleep, until something holds."""
    for _ in range(ticks):
        doist.recur()
        if until():
            return
    raise AssertionError("it did not end")


def test_watch_sees_what_blocks(watch, tmp_path):
    """The watch itself works."""
    with watch:
        (tmp_path / "x").open("w").close()
    assert watch.events[0][0] == "open"


def test_watch_sees_a_blocking_connect(watch, peer, echo):
    """A socket with a timeout blocks while it connects."""
    server = peer(echo)
    with watch, socket.create_connection(("127.0.0.1", server.port)):
        pass
    assert "socket.connect" in [event for event, _ in watch.events]


def test_watch_sees_a_context_being_made(watch, fresh):
    """A connector whose TLS nobody prepared loads it there and then."""
    with socket.create_server(("127.0.0.1", 0)) as listener, watch:
        SocketNetwork().connector(Address(socket.AF_INET, listener.getsockname()), fresh).close()
    assert "ssl.create_default_context" in [event for event, _ in watch.events]


@pytest.fixture
def fresh(cafile, tmp_path):
    """A configuration for which no context was made."""
    return Tls(cafile=shutil.copy(cafile, tmp_path))


def test_polled_jobs_block_nothing(watch):
    """Names, connections, requests, answers and looks, with a server in the same Doist."""
    server = JobServer()
    server.open()
    network = SocketNetwork(Resolver(getaddrinfo=localhost_only))
    client = Client(hostname="jobs.test", port=server.address[1], network=network)
    jobs = [PollingDoer(client, "POST", "/jobs", json={"seconds": n}) for n in range(5)]
    doist = Doist(tock=0.001, doers=[JobServerDoer(server), ClientDoer(client=client), *jobs])
    doist.enter()
    with watch:
        recurring(doist, lambda: all(job.outcome for job in jobs))
    doist.exit()
    assert watch.events == []
    assert all(job.outcome.status == 200 for job in jobs)


def answered(watch, client):
    """Ask through hio's deque under watch, and return the answer; nothing blocked."""
    client.request(method="GET", path="/a")
    doist = Doist(tock=0.001, doers=[ClientDoer(client=client)])
    doist.enter()
    with watch:
        recurring(doist, lambda: client.responses)
    doist.exit()
    assert watch.events == []
    return client.respond()


def test_tls_blocks_nothing(watch, peer, echo, server_context, fresh):
    """The context was loaded when the client was made."""
    server = peer(echo, context=server_context("localhost"))
    client = Client(hostname="localhost", port=server.port, scheme="https", tls=fresh)
    assert answered(watch, client).body == b"/a"


@pytest.fixture
def roots(cafile, monkeypatch):
    """The system's roots are this run's authority, and were not loaded yet."""
    monkeypatch.setenv("SSL_CERT_FILE", cafile)
    monkeypatch.setattr(securing, "_made", {})


@pytest.mark.usefixtures("roots")
def test_being_led_to_https_blocks_nothing(watch, peer, echo, once, server_context):
    """What TLS needs is loaded on another thread when a client of http comes to https by a redirect."""
    secure = peer(echo, context=server_context("localhost"))
    where = f"https://localhost:{secure.port}/there".encode()
    plain = peer(once(b"HTTP/1.1 302 F\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % where))
    assert answered(watch, Client(hostname="127.0.0.1", port=plain.port)).body == b"/there"


def test_bad_certificate_blocks_nothing(watch, peer, echo, server_context):
    """Nor does a refusal, whose message OpenSSL makes."""
    server = peer(echo, context=server_context("localhost"))
    client = Client(hostname="localhost", port=server.port, scheme="https")
    assert answered(watch, client).errored


def test_streams_and_files_block_nothing(watch, peer, once, tmp_path):
    """A stream that is saved, a file that goes out, cookies and br: no file is opened on this thread."""
    source, saved = tmp_path / "source", tmp_path / "saved"
    source.write_bytes(bytes(200_000))
    packed = brotli.compress(bytes(300_000))
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Encoding: br\r\nContent-Length: %d\r\n\r\n"
    server = peer(once(head % len(packed) + packed))
    client = Client(hostname="127.0.0.1", port=server.port, cookies=CookieJar())
    ends = []

    def transferring(file):
        with (yield from client.stream("PUT", "/", body=file)) as stream:
            ends.append((yield from stream.save(saved)))

    with source.open("rb") as file:
        doist = Doist(tock=0.001, doers=[doing(transferring, file)])
        doist.enter()
        with watch:
            recurring(doist, lambda: ends)
        doist.exit()
    client.close()
    assert watch.events == []
    assert saved.read_bytes() == bytes(300_000)
