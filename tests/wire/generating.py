"""Responses for properties: what servers send, and the same with bytes that do not belong there."""

from __future__ import annotations

import base64
import gzip

from hypothesis import strategies as st

NAMES = st.sampled_from(["X-A", "x-a", "ETag", "Set-Cookie", "Connection", "Host", "Vary", "Keep-Alive"])
VALUES = st.sampled_from(["", "a", "a b", "a,b", "a\tb", "\xe9", "close", "keep-alive", "x, Close", "\x01"])
LINES = st.builds(
    "{}:{}{}{}\r\n".format, NAMES, st.sampled_from(["", " ", "\t "]), VALUES, st.sampled_from(["", " "])
)
FIELDS = st.lists(LINES | st.sampled_from(["A: b\r\n c\r\n", "A:\r\n\t\r\n"]), max_size=4).map("".join)
STATUS_LINES = st.builds(
    "HTTP/1.{} {}{}\r\n".format,
    st.sampled_from([1, 1, 1, 0, 3]),
    st.sampled_from([200, 200, 200, 201, 204, 206, 304, 404, 500, 599, 999, 101]),
    st.sampled_from(["", " ", " OK", " a  b ", " \xe9"]),
)
INTERIMS = st.builds("HTTP/1.1 {} X\r\n{}\r\n".format, st.sampled_from([100, 102, 103, 199]), FIELDS)
BODIES = st.binary(max_size=40)
SIZES = st.lists(st.integers(1, 9), max_size=8)
CHUNK_LINES = st.sampled_from(
    [b"%x\r\n", b"%X\r\n", b"00%x\r\n", b"%x;a=b\r\n", b'%x;a;b="c\\"d"\r\n', b"%x \r\n"]
)
NOISE = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b";", b"0", b"-", b"HTTP/1.1 200 OK\r\n\r\n", b"0\r\n\r\n"]
) | st.binary(max_size=3)


@st.composite
def framed(draw):
    """Return the fields that frame a body, and the bytes that follow the head."""
    body = draw(BODIES)
    fields = ""
    if draw(st.integers(0, 4)) == 0:
        body, fields = gzip.compress(body * 9, mtime=0), "Content-Encoding: gzip\r\n"
    framing = draw(st.sampled_from(["length", "chunked", "close", "both"]))
    if framing == "close":
        return fields, body
    length = f"Content-Length: {len(body)}\r\n"
    if framing == "length":
        return fields + length, body
    fields += draw(st.sampled_from(["Transfer-Encoding: chunked\r\n", "transfer-encoding:Chunked \r\n"]))
    fields += length if framing == "both" else ""
    last = draw(st.sampled_from([b"0\r\n", b"000;x\r\n"])) + draw(FIELDS).encode("latin-1") + b"\r\n"
    return fields, draw(chunked(body)) + last


@st.composite
def chunked(draw, body):
    """Return the body in chunks, without the last one."""
    chunks, line = [], draw(CHUNK_LINES)
    for size in [*draw(SIZES), len(body)]:
        part, body = body[:size], body[size:]
        chunks += [line % len(part), part, b"\r\n"] if part else []
    return b"".join(chunks)


@st.composite
def cases(draw, noise=False):
    """Return a case with the fields of responses.json, with bytes that do not belong there when `noise`."""
    fields, body = draw(framed())
    head = (
        "".join(draw(st.lists(INTERIMS, max_size=2))) + draw(STATUS_LINES) + draw(FIELDS) + fields + "\r\n"
    )
    data = head.encode("latin-1") + body + draw(st.sampled_from([b"", b"", b"X", b"\r\n"]))
    for _ in range(draw(st.integers(0, 3)) if noise else 0):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(NOISE) + data[at + draw(st.integers(0, 3)) :]
    upgrade = draw(st.sampled_from([{}, {}, {"Upgrade": "x", "Connection": "upgrade"}]))
    return {
        "method": draw(st.sampled_from(["GET", "GET", "POST", "HEAD", "CONNECT"])),
        "request_headers": upgrade,
        "raw_b64": base64.b64encode(data).decode(),
        "eof": draw(st.booleans()),
    }
