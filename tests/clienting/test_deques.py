"""hio's way: request, service, respond."""

from __future__ import annotations

from collections import deque

import pytest
from hio.help.hicting import Hict

from tymeconn.clienting import Client, openClient
from tymeconn.errors import InvalidRequest
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import END, ScriptedNetwork, answer
from tymeconn.wire.messages import Response


def client_of(*scripts, **options):
    network = ScriptedNetwork(*scripts)
    return Client(hostname="h.test", network=network, **options), network


def service(client, passes=10):
    for _ in range(passes):
        client.service()


def lines(network, connection=0):
    return [sent.split(b"\r\n")[0].decode() for sent in network.connectors[connection].sent]


def test_request_leaves_in_the_next_service():
    """request() only appends; service() sends."""
    client, network = client_of([answer("a")])
    client.request(method="GET", path="/a")
    assert (len(client.requests), network.connectors) == (1, [])
    service(client)
    assert lines(network) == ["GET /a HTTP/1.1"]
    assert not client.requests


def test_respond_gives_named_tuples_in_order():
    """Answers come in the order of the requests, each with its own body."""
    client, _ = client_of([answer("a"), answer("b"), answer("c")])
    for path in ("/a", "/b", "/c"):
        client.request(method="GET", path=path)
    service(client)
    bodies = [bytes(client.respond().body) for _ in range(3)]
    assert bodies == [b"a", b"b", b"c"]
    assert client.respond() is None


def test_response_dict_has_hio_s_keys():
    """The dict equals a plain dict of hio's nine keys."""
    client, _ = client_of([answer("a", content_type="application/json")])
    client.request(method="GET", path="/a", reply={"rid": 1}, tag="x")
    service(client)
    response = client.responses.popleft()
    request = response.pop("request")
    assert response == {
        "version": (1, 1),
        "status": 200,
        "reason": "Scripted",
        "headers": {"content-length": "1", "content-type": "application/json"},
        "body": bytearray(b"a"),
        "data": None,
        "errored": False,
        "error": None,
    }
    assert {
        "host",
        "port",
        "scheme",
        "method",
        "path",
        "fragment",
        "qargs",
        "headers",
        "body",
        "data",
        "fargs",
    } < set(request)
    assert (request["reply"], request["tag"]) == ({"rid": 1}, "x")


def test_headers_are_a_hict():
    """Headers have hio's type, repeats kept."""
    client, _ = client_of(
        [b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"]
    )
    client.request(method="GET", path="/")
    service(client)
    headers = client.responses[0]["headers"]
    assert isinstance(headers, Hict)
    assert headers.getall("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("dictable", "kind", "data"),
    [(None, "application/json", {"a": 1}), (None, "text/plain", None), (True, "text/plain", {"a": 1})],
)
def test_data_is_decoded_json(dictable, kind, data):
    """JSON is decoded when the answer says it is, or always when dictable."""
    client, _ = client_of([answer('{"a":1}', content_type=kind)], dictable=dictable)
    client.request(method="GET", path="/")
    service(client)
    assert client.respond().data == data


def test_request_differs_from_the_one_before():
    """Method, path, qargs and headers are kept; body, data and fargs are not."""
    client, network = client_of([answer(), answer()])
    client.request(method="POST", path="/a", qargs={"q": "1"}, headers={"X-A": "1"}, body=b"body")
    service(client)
    client.request(path="/b")
    service(client)
    second = network.connectors[0].sent[1]
    assert second.startswith(b"POST /b?q=1 HTTP/1.1\r\n")
    assert b"X-A: 1" in second
    assert second.endswith(b"\r\n\r\n")


def test_headers_that_building_added_are_not_carried():
    """The Content-Type of a JSON body does not leak into the next request."""
    client, network = client_of([answer(), answer()])
    client.request(method="POST", path="/a", data={"a": 1})
    service(client)
    client.request(method="GET", path="/b")
    service(client)
    first, second = network.connectors[0].sent
    assert b"application/json" in first
    assert b"Content-Type" not in second


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "http://other.test/"},
        {"headers": {"X": "a\r\nb"}},
        {"method": "GE T"},
        {"method": "POST", "data": object()},
    ],
)
def test_wrong_request_raises_at_the_call(wrong):
    """And leaves what was accepted before as it was."""
    client, _ = client_of([answer("a")])
    client.request(method="GET", path="/a")
    with pytest.raises(InvalidRequest):
        client.request(**wrong)
    service(client)
    assert len(client.responses) == 1


def test_wrong_dict_put_in_by_hand_is_an_errored_response():
    """service() does not raise for it, and goes on with the next."""
    client, _ = client_of([answer("a")])
    client.requests.append({"method": "GE T", "path": "/"})
    client.requests.append(
        {"method": "GET", "path": "/a", "qargs": {}, "fragment": "", "headers": {}, "body": None}
    )
    service(client)
    first, second = client.respond(), client.respond()
    assert (first.errored, first.status) == (True, None)
    assert "GE T" in first.error
    assert second.body == b"a"


def test_failure_is_an_errored_response():
    """What the peer did is in the response, not raised; the body is empty."""
    client, _ = client_of([answer("a"), b"garbage\r\n\r\n"], [answer("c")])
    for path in "abc":
        client.request(method="GET", path=f"/{path}")
    service(client)
    first, second, third = client.respond(), client.respond(), client.respond()
    assert (first.body, third.body) == (b"a", b"c")
    assert (second.errored, second.status, second.body) == (True, None, b"")


def test_waited_while_a_request_is_out():
    """waited and latest tell of the request that is out."""
    client, _ = client_of([[None, None, answer("a")]])
    client.request(method="GET", path="/a")
    service(client, 2)
    assert client.waited
    assert client.latest["path"] == "/a"
    service(client)
    assert not client.waited
    assert client.latest is None


def test_deques_may_be_shared():
    """requests and responses may come from outside."""
    requests, responses = deque(), deque()
    client, _ = client_of([answer("a")], requests=requests, responses=responses)
    client.request(method="GET", path="/")
    assert len(requests) == 1
    service(client)
    assert len(responses) == 1


def test_close_ends_the_request_that_is_out():
    """It becomes an errored response; what was not sent waits for the next opening."""
    client, _ = client_of([None], [answer("b")])
    client.request(method="GET", path="/a")
    client.request(method="GET", path="/b")
    service(client, 3)
    client.reopen()
    assert client.respond().errored
    service(client)
    assert client.respond().body == b"b"


def test_truncated_answer_is_errored():
    """A framed body that is cut is an error, not a short success."""
    client, _ = client_of([[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", END]])
    client.request(method="GET", path="/a")
    service(client)
    assert client.respond().errored


def test_fetch_does_not_touch_the_deques():
    """Generators neither read nor change hio's state, and their answers are theirs alone."""
    client, network = client_of([answer("a"), answer("b")])
    response, _ = drive(client.get("/fetched", headers={"X": "1"}))
    assert (client.responses, client.requester.path) == (deque(), "/")
    client.request(method="GET")
    service(client)
    assert lines(network) == ["GET /fetched HTTP/1.1", "GET / HTTP/1.1"]
    assert isinstance(response, Response)


def test_open_client_closes():
    """The context manager opens at the start and closes at the end."""
    network = ScriptedNetwork([answer("a")])
    with openClient(hostname="h.test", network=network) as client:
        service(client)
        assert len(network.connectors) == 1
    assert network.connectors[0].closed
