"""What all tests share: how properties are searched, and peers on loopback.

Properties see the same examples in every run of CI, new ones elsewhere. Peers are threads that accept on an
ephemeral port and do what a test says.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading

import pytest
import trustme
from hypothesis import settings

from .stand_ins import request_of

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if "CI" in os.environ else "here")


class Peer:
    """A server whose every connection is handled by `handle(connection)` in a thread of its own."""

    def __init__(self, handle, host="127.0.0.1", context=None):
        self._handle = handle
        self._context = context
        self._threads = []
        self._open = []
        self._listener = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        self.port = self._listener.getsockname()[1]
        self.accepted = 0
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(20)
                self.accepted += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), contextlib.closing(connection):
            if self._context is None:
                self._handle(connection)
            else:
                with self._context.wrap_socket(connection, server_side=True) as wrapped:
                    self._handle(wrapped)

    def close(self):
        # shutdown wakes a thread that is blocked in accept or recv; close alone does not.
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(20)
        for thread in self._threads:
            thread.join(20)
        for connection in self._open:
            connection.close()


@pytest.fixture
def peer():
    """Start peers that end with the test."""
    peers = []

    def start(handle, **options):
        peers.append(Peer(handle, **options))
        return peers[-1]

    yield start
    for each in peers:
        each.close()


@pytest.fixture(scope="session")
def authority():
    """A certificate authority of this test run."""
    return trustme.CA()


@pytest.fixture(scope="session")
def cafile(authority, tmp_path_factory):
    """The authority's certificate as a file."""
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(scope="session")
def server_context(authority):
    """Make server contexts for the given names."""

    def make(*names, issuer=authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issuer.issue_cert(*names).configure_cert(context)
        return context

    return make


@pytest.fixture
def echo():
    """Handle a connection by answering every request with its target, for as long as there are any."""

    def handle(connection):
        while request := request_of(connection):
            target = request.split(b" ")[1]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(target), target))

    return handle


@pytest.fixture
def once():
    """Make a handler that answers one request with given bytes and closes."""

    def make(answer):
        def handle(connection):
            request_of(connection)
            connection.sendall(answer)

        return handle

    return make


@pytest.fixture
def silent():
    """Handle a connection by saying nothing until the other side goes."""

    def handle(connection):
        while connection.recv(65536):
            pass

    return handle


class Play:
    """A handler that plays one script per connection, then closes it.

    A step is the answer to a request, or a function that does something else with the connection.
    `requests` are those that were answered so, on all connections.
    """

    def __init__(self, *scripts):
        self.requests = []
        self._scripts = iter(scripts)

    def __call__(self, connection):
        for step in next(self._scripts, ()):
            if callable(step):
                step(connection)
                continue
            request = request_of(connection)
            if not request:
                return
            self.requests.append(request)
            connection.sendall(step)


@pytest.fixture
def play():
    """Make handlers out of scripts."""
    return Play


@pytest.fixture
def reset():
    """Have the end of a connection be a reset."""

    def begin(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return begin
