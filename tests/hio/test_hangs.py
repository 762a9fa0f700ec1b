"""Every request ends, whatever its peer does, and the client then serves the next one."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import ExitStack, contextmanager
from itertools import count

import pytest
from hio.base.doing import DoDoer

from tymeconn.clienting import Client, ClientDoer
from tymeconn.net.networking import SocketNetwork
from tymeconn.net.resolving import Resolver
from tymeconn.policy.patience import Timeouts
from tymeconn.testing.scripting import answer

from .playing import ask, bodies, client_of, run

pytestmark = pytest.mark.loopback

CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def ticks(number):
    """Return a condition that holds after so many ticks."""
    counted = count()
    return lambda: next(counted) >= number


class Sockets:
    """Counts the sockets that a thread makes while it is watched; an audit hook cannot be removed."""

    def __init__(self):
        self.made = 0
        self._thread = None
        sys.addaudithook(self._note)

    def _note(self, event, _args):
        self.made += event == "socket.__new__" and threading.get_ident() == self._thread

    @contextmanager
    def watched(self):
        self.made, self._thread = 0, threading.get_ident()
        try:
            yield
        finally:
            self._thread = None


@pytest.fixture(scope="module")
def all_sockets():
    return Sockets()


@pytest.fixture
def sockets(all_sockets):
    """The count of sockets that this test's client makes."""
    with all_sockets.watched():
        yield all_sockets


def test_a_server_that_never_answers_is_a_timeout(peer, play, silent, echo):
    """Silence ends the request at the read limit [no_response_timeout] (finding 12)."""
    client = client_of(peer(play([silent], [echo])), timeouts=Timeouts(read=0.5))
    one, two = ask(client, "/1", "/2")
    assert (one.errored, one.status) == (True, None)
    assert two.body == b"/2"


def test_a_peer_that_takes_no_connection_is_a_timeout():
    """A full accept queue ends the request at the connect limit [connect_stall] (finding 12)."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        (response,) = ask(Client(hostname="127.0.0.1", port=port, timeouts=Timeouts(connect=0.1)), "/")
    assert (response.errored, response.status) == (True, None)


def test_a_handshake_that_stalls_is_a_timeout(peer, silent, cafile):
    """TLS counts toward the connect limit [tls_stall_in_handshake] (finding 12)."""
    options = {"scheme": "https", "cafilepath": cafile, "timeouts": Timeouts(connect=0.1)}
    (response,) = ask(client_of(peer(silent), **options), "/")
    assert (response.errored, response.status) == (True, None)


@pytest.fixture
def refused():
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_refused_connection_is_tried_once(refused, sockets):
    """A refusal is the answer, and no tick after it makes another socket [refused] (finding 13)."""
    client = Client(hostname="127.0.0.1", port=refused)

    def story():
        yield ticks(3)
        sockets.made = 0
        client.request(method="GET", path="/")
        yield lambda: client.responses
        yield ticks(50)

    run(client, story())
    assert (client.respond().errored, sockets.made) == (True, 1)


def test_every_address_of_a_name_is_tried(peer, echo):
    """A refusal by the first leads to the second [multi_address_fallback] (finding 13)."""
    port = peer(echo).port

    def two_addresses(host, *_args, **_kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", port)) for last in (2, 1)]

    network = SocketNetwork(Resolver(getaddrinfo=two_addresses))
    (response,) = ask(Client(hostname="two.test", port=port, network=network), "/1")
    assert response.body == b"/1"


@pytest.mark.parametrize(
    ("first", "options"),
    [
        (answer("ok"), {}),
        (CLOSING, {}),
        (b"HTTP/1.1 200 OK\r\n\r\nok", {}),
        (answer("ok"), {"reconnectable": True}),
        (answer("ok"), {"reconnectable": True, "tymeout": 0.05}),
    ],
    ids=[
        "keepalive_closed_between",
        "server_connection_close_header",
        "until_close",
        "reconnectable_without_tymeout",
        "reconnectable",
    ],
)
def test_a_connection_that_the_server_closed_is_replaced(peer, play, echo, first, options):
    """The next request goes out on a new connection (finding 14)."""
    client = client_of(peer(play([first], [echo], [echo])), **options)

    def story():
        client.request(method="GET", path="/1")
        yield lambda: client.responses
        yield lambda: client.connector.cutoff or not client.connector.connected
        client.request(method="GET", path="/2")
        yield lambda: len(client.responses) == 2

    run(client, story())
    assert bodies(client) == [b"ok", b"/2"]


def test_a_redirect_is_followed_behind_a_closed_connection(peer, play, echo):
    """Also to the server that closed it [redirect_connection_close_same_host] (finding 14)."""
    script = []
    server = peer(play(script, [echo]))
    where = f"http://127.0.0.1:{server.port}/2"
    script.append(answer(status=302, location=where, connection="close"))
    (response,) = ask(client_of(server), "/1")
    assert (response.status, response.body) == (200, b"/2")


BEGUN = {
    "before_first_byte": b"",
    "mid_status_line": b"HTTP/1.1 2",
    "mid_headers": b"HTTP/1.1 200 OK\r\nContent-Le",
    "mid_fixed_body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    "mid_chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN)
def test_an_answer_that_breaks_off_is_an_error(peer, play, echo, reset, begun, how):
    """Wherever the peer closes or resets, the request ends [close_*, reset_*] (finding 15)."""
    script = [begun, *([reset] if how == "reset" else [])]
    one, two = ask(client_of(peer(play(script, [echo]))), "/1", "/2")
    assert (one.errored, one.status, one.body) == (True, None, b"")
    assert two.body == b"/2"


@pytest.mark.parametrize(("method", "statuses"), [("GET", [200, 200]), ("POST", [200, None])])
def test_a_request_that_met_a_closing_server_is_sent_again(peer, play, echo, method, statuses):
    """Once and on a new connection, if acting twice does no harm [keepalive_close_race] (finding 15)."""
    handler = play([answer("/1"), b""], [echo])
    client = client_of(peer(handler))
    for path in ("/1", "/2"):
        client.request(method=method, path=path, body=b"x" if method == "POST" else b"")
    run(client, iter([lambda: len(client.responses) == 2]))
    assert [response["status"] for response in client.responses] == statuses
    assert [request.split(b" ")[1] for request in handler.requests] == [b"/1", b"/2"]


def listening(silent):
    """Return a handler's step that takes a request and never answers, and its event."""
    asked = threading.Event()

    def listen(connection):
        connection.recv(65_536)
        asked.set()
        silent(connection)

    return listen, asked


def test_reopening_ends_the_request_that_is_out(peer, play, echo, silent):
    """It ends with an error, and the next one is served [reopen_in_flight] (finding 16)."""
    listen, asked = listening(silent)
    client = client_of(peer(play([listen], [echo])))

    def story():
        client.request(method="GET", path="/1")
        yield asked.is_set
        client.close()
        client.reopen()
        client.request(method="GET", path="/2")
        yield lambda: len(client.responses) == 2

    run(client, story())
    one, two = client.respond(), client.respond()
    assert (one.errored, one.status) == (True, None)
    assert (two.body, client.waited) == (b"/2", False)


def test_a_client_doer_may_be_removed_and_added_again(peer, play, echo, silent):
    """Removal ends what is out; the client serves on [doer_exit_leaves_waited] (finding 16)."""
    listen, asked = listening(silent)
    client = client_of(peer(play([listen], [echo])))
    doer = ClientDoer(client=client)
    host = DoDoer(doers=[doer], always=True)

    def story():
        client.request(method="GET", path="/1")
        yield asked.is_set
        host.remove([doer])
        assert (client.waited, client.respond().errored) == (False, True)
        host.extend([doer])
        client.request(method="GET", path="/2")
        yield lambda: client.responses

    run(host, story())
    assert client.respond().body == b"/2"


BODILESS = [
    ("HEAD", 200, {"transfer_encoding": "chunked"}),
    ("HEAD", 200, {"content_length": 5}),
    ("HEAD", 200, {}),
    ("GET", 204, {"transfer_encoding": "chunked"}),
    ("GET", 204, {}),
    ("GET", 304, {"transfer_encoding": "chunked"}),
    ("GET", 304, {"content_length": 5}),
    ("GET", 304, {}),
]


@pytest.mark.parametrize(("method", "status", "fields"), BODILESS)
def test_what_has_no_body_is_not_waited_for(peer, play, echo, method, status, fields):
    """Whatever its framing fields say [head_variants, bodiless_statuses] (finding 17)."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    client = client_of(peer(play([f"HTTP/1.1 {status} -\r\n{lines}\r\n".encode(), echo], [echo])))
    client.request(method=method, path="/1")
    client.request(method="GET", path="/2")
    run(client, iter([lambda: len(client.responses) == 2]))
    assert [(each["status"], bytes(each["body"])) for each in client.responses] == [
        (status, b""),
        (200, b"/2"),
    ]


def test_transmit_sends_the_constructor_s_method(peer, play, silent):
    """A HEAD is answered as one [head_variants] (finding 17)."""
    handler = play([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", silent])
    client = client_of(peer(handler), method="HEAD", path="/1")

    def story():
        client.transmit()
        yield lambda: client.responses

    run(client, story())
    assert client.respond().status == 200
    assert handler.requests[0].startswith(b"HEAD /1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("sent", "more"),
    [
        (EVENTS + b"\r\ndata: one\n\n", []),
        (EVENTS + b"Transfer-Encoding: chunked\r\n\r\nb\r\ndata: one\n\n\r\n0\r\n\r\n", ["echo"]),
    ],
    ids=["sse_end_then_request", "sse_chunked_end_then_request"],
)
def test_the_end_of_a_stream_frees_the_client(peer, play, echo, sent, more):
    """Requests that waited behind a stream are served when it ends (finding 18)."""
    client = client_of(peer(play([sent, *(echo for _ in more)], [echo])))
    client.request(method="GET", path="/events")
    (response,) = ask(client, "/2")
    assert [event["data"] for event in client.events] == ["one"]
    assert (response.body, client.waited) == (b"/2", False)


@pytest.mark.parametrize(
    ("method", "body", "field", "told"),
    [("GET", b"", b"", b""), ("GET", b"", b"id: 7\n", b"7"), ("POST", b"query", b"id: 7\n", b"7")],
    ids=["sse_reconnect_no_id", "sse_reconnect_with_id", "sse_reconnect_post_body"],
)
def test_a_stream_is_asked_for_again(peer, play, method, body, field, told):
    """With its body and the last id, if any, by a client that is reconnectable (finding 18)."""
    sent = EVENTS + b"\r\nretry: 10\n" + field + b"data: one\n\n"
    handler = play([sent], [sent])
    client = client_of(peer(handler), reconnectable=True, tymeout=0.05)
    client.request(method=method, path="/events", body=body)
    run(client, iter([lambda: len(client.events) >= 2]))
    first, second = handler.requests
    assert first.partition(b"\r\n\r\n")[2] == second.partition(b"\r\n\r\n")[2] == body
    head = second.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert [line[15:] for line in head if line.startswith(b"last-event-id: ")] == ([told] if told else [])


@pytest.mark.parametrize("fields", [b"Content-Length: 12\r\n", b"Connection: close\r\n"])
def test_an_error_is_no_stream(peer, once, fields):
    """A 500 is a response, also with the type of a stream [sse_error_status] (finding 18)."""
    sent = b"HTTP/1.1 500 No\r\nContent-Type: text/event-stream\r\n" + fields + b"\r\ndata: sorry\n"
    client = client_of(peer(once(sent)))
    (response,) = ask(client, "/events")
    assert (response.status, response.body) == (500, b"data: sorry\n")
    assert not client.events


def test_a_length_without_its_body_is_not_sent(peer, echo):
    """A GET loses its body and the length with it [get_with_content_length_header] (finding 19)."""
    client = client_of(peer(echo))
    client.request(method="GET", path="/1", headers={"Content-Length": 4}, body=b"body")
    run(client, iter([lambda: client.responses]))
    assert client.respond().body == b"/1"


def test_a_redirect_keeps_length_and_body_together(peer, play, silent):
    """A 307 sends both again [redirect_post_explicit_content_length] (finding 19)."""
    handler = play([answer(status=307, location="/2"), answer("ok"), silent])
    client = client_of(peer(handler))
    client.request(method="POST", path="/1", headers={"Content-Length": 4}, body=b"body")
    run(client, iter([lambda: client.responses]))
    assert client.respond().body == b"ok"
    assert handler.requests[1].endswith(b"\r\n\r\nbody")


def test_a_lost_connection_is_replaced_by_one(peer, play, silent, sockets):
    """However long it was idle before, tymeout leads to one attempt [reconnect_storm] (finding 20)."""
    over = threading.Event()
    server = peer(play([answer("ok"), lambda connection: over.wait(10)], [silent]))
    client = client_of(server, reconnectable=True, tymeout=0.5)

    def story():
        client.request(method="GET", path="/1")
        yield lambda: client.responses
        start, sockets.made = client.connector.tyme, 0
        yield lambda: client.connector.tyme > start + 60.0
        over.set()
        yield lambda: server.accepted == 2 and client.connector.connected
        yield ticks(100)

    run(client, story(), real=False, tock=0.03125)
    assert (sockets.made, server.accepted) == (1, 2)


def test_limits_and_reconnecting_hold_while_tyme_stands_still(peer, play, silent):
    """At tock 0.0 both are counted in real seconds [tock_zero_tymeout_never_fires] (finding 21)."""
    server = peer(play([answer("ok")], [silent]))
    client = client_of(server, reconnectable=True, tymeout=0.05, timeouts=Timeouts(read=1.0))

    def story():
        client.request(method="GET", path="/1")
        yield lambda: server.accepted == 2
        client.request(method="GET", path="/2")
        yield lambda: len(client.responses) == 2

    run(client, story(), tock=0.0)
    assert (client.connector.tyme, client.respond().body) == (0.0, b"ok")
    assert client.respond().errored


def test_a_half_closed_connection_carries_no_more_requests(peer, play, echo, silent):
    """A server that will send no more is not asked again [half_close_then_send] (finding 22)."""

    def half_close(connection):
        connection.shutdown(socket.SHUT_WR)

    client = client_of(peer(play([answer("ok"), half_close, silent], [echo])))

    def story():
        client.request(method="GET", path="/1")
        yield lambda: client.connector.cutoff
        client.request(method="GET", path="/2")
        yield lambda: len(client.responses) == 2

    run(client, story())
    assert bodies(client) == [b"ok", b"/2"]
