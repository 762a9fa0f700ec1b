from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from hio.core import tcp

from tymeconn.net.injecting import HioTcpConnector, InjectedNetwork
from tymeconn.net.seams import READ, WRITE, Tls

from .scripted import V4, Pipe, ScriptedLookup, ScriptedNetwork, serving, wait_for

pytestmark = pytest.mark.loopback


class Plain:
    """A connector of hio's that is up, and the other end of it."""

    def __init__(self, listener: socket.socket) -> None:
        self.connector = HioTcpConnector(tcp.Client(ha=listener.getsockname()))
        self.before = self.connector.wants
        wait_for(self.connector.connect, self.connector)
        self.peer, _ = listener.accept()


@pytest.fixture
def plain() -> Iterator[Plain]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pair = Plain(listener)
        with pair.peer:
            yield pair
        pair.connector.close()


def test_until_connected_it_wants_everything(plain: Plain) -> None:
    """hio does not say whether it waits to read or to write; later it is to read, from its socket."""
    assert (plain.before, plain.connector.wants, plain.connector.pending) == (READ | WRITE, READ, False)
    assert plain.connector.sock.getpeername() == plain.peer.getsockname()


def test_the_end_of_sending_is_passed_on(plain: Plain) -> None:
    """The peer sees it."""
    plain.connector.shut()
    assert plain.peer.recv(1) == b""


def test_a_full_socket_takes_nothing(plain: Plain) -> None:
    """No room is no error."""
    while plain.connector.send(bytes(1 << 20)):
        pass
    assert plain.connector.send(b"x") == 0


def test_a_reset_is_raised(plain: Plain) -> None:
    """hio takes it for a good end; here it is none, and hio's own client says that it was cut off."""
    plain.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    plain.peer.close()
    with pytest.raises(ConnectionResetError):
        wait_for(lambda: plain.connector.recv(9), plain.connector)
    assert not plain.connector.clean


def test_bytes_inside_are_pending(server_context: ssl.SSLContext, cafile: str) -> None:
    """What a TLS socket has decrypted and not handed over is announced by no descriptor."""

    def greet(connection: socket.socket) -> None:
        with server_context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.sendall(b"hello")
            wrapped.recv(1)

    with serving(greet) as address:
        hio: Any = tcp.ClientTls(ha=address.sockaddr, cafilepath=cafile, certedhost="localhost")
        connector = HioTcpConnector(hio)
        wait_for(connector.connect, connector)
        first = wait_for(lambda: connector.recv(1), connector)
        assert (first, connector.pending) == (b"h", True)
        connector.close()


def test_the_rest_is_the_networks() -> None:
    """A network around a connector of hio's is ready, and leads, as the one inside."""
    pipe = Pipe()
    inner = ScriptedNetwork(ScriptedLookup((V4,)), {V4: pipe})
    outer = InjectedNetwork(inner, tcp.Client(ha=("127.0.0.1", 80)))
    outer.prepare(Tls())
    assert outer.ready(Tls()) is inner.readying
    assert outer.connector(V4) is pipe
    found = outer.resolve("127.0.0.1", 80)
    assert (found.ended, found.fileno()) == (True, None)
