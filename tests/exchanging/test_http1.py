"""HTTP/1.1 as a codec: bytes in, bytes out."""

from __future__ import annotations

import pytest

from tymeconn.errors import IncompleteRead, NoResponse, StaleConnection
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
