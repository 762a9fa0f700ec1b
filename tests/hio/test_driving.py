"""Loops in the style of hio's own: client and server driven by hand in one thread, on hio's and on ours."""

from __future__ import annotations

from collections import deque

import pytest
from hio.base import tyming
from hio.core import tcp
from hio.core.http import clienting as theirs
from hio.help.hicting import Hict

from tymeconn import clienting as ours
from tymeconn.tyming.clocks import countdown, monotonic

pytestmark = pytest.mark.loopback

BODY = b'{"verb": "GET", "query": {"name": "fame"}}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 42\r\nContent-Type: application/json\r\nServer: alpha\r\n\r\n"
    + BODY
)
STREAM = b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
EVENTS = [
    {"id": "0", "name": "", "data": "START"},
    {"id": "1", "name": "", "data": "1\n2"},
    {"id": "1", "name": "", "data": "3"},
]
GET = {
    "method": "GET",
    "path": "/echo?name=fame",
    "qargs": {},
    "fragment": "",
    "headers": {"Accept": "application/json"},
    "body": None,
}


@pytest.fixture(params=[theirs, ours], ids=["hio", "tymeconn"])
def clienting(request):
    """hio's module and ours: what holds for both is the contract."""
    return request.param


class Alpha(tcp.Server):
    """hio's TCP server on an ephemeral port, with the one connection that a test has."""

    def __init__(self):
        super().__init__(host="127.0.0.1", port=0)
        assert self.reopen()
        self.eha = self.ha  # hio took it from what was asked for

    @property
    def ix(self):
        """The newest connection; None while there is none."""
        return next(reversed(self.ixes.values()), None)

    def receive(self):
        """Accept and receive; return what has come."""
        self.serviceConnects()
        self.serviceReceivesAllIx()
        return bytes(self.ix.rxbs) if self.ix else b""

    def answer(self, data=ANSWER):
        """Send `data` for a whole request, once; without a body in the request."""
        if b"\r\n\r\n" in self.receive():
            self.ix.clearRxbs()
            self.ix.tx(data)
        self.serviceSendsAllIx()


@pytest.fixture
def servers():
    """Start servers that end with the test."""
    started = []

    def start():
        started.append(Alpha())
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def alpha(servers):
    """One such server."""
    return servers()


@pytest.fixture
def opened(clienting, alpha):
    """Make clients of the server that are open, and closed at the end."""
    clients = []

    def make(**options):
        client = clienting.Client(**{"hostname": "127.0.0.1", "port": alpha.ha[1], **options})
        clients.append(client)
        assert client.reopen()
        return client

    yield make
    for each in clients:
        each.close()


def until(condition, *steps):
    """Take the steps in turn until the condition holds, for a bounded time."""
    over = countdown(10.0, monotonic)
    while not condition():
        assert not over(), "the condition never holds"
        for step in steps:
            step()


def connect(client, alpha):
    until(
        lambda: client.connector.connected and client.connector.ca in alpha.ixes,
        client.connector.serviceConnect,
        alpha.serviceConnects,
    )


def busy(client):
    """hio's way to ask whether a client has anything to do."""
    return client.requests or client.connector.txbs or not client.respondent.ended


def test_addresses_while_connected(opened, alpha):
    """A connector is neither accepted nor cut off at first; then ca and ha are its socket's names."""
    connector = opened().connector
    assert not (connector.accepted or connector.connected or connector.cutoff)
    until(lambda: connector.connected, connector.serviceConnect, alpha.serviceConnects)
    assert (connector.ca, connector.ha) == (connector.cs.getsockname(), connector.cs.getpeername())
    assert (connector.accepted, connector.cutoff, connector.opened) == (True, False, True)


def test_bytes_by_hand(opened, alpha):
    """What is given to tx arrives, and what is received lies in rxbs for the respondent to parse."""
    client = opened(path="/echo?name=fame")
    connect(client, alpha)
    message = client.requester.rebuild()
    client.connector.tx(message)
    assert client.connector.txbs == message
    until(lambda: alpha.receive() == message, client.connector.serviceSends)
    alpha.ix.tx(ANSWER)
    until(
        lambda: client.connector.rxbs == ANSWER, alpha.serviceSendsAllIx, client.connector.serviceReceives
    )
    until(lambda: not client.respondent.parser, client.respondent.parse)
    assert not client.connector.rxbs
    client.respondent.dictify()
    assert client.respondent.data == {"verb": "GET", "query": {"name": "fame"}}
    assert list(client.respondent.headers)[1:] == ["Content-Type", "Server"]


def test_transmit(opened, alpha):
    """transmit sends what the client was made with; txbs holds it until it has left."""
    client = opened(path="/echo?name=fame", headers={"Accept": "text/plain"})
    connect(client, alpha)
    client.transmit()
    assert bytes(client.connector.txbs) == client.requester.head
    until(lambda: not client.connector.txbs and alpha.receive(), client.service)
    assert alpha.receive() == client.requester.msg
    until(lambda: client.respondent.ended, alpha.answer, client.service)
    assert (client.waited, len(client.responses), client.respondent.body) == (False, 1, BODY)


def test_transmit_with_changes(opened, alpha):
    """transmit takes a request's parts in hio's order, and ignores others."""
    client = opened()
    client.transmit("POST", "/a", {"q": "1"}, None, {"X": "y"}, b"body", reply="ignored")
    until(lambda: b"body" in alpha.receive(), client.service)
    assert alpha.receive().startswith(b"POST /a?q=1 HTTP/1.1\r\n")
    client.close()


@pytest.mark.parametrize("extra", [{}, {"mid": 1, "drop": ".stuff.reply"}])
def test_dicts_in_requests(opened, alpha, extra):
    """A plain dict in requests is sent; the response equals a plain dict of hio's keys and no others."""
    client = opened(reconnectable=True)
    for _ in range(2):
        client.requests.append(GET | extra)
        until(lambda: not busy(client), alpha.answer, client.service)
        assert client.responses.popleft() == {
            "version": (1, 1),
            "status": 200,
            "reason": "OK",
            "headers": {"Content-Length": "42", "Content-Type": "application/json", "Server": "alpha"},
            "body": bytearray(BODY),
            "data": {"verb": "GET", "query": {"name": "fame"}},
            "errored": False,
            "error": None,
            "request": {
                "host": "127.0.0.1",
                "port": alpha.ha[1],
                "scheme": "http",
                "method": "GET",
                "path": "/echo",
                "qargs": {"name": "fame"},
                "fragment": "",
                "headers": Hict([("Accept", "application/json")]),
                "body": b"",
                "data": None,
                "fargs": None,
                **extra,
            },
        }


def test_data_in_a_response_s_request(opened, alpha):
    """The request of a response has the data, and the Content-Type that building added."""
    client = opened()
    client.requests.append(
        {"method": "PUT", "path": "/a", "data": {"first": "John"}, "headers": {"A": "b"}}
    )
    until(lambda: not busy(client), alpha.answer, client.service)
    request = client.responses[0]["request"]
    assert (request["data"], request["body"], request["path"]) == ({"first": "John"}, b"", "/a")
    assert request["headers"] == {"A": "b", "content-type": "application/json; charset=utf-8"}


def test_reply_comes_back(opened, alpha):
    """What is given as reply, and any other keyword, is not sent and comes back."""
    client = opened()
    client.request(method="POST", path="/a", body=b"x", headers={"N": 5}, reply={"rid": 1}, mid=7)
    until(lambda: not busy(client), alpha.answer, client.service)
    response = client.respond()
    assert (response.request["reply"], response.request["mid"]) == ({"rid": 1}, 7)
    assert (response.request["headers"], response.request["body"]) == ({"N": 5}, b"x")
    assert response == theirs.Response(*response)


def test_ended_lasts_until_the_next_request(opened, alpha):
    """After an answer `ended` holds; the service call that sends the next request ends that."""
    client = opened()
    assert not client.respondent.ended
    client.requests.append(GET)
    until(lambda: not busy(client), alpha.answer, client.service)
    client.service()
    assert client.respondent.ended
    client.requests.append(GET)
    assert client.respondent.ended
    client.service()
    assert not client.respondent.ended
    assert (client.waited, len(client.requests), client.latest["path"]) == (True, 0, "/echo?name=fame")


def test_requests_leave_one_at_a_time(opened, alpha):
    """The second of two requests stays in the deque until the first has its answer."""
    requests = deque([GET, GET | {"path": "/b"}])
    client = opened(requests=requests)
    until(alpha.receive, client.service)
    assert list(requests) == [GET | {"path": "/b"}]
    until(lambda: len(client.responses) == 2, alpha.answer, client.service)
    assert [response["request"]["path"] for response in client.responses] == ["/echo", "/b"]


def redirected(opened, alpha, location, *others):
    """Return the response to GET from alpha, which redirects once."""
    client = opened(reconnectable=True)
    client.requests.append(GET)
    steps = [alpha.answer, *(each.answer for each in others)]
    head = (
        b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % location.encode()
    )
    until(lambda: client.connector.connected and not client.requests, alpha.receive, client.service)
    until(lambda: client.redirects, lambda: alpha.answer(head), client.service)
    until(lambda: not busy(client), *steps, client.service)
    return client.responses.popleft()


def test_redirect_on_the_same_server(opened, alpha):
    """The response's request is the last one, with the Location's query; the others are in redirects."""
    response = redirected(opened, alpha, f"http://127.0.0.1:{alpha.ha[1]}/there?x=1")
    (redirect,) = response["redirects"]
    assert (response["status"], response["request"]["path"]) == (200, "/there")
    assert response["request"]["qargs"] == {"x": "1"}
    assert (redirect["status"], redirect["request"]["path"]) == (307, "/echo")
    assert set(redirect) == set(response) - {"redirects"}


def test_redirect_to_another_server(opened, alpha, servers):
    """The response's request names the host and port that answered at last."""
    gamma = servers()
    response = redirected(opened, alpha, f"http://localhost:{gamma.ha[1]}/there", gamma)
    assert (response["request"]["host"], response["request"]["port"]) == ("localhost", gamma.ha[1])
    assert response["redirects"][0]["request"]["port"] == alpha.ha[1]
    assert response["request"]["headers"] == {"Accept": "application/json"}


def test_redirects_may_be_left_alone(opened, alpha):
    """A client that is not redirectable hands the redirect over as it is."""
    client = opened(redirectable=False)
    client.requests.append(GET)
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://127.0.0.1/\r\n\r\n"
    until(lambda: not busy(client), lambda: alpha.answer(head), client.service)
    response = client.responses.popleft()
    assert (response["status"], "redirects" in response) == (302, False)


def streaming(client, alpha, data, count=1, tymist=None):
    """Let the server send so many events on the stream, and the client service it, while tyme goes on."""
    alpha.ix.tx(data)
    tymist = tymist or tyming.Tymist(tyme=0.0)
    count += len(client.events)
    until(
        lambda: len(client.events) >= count and not alpha.ix.txbs,
        alpha.serviceSendsAllIx,
        client.service,
        lambda: tymist.tick(tock=0.1),
    )


def test_stream_reconnects(opened, alpha):
    """A stream that breaks is asked for again in the server's time, with the id of the last event."""
    tymist = tyming.Tymist(tyme=0.0)
    client = opened(tymth=tymist.tymen(), reconnectable=True, tymeout=1.0, requests=deque([GET]))
    until(alpha.receive, client.service)
    alpha.ix.clearRxbs()
    streaming(client, alpha, STREAM + b"retry: 1000\n\nid: 0\ndata: START\n\n", tymist=tymist)
    assert (client.waited, client.respondent.ended, len(client.responses)) == (True, False, 0)
    assert (list(client.events), client.respondent.retry) == (EVENTS[:1], 1000)
    alpha.closeIx(client.connector.ca)
    alpha.removeIx(client.connector.ca)
    until(lambda: not client.connector.connected, client.service, lambda: tymist.tick(tock=0.1))
    assert not client.connector.cutoff
    until(alpha.receive, client.service, lambda: tymist.tick(tock=0.1))
    assert alpha.receive().endswith(b"Accept: application/json\r\nLast-Event-Id: 0\r\n\r\n")
    streaming(client, alpha, STREAM + b"id: 1\ndata: 1\ndata: 2\n\n", tymist=tymist)
    assert list(client.events) == EVENTS[:2]
    assert (client.respondent.leid, client.respondent.persisted) == ("1", True)


def test_stream_s_request_is_sent_again_with_its_body(opened, alpha):
    """A POST whose answer is a stream is sent again whole."""
    tymist = tyming.Tymist(tyme=0.0)
    client = opened(tymth=tymist.tymen(), reconnectable=True, tymeout=0.5)
    client.request(method="POST", path="/s", body=b"topics")
    until(lambda: alpha.receive().endswith(b"topics"), client.service)
    first = alpha.receive()
    alpha.ix.clearRxbs()
    streaming(client, alpha, STREAM + b"retry: 1000\nid: 5\ndata: a\n\n", tymist=tymist)
    alpha.closeIx(client.connector.ca)
    alpha.removeIx(client.connector.ca)
    until(lambda: alpha.receive().endswith(b"topics"), client.service, lambda: tymist.tick(tock=0.1))
    assert alpha.receive() == first.replace(b"\r\n\r\n", b"\r\nLast-Event-Id: 5\r\n\r\n")


def test_events_of_json(opened, alpha):
    """The data of events is decoded when the client is dictable; ids last; names are kept."""
    client = opened(dictable=True, requests=deque([GET]))
    until(alpha.receive, client.service)
    streaming(client, alpha, STREAM + b'id: 1\nevent: e\ndata: {"a":1}\n\ndata: plain\n\n', count=2)
    assert client.events[0] == {"id": "1", "name": "e", "data": {"a": 1}}
    assert client.events[1]["id"] == "1"
