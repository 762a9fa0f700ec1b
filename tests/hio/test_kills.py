"""One bad peer or one bad argument ends its own exchange and no other doer."""

from __future__ import annotations

import socket
import struct
import threading

import pytest
from hio.base.doing import Doer

from tymeconn.clienting import Client
from tymeconn.errors import InvalidRequest
from tymeconn.net.networking import SocketNetwork
from tymeconn.net.resolving import Resolver
from tymeconn.policy.patience import Timeouts

from .running import OK, Replies, answers

pytestmark = pytest.mark.loopback

BRIEF = Timeouts(connect=5, write=5, read=5, total=20)


@pytest.fixture
def healthy(peer, echo):
    """A client of a peer that answers, to be serviced beside one whose peer misbehaves."""
    client = Client(hostname="127.0.0.1", port=peer(echo).port)
    yield client
    assert [bytes(response["body"]) for response in client.responses] == [b"/beside"]


def asked(server, **options):
    """Return a client of the server with one request."""
    client = Client(hostname="127.0.0.1", port=server.port, timeouts=BRIEF, **options)
    client.request(method="GET", path="/a")
    return client


def resolving(getaddrinfo):
    return SocketNetwork(Resolver(getaddrinfo=getaddrinfo))


def knows_no_name(host, port, *args, **kwargs):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"X-Empty:", ""),
        (b"X-Tight:1", "1"),
        (b"X-Tab:\t1", "1"),
        (b"X-Colons: a:b:c", "a:b:c"),
        (b"X-Fold: a\r\n  b", "a b"),
        (b"X-Fold: a\r\n\tb", "a b"),
    ],
)
def test_fields_are_read_as_rfc_9112_writes_them(peer, once, healthy, field, value):
    """Empty, tight, tabbed and folded fields are fields like others (finding 23)."""
    server = peer(once(b"HTTP/1.1 200 OK\r\n" + field + b"\r\nContent-Length: 2\r\n\r\nok"))
    [response] = answers(asked(server), healthy=healthy)
    name = field.partition(b":")[0].decode()
    assert (response.status, response.body) == (200, b"ok")
    assert response.headers[name] == value


def test_tight_content_length_frames_the_body(peer, once, healthy):
    """No blank is needed behind the colon of Content-Length either (finding 23)."""
    server = peer(once(b"HTTP/1.1 200 OK\r\nContent-Length:2\r\n\r\nok"))
    [response] = answers(asked(server), healthy=healthy)
    assert (response.status, response.body, response.errored) == (200, b"ok", False)


@pytest.mark.parametrize("line", [b"no colon at all", b": no name", b"X-Blank : 1", b"X\0: 1"])
def test_broken_field_is_an_errored_response(peer, once, healthy, line):
    """A line that is no field ends the exchange that it came for (finding 23)."""
    server = peer(once(b"HTTP/1.1 200 OK\r\n" + line + b"\r\nContent-Length: 2\r\n\r\nok"))
    client = asked(server)
    [response] = answers(client, healthy=healthy)
    assert (response.status, response.errored, response.body) == (None, True, b"")
    assert response.error
    assert client.respondent.errored


@pytest.mark.parametrize("extension", [b";a", b";a=b", b'; a="q;\\" x"', b" ;a = b ; c", b";a;a=1;b=2"])
def test_chunk_extensions_are_skipped(peer, once, healthy, extension):
    """What a chunk's size line says beside the size is of no matter (finding 24)."""
    chunks = b"2%b\r\nok\r\n0%b\r\n\r\n" % (extension, extension)
    server = peer(once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks))
    [response] = answers(asked(server), healthy=healthy)
    assert (response.status, response.body, response.errored) == (200, b"ok", False)


@pytest.mark.parametrize("size", [b"", b"+2", b"-2", b"0x2", b"0_2", b"g", b" 2", b"2 2", b"F" * 17])
def test_bad_chunk_size_is_an_errored_response(peer, once, healthy, size):
    """A size is hexadecimal digits and nothing else (finding 24)."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = peer(once(head + size + b"\r\nok\r\n0\r\n\r\n"))
    [response] = answers(asked(server), healthy=healthy)
    assert (response.status, response.errored, response.body) == (None, True, b"")


@pytest.mark.parametrize(
    "chunks", [b"2\r\nok0\r\n\r\n", b"2\r\nokXX0\r\n\r\n", b"2\nok\n0\n\n", b"2ok\r\n0\r\n\r\n"]
)
def test_missing_crlf_of_a_chunk_is_an_errored_response(peer, once, healthy, chunks):
    """Size line and data both end with CRLF (finding 24)."""
    server = peer(once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks))
    [response] = answers(asked(server), healthy=healthy)
    assert (response.status, response.errored, response.body) == (None, True, b"")


def redirect(location):
    line = b"" if location is None else b"Location: %b\r\n" % location
    return b"HTTP/1.1 302 Found\r\n" + line + b"Content-Length: 2\r\n\r\nno"


@pytest.mark.parametrize("location", [b"/b", b"b", b"./b", b"?b", b"//127.0.0.1:%d/b", b"../../b"])
def test_relative_location_is_followed(peer, healthy, location):
    """Location is a reference, read where the redirect came from (finding 25)."""
    replies = Replies(
        lambda request: redirect(location.replace(b"%d", port)) if len(replies.requests) == 1 else OK
    )
    server = peer(replies)
    port = b"%d" % server.port
    [response] = answers(asked(server), healthy=healthy)
    assert (response.status, response.body) == (200, b"ok")
    assert replies.targets[1] == ("GET /a?b" if location == b"?b" else "GET /b")


@pytest.mark.parametrize("location", [None, b""])
def test_redirect_to_nowhere_is_the_answer(peer, once, healthy, location):
    """A 302 that does not say where is handed over as it is (finding 25)."""
    [response] = answers(asked(peer(once(redirect(location)))), healthy=healthy)
    assert (response.status, response.body, response.errored) == (302, b"no", False)


@pytest.mark.parametrize(
    "location", [b"http://[::1/b", b"ftp://h.test/b", b"http://h.test:99999/", b"http:///b"]
)
def test_redirect_to_what_is_no_http_url_is_an_errored_response(peer, once, healthy, location):
    """Location may hold anything at all (finding 25)."""
    [response] = answers(asked(peer(once(redirect(location)))), healthy=healthy)
    assert (response.status, response.errored) == (None, True)


def test_redirect_from_https_to_http_is_an_errored_response(peer, once, healthy, server_context, cafile):
    """What was asked over TLS is not asked again in the clear (finding 25)."""
    plain = Replies()
    location = b"http://127.0.0.1:%d/b" % peer(plain).port
    server = peer(once(redirect(location)), context=server_context("127.0.0.1"))
    [response] = answers(asked(server, scheme="https", cafilepath=cafile), healthy=healthy)
    assert (response.status, response.errored) == (None, True)
    assert plain.requests == []


def test_redirect_to_an_unknown_host_is_an_errored_response(peer, once, healthy):
    """A name without an address fails its own exchange (finding 25)."""
    server = peer(once(redirect(b"http://nowhere.test/b")))
    [response] = answers(asked(server, network=resolving(knows_no_name)), healthy=healthy)
    assert (response.status, response.errored) == (None, True)
    assert "nowhere.test" in response.error


def resetting(connection):
    """Close with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hanging_up(connection):
    """Read the beginning of the handshake, then close."""
    connection.recv(1)


def reset_in_the_handshake(connection):
    connection.recv(1)
    resetting(connection)


def plain_http(connection):
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    connection.recv(65_536)


@pytest.mark.parametrize("handle", [resetting, hanging_up, reset_in_the_handshake, plain_http])
def test_failed_handshake_is_an_errored_response(peer, healthy, handle):
    """Whatever a peer does in place of a handshake (finding 26)."""
    [response] = answers(asked(peer(handle), scheme="https"), healthy=healthy)
    assert (response.status, response.errored) == (None, True)
    assert response.error


@pytest.mark.parametrize(("name", "trusted"), [("127.0.0.1", False), ("other.test", True)])
def test_refused_certificate_is_an_errored_response(peer, healthy, server_context, cafile, name, trusted):
    """Nobody vouches for it, or it is another's (finding 26)."""
    server = peer(Replies(), context=server_context(name))
    options = {"cafilepath": cafile} if trusted else {}
    [response] = answers(asked(server, scheme="https", **options), healthy=healthy)
    assert (response.status, response.errored) == (None, True)
    assert "certificate" in response.error.lower()


@pytest.mark.parametrize("leave", [resetting, lambda connection: None])
def test_end_without_close_notify_while_sending_is_an_errored_response(
    peer, healthy, server_context, cafile, leave
):
    """A TLS peer that is gone in the middle of an upload fails that upload (finding 26)."""

    def handle(connection):
        connection.recv(1)
        leave(connection)

    server = peer(handle, context=server_context("127.0.0.1"))
    client = asked(server, scheme="https", cafilepath=cafile)
    client.requests[0].update(method="POST", body=b"x" * 16_000_000)
    [response] = answers(client, healthy=healthy)
    assert (response.status, response.errored) == (None, True)
    assert "within its limit" not in response.error


class Refusal(Doer):
    """A peer that refuses an upload it has begun to read, always between two passes of the client."""

    def __init__(self):
        super().__init__()
        self.begun, self.go, self.over = threading.Event(), threading.Event(), threading.Event()

    def handle(self, connection):
        connection.recv(1)
        self.begun.set()
        self.go.wait(10)
        connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
        connection.shutdown(socket.SHUT_WR)
        connection.close()
        self.over.set()

    def recur(self, tyme):
        if self.begun.is_set():
            self.go.set()
            self.over.wait(10)
        return False


def test_early_answer_to_an_upload_is_read(peer, healthy):
    """A server may refuse a body before it has it, and close (finding 27)."""
    refusal = Refusal()
    client = asked(peer(refusal.handle))
    client.requests[0].update(method="POST", body=b"x" * 16_000_000)
    [response] = answers(client, healthy=healthy, doers=[refusal])
    assert (response.status, response.body, response.errored) == (413, b"big", False)


@pytest.mark.parametrize(
    "where", [{"hostname": "::1"}, {"hostname": "[::1]"}, {"path": "http://[::1]:{port}/a"}]
)
def test_ipv6_literals_are_hosts(peer, echo, healthy, where):
    """With or without brackets, alone or inside a URL (finding 28)."""
    port = peer(echo, host="::1").port
    options = {name: value.format(port=port) for name, value in where.items()}
    client = Client(port=port, timeouts=BRIEF, **options)
    client.request(method="GET", path="/a")
    [response] = answers(client, healthy=healthy)
    assert (response.status, response.body) == (200, b"/a")


def test_name_with_only_an_ipv6_address_is_connected_to(peer, echo, healthy):
    """A name may have AAAA records alone (finding 28)."""

    def six(host, port, *args, **kwargs):
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))]

    client = Client(hostname="six.test", port=peer(echo, host="::1").port, network=resolving(six))
    client.request(method="GET", path="/a")
    [response] = answers(client, healthy=healthy)
    assert response.body == b"/a"


WRONG = [
    {"headers": {"X-Snowman": "\u2603"}},
    {"method": "POST", "data": {"a": object()}},
    {"path": "http://other.test/"},
    {"method": "GE T"},
    {"headers": {"X-A": 1.5}},
    {"path": "/\ud800"},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_argument_raises_where_it_is_passed(peer, echo, healthy, wrong):
    """request() refuses it, and what was accepted before is answered (finding 29)."""
    client = asked(peer(echo))
    with pytest.raises((InvalidRequest, TypeError)):
        client.request(**wrong)
    [response] = answers(client, healthy=healthy)
    assert response.body == b"/a"


@pytest.mark.parametrize(
    "wrong", [*WRONG, {"qargs": 5}, {"path": 5}, {"headers": 5}, {"body": 5, "method": "PUT"}]
)
def test_wrong_dict_in_requests_is_an_errored_response(peer, echo, healthy, wrong):
    """A dict that nobody checked fails alone, between two that do not (finding 29)."""
    client = asked(peer(echo))
    client.requests.append({"method": "GET", "path": "/", **wrong})
    client.requests.append({"method": "GET", "path": "/c", "headers": {}, "qargs": {}})
    first, second, third = answers(client, 3, healthy=healthy)
    assert (first.body, third.body) == (b"/a", b"/c")
    assert (second.status, second.errored, second.body) == (None, True, b"")


@pytest.mark.parametrize("path", ["//aids", "//aids/x?y=1", "///", "//127.0.0.1:1/x"])
def test_path_that_starts_with_two_slashes_is_a_path(peer, echo, healthy, path):
    """And is sent as it is (finding 29)."""
    client = asked(peer(echo))
    client.request(method="GET", path=path)
    responses = answers(client, 2, healthy=healthy)
    assert [bytes(response.body) for response in responses] == [b"/a", path.encode()]


@pytest.mark.parametrize("broken", [b"\xff", b"\xe2\x98", b"\xed\xa0\x80"])
def test_broken_utf8_in_an_event_is_replaced(peer, healthy, broken):
    """An event that is no UTF-8 is read with U+FFFD, and the next one is whole (finding 30)."""
    events = b"data: a" + broken + b"\n\ndata: b\n\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(events)
    replies = Replies(lambda request: head + events if len(replies.requests) == 1 else OK)
    client = asked(peer(replies))
    client.request(method="GET", path="/b")
    answers(client, healthy=healthy)
    first, second = [event["data"] for event in client.events]
    assert first.startswith("a\ufffd")
    assert second == "b"
