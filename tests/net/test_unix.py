"""Servers of this machine that have a path."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tymeconn.clienting.fetching import Answer
from tymeconn.errors import ConnectError
from tymeconn.net.seams import Tls
from tymeconn.net.unix import UnixNetwork
from tymeconn.pooling import Pool
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import answer
from tymeconn.wire.messages import Response

from ..exchanging.parking import Parking


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket that listens at the relative path "s": an absolute one may be too long."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        listening.listen(1)
        yield listening


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(network=UnixNetwork("s"), base_url="http://localhost/v1/")
    yield pool
    pool.close()


def exchange(listener: socket.socket, pool: Pool, url: str) -> tuple[bytes, str]:
    """Return the request that comes to the listener, and what the pool makes of its answer."""
    fetch = pool.get(url)
    next(fetch)
    connection, _ = listener.accept()
    with connection:
        request = connection.recv(65536)
        connection.sendall(answer("hello"))
        response, _ = drive(resumed(fetch))
    return request, response.text


def resumed(generator: Answer) -> Answer:
    """Go on with a generator that was begun."""
    tyme: float | None = 0.0
    while True:
        try:
            tyme = yield generator.send(tyme)
        except StopIteration as stop:
            return cast("Response", stop.value)


@pytest.mark.loopback
def test_request_goes_to_the_path(listener: socket.socket, pool: Pool) -> None:
    """Whatever host the URL names."""
    request, text = exchange(listener, pool, "containers/json")
    assert request.startswith(b"GET /v1/containers/json HTTP/1.1\r\nHost: localhost\r\n")
    assert text == "hello"
    request, _ = exchange(listener, pool, "http://other.test/x")
    assert request.startswith(b"GET /x HTTP/1.1\r\nHost: other.test\r\n")


@pytest.mark.loopback
def test_nobody_listens(listener: socket.socket, pool: Pool) -> None:
    """A path without a server refuses the connection, and the error names it."""
    listener.close()
    with pytest.raises(ConnectError, match="'s'"):
        drive(pool.get("x"))
    os.unlink("s")
    with pytest.raises(ConnectError, match="'s'"):
        drive(pool.get("x"))


@pytest.mark.loopback
def test_too_many_wait(listener: socket.socket, pool: Pool) -> None:
    """A server that accepts nobody refuses, too: nothing would tell when it has room again."""
    waiting = [pool.get("x") for _ in range(5)]
    with pytest.raises(ConnectError, match="too many"):
        for fetch in waiting:
            next(fetch)
    for fetch in waiting:
        fetch.close()


def test_path_that_is_too_long() -> None:
    """The system says how long one may be, when the connection is made."""
    pool = Pool(network=UnixNetwork("s" * 1000))
    with pytest.raises(ConnectError, match="too long"):
        drive(pool.get("http://localhost/"))


@pytest.mark.parametrize("wrong", ["", "a\0b", "\ud800"])
def test_no_path(wrong: str) -> None:
    """What no socket can have is refused when it is given."""
    with pytest.raises(ValueError, match=r"path|surrogates"):
        UnixNetwork(wrong)


@pytest.mark.parametrize("wrong", [7, b"s"])
def test_wrong_type(wrong: str) -> None:
    """So is what is no path."""
    with pytest.raises(TypeError):
        UnixNetwork(wrong)


def serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Answer one request inside TLS."""
    connection, _ = listener.accept()
    connection.settimeout(20)
    with context.wrap_socket(connection, server_side=True) as wrapped:
        wrapped.recv(65536)
        wrapped.sendall(answer("secret"))


@pytest.mark.loopback
def test_tls_over_a_path(listener: socket.socket, tls: Tls, server_context: ssl.SSLContext) -> None:
    """An https URL speaks TLS there, and the certificate is that of its host."""
    parking = Parking()
    pool = Pool(network=UnixNetwork(Path("s")), tls=tls)
    pool.wind(parking.clock)
    server = threading.Thread(target=serve, args=(listener, server_context))
    server.start()
    ((response, _),) = parking.run(pool.get("https://example.test/"))
    server.join(20)
    pool.close()
    assert response.text == "secret"
