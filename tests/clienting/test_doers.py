"""Clients inside hio's own schedulers, without sockets."""

from __future__ import annotations

import pytest
from hio.base.doing import DoDoer, Doer, Doist, doify

from tymeconn.clienting import Client, ClientDoer
from tymeconn.testing.scripting import END, ScriptedNetwork, answer


def client_of(*scripts):
    network = ScriptedNetwork(*scripts)
    return Client(hostname="h.test", network=network), network


def asking(client, path, out):
    """Return a doer that gets a path and appends the outcome."""

    def ask(tymth=None, tock=0.0, **opts):
        yield
        out.append((yield from client.get(path)).text)
        return True

    return doify(ask, name=path)


class Ticks(Doer):
    """Counts its ticks."""

    count = 0

    def recur(self, tyme):
        self.count += 1
        return False


@pytest.mark.parametrize("tock", [0.03125, 1.0])
def test_generators_run_in_a_doist(tock):
    """Doers delegate to the client's generators under hio's own Doist."""
    client, _ = client_of([answer("a"), answer("b")])
    out = []
    doist = Doist(tock=tock, limit=20 * tock, doers=[asking(client, "/a", out), asking(client, "/b", out)])
    doist.do()
    assert out == ["a", "b"]
    assert doist.done


def test_generators_run_in_nested_dodoers():
    """And in DoDoers inside DoDoers."""
    client, _ = client_of([answer("a"), answer("b")])
    out = []
    inner = DoDoer(doers=[asking(client, "/a", out)])
    Doist(limit=2.0, doers=[DoDoer(doers=[inner, asking(client, "/b", out)])]).do()
    assert out == ["a", "b"]


def test_client_doer_services_from_enter_to_exit():
    """enter opens, every tick services, exit closes."""
    client, network = client_of([answer("a")])
    client.request(method="GET", path="/a")
    doer = ClientDoer(client=client)
    Doist(limit=0.25, doers=[doer]).do()
    assert client.respond().body == b"a"
    assert network.connectors[0].closed
    assert not doer.done


def test_client_doer_winds_its_client():
    """The client knows the doer's tyme, however it came to it."""
    client, _ = client_of([None])
    tymth = Doist(tyme=3.0).tymen()
    ClientDoer(client=client, tymth=tymth)
    generator = client.get("/")
    assert next(generator).until >= 3.0
    generator.close()


def test_removing_a_client_doer_closes_its_client():
    """A client per request, added and removed by a DoDoer, leaves nothing open."""
    client, network = client_of([answer("a")])
    doer = ClientDoer(client=client)
    parent = DoDoer(doers=[], always=True)
    doist = Doist(doers=[parent])
    doist.enter()
    client.request(method="GET", path="/a")
    parent.extend([doer])
    for _ in range(6):
        doist.recur()
    parent.remove([doer])
    assert client.respond().body == b"a"
    assert network.connectors[0].closed
    doist.exit()


def test_client_doer_may_be_added_again():
    """A client that was closed with a request out is alive after the next enter."""
    client, _ = client_of([None], [answer("b")])
    doer = ClientDoer(client=client)
    doist = Doist(doers=[doer])
    client.request(method="GET", path="/a")
    doist.enter()
    for _ in range(4):
        doist.recur()
    doist.exit()
    client.request(method="GET", path="/b")
    Doist(limit=0.25, doers=[doer]).do()
    assert [client.respond().errored, bytes(client.respond().body)] == [True, b"b"]


def test_other_doers_notice_nothing():
    """A failed exchange stops neither the Doist nor the doer beside it."""
    client, _ = client_of([b"garbage\r\n\r\n"], [END])
    ticks = Ticks()
    client.request(method="GET", path="/a")
    client.request(method="GET", path="/b")
    Doist(limit=1.0, doers=[ClientDoer(client=client), ticks]).do()
    assert ticks.count == 32
    assert [client.respond().errored, client.respond().errored] == [True, True]
