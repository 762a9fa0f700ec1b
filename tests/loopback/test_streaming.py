"""Streams and uploads on real sockets, under hio's own Doist."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
from contextlib import suppress

import pytest
from hio.base.doing import Doist

from tymeconn.clienting import Client
from tymeconn.net.seams import Tls
from tymeconn.wire.eventing import Event

from .test_client import doing

pytestmark = pytest.mark.loopback

GIB = 1 << 30
MIB = 1 << 20


def returned(make, limit=60.0):
    """Return what the generator that `make()` makes returns, run as a doer of a Doist."""
    ends = []

    def program():
        ends.append((yield from make()))

    Doist(real=True, tock=0.0, limit=limit, doers=[doing(program)]).do()
    return ends[0]


def resident():
    """Return how many bytes of this process are in memory now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


SERVER = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
connection.recv(65536)
connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % (1 << 30))
block = bytes(1 << 20)
for _ in range(1 << 10):
    connection.sendall(block)
connection.recv(1)
"""


@pytest.fixture
def gibibyte():
    """A server in a process of its own that answers with a GiB."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    with process, process.stdout:
        try:
            yield int(process.stdout.readline())
            process.wait(20)  # it ends when its client has gone, and may have something to write then
        finally:
            process.kill()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_gibibyte_takes_no_memory(gibibyte):
    """Downloading 1 GiB through a stream grows the process by less than 8 MiB."""
    client = Client(hostname="127.0.0.1", port=gibibyte)
    growth = []

    def downloading():
        size, mark = 0, MIB
        with (yield from client.stream("GET", "/")) as stream:
            before = resident()
            while data := (yield from stream.read()):
                size += len(data)
                if size >= mark:
                    growth.append(resident() - before)
                    mark += 16 * MIB
        return size

    assert returned(downloading) == GIB
    client.close()
    assert len(growth) > 60
    assert max(growth) < 8 * MIB


def refusing(connection):
    """Answer 413 with a megabyte or so of the request unread, and close."""
    data = b""
    while len(data) < 200_000:
        data += connection.recv(65536)
    connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("source", [bytes, lambda size: [bytes(100_000)] * (size // 100_000)])
def test_early_refusal_of_an_upload(peer, server_context, cafile, secure, source):
    """A 413 in the middle of a 5 MB upload is delivered, plain and TLS, and the next request is fine."""
    context = server_context("127.0.0.1") if secure else None
    connections = iter([refusing])

    def handle(connection):
        next(connections, answering)(connection)

    server = peer(handle, context=context)
    client = Client(
        hostname="127.0.0.1",
        port=server.port,
        scheme="https" if secure else "http",
        tls=Tls(cafile=cafile) if secure else None,
    )

    def uploading():
        first = yield from client.post("/", body=source(5_000_000))
        second = yield from client.get("/")
        return first, second

    first, second = returned(uploading)
    client.close()
    assert (first.status, first.body) == (413, b"big")
    assert (second.body, server.accepted) == (b"fine", 2)


def answering(connection):
    with suppress(socket.timeout):
        connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")


@pytest.mark.parametrize("secure", [False, True])
def test_a_stream_that_is_not_read_stalls_its_peer(peer, server_context, secure, cafile):
    """What nobody reads fills the system's buffers and no more; then all of it comes."""
    body = bytes(range(256)) * 100_000

    def handle(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        connection.recv(1)

    server = peer(handle, context=server_context("127.0.0.1") if secure else None)
    scheme = "https" if secure else "http"
    client = Client(hostname="127.0.0.1", port=server.port, scheme=scheme, tls=Tls(cafile=cafile))

    def reading():
        with (yield from client.stream("GET", "/")) as stream:
            for _ in range(1000):
                client.service()
            held = stream._inbox._held
            parts = []
            while data := (yield from stream.read()):
                parts.append(data)
            return held, b"".join(parts)

    held, whole = returned(reading)
    client.close()
    assert held <= 200_000
    assert whole == body


def test_events_as_they_come(peer):
    """An event is there as soon as it ended, on a stream that goes on."""

    def handle(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        if connection.recv(1) == b"":
            return

    server = peer(handle)
    client = Client(hostname="127.0.0.1", port=server.port)

    def listening():
        with (yield from client.stream("GET", "/")) as stream:
            return (yield from stream.event())

    assert returned(listening) == Event(None, "", "1")
    client.close()


def test_save_is_whole(peer, once, tmp_path):
    """A body is saved while the Doist runs, in pieces."""
    body = bytes(range(256)) * 20_000
    server = peer(once(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body))
    client = Client(hostname="127.0.0.1", port=server.port)

    def saving():
        with (yield from client.stream("GET", "/")) as stream:
            return (yield from stream.save(tmp_path / "x"))

    assert returned(saving) == len(body)
    client.close()
    assert (tmp_path / "x").read_bytes() == body


def test_file_is_uploaded_in_pieces(peer, tmp_path):
    """A file goes out with its length, and an expectation is awaited on a real clock."""
    path = tmp_path / "x"
    path.write_bytes(bytes(range(256)) * 4_000)
    seen = []

    def handle(connection):
        head = connection.recv(65536)
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        data = b""
        while len(data) < path.stat().st_size:
            data += connection.recv(65536)
        seen.extend([head, data])
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    server = peer(handle)
    client = Client(hostname="127.0.0.1", port=server.port)

    def uploading():
        with path.open("rb") as file:
            return (yield from client.put("/", body=file, headers={"Expect": "100-continue"}))

    assert returned(uploading).status == 204
    client.close()
    assert b"Content-Length: 1024000\r\n" in seen[0]
    assert seen[1] == path.read_bytes()
