"""Heads of responses: one block of bytes becomes one checked value.

A head to the letter of RFC 9112 is split as it stands. Every other is llhttp's: what it refuses is read
again in its lenient mode, because servers send folds and cookies with control bytes; around that stand the
checks that this mode switches off (RFC 9112 2.2, 5).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import ProtocolError, TooLarge
from .headers import Headers, without
from .messages import Limits

__all__ = ["NOT_IN_TRAILERS", "PLAIN", "PREFIX", "Head", "members", "parse_head", "parse_trailers"]

PREFIX = b"HTTP/1."

# No fold, no bare LF, no control, no byte that only a lenient reader takes. Nothing is given back once
# matched (++, *+).
PLAIN = re.compile(
    rb"HTTP/1\.1 [1-5][0-9]{2} [\t\x20-\x7e\x80-\xff]*+\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t\x20-\x7e\x80-\xff]*+\r\n)*+\r\n"
)
_LENGTH = re.compile(r"[0-9]{1,18}")
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([^\0\r\n]*))?\r?\n")
_CACHED = 64
_STRAY = re.compile(rb"\0|\r(?!\n)")
_FOLD = re.compile(rb"\r?\n[ \t]+")
# The fields whose values llhttp checks, and whose names it then says.
_FRAMING = {b"content-length": "content_length", b"transfer-encoding": "transfer_encoding"}
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\n]*")
# A trailer section has the grammar of fields (RFC 9112 7.1.2), so it is read as those of a head.
_STAND_IN = b"HTTP/1.1 200 OK\r\n"
# RFC 9110 6.5.1: what frames, routes, authenticates or describes the content comes too late in a trailer.
NOT_IN_TRAILERS = frozenset(
    name
    for names in (
        ("connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
        ("host", "location", "max-forwards", "range", "vary"),
        ("age", "cache-control", "date", "expect", "expires", "pragma", "retry-after"),
        ("authorization", "cookie", "proxy-authorization", "set-cookie"),
        ("proxy-authenticate", "proxy-connection", "www-authenticate"),
        ("content-encoding", "content-range", "content-type"),
    )
    for name in names
)


class Head(NamedTuple):
    """A status line and its fields, as received; folded values are unfolded."""

    version: tuple[int, int]
    status: int
    reason: str
    headers: Headers


def parse_head(block: bytes, limits: Limits) -> Head:
    """Return the head that `block` is; its last line is the blank one.

    Raises:
        ProtocolError: kind status_line, header or content_length.
        TooLarge: a line or the number of fields exceeds its limit.
    """
    if (
        len(block) > limits.line
        and max(len(line.rstrip(b"\r")) for line in block.split(b"\n")) > limits.line
    ):
        raise TooLarge(f"a line of the head exceeds Limits.line: {limits.line} bytes")
    line = block[: block.index(b"\n") + 1]
    # A server has few status lines, but nothing keeps a hostile one from having many long ones.
    said = _status_line(line) if len(line) <= _CACHED else _status_line.__wrapped__(line)
    return Head(*said, _fields(block, "header", limits.headers))


@lru_cache(maxsize=256)
def _status_line(line: bytes) -> tuple[tuple[int, int], int, str]:
    found = _STATUS_LINE.fullmatch(line)
    if not found:
        raise ProtocolError("status_line", f"not a status line of HTTP/1: {line[:80]!r}")
    minor, status, reason = found.groups(default=b"")
    return (1, int(minor)), int(status), reason.decode("latin-1").strip("\t ")


def parse_trailers(block: bytes, limits: Limits) -> Headers:
    """Return the fields of a trailer section; those that may not stand there are left out.

    Raises:
        ProtocolError: kind trailer.
        TooLarge: the number of fields exceeds its limit.
    """
    fields = _fields(b"%b%b\r\n" % (_STAND_IN, block), "trailer", limits.headers)
    return without(fields, NOT_IN_TRAILERS)


def members(headers: Headers, name: str) -> list[str]:
    """Return the members of a list-valued field, in lower case, of all its lines (RFC 9110 5.6.1)."""
    if name not in headers:
        return []
    parts = ",".join(headers.getall(name)).lower().split(",")
    return [member for part in parts if (member := part.strip(" \t"))]


class _Found:
    """What llhttp calls back."""

    __slots__ = ("complete", "pairs")

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name.decode("latin-1"), value.decode("latin-1").strip(" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


def _fields(block: bytes, kind: str, most: int) -> Headers:
    if PLAIN.fullmatch(block) and (fields := _split(block, most)) is not None:
        return fields
    found = _Found()
    # A line of folds is no field, so a block of too many lines may still be one of enough fields.
    if block.count(b"\n") - 2 <= most:
        _parse(block, found, lenient=False)
    pairs = found.pairs if found.complete else _lenient_pairs(block, kind, most)
    return CIMultiDictProxy(CIMultiDict(pairs))


def _split(block: bytes, most: int) -> Headers | None:
    """Return the fields of a plain head; None when there are too many, or they frame the body oddly."""
    lines = block[block.index(b"\n") + 1 : -4].decode("latin-1").split("\r\n")
    if len(lines) > most:
        return None
    parts = [line.partition(":") for line in lines if line]
    fields = CIMultiDict([(name, value.strip(" \t")) for name, _, value in parts])
    lengths = fields.getall("content-length", ())
    # What else frames a body is llhttp's.
    if "transfer-encoding" in fields or len(lengths) > 1 or (lengths and not _LENGTH.fullmatch(lengths[0])):
        return None
    return CIMultiDictProxy(fields)


def _lenient_pairs(block: bytes, kind: str, most: int) -> list[tuple[str, str]]:
    """Return the fields of a block that llhttp alone refuses, or raise because it is right."""
    _check_controls(block, kind)
    block = _unfolded(block, kind)
    if block.count(b"\n") - 2 > most:
        raise TooLarge(f"the {kind} section exceeds Limits.headers: {most} fields")
    found = _Found()
    why = _parse(block, found, lenient=True)
    if not found.complete:
        raise _refusal(block, kind, why)
    for name, _ in found.pairs:
        if name.endswith((" ", "\t")):
            raise ProtocolError(kind, f"blank between name and colon (RFC 9112 5.1): {name!r}")
    return found.pairs


def _check_controls(block: bytes, kind: str) -> None:
    # RFC 9112 2.2 and RFC 9110 5.5: llhttp's lenient mode lets NUL through.
    stray = _STRAY.search(block)
    if stray:
        shown = block[max(stray.start() - 40, 0) : stray.start() + 40]
        raise ProtocolError(kind, f"stray NUL or CR in the {kind}: {shown!r}")


def _unfolded(block: bytes, kind: str) -> bytes:
    # RFC 9112 5.2: a user agent replaces each fold by blanks.
    if b"\n " not in block and b"\n\t" not in block:
        return block
    start = block.index(b"\n") + 1
    if block[start : start + 1] in (b" ", b"\t"):
        raise ProtocolError(
            kind, f"blank before the first field (RFC 9112 2.2): {block[start : start + 80]!r}"
        )
    return _FOLD.sub(b" ", block)


def _parse(block: bytes, found: _Found, *, lenient: bool) -> str:
    """Let llhttp tell what it finds, and return why it stopped."""
    parser = HttpResponseParser(found)
    # Framing is decided by framing.frame, and no body ever reaches this parser: what would be a way to
    # smuggle in a body is harmless in a head.
    parser.set_dangerous_leniencies(
        lenient_headers=lenient,
        lenient_chunked_length=True,
        lenient_transfer_encoding=True,
        lenient_keep_alive=True,
        lenient_version=True,
        lenient_optional_cr_before_lf=True,
    )
    try:
        parser.feed_data(block)
    except (HttpParserError, HttpParserUpgrade) as error:
        # llhttp also stops behind the head of a 101, which says nothing about the head.
        return str(error)
    return "no end"


def _refusal(block: bytes, kind: str, why: str) -> ProtocolError:
    lines = block.split(b"\n")[1:-2]
    wrong = [line for line in lines if not _FIELD.fullmatch(line)]
    framing = [line for line in lines if line.lower().startswith(tuple(_FRAMING))]
    if kind == "header" and not wrong:
        kind = next((named for name, named in _FRAMING.items() if name in why.lower().encode()), kind)
    return ProtocolError(kind, f"{why}: {[line[:80] for line in wrong or framing][:3]!r}")
