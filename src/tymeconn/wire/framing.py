"""Where a response's parts end (RFC 9112 6 and 7.1): generators that yield when they are short of bytes.

They also yield when their share of work is spent, and go on once `Incoming.share` was renewed. Each body
byte is handed on as a view of what arrived: the bytes are copied once, when the body is joined, or twice
when it came in very many pieces.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from enum import Enum, auto
from typing import NamedTuple, TypeAlias, TypeVar

from ..errors import ProtocolError, TooLarge
from .heads import PREFIX, Head, members
from .messages import Limits

__all__ = [
    "EMPTY",
    "FRAMINGS",
    "STEP",
    "EndOfStream",
    "Frame",
    "Framing",
    "Incoming",
    "Piece",
    "Reading",
    "Sink",
    "Taker",
    "frame",
    "persists",
    "tunnels",
]

_T = TypeVar("_T")
Reading: TypeAlias = Generator[None, None, _T]
Piece: TypeAlias = bytes | memoryview
Sink: TypeAlias = Callable[[Piece], int | None]
"""Takes a piece of a body, and says what work that was beside its bytes."""
Taker: TypeAlias = Callable[[Piece], Iterable[int]]
"""Takes a piece of a body step by step, and says what work each step was."""

# Work is counted in bytes that come out, and a step counts as this many more, however little it gives.
# Measured: a chunk of one byte costs 2.1 us, a member of gzip 1.2 us, and 1 MiB of inflated zeroes 3 ms.
STEP = 1_024

# Servers that miscount a body send an empty line too many; RFC 9112 2.2 has the other side skip such lines
# before a request, so a few are skipped here before a response too.
_BLANK_LINES = 8
_BLANK_LINE = re.compile(rb"\n\r?\n")
# Bytes of a peer's that a message shows.
_SHOWN = 80

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
# RFC 9112 7.1 and 7.1.1. Sixteen digits are what 64 bits hold; more is nobody's body. Nothing here is given
# back once matched (++, *+), so that a hostile line costs one pass.
_CHUNK_LINE = re.compile(
    rb"(?=[0-9A-Fa-f])0*+([1-9A-Fa-f][0-9A-Fa-f]{0,15})?+"
    rb"(?:[ \t]*+;[ \t]*+%b(?:[ \t]*+=[ \t]*+(?:%b|%b))?+)*+[ \t]*+\r\n" % (_TOKEN, _TOKEN, _QUOTED)
)
# Extensions and leading zeroes that are taken without data, in bytes. What a chunk needs (digits, CRLF) is
# free: streams of small chunks live for hours.
_OVERHEAD = 65_536
_DATA_PER_OVERHEAD = 16

_NOTHING = memoryview(b"")


class EndOfStream(Exception):
    """The stream ended where a message does not."""


class Incoming:
    """What has arrived and was not read yet. Its readers are generator-based.

    Attributes:
        scanned: bytes that were looked at for the end of a line or of a head, each time that they were.
        share: work that may be done now; once it is spent the readers yield until there is more.
    """

    __slots__ = ("_at", "_clean", "_data", "_ended", "_view", "scanned", "share")

    def __init__(self) -> None:
        self._data = b""
        self._view = _NOTHING
        self._at = 0
        self._ended = False
        self._clean = False
        self.scanned = 0
        self.share = sys.maxsize

    def put(self, data: bytes) -> None:
        """Take the next bytes, behind those that were not read yet."""
        data = self._data[self._at :] + data
        self._data, self._view, self._at = data, memoryview(data), 0

    def end(self, *, clean: bool) -> None:
        """No more bytes will come; `clean` says whether the peer meant to end here."""
        self._ended, self._clean = True, clean

    def rest(self) -> bytes:
        """Return what was not read, and let go of all that was."""
        rest = self._data[self._at :]
        self._data, self._view, self._at = b"", _NOTHING, 0
        return rest

    def spent(self, work: int) -> bool:
        """Take `work` from the share; True when nothing is left of it, and another must be waited for."""
        self.share -= work
        return self.share <= 0

    def renewal(self) -> Reading[None]:
        """Wait for another share."""
        while self.share <= 0:
            yield

    def arrival(self) -> Reading[bool]:
        """Wait until there are unread bytes; False when the stream has ended instead.

        Raises:
            EndOfStream: it ended, and not cleanly.
        """
        while self._at == len(self._data):
            if self._ended and not self._clean:
                raise EndOfStream
            if self._ended:
                return False
            yield
        return True

    def take(self, most: int) -> Piece:
        """Return what is there now, at most `most` bytes of it; empty when nothing is."""
        start = self._at
        self._at = min(start + most, len(self._data))
        whole = start == 0 and self._at == len(self._data)
        return self._data if whole else self._view[start : self._at]

    def take_line(self, most: int) -> bytes:
        """Return a line of at most `most` bytes when all of it is there now; empty when not.

        A reader tries this before `read_line`, because most lines are there and a generator costs more than
        a short line does.
        """
        start = self._at
        end = self._data.find(b"\n", start, start + most) + 1
        self.scanned += (end or min(start + most, len(self._data))) - start
        self._at = end or start
        return self._data[start : self._at]

    def check_end(self) -> None:
        """Raise EndOfStream when no more bytes will come."""
        if self._ended:
            raise EndOfStream

    def read_line(self, most: int) -> Reading[bytes]:
        """Return a line with its LF, or the first `most` bytes of it when it is longer."""
        held = bytearray()
        while not held.endswith(b"\n") and len(held) < most:
            yield from self._need()
            start, stop = self._at, min(self._at + most - len(held), len(self._data))
            self._at = self._data.find(b"\n", start, stop) + 1 or stop
            self.scanned += self._at - start
            held += self._data[start : self._at]
        return bytes(held)

    def take_head(self, most: int) -> bytes:
        """Return a head of at most `most` bytes when all of it is there now; empty when not.

        As with `take_line`, a reader tries this before `read_head`.
        """
        start = self._at
        if not self._data.startswith(PREFIX, start):
            return b""
        end = self._search(self._data, start)
        if not end or end - start > most:
            return b""
        self._at = end
        return self._data[start:end]

    def read_head(self, most: int) -> Reading[bytes]:
        """Return a head up to its blank line; blank lines before it are skipped.

        Raises:
            ProtocolError: kind status_line, as soon as it cannot be a head of HTTP/1.
            TooLarge: it is longer than `most` bytes.
        """
        if self._at == len(self._data):
            yield from self._need()
        if self._data[self._at] in b"\r\n":
            yield from self._skip_blank_lines()
        held = bytearray()
        while True:
            start, end = self._at, self._blank_line(held)
            self._at = end or len(self._data)
            piece = self._data[start : self._at]
            if len(held) < len(PREFIX):
                self._check_opening(held + piece[:_SHOWN], most)
            if len(held) + len(piece) > most:
                raise TooLarge(f"the head exceeds Limits.head: {most} bytes")
            if end:
                return b"".join((held, piece))
            held += piece
            yield from self._need()

    def _need(self) -> Reading[None]:
        if not (yield from self.arrival()):
            raise EndOfStream

    def _skip_blank_lines(self) -> Reading[None]:
        for _ in range(_BLANK_LINES):
            line = yield from self.read_line(2)
            if line not in {b"\r\n", b"\n"}:
                raise ProtocolError("status_line", f"not a status line of HTTP/1: {line!r}")
            yield from self._need()
            if self._data[self._at] not in b"\r\n":
                return

    def _check_opening(self, opening: bytearray, most: int) -> None:
        self.scanned += len(PREFIX)
        # Behind the first byte that is too many it no longer matters what came, however much came at once.
        if not PREFIX.startswith(opening[: min(len(PREFIX), most + 1)]):
            raise ProtocolError("status_line", f"not a status line of HTTP/1: {bytes(opening)!r}")

    def _blank_line(self, held: bytearray) -> int:
        """Return where in the data the blank line ends, 0 for nowhere; it may have begun in `held`."""
        if held:
            tail = held[-2:]
            end = self._search(tail + self._data[self._at : self._at + 2], 0)
            if end:
                return self._at + end - len(tail)
        return self._search(self._data, self._at)

    def _search(self, data: bytes | bytearray, start: int) -> int:
        """Return where the first blank line ends, 0 for nowhere; all that it looks at counts."""
        found = _BLANK_LINE.search(data, start)
        end = found.end() if found else 0
        self.scanned += (end or len(data)) - start
        return end


class Framing(Enum):
    """What ends a body (RFC 9112 6.3)."""

    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()


class Frame(NamedTuple):
    """How a body is framed; `size` in bytes for LENGTH."""

    framing: Framing
    size: int = 0


EMPTY = Frame(Framing.LENGTH)


def tunnels(head: Head, method: str) -> bool:
    """Return whether the connection speaks something else behind this head (RFC 9110 7.8 and 9.3.6)."""
    return head.status == 101 or (method == "CONNECT" and 200 <= head.status < 300)


def frame(head: Head, method: str) -> Frame:
    """Return how the body of the final response to `method` is framed, by the rules of RFC 9112 6.3.

    Raises:
        ProtocolError: kind transfer_encoding. No coding but chunked was offered (no TE is ever sent), so
            any other cannot be undone.
    """
    if method == "HEAD" or head.status in (204, 304) or tunnels(head, method):
        return EMPTY
    if "transfer-encoding" in head.headers:
        codings = members(head.headers, "transfer-encoding")
        if codings != ["chunked"]:
            raise ProtocolError("transfer_encoding", f"transfer coding other than chunked: {codings!r}")
        return Frame(Framing.CHUNKED)
    if "content-length" in head.headers:
        # parse_head lets one field of digits pass that fit 64 bits; int() counts leading zeroes as digits.
        return Frame(Framing.LENGTH, int(head.headers["content-length"].lstrip("0") or "0"))
    return Frame(Framing.CLOSE)


def persists(head: Head, framed: Frame) -> bool:
    """Return whether the connection may go on behind this message (RFC 9112 9.3).

    Not when two framing fields contradict each other, nor when a 1.0 server sends chunks: somebody on the
    way may have framed it otherwise (RFC 9112 6.1 and 6.3).
    """
    options = members(head.headers, "connection")
    chunked = "transfer-encoding" in head.headers
    if "close" in options or framed.framing is Framing.CLOSE:
        return False
    if head.version == (1, 0):
        return "keep-alive" in options and not chunked
    return not (chunked and "content-length" in head.headers)


def _read_length(incoming: Incoming, framed: Frame, _limits: Limits, take: Taker) -> Reading[bytes]:
    return _read_sized(incoming, framed.size, take)


def _read_sized(incoming: Incoming, left: int, take: Taker) -> Reading[bytes]:
    while left:
        piece = incoming.take(left)
        if not piece:
            incoming.check_end()
            yield
            continue
        left -= len(piece)
        for work in take(piece):
            if incoming.spent(work):
                yield from incoming.renewal()
    return b""


def _read_until_close(incoming: Incoming, _framed: Frame, _limits: Limits, take: Taker) -> Reading[bytes]:
    while (yield from incoming.arrival()):
        for work in take(incoming.take(sys.maxsize)):
            if incoming.spent(work):
                yield from incoming.renewal()
    return b""


def _read_chunked(incoming: Incoming, _framed: Frame, limits: Limits, take: Taker) -> Reading[bytes]:
    overhead, data, most = 0, 0, limits.chunk_line + 2
    while True:
        line = incoming.take_line(most) or (yield from incoming.read_line(most))
        size, extra = _chunk_size(line, limits)
        if size == 0:
            return (yield from _read_trailers(incoming, limits))
        overhead, data = overhead + extra, data + size
        if overhead > _OVERHEAD + data // _DATA_PER_OVERHEAD:
            raise TooLarge(f"chunk extensions of {overhead} bytes on {data} bytes of data")
        yield from _read_sized(incoming, size, take)
        line = incoming.take_line(2) or (yield from incoming.read_line(2))
        if line != b"\r\n":
            raise ProtocolError("chunk", f"no CRLF behind the data of a chunk: {line!r}")


def _chunk_size(line: bytes, limits: Limits) -> tuple[int, int]:
    """Return the size that a chunk line announces, and how many of its bytes no sender needs."""
    if not line.endswith(b"\n"):
        raise TooLarge(f"a chunk line exceeds Limits.chunk_line: {limits.chunk_line} bytes")
    match = _CHUNK_LINE.fullmatch(line)
    if not match:
        raise ProtocolError("chunk", f"not a chunk line: {line[:_SHOWN]!r}")
    digits = match[1] or b"0"
    return int(digits, 16), len(line) - len(digits) - 2


def _read_trailers(incoming: Incoming, limits: Limits) -> Reading[bytes]:
    block = bytearray()
    while (line := (yield from incoming.read_line(limits.trailers - len(block) + 2))) != b"\r\n":
        block += line
        if incoming.spent(STEP):
            yield from incoming.renewal()
        if len(block) > limits.trailers:
            raise TooLarge(f"the trailer section exceeds Limits.trailers: {limits.trailers} bytes")
        # A bare LF could end a line for one reader and not for another (RFC 9112 2.2).
        if not line.endswith(b"\r\n"):
            raise ProtocolError("trailer", f"line of the trailer section without CRLF: {line[:_SHOWN]!r}")
    return bytes(block)


FRAMINGS: Mapping[Framing, Callable[[Incoming, Frame, Limits, Taker], Reading[bytes]]] = {
    Framing.LENGTH: _read_length,
    Framing.CHUNKED: _read_chunked,
    Framing.CLOSE: _read_until_close,
}
"""Each hands on the pieces of a body and returns the trailer section as bytes."""
