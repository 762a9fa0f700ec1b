"""The pieces of a request that go out, and the framing around its body."""

from __future__ import annotations

import io

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import BodyError
from tymeconn.tyming.waiting import Wait
from tymeconn.wire.requesting import encode, make_request
from tymeconn.wire.sending import outgoing
from tymeconn.wire.urls import split


def make(body=None, method="POST", **options):
    return make_request(method, split("http://a.example/"), body=body, **options)


def sent(request):
    """Return all pieces but those that say there is none now, and what was told of them."""
    told = []
    pieces = outgoing(request, lambda count: count and told.append(count))
    return [bytes(piece) for piece in pieces if not isinstance(piece, float)], told


def body_of(request):
    pieces, _ = sent(request)
    head = encode(request)
    whole = b"".join(pieces)
    assert whole.startswith(head)
    return whole[len(head) :]


def read_by_h11(request):
    """Return headers, body and trailers as a server reads them."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"".join(sent(request)[0]))
    asked, body = server.next_event(), b""
    while isinstance(event := server.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    return dict(asked.headers), body, list(event.headers)


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_chunks_are_read_back(pieces):
    """A body of unknown size goes out in chunks that another reader joins again."""
    headers, body, _ = read_by_h11(make(iter(pieces)))
    assert headers[b"transfer-encoding"] == b"chunked"
    assert body == b"".join(pieces)


def test_empty_pieces_are_no_chunks():
    """An empty chunk would end the body."""
    assert body_of(make([b"a", b"", b"bc"])) == b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"


def test_nothing_now():
    """What is there goes out, and whoever sends learns what the source waits for."""
    waiting = Wait(until=7.0)
    request = make([b"a", b"", b"b", waiting, b"c"], headers={"Content-Length": "3"})
    assert list(outgoing(request, lambda count: None)) == [encode(request) + b"a", 0.0, b"b", waiting, b"c"]
    assert [*outgoing(request, lambda count: None)][3] is waiting


def test_first_piece_goes_with_the_head():
    """Head and a small first piece are one piece, so one segment."""
    pieces, _ = sent(make(io.BytesIO(b"x" * 100)))
    assert len(pieces) == 1
    pieces, _ = sent(make([b"x" * 70_000]))
    assert pieces[0] == encode(make([b"x"]))


def test_large_pieces_are_sliced():
    """No piece is larger than 256 KiB and its framing."""
    pieces, _ = sent(make([b"x" * 1_000_000]))
    assert max(map(len, pieces)) <= 262_144 + 9
    assert b"".join(pieces).count(b"x") >= 1_000_000


def test_expectation_parts_head_and_body():
    """A head that expects 100 goes alone."""
    request = make(b"abc", headers={"Expect": "100-Continue"})
    assert sent(request)[0] == [encode(request), b"abc"]


def test_bytes_in_chunks():
    """Transfer-Encoding may be asked for; the body has no length then."""
    request = make(b"abc", headers={"Transfer-Encoding": "chunked"})
    assert "content-length" not in request.headers
    assert body_of(request) == b"3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "wrong"), [([b"ab"], "1 bytes less"), ([b"ab", b"cd"], "more than the 3")]
)
def test_declared_length_is_held(pieces, wrong):
    """A body that is not as long as declared would run into the next request."""
    with pytest.raises(BodyError, match=wrong):
        sent(make(pieces, headers={"Content-Length": "3"}))


def test_nothing_is_sent_beyond_the_declared_length():
    """The piece that is too much does not go out."""
    out = []
    with pytest.raises(BodyError):
        out.extend(outgoing(make([b"ab", b"", b"cd"], headers={"Content-Length": "3"}), lambda count: None))
    assert out[0].endswith(b"ab")
    assert out[1:] == [0.0]


def test_told_when_the_next_is_asked_for():
    """Counts are of body bytes without framing, and of what was taken."""
    pieces = outgoing(make([b"ab", b"cde", b"", b"f"]), (told := []).append)
    next(pieces)
    assert told == []
    list(pieces)
    assert [count for count in told if count] == [5, 1]


def test_small_pieces_are_joined():
    """A generator of short rows costs a send for many of them; their chunks stay as they were given."""
    rows = [b"row %d\n" % number for number in range(10_000)]
    pieces, _ = sent(make(rows))
    assert len(pieces) <= 5
    assert b"".join(pieces).count(b"\r\nrow ") == 10_000


def test_trailers():
    """Trailers make chunks of any body, and are read behind it."""
    headers, body, trailers = read_by_h11(make(b"abc", trailers={"X-Sum": "6"}))
    assert "content-length" not in headers
    assert (body, trailers) == (b"abc", [(b"x-sum", b"6")])


def test_trailers_of_nothing():
    """A body of no bytes has trailers too."""
    assert body_of(make(b"", trailers={"X-Sum": "0"})) == b"0\r\nX-Sum: 0\r\n\r\n"


def test_trailers_that_are_known_at_the_end():
    """A function is asked once the body is out."""
    seen = []

    def pieces():
        seen.append("body")
        yield b"abc"

    def trailers():
        seen.append("trailers")
        return {"X-Sum": "6"}

    assert read_by_h11(make(pieces(), trailers=trailers))[2] == [(b"x-sum", b"6")]
    assert seen == ["body", "trailers"]


@pytest.mark.parametrize("said", [{"Content-Length": "1"}, {"X": "a\nb"}, 7])
def test_wrong_trailers_at_the_end(said):
    """What may not be sent is the body's error, and so is what the function raises."""
    with pytest.raises(BodyError, match="trailers"):
        sent(make(b"a", trailers=lambda: said))


def test_no_body():
    """A request without a body is one piece."""
    request = make(method="GET")
    assert sent(request) == ([encode(request)], [])
