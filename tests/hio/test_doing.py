"""Clients and their generators in every kind of doer that hio has, on whichever hio is installed."""

from __future__ import annotations

import pytest
from hio.base import doing

from tymeconn.clienting import Client, ClientDoer

from .playing import run

pytestmark = pytest.mark.loopback


@pytest.fixture
def client(peer, echo):
    """A client of a peer that answers with the target."""
    made = Client(hostname="127.0.0.1", port=peer(echo).port)
    yield made
    made.close()


@pytest.fixture
def texts():
    """What the doers have got."""
    return []


def asking(client, texts):
    """Return a generator function that gets two answers."""

    def ask(tymth=None, tock=0.0, **opts):
        yield tock
        for path in ("/a", "/b"):
            texts.append((yield from client.get(path)).text)
        return True

    return ask


def doified(client, texts):
    return doing.doify(asking(client, texts))


def doized(client, texts):
    return doing.doize()(asking(client, texts))


def recurring(client, texts):
    class Asker(doing.Doer):
        def recur(self, tock=None):
            yield from asking(client, texts)()
            return True

    return Asker()


def nested(client, texts):
    return doing.DoDoer(doers=[doing.DoDoer(doers=[doified(client, texts)])])


@pytest.mark.parametrize("kind", [doified, doized, recurring, nested])
def test_generators_in_doers(client, texts, kind):
    """The client's generators are delegated to from any doer, and the doer goes on with the answer."""
    doer = doing.DoDoer(doers=[kind(client, texts)], always=True)
    run(doer, iter([lambda: len(texts) == 2]))
    assert texts == ["/a", "/b"]


def test_extend_and_remove_in_a_nested_dodoer(client, texts):
    """A ClientDoer that comes and goes inside a nested DoDoer opens, services and closes its client."""
    inner, doer = doing.DoDoer(doers=[], always=True), ClientDoer(client=client)
    outer = doing.DoDoer(doers=[inner], always=True)

    def story():
        yield lambda: True
        client.request(method="GET", path="/a")
        inner.extend([doer])
        yield lambda: client.responses
        inner.remove([doer])
        assert not client.connector.opened
        client.request(method="GET", path="/b")
        outer.extend([doer])
        yield lambda: len(client.responses) == 2

    run(outer, story())
    assert [bytes(response["body"]) for response in client.responses] == [b"/a", b"/b"]


def test_removed_generator_ends_its_exchange(peer, echo, silent, texts):
    """A doer that is removed while it waits leaves the client to others."""
    client = Client(hostname="127.0.0.1", port=peer(silent).port)
    waiting = doified(client, texts)
    outer = doing.DoDoer(doers=[waiting], always=True)

    def story():
        yield lambda: client.connector.connected
        outer.remove([waiting])
        yield lambda: not client.connector.connected

    run(outer, story())
    assert texts == []
