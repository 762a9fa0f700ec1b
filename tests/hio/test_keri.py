"""What KERI's programs do with hio's client, each pattern anew, on ours in hio's place."""

from __future__ import annotations

import json
from urllib.parse import urljoin

import pytest
from hio.base import doing
from hio.core import http
from hio.help import Hict

import tymeconn
from tymeconn import clienting

from .playing import run
from .running import Replies

pytestmark = pytest.mark.loopback

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


@pytest.fixture(autouse=True)
def replaced():
    """The programs below say ``from hio.core import http``; so they get ours."""
    with tymeconn.replace_hio():
        assert http.clienting.Client is clienting.Client
        yield


def made(server, path="/", **options):
    """Return client and doer, made as KERI's httpClient does."""
    client = http.clienting.Client(
        scheme="http", hostname="127.0.0.1", port=server.port, path=path, **options
    )
    return client, http.clienting.ClientDoer(client=client)


class Clienter(doing.DoDoer):
    """One client and one doer per request, added when it is asked and removed when it was answered."""

    def __init__(self):
        self.clients = {}
        super().__init__(always=True)

    def request(self, server, path, query):
        client = http.clienting.Client(
            scheme="http", hostname="127.0.0.1", port=server.port, portOptional=True
        )
        client.request(method="GET", path=f"{path}?{query}", qargs=None, headers=Hict(), body=b"")
        self.clients[client] = http.clienting.ClientDoer(client=client)
        self.extend([self.clients[client]])
        return client

    def remove(self, doers):
        self.clients = {client: doer for client, doer in self.clients.items() if doer not in doers}
        super().remove(doers)


def test_client_per_request(peer):
    """Clients come and go with their requests: each has its answer, and is closed when it is removed."""
    replies, clienter, clients = Replies(lambda request: reply(request.split()[1])), Clienter(), []
    server = peer(replies)

    def story():
        yield lambda: True
        clients.extend(clienter.request(server, "/oobi", f"n={n}") for n in range(3))
        yield lambda: all(client.responses for client in clients)
        clienter.remove(list(clienter.clients.values()))

    run(clienter, story())
    assert [bytes(client.respond().body) for client in clients] == [
        b"/oobi?n=0",
        b"/oobi?n=1",
        b"/oobi?n=2",
    ]
    assert not any(client.connector.opened for client in clients)


def reply(body, status=b"200 OK", kind=b"application/json"):
    head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (status, kind, len(body))
    return head + body


def stream_cesr(client, messages):
    """Post the messages as KERI's streamCESRRequests does; return how many requests that made."""
    path = urljoin(client.requester.path, "/")
    for count, (serder, attachment) in enumerate(messages):
        headers = Hict(
            [
                ("Content-Type", "application/cesr+json"),
                ("Content-Length", len(serder)),
                ("CESR-ATTACHMENT", bytearray(attachment)),
                ("CESR-DESTINATION", "EabcD"),
            ]
        )
        if not count:
            headers["connection"] = "close"
        client.request(method="POST", path=path, headers=headers, body=bytes(serder))
    return len(messages)


class Receiptor(doing.DoDoer):
    """Sends to all witnesses over clients that it holds, and collects the receipts."""

    def __init__(self, witnesses, messages):
        self.witnesses, self.messages = witnesses, messages
        self.receipts = {}
        super().__init__(doers=[doing.doify(self.receipting)], always=True)

    def receipting(self, tymth=None, tock=0.0, **kwa):
        self.wind(tymth)
        yield self.tock
        made_for = {name: made(server) for name, server in self.witnesses.items()}
        self.extend([doer for _, doer in made_for.values()])
        for name, (client, _) in made_for.items():
            sent = stream_cesr(client, self.messages)
            while len(client.responses) < sent:
                yield self.tock
            replies = [client.respond() for _ in range(sent)]
            self.receipts[name] = [bytearray(rep.body) if rep.status == 200 else None for rep in replies]
        self.remove([doer for _, doer in made_for.values()])
        return True


def test_receipts_of_witnesses(peer, once):
    """Posts with attachments arrive as they were given; each witness's receipts are its own and lasting."""
    replies = Replies(lambda request: reply(request.partition(b"\r\n\r\n")[2] * 2))
    dead = peer(once(b""))
    receiptor = Receiptor(
        {"good": peer(replies), "dead": dead}, [(b'{"i":1}', b"-AA"), (b'{"i":2}', b"-BB")]
    )
    run(receiptor, iter([lambda: len(receiptor.receipts) == 2]))
    assert receiptor.receipts == {"good": [b'{"i":1}' * 2, b'{"i":2}' * 2], "dead": [None, None]}
    assert (replies.fields("Cesr-Attachment"), replies.fields("Content-Length")) == (["-BB"], ["7"])
    assert (replies.fields("Connection", at=0), replies.fields("Connection")) == (["close"], [])


class Messenger(doing.DoDoer):
    """Posts what is in msgs, one after another; keeps the responses in sent; is idle when none is out."""

    def __init__(self, server):
        self.msgs, self.posted, self.sent = [], 0, []
        self.client, doer = made(server)
        super().__init__(doers=[doer, doing.doify(self.posting), doing.doify(self.responding)], always=True)

    def posting(self, tymth=None, tock=0.0, **kwa):
        yield tock
        while True:
            while not self.msgs:
                yield tock
            self.posted += stream_cesr(self.client, [self.msgs.pop(0)])
            while self.client.requests:
                yield tock

    def responding(self, tymth=None, tock=0.0, **kwa):
        yield tock
        while True:
            while self.client.responses:
                self.sent.append(self.client.respond())
            yield tock

    @property
    def idle(self):
        return not self.msgs and self.posted == len(self.sent)

    @property
    def closed(self):
        """As KERI finds out that nothing more will come."""
        client = self.client
        return client.connector.cutoff and not (client.waited or client.connector.txbs or client.requests)


def test_messenger_keeps_its_responses(peer):
    """What was moved to sent keeps its body while the next ones come; idle is reached."""
    replies = Replies(lambda request: reply(request.partition(b"\r\n\r\n")[2]))
    messenger = Messenger(peer(replies))
    messenger.msgs += [(b'{"i":%d}' % n, b"-A") for n in range(4)]
    run(messenger, iter([lambda: messenger.idle]))
    assert [bytes(rep.body) for rep in messenger.sent] == [b'{"i":%d}' % n for n in range(4)]


def test_messenger_sees_the_peer_go(peer, play):
    """cutoff says that the peer has closed, while nothing is out; a later message is sent all the same."""
    ok = reply(b"ok")
    messenger = Messenger(peer(play([ok], [ok])))
    messenger.msgs.append((b"{}", b"-A"))

    def story():
        yield lambda: messenger.sent and messenger.closed
        messenger.msgs.append((b"{}", b"-A"))
        yield lambda: len(messenger.sent) == 2

    run(messenger, story())
    assert [rep.status for rep in messenger.sent] == [200, 200]


class StreamMessenger(doing.DoDoer):
    """Puts one stream and looks for the response in recur."""

    def __init__(self, server, msg):
        self.client, doer = made(server)
        self.client.request(
            method="PUT",
            path="/",
            headers=Hict([("Content-Type", "application/cesr"), ("Content-Length", len(msg))]),
            body=bytes(msg),
        )
        self.rep = None
        super().__init__(doers=[doer])

    def recur(self, tyme, deeds=None):
        if self.client.responses:
            self.rep = self.client.respond()
            self.remove(list(self.doers))
            return True
        return super().recur(tyme, deeds)


@pytest.mark.parametrize(
    ("answer", "status"), [(reply(b"", b"204 No Content"), 204), (b"\0\r\n\r\n", None)]
)
def test_stream_messenger(peer, once, answer, status):
    """A DoDoer that polls in recur sees the response, or the error in its place, and ends."""
    messenger = StreamMessenger(peer(once(answer)), b"x" * 100_000)
    run(messenger, iter([lambda: messenger.rep]))
    assert messenger.rep.status == status


class Poller(doing.DoDoer):
    """Asks a mailbox by POST for a stream of events; takes a new client when the old one's time is up."""

    def __init__(self, server, patience):
        self.server, self.patience = server, patience
        self.messages, self.clients = [], []
        super().__init__(doers=[doing.doify(self.mailing)], always=True)

    def mailing(self, tymth=None, tock=0.0, **kwa):
        self.wind(tymth)
        yield self.tock
        while True:
            client, doer = made(self.server)
            self.clients.append(client)
            self.extend([doer])
            client.request(method="POST", path="/", headers=Hict(), body=b'{"r":"mbx"}')
            while client.requests:
                yield self.tock
            start = self.tyme
            while self.tyme < start + self.patience:
                while client.events:
                    event = client.events.popleft()
                    self.messages.append((event["id"], event["name"], event["data"]))
                    assert "retry" not in event
                yield self.tock
            self.remove([doer])


def test_mailbox(peer, play):
    """Events of a stream reach the poller as dicts; a new client goes on where the old one was removed."""
    tail = [STREAM, lambda connection: connection.sendall(b"id: 1\nevent: /receipt\ndata: r1\n\n")]
    poller = Poller(peer(play([*tail, lambda c: c.recv(1)], [*tail, lambda c: c.recv(1)])), patience=0.1)
    run(poller, iter([lambda: len(poller.messages) == 2]))
    assert poller.messages == [("1", "/receipt", "r1")] * 2
    assert not poller.clients[0].connector.opened


def test_oobi_as_a_dict(peer):
    """A response taken from the deque is a dict, its headers are read by name, its body by json."""
    client, doer = made(peer(Replies(lambda request: reply(b'{"v":1}', b"202 Accepted"))), path="/oobi")
    client.request(method="GET", path="/oobi")
    run(doer, iter([lambda: client.responses]))
    response = client.responses.popleft()
    assert (response["status"], response["headers"]["Content-Type"]) == (202, "application/json")
    assert json.loads(response["body"]) == {"v": 1}
    assert client.requester.path == "/oobi"


@pytest.mark.parametrize(("root", "target"), [("/", "//aids"), ("/witness", "/witness/aids")])
def test_multipart_to_a_witness(peer, root, target):
    """A form goes out as multipart when its Content-Type says so, to a path built from the requester's."""
    replies = Replies(lambda request: reply(b"{}"))
    client, doer = made(peer(replies), path=root)
    client.request(
        method="POST",
        path=f"{client.requester.path}/aids",
        headers=Hict([("Content-Type", "multipart/form-data")]),
        fargs={"kel": "{}", "secret": "A"},
    )
    run(doer, iter([lambda: client.responses]))
    assert (client.respond().status, replies.targets) == (200, [f"POST {target}"])
    assert b'name="kel"' in replies.body()


def test_unknown_host(peer):
    """A client of a host that does not exist is made, and its answer is an error, which KERI bears."""
    client = http.clienting.Client(scheme="http", hostname="nowhere.invalid", port=1, portOptional=True)
    client.request(method="GET", path="/")
    run(http.clienting.ClientDoer(client=client), iter([lambda: client.responses]))
    rep = client.respond()
    assert (rep.status, rep.errored, bytearray(rep.body)) == (None, True, b"")
