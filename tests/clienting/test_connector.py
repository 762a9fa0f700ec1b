"""What hio's users see as client.connector, driven by hand over a scripted peer."""

from __future__ import annotations

import pytest
from hio.core import wiring

from tymeconn.clienting import Client, ClientDoer, backendRequest
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import END, ScriptedNetwork, answer


def client_of(*scripts, **options):
    network = ScriptedNetwork(*scripts)
    return Client(hostname="h.test", network=network, **options), network


def connected(client):
    """Connect by hand, as hio's users do."""
    connector = client.connector
    connector.reopen()
    while not connector.connected:
        connector.serviceConnect()
    return connector


def test_opened_and_closed_by_hand():
    """reopen begins, close ends, and both may be called at any time."""
    client, network = client_of([answer()])
    connector = connected(client)
    assert (connector.opened, connector.accepted, connector.cutoff) == (True, True, False)
    connector.close()
    assert (connector.opened, connector.connected, network.connectors[0].closed) == (False, False, True)


def test_reopening_ends_what_is_under_way():
    """The request that is out becomes an errored response."""
    client, _ = client_of([None], [answer()])
    client.request(method="GET", path="/a")
    for _ in range(3):
        client.service()
    client.connector.reopen()
    assert client.respond().errored


def test_bytes_sent_by_hand_go_out_first():
    """tx puts bytes before what has not begun; txbs shows them until they are taken."""
    client, network = client_of([None])
    connector = connected(client)
    client.transmit()
    connector.tx(b"raw")
    assert connector.txbs.startswith(b"rawGET / HTTP/1.1")
    connector.serviceSends()
    assert network.connectors[0].sent[0] == b"raw"
    assert not connector.txbs


def test_bytes_sent_to_a_broken_peer_stay():
    """What could not be sent is still to be sent, and nothing is raised."""
    client, network = client_of([None])
    connector = connected(client)

    def broken(data):
        raise BrokenPipeError("pipe")

    network.connectors[0].send = broken
    connector.tx(b"raw")
    connector.serviceSends()
    assert connector.txbs == b"raw"


def test_received_by_hand_and_handed_over_by_the_client():
    """What serviceReceives takes is in rxbs, and the client takes it from there, the end too."""
    client, _ = client_of([[b"HTTP/1.1 200 OK\r\n\r\nall", END]])
    connector = connected(client)
    client.transmit()
    connector.service()
    connector.service()
    assert connector.rxbs.endswith(b"all")
    connector.service()
    client.service()
    assert client.respond().body == b"all"


def test_what_stays_in_rxbs_is_pending():
    """Bytes that no descriptor announces are."""
    client, _ = client_of([[answer("x"), None]])
    connector = connected(client)
    client.transmit()
    connector.serviceSends()
    connector.serviceReceives()
    tap = client._connection.connector
    assert tap.pending
    assert (tap.protocol, tap.sock, connector.cs) == (None, None, None)
    tap.shut()


def test_without_a_connection_there_is_nothing_to_receive():
    """serviceReceives before connecting does nothing."""
    client, _ = client_of([answer()])
    client.connector.serviceReceives()
    client.connector.service()
    assert not client.connector.rxbs


def test_parts_of_service_by_hand():
    """serviceRequests takes the next request, serviceResponse moves the connection."""
    client, _ = client_of([answer("x")])
    client.request(method="GET", path="/a")
    client.serviceRequests()
    assert client.waited
    for _ in range(5):
        client.serviceResponse()
    assert client.respond().body == b"x"
    client.redirect()
    assert not client.waited


def test_close_ends_what_was_transmitted_and_not_begun():
    """It becomes an errored response, too."""
    client, network = client_of([answer()])
    client.transmit()
    client.close()
    assert client.respond().errored
    assert network.connectors == []


def test_nothing_to_wait_for():
    """serviceWhileGen without a request gives None in the end."""
    client, _ = client_of()
    assert drive(client.serviceWhileGen(tymeout=0.0))[0] is None


@pytest.mark.parametrize("wrong", [{"requests": []}, {"responses": 5}, {"events": [1]}, {"network": 5}])
def test_wrong_type_is_refused_by_name(wrong):
    """What would fail in service() is refused at once."""
    with pytest.raises(TypeError, match=next(iter(wrong))):
        Client(hostname="h.test", **wrong)


@pytest.mark.parametrize("wrong", [{"version": 5}, {"certify": 0, "hostify": True}])
def test_wrong_tls_is_refused(wrong):
    """hostify needs certify, and a version needs a context."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Client(hostname="h.test", scheme="https", network=ScriptedNetwork(), **wrong)


def test_doer_needs_a_client():
    """A ClientDoer of anything else is refused."""
    with pytest.raises(TypeError, match="5"):
        ClientDoer(5)


def test_doer_leaves_alone_what_was_begun_before_it_entered():
    """A doer that asked in its own enter keeps its exchange."""
    client, network = client_of([answer("x")])
    fetch = client.get("/")
    next(fetch)
    ClientDoer(client=client).enter()
    assert len(network.connectors) == 1
    with pytest.raises(StopIteration) as stop:
        for _ in range(9):
            fetch.send(0.0)
    assert stop.value.value.text == "x"


def test_buffered_backend_request_is_logged(monkeypatch, tmp_path):
    """With buffered the traffic goes to a file."""
    monkeypatch.setattr(wiring.WireLog, "HeadDirPath", str(tmp_path))
    request = backendRequest(lambda: 0.0, host="127.0.0.1", port=1, buffered=True)
    response, _ = drive(request, ticks=100_000)
    assert response["errored"]
    assert list(tmp_path.rglob("*.log*"))


def test_one_call_takes_a_bounded_share():
    """However much the peer sends, serviceReceives reads eight times."""
    client, network = client_of([None])
    connector = connected(client)
    network.connectors[0].say(*[b"x"] * 20)
    connector.serviceReceives()
    assert connector.rxbs == b"x" * 8
