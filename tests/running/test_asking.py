"""One request from plain code."""

from __future__ import annotations

import pytest

import tymeconn
from tymeconn.errors import ConnectError, InvalidRequest, NoResponse

from ..stand_ins import request_of


@pytest.mark.loopback
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
def test_each_sends_its_own(peer, method):
    """The answer is what run returns, and the connection is closed behind it."""
    seen = []

    def handle(connection):
        seen.append(request_of(connection).split(b" ")[0].decode())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        seen.append(connection.recv(1))

    server = peer(handle)
    response = tymeconn.run(getattr(tymeconn, method)(f"http://127.0.0.1:{server.port}/"))
    server.close()
    assert (response.text, seen) == ("hi", [method.upper(), b""])


@pytest.mark.loopback
def test_head_has_no_body(peer, once):
    """What HEAD is answered ends with its head."""
    server = peer(once(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"))
    assert tymeconn.run(tymeconn.head(f"http://127.0.0.1:{server.port}/")).body == b""


@pytest.mark.loopback
def test_many_at_once(peer, echo):
    """What is gathered is asked at the same time, and answered in the order of asking."""
    server = peer(echo)
    asked = [tymeconn.get(f"http://127.0.0.1:{server.port}/{number}") for number in range(10)]
    responses = tymeconn.run(tymeconn.gather(asked))
    assert [response.text for response in responses] == [f"/{number}" for number in range(10)]


@pytest.mark.loopback
def test_what_the_peer_does_is_raised(peer, once):
    """There is nobody else to tell."""
    server = peer(once(b""))
    url = f"http://127.0.0.1:{server.port}/"
    with pytest.raises(NoResponse):
        tymeconn.run(tymeconn.get(url))
    server.close()
    with pytest.raises(ConnectError):
        tymeconn.run(tymeconn.get(url))


def test_wrong_requests_are_refused_at_the_call():
    """Before anything is opened; and what is not run holds nothing."""
    with pytest.raises(InvalidRequest):
        tymeconn.get("/no/origin")
    with pytest.raises(TypeError):
        tymeconn.post("http://h.test/", colour="red")
    tymeconn.get("http://h.test/")
