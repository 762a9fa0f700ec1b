"""HTTP/1.1 as a codec: bytes in, bytes out."""

from __future__ import annotations

import gzip

import pytest

from tymeconn.errors import BodyError, HookError, IncompleteRead, NoResponse, StaleConnection
from tymeconn.exchanging.exchange import Exchange
from tymeconn.exchanging.http1 import Http1
from tymeconn.policy.patience import Timeouts
from tymeconn.wire.messages import Limits
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split

PLENTY = 1 << 20


def begun(method="GET", **options):
    codec = Http1(Limits())
    exchange = Exchange(make_request(method, split("http://h.test/"), **options), Timeouts(), lambda: 0.0)
    codec.start(exchange)
    return codec, exchange


def flushed(codec):
    pieces = []
    while piece := codec.output():
        pieces.append(bytes(piece))
    return pieces


@pytest.mark.parametrize("size", [0, 1, 65_536])
def test_small_request_is_one_piece(size):
    """Head and a body up to 64 KiB go out together."""
    codec, _ = begun("POST", body=b"x" * size)
    (piece,) = flushed(codec)
    assert piece.endswith(b"\r\n\r\n" + b"x" * size)


def test_large_body_is_not_copied_whole():
    """A large body goes out in slices of at most 256 KiB."""
    codec, _ = begun("POST", body=b"x" * 1_000_000)
    pieces = flushed(codec)
    assert b"".join(pieces).endswith(b"\r\n\r\n" + b"x" * 1_000_000)
    assert max(map(len, pieces)) <= 262_144


def test_room_is_one_exchange():
    """While an exchange is under way there is no room; after its answer there is."""
    codec, exchange = begun()
    flushed(codec)
    assert codec.room == 0
    codec.feed(b"HTTP/1.1 204 No Content\r\n\r\n", PLENTY)
    assert codec.room == 1
    assert exchange.outcome.status == 204


def test_answer_before_the_request_is_out_leaves_no_room():
    """The rest of the request would run into the next one."""
    codec, exchange = begun("POST", body=b"x" * 1_000_000)
    codec.output()
    codec.feed(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", PLENTY)
    assert exchange.outcome.status == 413
    assert codec.room == 0


def test_bytes_nobody_asked_for_leave_no_room():
    """Unsolicited bytes spend the connection."""
    codec = Http1(Limits())
    codec.feed(b"x", PLENTY)
    assert codec.room == 0


def test_cancel_spends_the_connection():
    """HTTP/1.1 cannot take a request back; the answer that comes late is for nobody."""
    codec, exchange = begun()
    assert not codec.cancel(exchange)
    codec.feed(b"HTTP/1.1 204 No Content\r\n\r\n", PLENTY)
    assert exchange.outcome is None
    assert codec.room == 0


def test_end_without_an_exchange_spends_the_connection():
    """The end of an idle stream concludes nothing."""
    codec = Http1(Limits())
    codec.eof(True)
    assert codec.room == 0


@pytest.mark.parametrize(("reused", "error"), [(False, NoResponse), (True, StaleConnection)])
def test_end_before_the_answer(reused, error):
    """On a reused connection it was stale, on a new one there was no response."""
    codec, exchange = begun()
    exchange.reused = reused
    codec.eof(True)
    assert isinstance(exchange.outcome, error)


def test_unclean_end_is_no_end_of_a_body():
    """An until-close body is whole only after an authenticated end (RFC 9112 9.8)."""
    codec, exchange = begun()
    codec.feed(b"HTTP/1.1 200 OK\r\n\r\npart", PLENTY)
    codec.eof(False)
    assert isinstance(exchange.outcome, IncompleteRead)


def test_interims_and_trailers_are_kept():
    """What came beside the answer is in its meta."""
    codec, exchange = begun()
    codec.feed(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", PLENTY)
    codec.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", PLENTY)
    codec.feed(b"2\r\nhi\r\n0\r\nDigest: d\r\n\r\n", PLENTY)
    meta = exchange.outcome.meta
    assert meta.interims[0][0] == 103
    assert meta.trailers["digest"] == "d"


def test_cancel_of_another_exchange_changes_nothing():
    """Only the exchange that is under way can be forgotten."""
    codec, exchange = begun()
    _, other = begun()
    codec.cancel(other)
    codec.feed(b"HTTP/1.1 204 No Content\r\n\r\n", PLENTY)
    assert exchange.outcome.status == 204


EXPECTING = {"headers": {"Expect": "100-continue"}, "body": b"abc"}


def test_body_waits_for_100():
    """Behind a head that expects 100 nothing goes out until it comes."""
    codec, _ = begun("PUT", **EXPECTING)
    assert flushed(codec)[0].endswith(b"\r\n\r\n")
    assert codec.holding
    codec.feed(b"HTTP/1.1 100 Continue\r\n\r\n", PLENTY)
    assert flushed(codec) == [b"abc"]


def test_another_interim_is_no_permission():
    """A 103 says nothing of the body."""
    codec, _ = begun("PUT", **EXPECTING)
    flushed(codec)
    codec.feed(b"HTTP/1.1 103 Early Hints\r\n\r\n", PLENTY)
    assert codec.holding


def test_body_goes_when_it_is_released():
    """Whoever has a clock ends the wait."""
    codec, exchange = begun("PUT", **EXPECTING)
    flushed(codec)
    codec.release()
    assert flushed(codec) == [b"abc"]
    codec.feed(b"HTTP/1.1 204 No Content\r\n\r\n", PLENTY)
    assert (exchange.outcome.status, codec.room) == (204, 1)


@pytest.mark.parametrize("status", [200, 413, 417])
def test_answer_in_place_of_100(status):
    """After a final answer the body does not go, and the connection is spent (RFC 9110 10.1.1)."""
    codec, exchange = begun("PUT", **EXPECTING)
    flushed(codec)
    codec.feed(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status, PLENTY)
    assert exchange.outcome.status == status
    assert flushed(codec) == []
    assert codec.room == 0


def endless(ended=None):
    try:
        while True:
            yield b"x" * 1000
    finally:
        if ended is not None:
            ended.append(True)


def test_refusal_stops_the_upload():
    """From the head of an error on nothing more goes out, and the source is let go (RFC 9112 9.5)."""
    codec, exchange = begun("POST", body=endless(ended := []))
    codec.output()
    codec.feed(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n", PLENTY)
    assert (codec.cut, codec.output(), ended) == (True, b"", [True])
    codec.feed(b"no", PLENTY)
    assert exchange.outcome.body == b"no"
    assert codec.room == 0


def test_success_lets_the_upload_go_on():
    """A peer that answers while it reads may go on reading; only its whole answer ends that."""
    codec, exchange = begun("POST", body=endless())
    codec.output()
    codec.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh", PLENTY)
    assert codec.output()
    codec.feed(b"i", PLENTY)
    assert (exchange.outcome.body, codec.output(), codec.room) == (b"hi", b"", 0)


def test_source_that_has_nothing_now():
    """No output is not the end of the request while the source may have more."""
    codec, _ = begun("POST", body=iter([b"", b"a"]))
    assert codec.output().endswith(b"\r\n\r\n")
    assert (codec.output(), codec.stalled, codec.unsent) == (b"", 0.0, True)
    assert codec.output() == b"1\r\na\r\n0\r\n\r\n"
    assert (codec.output(), codec.stalled, codec.unsent) == (b"", None, False)


def failing():
    yield b"a"
    raise RuntimeError("disk")


def test_source_that_raises_ends_its_exchange():
    """The exchange ends with a BodyError, and the request cannot be completed on this connection."""
    codec, exchange = begun("POST", body=failing())
    flushed(codec)
    assert isinstance(exchange.outcome, BodyError)
    assert (codec.room, codec.unsent) == (0, False)


def test_source_that_raises_when_it_is_closed():
    """An exchange that has ended is not harmed by what its source does later."""

    def stubborn():
        try:
            yield b"a"
            yield b""
        finally:
            raise RuntimeError("late")

    codec, exchange = begun("POST", body=stubborn())
    codec.output()
    codec.feed(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", PLENTY)
    assert exchange.outcome.status == 500


def test_canceling_lets_the_source_go():
    """A canceled upload holds nothing open."""
    codec, exchange = begun("POST", body=endless(ended := []))
    codec.output()
    codec.cancel(exchange)
    assert ended == [True]


def test_progress_of_an_upload():
    """Each piece is told once it went out, in bytes of the body."""
    codec, exchange = begun("POST", body=[b"ab", b"", b"cde"], headers={"Content-Length": "5"})
    exchange.progress = (told := []).append
    while codec.unsent:
        codec.output()
    assert [(each.sent, each.to_send) for each in told] == [(2, None), (5, None)]


def test_progress_of_a_download():
    """What has come of the body is told after each read, as it is on the wire."""
    codec, exchange = begun()
    exchange.progress = (told := []).append
    flushed(codec)
    packed = gzip.compress(b"x" * 1000)
    codec.feed(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed), PLENTY
    )
    for part in (packed[:10], packed[10:]):
        codec.feed(part, PLENTY)
    assert [(each.received, each.to_receive) for each in told] == [(10, len(packed)), (len(packed),) * 2]


def test_progress_without_a_length():
    """In chunks nobody knows how much will come."""
    codec, exchange = begun()
    exchange.progress = (told := []).append
    codec.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", PLENTY)
    assert [(each.received, each.to_receive) for each in told] == [(2, None)]


def test_hook_that_raises_ends_its_exchange():
    """What the caller's own hook raises is the outcome of its exchange."""
    codec, exchange = begun()
    exchange.progress = lambda progress: 1 / 0
    codec.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", PLENTY)
    assert isinstance(exchange.outcome, HookError)
    assert isinstance(exchange.outcome.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("method", "options", "answer"),
    [
        ("GET", {"upgrade": "x"}, b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        ("CONNECT", {"target": "a.test:443"}, b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
)
def test_connection_that_goes_over(method, options, answer):
    """The exchange is left to whoever has the connector, with what came behind the head."""
    codec, exchange = begun(method, **options)
    flushed(codec)
    codec.feed(answer + b"extra", PLENTY)
    assert exchange.outcome is None
    response, extra = codec.passed
    assert (response.status, extra, codec.room) == (int(answer[9:12]), b"extra", 0)


def test_connection_that_goes_over_too_early():
    """What is left of the request would be read as the other protocol's: the answer is refused."""
    codec, exchange = begun("POST", body=endless(), upgrade="x")
    codec.output()
    codec.feed(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", PLENTY)
    assert exchange.outcome.kind == "unexpected_upgrade"
    assert codec.passed is None


@pytest.mark.parametrize("length", [b"0" * 5000 + b"5", b"5"])
def test_progress_knows_the_length_however_it_is_written(length):
    """A length of many digits is told like any other."""
    codec, exchange = begun()
    exchange.progress = (told := []).append
    codec.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\nhello" % length, PLENTY)
    assert told[-1].to_receive == 5


def test_source_that_raises_twice():
    """A generator that gives what is not bytes, and raises when it is closed for that, is one BodyError."""

    def stubborn():
        try:
            yield "text"
        finally:
            raise RuntimeError("late")

    codec, exchange = begun("POST", body=stubborn())
    flushed(codec)
    assert isinstance(exchange.outcome, BodyError)
    assert isinstance(exchange.outcome.__cause__, RuntimeError)
    assert (codec.cut, codec.room) == (True, 0)
