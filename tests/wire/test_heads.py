"""One block of bytes becomes one checked head; the cases of responses.json hold most of the rules."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tymeconn.errors import ProtocolError, TooLarge
from tymeconn.wire.heads import members, parse_head, parse_trailers
from tymeconn.wire.messages import Limits

STATUS = b"HTTP/1.1 200 OK\r\n"


def head(fields, status_line=STATUS, **limits):
    return parse_head(status_line + fields + b"\r\n", Limits(**limits))


def test_parts():
    """A head keeps version, status and reason, and its fields with their order, case and repeats."""
    parsed = head(b"B: 1\r\na:2 \t\r\nB:\xe9\r\n", b"HTTP/1.0 404 Not  here\r\n")
    assert (parsed.version, parsed.status, parsed.reason) == ((1, 0), 404, "Not  here")
    assert list(parsed.headers.items()) == [("B", "1"), ("a", "2"), ("B", "\xe9")]
    assert parsed.headers.getall("b") == ["1", "\xe9"]


@pytest.mark.parametrize("line", [b"HTTP/1.1 200\r\n", b"HTTP/1.1 200 \r\n", b"HTTP/1.1 200\n"])
def test_no_reason(line):
    """A reason may be missing, with or without the blank before it."""
    assert head(b"", line).reason == ""


def test_later_minor_version():
    """A minor version above 1 is kept as it was sent."""
    assert head(b"", b"HTTP/1.7 200 OK\r\n").version == (1, 7)


def test_switching_protocols():
    """The head of a 101 is a head, whatever llhttp makes of what follows it."""
    assert head(b"", b"HTTP/1.1 101 S\r\n").status == 101
    assert head(b"Connection: upgrade\r\nUpgrade: x\r\n", b"HTTP/1.1 101 S\r\n").headers["upgrade"] == "x"


def test_folds():
    """A folded value becomes one line."""
    assert head(b"X: a\r\n\t b\r\n  c\r\nY: z\r\n").headers["x"] == "a b c"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (b" X: y\r\n", "header"),
        (b"\tX: y\r\n", "header"),
        (b"X: a\0b\r\n", "header"),
        (b"X: a\rb\r\n", "header"),
        (b"X: \r b\r\n", "header"),
        (b"X : y\r\n", "header"),
        (b"Content-Length : 5\r\n", "header"),
        (b"Connection\t: close\r\n", "header"),
        (b"A: b\r\nnot a field\r\n", "header"),
        (b"A: b\r\nContent-Length: +5\r\n", "content_length"),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", "content_length"),
        (b"Content-Length: 5\r\n 6\r\n", "content_length"),
        (b"Content-Length: 5\r\nTransfer-Encoding:\r\n", "transfer_encoding"),
    ],
)
def test_refused_fields(fields, kind):
    """A field that another reader could understand differently is refused."""
    with pytest.raises(ProtocolError) as caught:
        head(fields)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 099 X\r\n",
        b"HTTP/1.1 2000 X\r\n",
        b"HTTP/2.0 200 X\r\n",
        b"HTTP/1.1 200 a\0b\r\n",
        b"HTTP/1.1 200 a\rb\r\n",
    ],
)
def test_refused_status_lines(line):
    """Only three digits from 100 under HTTP/1 are a status."""
    with pytest.raises(ProtocolError) as caught:
        head(b"", line)
    assert caught.value.kind == "status_line"


def test_refusal_shows_the_line():
    """The message of a refusal shows the line that is to blame."""
    with pytest.raises(ProtocolError, match=r"\[b'not a field\\r'\]"):
        head(b"A: b\r\nnot a field\r\nContent-Length: 5\r\n")
    with pytest.raises(ProtocolError, match=r"\[b'Content-Length: \+5\\r'\]"):
        head(b"A: b\r\nContent-Length: +5\r\n")


def test_number_of_fields():
    """As many fields as the limit are taken, however many lines they are folded over."""
    assert len(head(b"X: a\r\n b\r\nY: c\r\n", headers=2).headers) == 2
    with pytest.raises(TooLarge, match=r"Limits\.headers: 1 fields"):
        head(b"X: a\r\nY: c\r\n", headers=1)


def test_length_of_a_line():
    """A line may be as long as the limit, without its CRLF."""
    assert head(b"X: 3456789012345\r\nY: z\r\n", line=16).headers["y"] == "z"
    with pytest.raises(TooLarge, match=r"Limits\.line: 16 bytes"):
        head(b"X: 34567890123456\r\nY: z\r\n", line=16)


def test_trailers():
    """A trailer section has the grammar of fields."""
    trailers = parse_trailers(b"X-A: 1\r\nX-B:\r\nx-a: 2\r\n", Limits())
    assert list(trailers.items()) == [("X-A", "1"), ("X-B", ""), ("x-a", "2")]


def test_forbidden_trailers():
    """What frames, routes or authenticates is dropped from trailers."""
    block = b"Content-Length: 9\r\nTransfer-Encoding: gzip\r\nHOST: h\r\nSet-Cookie: a=b\r\nETag: x\r\n"
    assert list(parse_trailers(block, Limits())) == ["ETag"]


@pytest.mark.parametrize(
    "block", [b" X: y\r\n", b"X: a\0\r\n", b"X: a\rb\r\n", b"X : y\r\n", b"Content-Length: x\r\n"]
)
def test_refused_trailers(block):
    """A trailer section is as strict as a head, and says that it is at fault."""
    with pytest.raises(ProtocolError) as caught:
        parse_trailers(block, Limits())
    assert caught.value.kind == "trailer"


def test_number_of_trailers():
    """Trailers are limited in number like the fields of a head."""
    with pytest.raises(TooLarge, match=r"Limits\.headers: 1 fields"):
        parse_trailers(b"X: a\r\nY: c\r\n", Limits(headers=1))


def test_members():
    """The members of a list are those of all its lines, in lower case, without empty ones."""
    parsed = head(b"Connection: a , ,B\r\nConnection:\tclose\r\n")
    assert members(parsed.headers, "connection") == ["a", "b", "close"]
    assert members(parsed.headers, "upgrade") == []


LINES = [
    b"A: b\t\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Upgrade: x\r\n",
    b" fold\r\n",
]
PARTS = [b"A", b":", b" ", b"\t", b"\0", b"\r", b"\x0b", b"\x7f", b"\xff", b"content-length", b"5"]


def outcome(fields):
    try:
        return list(head(fields).headers.items())
    except ProtocolError as error:
        return error.kind


@given(st.lists(st.sampled_from(LINES) | st.lists(st.sampled_from(PARTS), min_size=1).map(b"".join)))
def test_leniency_is_for_one_field(lines):
    """A field that llhttp takes in its lenient mode only changes nothing for the others."""
    fields = b"".join(line if line.endswith(b"\n") else line + b"\r\n" for line in lines)
    assume(not fields.startswith((b" ", b"\t")) and b"\n\r\n" not in b"\n" + fields)
    seen = outcome(b"Set-Cookie: \x01\r\n" + fields)
    if isinstance(seen, list):
        seen = [(name, value) for name, value in seen if name != "Set-Cookie"]
    assert outcome(fields) == seen
