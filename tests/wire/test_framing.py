"""Where heads, lines, chunks and bodies end, however their bytes arrive."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import ProtocolError, TooLarge
from tymeconn.wire.framing import FRAMINGS, EndOfStream, Frame, Framing, Incoming, frame, persists, tunnels
from tymeconn.wire.heads import parse_head
from tymeconn.wire.messages import Limits
from tymeconn.wire.responding import Respondent

from .memory import peak

HEAD = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"


def drive(reading, incoming, *pieces):
    """Return what the generator returns once it got the pieces, or None when it waits for more."""
    try:
        next(reading)
        for piece in pieces:
            incoming.put(piece)
            next(reading)
    except StopIteration as stop:
        return stop.value
    return None


def into(body):
    """Take the pieces of a body into a list, at no cost."""

    def take(piece):
        body.append(piece)
        return ()

    return take


def read(framed, *pieces, **limits):
    """Return the body and the trailer section, None when more is needed; and what is behind them."""
    incoming, body = Incoming(), []
    trailers = drive(
        FRAMINGS[framed.framing](incoming, framed, Limits(**limits), into(body)), incoming, *pieces
    )
    return b"".join(body), trailers, incoming.rest()


def chunked(data, **limits):
    return read(Frame(Framing.CHUNKED), data, **limits)


def refusal(data, **limits):
    with pytest.raises(ProtocolError) as caught:
        chunked(data, **limits)
    return caught.value.kind


def heading(fields=b"", status_line=b"HTTP/1.1 200 OK"):
    return parse_head(status_line + b"\r\n" + fields + b"\r\n", Limits())


@given(st.lists(st.integers(1, 60), max_size=5), st.sampled_from([b"\r\n", b"\n"]), st.integers(0, 3))
def test_head_in_any_pieces(sizes, end, blanks):
    """A head ends behind its blank line, and nothing behind that is touched."""
    head = HEAD.replace(b"\r\n", end)
    data = end * blanks + head + b"\n\r\n\r\n\nbody"
    cuts = [0, *sorted({min(sum(sizes[:n]), len(data)) for n in range(1, len(sizes) + 1)} - {0}), len(data)]
    incoming = Incoming()
    seen = drive(incoming.read_head(100), incoming, *(data[a:b] for a, b in pairwise(cuts)))
    assert seen == head


def dripping(data):
    return [data[at : at + 100] for at in range(0, len(data), 100)]


@pytest.mark.parametrize(
    "fields", [b"X: y\r\n" * 900, b"X: " + b"y" * 200_000 + b"\r\n", b"X: y\n\r\r\n" * 900]
)
def test_head_is_not_searched_again(fields):
    """A head that drips in is searched once, not once for each drip; the seams are looked at, too."""
    incoming, head = Incoming(), HEAD[:-2] + fields + b"\r\n"
    assert drive(incoming.read_head(262_144), incoming, *dripping(head)) == head
    assert len(head) <= incoming.scanned <= 1.1 * len(head)


def test_head_is_copied_twice():
    """A head that drips in is copied once as it comes, and once when it is whole."""
    incoming, head = Incoming(), HEAD[:-2] + b"X: y\r\n" * 30_000 + b"\r\n"
    pieces = dripping(head)
    assert len(head) < peak(lambda: drive(incoming.read_head(262_144), incoming, *pieces)) < 2.3 * len(head)


@pytest.mark.parametrize(
    "data", [b"1;" + b"a" * 16_000 + b"\r\n-\r\n", b"0\r\n" + b"X: y\r\n" * 9_000 + b"\r\n"]
)
def test_lines_are_not_searched_again(data):
    """Chunk lines and trailers that drip in are searched once, but for the piece that a line begins in."""
    incoming, framed = Incoming(), Frame(Framing.CHUNKED)
    drive(FRAMINGS[Framing.CHUNKED](incoming, framed, Limits(), into([])), incoming, *dripping(data))
    assert len(data) - 3 <= incoming.scanned <= 2 * len(data)
    assert incoming.rest() == b""


@pytest.mark.parametrize(
    ("data", "most", "taken"),
    [
        (HEAD + b"abc", len(HEAD), HEAD),
        (HEAD + b"abc", len(HEAD) - 1, b""),
        (HEAD[:-1], 1000, b""),
        (b"\r\n" + HEAD, 1000, b""),
        (b"", 1000, b""),
    ],
)
def test_head_at_hand(data, most, taken):
    """A head that is there whole is taken at once; whatever else there is stays where it is."""
    incoming = Incoming()
    incoming.put(data)
    assert incoming.take_head(most) == taken
    assert incoming.rest() == data.removeprefix(taken)


def test_head_limit():
    """A head may be as long as the limit, with its blank line."""
    incoming = Incoming()
    assert drive(incoming.read_head(len(HEAD)), incoming, HEAD) == HEAD
    with pytest.raises(TooLarge, match=f"Limits.head: {len(HEAD) - 1} bytes"):
        drive(incoming.read_head(len(HEAD) - 1), incoming, HEAD)


@pytest.mark.parametrize("data", [b"<", b"HTTP/2", b"\r\r", b"\r\n" * 9 + HEAD, b"X" * 300])
def test_not_a_head(data):
    """What cannot become a head of HTTP/1 is refused before a blank line comes."""
    incoming = Incoming()
    with pytest.raises(ProtocolError) as caught:
        drive(incoming.read_head(100), incoming, data)
    assert caught.value.kind == "status_line"


def test_line_in_pieces():
    """A line ends with its LF, or at the limit when it is longer."""
    incoming = Incoming()
    assert drive(incoming.read_line(9), incoming, b"ab", b"c\nd") == b"abc\n"
    assert incoming.rest() == b"d"
    assert drive(incoming.read_line(3), incoming, b"ab", b"c\nd") == b"abc"


@pytest.mark.parametrize("clean", [True, False])
def test_end_inside_a_line(clean):
    """A line that never ends is the end of the stream."""
    incoming = Incoming()
    incoming.put(b"ab")
    incoming.end(clean=clean)
    with pytest.raises(EndOfStream):
        next(incoming.read_line(9))


def test_length():
    """A body of known length ends there; it is handed on as it arrives."""
    assert read(Frame(Framing.LENGTH, 5), b"he", b"lloX") == (b"hello", b"", b"X")
    assert read(Frame(Framing.LENGTH, 5), b"he") == (b"he", None, b"")


def test_pieces_are_not_copied():
    """A piece that is all body is handed on as it is, a part of one as a view."""
    incoming, body, piece = Incoming(), [], bytes(10)
    drive(
        FRAMINGS[Framing.LENGTH](incoming, Frame(Framing.LENGTH, 15), Limits(), into(body)),
        incoming,
        piece,
        piece,
    )
    assert body[0] is piece
    assert body[1].obj is piece


@pytest.mark.parametrize("clean", [True, False])
def test_until_close(clean):
    """A body that runs to the end of the stream is whole when the peer meant that end."""
    incoming, body = Incoming(), []
    reading = FRAMINGS[Framing.CLOSE](incoming, Frame(Framing.CLOSE), Limits(), into(body))
    assert drive(reading, incoming, b"he", b"llo") is None
    incoming.end(clean=clean)
    with pytest.raises(StopIteration if clean else EndOfStream):
        next(reading)
    assert body == [b"he", b"llo"]


@pytest.mark.parametrize(
    "line",
    [b"5", b"05", b"5 ", b"5;a", b'5 ; a = b ;c="d \\" e"', b"5;a=b;c", b"0" * 100 + b"5"],
)
def test_chunk_lines(line):
    """A chunk line is a size and extensions, which are ignored."""
    assert chunked(line + b"\r\nhello\r\n0;z\r\n\r\n-") == (b"hello", b"", b"-")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" 5",
        b"5;",
        b'5;a="b',
        b"5;a\nb",
        b"5;a\rb",
        b"5;a=\0",
        b"0x5",
        b"-5",
        b"5_0",
        b"1" * 17,
        b"5\n",
    ],
)
def test_refused_chunk_lines(line):
    """What two readers could take for different sizes is refused (RFC 9112 7.1)."""
    assert refusal(line + b"\r\nhello\r\n0\r\n\r\n") == "chunk"


@pytest.mark.parametrize("end", [b"\n", b"x\n", b"xx", b"\rx"])
def test_chunk_without_end(end):
    """CRLF stands behind the data of a chunk."""
    assert refusal(b"5\r\nhello" + end + b"0\r\n\r\n") == "chunk"


def test_chunks_byte_by_byte():
    """Chunks are read however their bytes arrive."""
    data = b'A;q="x"\r\n0123456789\r\n0\r\nX: y\r\n\r\n'
    pieces = (data[at : at + 1] for at in range(len(data)))
    assert read(Frame(Framing.CHUNKED), *pieces) == (b"0123456789", b"X: y\r\n", b"")


def test_chunk_line_limit():
    """A chunk line may be as long as the limit, without its CRLF."""
    assert chunked(b"5;abc\r\nhello\r\n", chunk_line=5)[0] == b"hello"
    with pytest.raises(TooLarge, match=r"Limits\.chunk_line: 5 bytes"):
        chunked(b"5;abcd\r\n", chunk_line=5)


def test_chunk_extensions_are_limited():
    """Extensions may cost 64 KiB, and a byte for every 16 of data."""
    line = b"1;" + b"a" * 16_000 + b"\r\nx\r\n"
    assert chunked(line * 4)[0] == b"xxxx"
    assert refusal(line * 5) == "too_large"
    assert chunked(b"%x\r\n%b\r\n" % (300_000, bytes(300_000)) + line * 5)[0].endswith(b"xxxxx")


def test_small_chunks_are_free():
    """A long stream of small chunks is no attack: it is what events look like."""
    assert len(chunked(b"1\r\nx\r\n" * 50_000)[0]) == 50_000


def test_trailer_section():
    """The trailer section ends at a blank line, and every line of it ends with CRLF."""
    assert chunked(b"0\r\nX: y\r\nZ: z\r\n\r\n-") == (b"", b"X: y\r\nZ: z\r\n", b"-")
    assert refusal(b"0\r\nX: y\n\r\n") == "trailer"


def test_trailer_limit():
    """The trailer section may be as long as the limit, without its blank line."""
    assert chunked(b"0\r\nX: y\r\n\r\n", trailers=6)[1] == b"X: y\r\n"
    with pytest.raises(TooLarge, match=r"Limits\.trailers: 5 bytes"):
        chunked(b"0\r\nX: y\r\n\r\n", trailers=5)
    with pytest.raises(TooLarge):
        chunked(b"0\r\nXXXXXXXX", trailers=5)


@pytest.mark.parametrize(
    ("fields", "framed"),
    [
        (b"", Frame(Framing.CLOSE)),
        (b"Content-Length: 0\r\n", Frame(Framing.LENGTH)),
        (b"Content-Length: 0\r\nTransfer-Encoding: Chunked\r\n", Frame(Framing.CHUNKED)),
        (b"Content-Length: %s7\r\n" % (b"0" * 5000), Frame(Framing.LENGTH, 7)),
    ],
)
def test_frame(fields, framed):
    """Chunks go before a length, and without either a body runs to the close (RFC 9112 6.3)."""
    assert frame(heading(fields), "GET") == framed


@pytest.mark.parametrize(
    ("method", "status"),
    [("HEAD", b"200"), ("GET", b"204"), ("GET", b"304"), ("CONNECT", b"200"), ("GET", b"101")],
)
def test_no_body(method, status):
    """Some responses have no body, whatever their fields say."""
    head = heading(b"Transfer-Encoding: chunked\r\nContent-Length: 9\r\n", b"HTTP/1.1 " + status)
    assert frame(head, method) == Frame(Framing.LENGTH, 0)


@pytest.mark.parametrize(
    "value", [b"gzip", b"gzip, chunked", b"chunked, chunked", b"", b"chunked;q=1", b'"chunked"']
)
def test_refused_transfer_codings(value):
    """Nothing but chunked was offered."""
    with pytest.raises(ProtocolError) as caught:
        frame(heading(b"Transfer-Encoding: " + value + b"\r\n"), "GET")
    assert caught.value.kind == "transfer_encoding"


@pytest.mark.parametrize(
    ("version", "fields", "expected"),
    [
        (b"1.1", b"Content-Length: 1\r\n", True),
        (b"1.9", b"Transfer-Encoding: chunked\r\n", True),
        (b"1.1", b"Content-Length: 1\r\nConnection: x, Close\r\n", False),
        (b"1.1", b"Connection: keep-alive\r\n", False),
        (b"1.1", b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", False),
        (b"1.0", b"Content-Length: 1\r\n", False),
        (b"1.0", b"Content-Length: 1\r\nConnection: Keep-Alive\r\n", True),
        (b"1.0", b"Content-Length: 1\r\nConnection: keep-alive, close\r\n", False),
        (b"1.0", b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", False),
    ],
)
def test_persists(version, fields, expected):
    """A connection goes on when both sides must agree that it does (RFC 9112 9.3)."""
    head = heading(fields, b"HTTP/%b 200 OK" % version)
    assert persists(head, frame(head, "GET")) is expected


def test_tunnels():
    """A 101 and a 2xx to CONNECT end HTTP on the connection."""
    assert tunnels(heading(status_line=b"HTTP/1.1 101 S"), "GET")
    assert tunnels(heading(), "CONNECT")
    assert not tunnels(heading(), "GET")
    assert not tunnels(heading(status_line=b"HTTP/1.1 407 X"), "CONNECT")


@pytest.mark.parametrize("most", range(8))
@pytest.mark.parametrize("head", [b"X", b'HT"/1.1', b"HTTP/2"])
def test_opening_within_a_small_limit(head, most):
    """What is wrong with a head does not depend on how much of it came at once."""
    kinds = set()
    for parts in ([head], [head[i : i + 1] for i in range(len(head))]):
        respondent = Respondent(limits=Limits(head=most))
        for part in parts:
            respondent.feed(part)
        kinds.add(respondent.error and respondent.error.kind)
    assert len(kinds) == 1
