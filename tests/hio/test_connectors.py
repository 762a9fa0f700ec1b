"""hio's own connectors, wire logs and tyme in a client of ours."""

from __future__ import annotations

import pytest
from hio.base import tyming
from hio.core import tcp, wiring

from tymeconn.clienting import Client, ClientDoer, openClient
from tymeconn.policy.patience import Timeouts
from tymeconn.tyming.clocks import countdown, monotonic

from .playing import ask, bodies
from .running import Replies

pytestmark = pytest.mark.loopback

BRIEF = Timeouts(connect=5, write=5, read=5, total=20)
CLOSING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@pytest.fixture
def plain():
    """Make hio connectors that are closed at the end."""
    made = []

    def make(server, kind=tcp.Client, **options):
        made.append(kind(host="localhost", port=server.port, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def service(client, condition, *steps):
    over = countdown(10.0, monotonic)
    while not condition():
        assert not over(), "the condition never holds"
        client.service()
        for step in steps:
            step()


def settled(client, condition, passes=50):
    """Tell whether the condition holds all the while in a number of passes."""
    return all((client.service(), condition())[1] for _ in range(passes))


def test_injected_client(peer, echo, plain):
    """A hio tcp.Client carries the requests, and stays what the client calls its connector."""
    server = peer(echo)
    connector = plain(server)
    client = Client(connector=connector, path="/base")
    assert (client.connector, client.requester.port) == (connector, server.port)
    assert [bytes(each.body) for each in ask(client, "/a", "/b")] == [b"/a", b"/b"]
    assert (server.accepted, connector.opened) == (1, False)


def test_injected_client_tls(peer, echo, plain, server_context, cafile):
    """A hio tcp.ClientTls, with its own context, carries them inside TLS."""
    server = peer(echo, context=server_context("localhost"))
    connector = plain(server, kind=tcp.ClientTls, cafilepath=cafile, certedhost="localhost")
    client = Client(connector=connector)
    assert (client.secured, client.requester.scheme) == (True, "https")
    assert [bytes(each.body) for each in ask(client, "/a", "/b")] == [b"/a", b"/b"]


def test_injected_client_speaks_no_https(peer, plain):
    """A redirect to https at the same host and port ends with an error, and nothing leaves in the clear."""

    def reply(request):
        location = f"https://localhost:{server.port}/secret"
        return f"HTTP/1.1 307 T\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()

    replies = Replies(reply)
    server = peer(replies)
    client = Client(connector=plain(server), timeouts=BRIEF)
    client.request(method="POST", path="/a", body=b"secret")
    service(client, lambda: client.responses)
    response = client.respond()
    assert (response.errored, "does not speak https" in response.error) == (True, True)
    assert replies.targets == ["POST /a"]


@pytest.mark.parametrize("when", ["idle", "out"])
def test_injected_client_that_its_owner_closed(peer, plain, play, silent, when):
    """What was out ends with an error; the next request opens it again."""
    server = peer(play([silent], [CLOSING]) if when == "out" else play([CLOSING], [CLOSING]))
    connector = plain(server)
    client = Client(connector=connector, timeouts=BRIEF)
    client.reopen()
    service(client, lambda: connector.connected)
    if when == "out":
        client.request(method="POST", path="/out")
        service(client, lambda: client.waited)
    connector.close()
    service(client, lambda: not client.waited)
    assert [each["errored"] for each in client.responses] == [True] * (when == "out")
    client.responses.clear()
    assert [each.body for each in ask(client, "/a")] == [b"ok"]


def test_injected_client_that_is_connected(peer, plain, echo):
    """A connection that is there is used."""
    server = peer(echo)
    connector = plain(server)
    connector.reopen()
    over = countdown(10.0, monotonic)
    while not connector.serviceConnect():
        assert not over()
    assert [bytes(each.body) for each in ask(Client(connector=connector), "/a")] == [b"/a"]
    assert server.accepted == 1


def test_injected_client_is_closed_with_its_client(peer, plain, echo):
    """Also before a request went out on it."""
    connector = plain(peer(echo))
    connector.reopen()
    Client(connector=connector).close()
    assert not connector.opened


def test_injected_client_s_name_is_case_insensitive(peer, plain, echo):
    """RFC 9110 4.2.3."""
    server = peer(echo)
    connector = plain(server)
    connector.hostname = "LOCALHOST"
    assert [bytes(each.body) for each in ask(Client(connector=connector), "/a")] == [b"/a"]
    assert connector.ha == ("127.0.0.1", server.port)


def test_injected_client_is_reopened(peer, plain, play, once):
    """When the server closes, the connector that was given is opened again for the next request."""
    server = peer(play([CLOSING], [CLOSING]))
    connector = plain(server)
    client = Client(connector=connector)
    assert [bytes(each.body) for each in ask(client, "/a", "/b")] == [b"ok", b"ok"]
    assert (client.connector, server.accepted) == (connector, 2)


def test_injected_client_s_troubles_are_answers(peer, plain, echo, server_context):
    """A certificate nobody vouches for and a refused port are errored responses here too."""
    secure = peer(echo, context=server_context("localhost"))
    refusing = peer(echo)
    refusing.close()
    for connector in (plain(secure, kind=tcp.ClientTls), plain(refusing)):
        (response,) = ask(Client(connector=connector, timeouts=BRIEF), "/")
        assert (response.errored, response.status, response.body) == (True, None, b"")


@pytest.mark.parametrize("injected", [False, True])
def test_wire_log(peer, echo, plain, injected):
    """A WireLog has every byte that went over the wire, whoever made the connector."""
    server = peer(echo)
    wirelog = wiring.WireLog(name="test", filed=False)
    wirelog.reopen()
    ways = {"connector": plain(server, wl=wirelog)} if injected else {"port": server.port, "wl": wirelog}
    client = Client(**ways)
    ask(client, "/logged")
    assert client.requester.msg in wirelog.readTx()
    assert wirelog.readRx().endswith(b"\r\n\r\n/logged\n")
    wirelog.close()


def test_tyme_is_the_connector_s(peer, echo):
    """tymth, wind and a ClientDoer give the connector its tyme; the client itself has none."""
    early, late = tyming.Tymist(tyme=3.0), tyming.Tymist(tyme=5.0)
    client = Client(port=1, tymth=early.tymen())
    assert (client.connector.tyme, hasattr(client, "tyme"), hasattr(client, "tymth")) == (3.0, False, False)
    client.wind(late.tymen())
    assert (client.connector.tyme, client.connector.tymer.tyme) == (5.0, 5.0)
    ClientDoer(client=client, tymth=early.tymen())
    assert client.connector.tyme == 3.0


def test_reconnectable_client_connects_again(peer, echo):
    """With reconnectable and tymeout a connection that the peer closed is opened again in time."""
    server = peer(lambda connection: connection.recv(1) and None)
    tymist = tyming.Tymist(tyme=0.0)
    options = {"tymth": tymist.tymen(), "reconnectable": True, "tymeout": 60.0}
    with openClient(port=server.port, **options) as client:
        service(client, lambda: client.connector.connected)
        client.connector.cs.send(b"x")  # on which the peer closes
        service(client, lambda: client.connector.cutoff)
        assert settled(client, lambda: client.connector.cutoff)
        tymist.tick(tock=60.0)
        service(client, lambda: client.connector.connected and not client.connector.cutoff)
        service(client, lambda: server.accepted == 2)
        assert settled(client, lambda: client.connector.connected and server.accepted == 2)


@pytest.mark.parametrize("options", [{}, {"tymeout": 1.0}, {"reconnectable": True}])
def test_other_clients_connect_for_the_next_request(peer, play, options):
    """Without both, or with a tymeout of 0, the next request is what connects again."""
    server = peer(play([CLOSING], [CLOSING]))
    tymist = tyming.Tymist(tyme=0.0)
    with openClient(port=server.port, tymth=tymist.tymen(), **options) as client:
        client.request(path="/a")
        service(client, lambda: client.responses)
        tymist.tick(tock=100.0)
        assert settled(client, lambda: not client.connector.connected or client.connector.cutoff)
        client.request(path="/b")
        service(client, lambda: len(client.responses) == 2)
    assert (bodies(client), server.accepted) == ([b"ok", b"ok"], 2)


def test_cutoff_lasts_until_the_next_request(peer, play):
    """After the peer's end the connector says cutoff, until the next request opens it."""
    server = peer(play([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], [CLOSING]))
    with openClient(port=server.port) as client:
        client.request(path="/a")
        service(client, lambda: client.responses and client.connector.cutoff)
        assert settled(client, lambda: client.connector.cutoff)
        client.request(path="/b")
        client.service()
        assert not client.connector.cutoff
        service(client, lambda: len(client.responses) == 2)


def test_cutoff_when_close_was_said(peer, play, silent):
    """When an answer says close, the peer's end is as good as there: nobody waits for cutoff in vain."""
    server = peer(play([CLOSING, silent]))
    with openClient(port=server.port) as client:
        client.request(path="/a")
        service(client, lambda: client.responses)
        assert client.connector.cutoff


def test_closing_closes_the_connector(peer, silent):
    """After close the connector is neither opened nor connected, and its buffers are empty."""
    client = Client(port=peer(silent).port)
    client.reopen()
    service(client, lambda: client.connector.connected)
    client.request(path="/a")
    service(client, lambda: client.waited)
    client.close()
    connector = client.connector
    assert not (connector.opened or connector.connected or connector.txbs or connector.rxbs)
    assert (client.waited, client.respond().errored) == (False, True)


def test_tx_goes_before_requests(peer):
    """Bytes that are given to tx, or as txbs, leave before the next request."""
    received = []

    def handle(connection):
        while len(b"".join(received)) < 4:
            received.append(connection.recv(65536))

    server = peer(handle)
    with openClient(port=server.port, txbs=bytearray(b"ab")) as client:
        client.connector.tx(b"cd")
        service(client, lambda: b"".join(received) == b"abcd", client.connector.serviceSends)
        assert not client.connector.txbs
