"""The connectors over real sockets."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tymeconn.net.connecting import TcpConnector, TlsConnector
from tymeconn.net.seams import READ, WRITE, Address, Connector, Tls
from tymeconn.net.securing import context

from .scripted import PATIENCE, address_of, descriptors, serving, wait_for

pytestmark = pytest.mark.loopback


@contextmanager
def connected(host: str = "127.0.0.1") -> Iterator[tuple[TcpConnector, socket.socket]]:
    """A connector that is up and the socket at its other end."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, 0), family=family) as listener,
        closing(TcpConnector(address_of(listener))) as connector,
    ):
        wait_for(connector.connect, connector)
        listener.settimeout(PATIENCE)
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(PATIENCE)
            yield connector, peer


def reset(peer: socket.socket) -> None:
    """Close with RST instead of FIN."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def descriptor_of(connector: Connector) -> int:
    descriptor = connector.fileno()
    assert descriptor is not None
    return descriptor


def test_quiet() -> None:
    """A connector tells that nothing has come, and no longer once something has."""
    with connected() as (connector, peer):
        assert connector.quiet()
        peer.sendall(b"x")
        wait_for(lambda: not connector.quiet(), connector)
        assert connector.recv(9) == b"x"


def test_quiet_without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no poll(2), as on Windows, nobody knows."""
    monkeypatch.delattr(select, "poll")
    with connected() as (connector, _):
        assert not connector.quiet()
        assert connector.recv(9) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_bytes_go_both_ways(host: str) -> None:
    """Over IPv4 and IPv6 what is sent arrives, in both directions."""
    with connected(host) as (connector, peer):
        assert connector.send(b"ping") == 4
        assert peer.recv(100) == b"ping"
        peer.sendall(b"pong")
        assert wait_for(lambda: connector.recv(100), connector) == b"pong"


def test_it_starts_without_blocking_and_wants_to_write() -> None:
    """A connector in the making waits for its descriptor to be writable."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connector = TcpConnector(address_of(listener))
        with closing(connector):
            assert (connector.wants, os.get_blocking(descriptor_of(connector))) == (WRITE, False)


def test_a_full_backlog_is_waited_for() -> None:
    """A connection that the peer does not take is neither up nor failed."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        several = [TcpConnector(address_of(listener)) for _ in range(8)]
        select.select([], [descriptor_of(several[0])], [], PATIENCE)
        assert (several[0].connect(), several[-1].connect(), several[-1].wants) == (True, False, WRITE)
        for connector in several:
            connector.close()


def test_its_socket_is_without_delay_and_not_inherited() -> None:
    """Small requests leave at once (TCP_NODELAY), and child processes do not get the descriptor."""
    with connected() as (connector, _):
        descriptor = descriptor_of(connector)
        with socket.socket(fileno=os.dup(descriptor)) as same:
            assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not os.get_inheritable(descriptor)


def test_once_up_it_stays_up_and_wants_to_read() -> None:
    """connect may be asked again; there is no ALPN without TLS."""
    with connected() as (connector, _):
        assert (connector.connect(), connector.wants, connector.protocol) == (True, READ, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_refused_port_is_raised(host: str) -> None:
    """A port that nobody listens on raises ConnectionRefusedError, now or at connect."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as bound:
        bound.bind((host, 0))
        with closing(TcpConnector(address_of(bound))) as connector, pytest.raises(ConnectionRefusedError):
            wait_for(connector.connect, connector)


def test_an_address_that_cannot_be_reached_is_raised_and_leaves_no_socket() -> None:
    """What connect refuses at once raises from the constructor, and the socket is closed."""
    before = descriptors()
    with pytest.raises(OSError, match=r"(?i)permission|reach"):
        TcpConnector(Address(socket.AF_INET, ("255.255.255.255", 9)))
    assert descriptors() == before


def test_nothing_now_is_none() -> None:
    """recv on a quiet connection returns None."""
    with connected() as (connector, _):
        assert (connector.recv(100), connector.clean) == (None, False)


def test_the_peers_end_is_clean() -> None:
    """FIN ends the stream: recv returns b"" from then on."""
    with connected() as (connector, peer):
        peer.close()
        assert wait_for(lambda: connector.recv(100), connector) == b""
        assert (connector.recv(100), connector.clean) == (b"", True)


def test_a_reset_is_raised_by_recv() -> None:
    """RST raises ConnectionResetError and is no clean end."""
    with connected() as (connector, peer):
        reset(peer)
        with pytest.raises(ConnectionResetError):
            wait_for(lambda: connector.recv(100), connector)
        assert not connector.clean


def test_a_reset_before_the_first_look_is_raised_by_connect() -> None:
    """A connection that was made and reset before connect was asked has failed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        with closing(TcpConnector(address_of(listener))) as connector:
            reset(listener.accept()[0])
            select.select([descriptor_of(connector)], [], [], PATIENCE)
            with pytest.raises(ConnectionResetError):
                connector.connect()


def test_no_room_returns_zero_and_wants_to_write() -> None:
    """When the peer reads nothing send takes a part, then 0, until there is room again."""
    with connected() as (connector, peer):
        taken = 0
        while sent := connector.send(bytes(1 << 20)):
            taken += sent
        assert (taken > 0, connector.wants) == (True, READ | WRITE)
        while taken:
            taken -= len(peer.recv(1 << 20))
        assert (connector.send(b"more"), connector.wants) == (4, READ)


def test_shut_ends_sending_only() -> None:
    """After shut the peer reads the end and can still answer."""
    with connected() as (connector, peer):
        connector.shut()
        assert peer.recv(100) == b""
        peer.sendall(b"late")
        assert wait_for(lambda: connector.recv(100), connector) == b"late"


def test_an_ended_connection_may_be_shut_and_closed_again() -> None:
    """Neither shut nor close raises, whatever was before; then there is no descriptor."""
    with connected() as (connector, peer):
        reset(peer)
        connector.shut()
        connector.close()
        connector.shut()
        connector.close()
        assert (connector.fileno(), connector.wants) == (None, 0)


def test_a_closed_connector_raises_oserror() -> None:
    """recv and send after close are OSErrors, as everything that goes wrong with a connector."""
    with connected() as (connector, _):
        connector.close()
        for call in (lambda: connector.recv(1), lambda: connector.send(b"x")):
            with pytest.raises(OSError, match=r"(?i)descriptor"):
                call()


def test_the_descriptor_notifies_so_attach_does_nothing() -> None:
    """A connector with a descriptor calls nobody."""
    told: list[object] = []
    with connected() as (connector, peer):
        connector.attach(told.append)
        peer.sendall(b"x")
        assert (wait_for(lambda: connector.recv(100), connector), told) == (b"x", [])


def test_a_megabyte_goes_through_tls(server_context: ssl.SSLContext, tls: Tls) -> None:
    """Over a real socket a body larger than all buffers arrives whole, and its end is clean."""
    body = os.urandom(1 << 20)

    def send_body(connection: socket.socket) -> None:
        with server_context.wrap_socket(connection, server_side=True) as secure:
            assert secure.recv(100) == b"go"
            secure.sendall(body)
            secure.unwrap()

    with serving(send_body) as address:
        client = TlsConnector(TcpConnector(address), context(tls), "127.0.0.1")
        with closing(client):
            wait_for(client.connect, client)
            client.send(b"go")
            got = bytearray()
            while data := wait_for(lambda: client.recv(65_536), client):
                assert isinstance(data, bytes)
                got += data
            assert (bytes(got) == body, client.clean) == (True, True)


def test_a_megabyte_is_sent_through_tls(server_context: ssl.SSLContext, tls: Tls) -> None:
    """A body larger than all buffers is taken piece by piece as the peer reads it."""
    body = os.urandom(1 << 20)
    arrived = bytearray()

    def read_body(connection: socket.socket) -> None:
        with server_context.wrap_socket(connection, server_side=True) as secure:
            while len(arrived) < len(body):
                arrived.extend(secure.recv(65_536))
            secure.sendall(b"thanks")

    with serving(read_body) as address:
        client = TlsConnector(TcpConnector(address), context(tls), "127.0.0.1")
        with closing(client):
            wait_for(client.connect, client)
            rest = memoryview(body)
            while rest:
                rest = rest[client.send(rest) :]
                select.select([], [descriptor_of(client)], [], PATIENCE)
            assert wait_for(lambda: client.recv(100), client) == b"thanks"
    assert arrived == body


def test_a_silent_peer_leaves_the_handshake_waiting(tls: Tls) -> None:
    """A peer that never answers the hello is neither up nor failed; only a deadline ends it."""
    with connected() as (connector, peer):
        client = TlsConnector(connector, context(tls), "127.0.0.1")
        assert client.connect() is False
        assert peer.recv(1 << 16)[0] == 22  # a handshake record (RFC 8446 5.1)
        assert (client.connect(), client.wants) == (False, READ)


def test_a_peer_that_speaks_plain_http_is_a_tls_error(tls: Tls) -> None:
    """An answer in plain text raises ssl.SSLError."""
    with connected() as (connector, peer):
        client = TlsConnector(connector, context(tls), "127.0.0.1")
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(ssl.SSLError):
            wait_for(client.connect, client)


def test_a_reset_in_the_handshake_is_a_tls_error(tls: Tls) -> None:
    """RST instead of a server hello raises ssl.SSLError with its errno."""
    with connected() as (connector, peer):
        client = TlsConnector(connector, context(tls), "127.0.0.1")
        client.connect()
        reset(peer)
        with pytest.raises(ssl.SSLError) as caught:
            wait_for(client.connect, client)
        assert caught.value.errno in (errno.ECONNRESET, errno.EPIPE)


def test_a_reset_over_tls_is_raised(server_context: ssl.SSLContext, tls: Tls) -> None:
    """RST after the handshake raises ConnectionResetError; wrapped sockets would call it a clean end."""

    def reset_after_handshake(connection: socket.socket) -> None:
        secure = server_context.wrap_socket(connection, server_side=True)
        secure.recv(1)
        reset(secure)

    with serving(reset_after_handshake) as address:
        client = TlsConnector(TcpConnector(address), context(tls), "127.0.0.1")
        with closing(client):
            wait_for(client.connect, client)
            client.send(b"x")
            with pytest.raises(ConnectionResetError):
                wait_for(lambda: client.recv(100), client)
            assert not client.clean
