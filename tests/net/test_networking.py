from __future__ import annotations

import shutil
import socket
import ssl
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tymeconn.errors import CertificateError, ConnectError, TlsError
from tymeconn.net.connecting import TcpConnector
from tymeconn.net.dialing import Dial
from tymeconn.net.networking import SocketNetwork, default_network
from tymeconn.net.resolving import Resolver
from tymeconn.net.seams import Address, Connector, Network, Tls
from tymeconn.net.securing import context
from tymeconn.tyming.clocks import monotonic
from tymeconn.tyming.waiting import Readable
from tymeconn.wire.urls import Origin

from .scripted import (
    PATIENCE,
    address_of,
    bound_on_both,
    descriptors,
    join_threads,
    serving,
    wait_for,
    watch,
)

pytestmark = pytest.mark.loopback


@pytest.fixture
def network() -> Network:
    return SocketNetwork()


def finish(dial: Dial) -> Connector:
    """Step until the connector is up, watching what it awaits."""
    for _ in range(1000):
        if connector := dial.step():
            return connector
        first = dial.awaited[0]
        assert isinstance(first, Readable)
        watch(first)
    raise AssertionError("not up after 1000 steps")


def shake_hands(server: ssl.SSLContext) -> Any:
    def handle(connection: socket.socket) -> None:
        try:
            server.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()

    return handle


def test_deadlines_run_on_monotonic_seconds_unless_a_clock_is_given() -> None:
    """The network's clock is the one its owner passed."""
    assert SocketNetwork().clock is monotonic
    assert SocketNetwork(clock=lambda: 7.0).clock() == 7.0


def test_who_is_given_no_network_shares_one() -> None:
    """One resolver and one cache of names serve all of them."""
    assert default_network() is default_network()


def test_names_are_asked_of_the_resolver() -> None:
    """The resolver that was given is the one that answers."""
    row = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.9", 80))
    network = SocketNetwork(Resolver(getaddrinfo=lambda *_, **__: [row]))
    lookup = network.resolve("example.test", 80)
    join_threads()
    assert (lookup.ended, str(lookup.addresses[0])) == (True, "192.0.2.9:80")


def test_without_tls_a_connector_is_plain(network: Network) -> None:
    """No Tls, no handshake."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        closing(network.connector(address_of(listener))) as connector,
    ):
        assert isinstance(connector, TcpConnector)


@pytest.mark.parametrize("hostname", ["", "example.test"])
def test_the_certificate_is_checked_for_hostname_or_address(
    hostname: str, network: Network, tls: Tls, server_context: ssl.SSLContext
) -> None:
    """An empty hostname stands for the address."""
    asked = Tls(cafile=tls.cafile, hostname=hostname)
    with (
        serving(shake_hands(server_context)) as address,
        closing(network.connector(address, asked)) as connector,
    ):
        assert wait_for(connector.connect, connector)


def test_connectors_share_one_context(
    network: Network, cafile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After prepare no connector reads a file, whatever its hostname: one context per configuration."""
    reads: list[str] = []
    network.prepare(Tls(cafile=cafile))
    monkeypatch.setattr(ssl, "create_default_context", lambda **names: reads.append(str(names)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for n in range(20):
            network.connector(address_of(listener), Tls(cafile=cafile, hostname=f"h{n}.test")).close()
    assert reads == []


@pytest.mark.parametrize(
    ("tls", "named"),
    [
        (Tls(cafile="nowhere.pem"), "nowhere.pem"),
        (Tls(hostname=".test"), "'.test'"),
    ],
)
def test_prepare_refuses_wrong_arguments(tls: Tls, named: str, network: Network) -> None:
    """What is wrong with a Tls is raised before servicing, naming the value."""
    with pytest.raises(ValueError, match=named):
        network.prepare(tls)


@pytest.fixture
def fresh(cafile: str, tmp_path: Path) -> Tls:
    """A configuration that no context was made for."""
    return Tls(cafile=shutil.copy(cafile, tmp_path), hostname="example.test")


def test_ready_loads_on_another_thread(
    network: Network, fresh: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who wait for the same share one load, whatever the hostname; then there is nothing to do."""
    loads: list[int] = []
    make = ssl.create_default_context

    def note(**names: str) -> ssl.SSLContext:
        loads.append(threading.get_ident())
        return make(**names)

    monkeypatch.setattr(ssl, "create_default_context", note)
    waits = network.ready(fresh), network.ready(replace(fresh, hostname="other.test"))
    join_threads()
    assert [(wait.ended, wait.error) for wait in (*waits, network.ready(fresh))] == [(True, None)] * 3
    assert (len(loads), threading.get_ident() in loads) == (1, False)


def test_ready_is_at_once_what_was_prepared(fresh: Tls) -> None:
    """What is loaded is loaded for every network, and a given context needs nothing."""
    SocketNetwork().prepare(fresh)
    assert SocketNetwork().ready(fresh).ended
    assert SocketNetwork().ready(Tls(context=ssl.create_default_context())).ended


def test_ready_says_why_not_and_tries_again(network: Network, fresh: Tls) -> None:
    """A file that is missing is an ssl.SSLError that names it; once it is there the next load succeeds."""
    moved = Path(fresh.cafile).rename(f"{fresh.cafile}.away")
    failed = network.ready(fresh)
    join_threads()
    moved.rename(fresh.cafile)
    again = network.ready(fresh)
    join_threads()
    assert (failed.ended, type(failed.error), fresh.cafile in str(failed.error)) == (
        True,
        ssl.SSLError,
        True,
    )
    assert (again.ended, again.error) == (True, None)


def test_a_file_that_cannot_be_loaded_is_a_failed_connection(network: Network) -> None:
    """Without prepare and ready a connector loads by itself, and what fails is an OSError."""
    with pytest.raises(ssl.SSLError, match=r"nowhere\.pem"):
        network.connector(Address(socket.AF_INET, ("192.0.2.1", 80)), Tls(cafile="nowhere.pem"))


def test_prepare_checks_a_given_context(network: Network) -> None:
    """A ready context needs no file; preparing it leaves it as it is."""
    own = ssl.create_default_context()
    network.prepare(Tls(context=own))
    assert context(Tls(context=own)) is own


def test_a_hostname_that_cannot_be_one_is_a_failed_connection(network: Network, cafile: str) -> None:
    """A peer may have led there: it is an OSError, and the socket is closed at once."""
    before = descriptors()
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ssl.SSLError, match="hostname"):
        network.connector(address_of(listener), Tls(cafile=cafile, hostname=".test"))
    assert descriptors() == before


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_dial_brings_a_plain_connection_up(host: str, network: Network) -> None:
    """A literal and localhost need no look-up and come up on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        connector = finish(Dial(network, Origin("http", host, port), None))
        assert connector.wants
        connector.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_dial_brings_tls_up_for_an_address(
    host: str, network: Network, tls: Tls, server_context: ssl.SSLContext
) -> None:
    """An https origin may be an IP address: the certificate is checked for it."""
    with serving(shake_hands(server_context), host=host) as address:
        origin = Origin("https", host, address.sockaddr[1])
        connector = finish(Dial(network, origin, tls))
        assert connector.protocol == "http/1.1"
        connector.close()


def test_dial_goes_on_to_the_next_address_when_one_refuses(network: Network) -> None:
    """Who listens on ::1 only is found although 127.0.0.1 refused."""
    with bound_on_both() as (_, v6):
        v6.listen()
        origin = Origin("http", "localhost", v6.getsockname()[1])
        connector = finish(Dial(network, origin, None))
        assert connector.fileno() is not None
        connector.close()


def test_dial_reports_every_address_that_refused(network: Network) -> None:
    """When all refuse, each is listed with its reason; no descriptor is left."""
    with bound_on_both() as (v4, _):
        before, port = descriptors(), v4.getsockname()[1]
        with pytest.raises(ConnectError) as caught:
            finish(Dial(network, Origin("http", "localhost", port), None))
        listed = f"127.0.0.1:{port}: Connection refused; [::1]:{port}: Connection refused"
        assert str(caught.value) == f"cannot connect to http://localhost:{port} at {listed}"
        assert descriptors() == before


def test_dial_reports_a_refused_certificate(network: Network, server_context: ssl.SSLContext) -> None:
    """A certificate of an unknown authority is a CertificateError with OpenSSL's reason."""
    with (
        serving(shake_hands(server_context)) as address,
        pytest.raises(CertificateError, match="certificate"),
    ):
        finish(Dial(network, Origin("https", "127.0.0.1", address.sockaddr[1]), Tls()))


def test_dial_reports_a_peer_without_tls(network: Network, tls: Tls) -> None:
    """A plain peer on an https port is a TlsError."""

    def answer_plainly(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(1 << 16)

    with serving(answer_plainly) as address, pytest.raises(TlsError):
        finish(Dial(network, Origin("https", "127.0.0.1", address.sockaddr[1]), tls))


def test_a_closed_dial_leaves_no_descriptor(network: Network, tls: Tls) -> None:
    """Giving up in the middle of a handshake closes its socket."""
    network.prepare(tls)
    before = descriptors()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        dial = Dial(network, Origin("https", "127.0.0.1", listener.getsockname()[1]), tls)
        assert dial.step() is None
        dial.close()
    assert descriptors() == before
