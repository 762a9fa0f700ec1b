"""An answer is whole, belongs to its request, and stays what it was."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import closing

import pytest

from tymeconn.clienting import Client
from tymeconn.policy.patience import Timeouts
from tymeconn.testing.scripting import answer

from .playing import ask, bodies, client_of, run

pytestmark = pytest.mark.loopback

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def chunked(body):
    return CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("make", [answer, chunked])
def test_each_answer_keeps_its_own_body(peer, play, make):
    """Later answers leave the bodies of earlier ones alone [body_aliasing] (finding 1)."""
    server = peer(play([make(b"first"), make(b"second"), make(b"third")]))
    responses = ask(client_of(server), "/1", "/2", "/3")
    assert [bytes(response.body) for response in responses] == [b"first", b"second", b"third"]


@pytest.mark.parametrize("make", [answer, chunked])
def test_a_response_once_taken_never_changes(peer, play, make):
    """What respond() gave is the caller's, whatever comes after it [body_aliasing_held] (finding 1)."""
    client = client_of(peer(play([make(b"first"), make(b"second")])))
    held = []

    def story():
        client.request(method="GET", path="/1")
        yield lambda: client.responses
        held.append(client.respond())
        client.request(method="GET", path="/2")
        yield lambda: client.responses

    run(client, story())
    assert (held[0].body, held[0].status) == (b"first", 200)


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3,
    ],
    ids=["interim_100", "interim_103", "interim_102"],
)
def test_an_interim_response_is_not_the_answer(peer, play, interim):
    """The final response behind any 1xx answers the request, and no other (finding 2)."""
    client = client_of(peer(play([interim + answer("first"), answer("second")])))
    responses = ask(client, "/1", "/2")
    assert [(response.status, bytes(response.body)) for response in responses] == [
        (200, b"first"),
        (200, b"second"),
    ]


def test_bytes_on_an_idle_connection_answer_nobody(peer, play, echo, silent):
    """What comes between two requests closes the connection [unsolicited_408_poisons] (finding 3)."""
    idle, sent = threading.Event(), threading.Event()

    def give_up(connection):
        idle.wait(10)
        connection.sendall(answer("too slow", 408))
        sent.set()

    client = client_of(peer(play([answer("first"), give_up, silent], [echo])))

    def story():
        client.request(method="GET", path="/1")
        yield lambda: client.responses
        idle.set()
        yield sent.is_set
        client.request(method="GET", path="/2")
        yield lambda: len(client.responses) == 2

    run(client, story())
    assert bodies(client) == [b"first", b"/2"]


EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"


@pytest.mark.parametrize(
    ("first", "errored"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + EVIL, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok excess", False),
        (b"HTTP/1.1 2OO OK\r\n\r\n" + EVIL, True),
        (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 2000 + b"Content-Length: 2\r\n\r\nok" + EVIL, True),
    ],
    ids=["cl_too_short", "cl_excess_junk", "error_then_next", "many_headers"],
)
def test_bytes_behind_an_answer_are_not_the_next(peer, play, echo, silent, first, errored):
    """Excess bytes, and all bytes behind an error, are dropped with their connection (finding 3)."""
    server = peer(play([first, silent], [echo]))
    one, two = ask(client_of(server), "/1", "/2")
    assert one.errored is errored
    assert (two.status, two.body) == (200, b"/2")


def late_and_prompt(play, echo):
    """Return a handler that withholds its first answer until the event is set, and that event."""
    late = threading.Event()

    def withhold(connection):
        late.wait(10)
        connection.sendall(answer("/1"))
        echo(connection)

    return play([b"", withhold], [echo]), late


def last(generator):
    """Run a generator to its end and return its value."""
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            return stop.value


def test_an_answer_that_was_given_up_never_comes(peer, play, echo):
    """After serviceWhileGen's tymeout the next call gets its own [late_response_mismatch] (finding 4)."""
    handler, late = late_and_prompt(play, echo)
    with closing(client_of(peer(handler))) as client:
        client.request(method="GET", path="/1")
        assert last(client.serviceWhileGen(tymeout=0.1)) is None
        late.set()
        client.request(method="GET", path="/2")
        assert last(client.serviceWhileGen(tymeout=5.0)).body == b"/2"


def test_an_answer_behind_its_time_limit_is_dropped(peer, play, echo):
    """A timeout is the answer; what comes later answers nobody [late_response_mismatch] (finding 4)."""
    handler, late = late_and_prompt(play, echo)
    client = client_of(peer(handler), timeouts=Timeouts(read=0.5))

    def story():
        client.request(method="GET", path="/1")
        yield lambda: client.responses
        late.set()
        client.request(method="GET", path="/2")
        yield lambda: len(client.responses) == 2

    run(client, story())
    assert [response["status"] for response in client.responses] == [None, 200]
    assert bodies(client) == [b"", b"/2"]


def test_repeated_fields_are_all_kept(peer, once):
    """Each Set-Cookie is there, in order [dup_response_headers] (finding 5)."""
    server = peer(
        once(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n")
    )
    (response,) = ask(client_of(server), "/")
    assert response.headers.getall("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("broken", [b"garbage\r\n\r\n", CHUNKED + b"4\r\nhalf\r\nwrong\r\n"])
def test_an_errored_response_has_no_body(peer, play, silent, broken):
    """Neither the body before it nor what of its own has come [stale_body_on_error] (finding 6)."""
    first, second = ask(client_of(peer(play([answer("first"), broken, silent]))), "/1", "/2")
    assert (first.body, second.errored) == (b"first", True)
    assert (second.status, second.body) == (None, b"")


def test_a_reset_cuts_a_body_that_runs_until_close(peer, play, reset):
    """A reset is no end of a body [reset_mid_until_close_body] (finding 7)."""
    server = peer(play([b"HTTP/1.1 200 OK\r\n\r\nhalf", reset]))
    (response,) = ask(client_of(server), "/")
    assert (response.errored, response.status, response.body) == (True, None, b"")


def test_an_end_of_stream_ends_a_body_that_runs_until_close(peer, once):
    """A plain close is the end that such a body has (finding 7)."""
    (response,) = ask(client_of(peer(once(b"HTTP/1.1 200 OK\r\n\r\nwhole"))), "/")
    assert (response.errored, response.status, response.body) == (False, 200, b"whole")


@pytest.mark.parametrize(("notified", "status"), [(True, 200), (False, None)])
def test_only_close_notify_ends_such_a_body_over_tls(peer, play, server_context, cafile, notified, status):
    """An end that the peer did not sign may be an attacker's [tls_truncation_until_close] (finding 7)."""
    script = [
        b"HTTP/1.1 200 OK\r\n\r\nbody",
        *([lambda connection: connection.unwrap()] if notified else []),
    ]
    server = peer(play(script), context=server_context("localhost"))
    client = Client(hostname="localhost", port=server.port, scheme="https", cafilepath=cafile)
    (response,) = ask(client, "/")
    assert (response.status, response.body) == (status, b"body" if notified else b"")


@pytest.mark.parametrize("sent", [b"5\r\nhello\r\n", b"5\r\nhello", b"5\r\nhello\r\n0\r\n"])
def test_chunks_without_their_end_are_cut_short(peer, once, sent):
    """A close behind the last chunk is not the last chunk [close_between_chunks] (finding 7)."""
    (response,) = ask(client_of(peer(once(CHUNKED + sent))), "/")
    assert (response.errored, response.status, response.body) == (True, None, b"")


def framed(*fields, body=b"hello"):
    return b"".join([b"HTTP/1.1 200 OK\r\n", *(field + b"\r\n" for field in fields), b"\r\n", body])


def chunks(size_line):
    return framed(b"Transfer-Encoding: chunked", body=size_line + b"\r\nhello\r\n0\r\n\r\n")


AMBIGUOUS = {
    "cl_conflicting": framed(b"Content-Length: 2", b"Content-Length: 5"),
    "cl_weird_values +5": framed(b"Content-Length: +5"),
    "cl_weird_values arabic": framed("Content-Length: \N{ARABIC-INDIC DIGIT FIVE}".encode()),
    "cl_weird_values list": framed(b"Content-Length: 5, 5"),
    "cl_weird_values -1": framed(b"Content-Length: -1"),
    "cl_weird_values 0x5": framed(b"Content-Length: 0x5"),
    "te_gzip_chunked": framed(b"Transfer-Encoding: gzip, chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
    "chunk_bad_sizes +5": chunks(b"+5"),
    "chunk_bad_sizes 0x5": chunks(b"0x5"),
    "chunk_bad_sizes 5_0": chunks(b"5_0"),
    "chunk_bad_sizes blank": chunks(b" 5 "),
}


@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous_framing_is_an_error(peer, play, echo, silent, sent):
    """Where a body ends must be beyond doubt, or it is none; the next request is served (finding 8)."""
    server = peer(play([sent, silent], [echo]))
    one, two = ask(client_of(server), "/1", "/2")
    assert (one.errored, one.status, one.body) == (True, None, b"")
    assert two.body == b"/2"


@pytest.mark.parametrize(
    ("fields", "body", "connections"),
    [
        ([b"Transfer-Encoding: chunked "], b"5\r\nhello\r\n0\r\n\r\n", 1),
        ([b"Transfer-Encoding: chunked", b"Content-Length: 2"], b"5\r\nhello\r\n0\r\n\r\n", 2),
    ],
    ids=["te_whitespace", "te_and_cl"],
)
def test_odd_framing_is_read_as_rfc_9112_says(peer, play, echo, fields, body, connections):
    """A blank behind `chunked` means nothing; a length beside chunks costs the connection (finding 8)."""
    server = peer(play([framed(*fields, body=body), echo], [echo]))
    one, two = ask(client_of(server), "/1", "/2")
    assert (one.body, two.body) == (b"hello", b"/2")
    assert server.accepted == connections


def test_a_head_with_bare_line_feeds_ends_at_its_own_blank_line(peer, play, echo):
    """CRLFs in the body are body, also behind a head without any [lf_only] (finding 9)."""
    server = peer(play([b"HTTP/1.1 200 OK\nContent-Length: 6\n\na\r\n\r\nb", echo]))
    one, two = ask(client_of(server), "/1", "/2")
    assert (one.body, two.body) == (b"a\r\n\r\nb", b"/2")


STREAM = (
    b"id: 1\r\nevent: first\r\ndata: one\r\n\r\n"
    b": comment\r\ndata: two\r\ndata: more\r\n\r\n"
    b"id: 3\r\nevent: last\r\ndata: three\r\n\r\n"
)
WHOLE = [
    {"id": "1", "name": "first", "data": "one"},
    {"id": "1", "name": "", "data": "two\nmore"},
    {"id": "3", "name": "last", "data": "three"},
]


def receive(client, sent):
    """Service the client until it has read all that its connected socket holds."""
    assert select.select([client.connector.cs], [], [], 10)[0], f"nothing came of {sent!r}"
    client.service()


@pytest.mark.parametrize("at", range(1, len(STREAM)))
def test_events_are_the_same_wherever_the_stream_is_split(at):
    """Also between the CR and the LF of a line end [split_every_offset] (finding 10)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(hostname="127.0.0.1", port=listener.getsockname()[1])
        with closing(client):
            client.reopen()
            client.request(method="GET", path="/events")
            while not client.waited or client.connector.txbs:
                client.service()
            connection, _ = listener.accept()
            with connection:
                for sent in (EVENTS + b"\r\n", STREAM[:at], STREAM[at:]):
                    connection.sendall(sent)
                    receive(client, sent)
        assert list(client.events) == WHOLE


def stream(body, *fields):
    return b"".join([EVENTS, *(field + b"\r\n" for field in fields), b"\r\n", body])


def test_a_byte_order_mark_hides_no_event(peer, once):
    """The first event behind a BOM is an event like others [sse_bom] (finding 11)."""
    client = client_of(peer(once(stream(b"\xef\xbb\xbfdata: one\n\ndata: two\n\n"))))
    client.request(method="GET", path="/events")
    run(client, iter([lambda: len(client.events) == 2]))
    assert [event["data"] for event in client.events] == ["one", "two"]


def test_a_long_event_comes_whole(peer, once):
    """A line of an event may be longer than a line of a head [large_trickle_quadratic] (finding 11)."""
    client = client_of(peer(once(stream(b"data: " + b"x" * 200_000 + b"\n\n"))))
    client.request(method="GET", path="/events")
    run(client, iter([lambda: client.events]))
    assert client.events[0]["data"] == "x" * 200_000


def test_an_event_beyond_its_limit_is_said(peer, play, echo, silent):
    """A stream that cannot be read on is an errored response [large_trickle_quadratic] (finding 11)."""
    server = peer(play([stream(b"data: one\n\ndata: " + b"x" * 1_100_000), silent], [echo]))
    client = client_of(server)
    one, two = ask(client, "/events", "/2")
    assert [event["data"] for event in client.events] == ["one"]
    assert (one.errored, one.status) == (True, None)
    assert two.body == b"/2"


def test_events_with_a_length_are_events(peer, play, echo):
    """Content-Length ends the stream and frees the client [sse_content_length] (finding 11)."""
    body = b"data: one\n\ndata: two\n\n"
    client = client_of(peer(play([stream(body, b"Content-Length: %d" % len(body)), echo])))
    client.request(method="GET", path="/events")
    (response,) = ask(client, "/2")
    assert [event["data"] for event in client.events] == ["one", "two"]
    assert response.body == b"/2"
