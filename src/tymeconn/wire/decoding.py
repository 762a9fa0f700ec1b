"""Content codings (RFC 9110 8.4): a table of decoders that never hand out more than they are allowed.

Output comes in pieces, each made when it is asked for: a body that would grow a thousandfold is refused at
the limit and never held, and whoever asks may stop at any piece and go on later.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

from ..errors import DecodeError, TooLarge
from .framing import STEP
from .messages import Limits

__all__ = ["DECODERS", "Chain", "Decoder", "Inflater", "make_decoder"]

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP, _ZLIB, _RAW = 31, 15, -15
_PIECE = 65_536
# zlib hands back what it did not use as a copy. Short slices keep that linear for bodies of many members or
# of high compression.
_SLICE = 4_096


class Decoder(Protocol):
    """Undoes a coding."""

    @property
    def worked(self) -> int:
        """Bytes that came out of all its codings so far, and 1 KiB for each step."""

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what `data` adds, in pieces of at most 64 KiB; it is all taken when the iterator ends.

        Each step of the work yields once: a piece is empty when that step brought nothing out.

        Raises:
            DecodeError: it is not of this coding.
            TooLarge: more than the limit has come out.
        """

    def finish(self) -> None:
        """Take the end of the body; a body of zero bytes is whole.

        Raises:
            DecodeError: the coding is cut short.
        """


_Begin = Callable[[bytes, int], int | None]


class Inflater:
    """Deflate data in any wrapper, at most `limit` bytes of output.

    `begin(lead, members)` looks at two bytes behind so many members: it returns zlib's window bits for the
    member that they begin, or None when they begin garbage, which is dropped.
    """

    def __init__(self, begin: _Begin, limit: int) -> None:
        self.worked = 0
        self._begin = begin
        self._limit = limit
        self._room = limit
        self._members = 0
        self._held = b""
        self._member: zlib._Decompress | None = None

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what `data` adds; see Decoder."""
        for start in range(0, len(data), _SLICE):
            rest = self._held + data[start : start + _SLICE]
            self._held = b""
            while rest and (member := self._opened(rest)):
                yield from self._inflate(member, rest)
                rest = self._behind(member)

    def finish(self) -> None:
        """Take the end of the body; see Decoder."""
        if self._member or (self._held and not self._members):
            raise DecodeError("the body ends inside its content coding")

    def _opened(self, lead: bytes) -> zlib._Decompress | None:
        if self._member:
            return self._member
        if len(lead) < 2:
            self._held = lead
            return None
        bits = self._begin(lead[:2], self._members)
        if bits is None:
            self._begin = _begin_nothing
            return None
        self._member = zlib.decompressobj(bits)
        return self._member

    def _inflate(self, member: zlib._Decompress, data: bytes) -> Iterator[bytes]:
        full = True
        while (data or full) and not member.eof:
            most = min(_PIECE, self._room + 1)
            try:
                piece = member.decompress(data, most)
            except zlib.error as error:
                raise DecodeError(f"the body is not what its content coding says: {error}") from None
            self._room -= len(piece)
            if self._room < 0:
                raise TooLarge(f"the decoded body exceeds Limits.decoded: {self._limit} bytes")
            self.worked += STEP + len(piece)
            yield piece
            data, full = member.unconsumed_tail, len(piece) == most

    def _behind(self, member: zlib._Decompress) -> bytes:
        if not member.eof:
            return b""
        self._member = None
        self._members += 1
        return member.unused_data


class Chain:
    """Several decoders, the first of which gets the body as it came."""

    def __init__(self, decoders: Sequence[Decoder]) -> None:
        self._decoders = decoders

    @property
    def worked(self) -> int:
        """See Decoder; what passes between two codings counts as well."""
        return sum(decoder.worked for decoder in self._decoders)

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what `data` adds; see Decoder."""
        first, *others = self._decoders
        pieces = first.feed(data)
        for decoder in others:
            pieces = _through(decoder, pieces)
        return pieces

    def finish(self) -> None:
        """Take the end of the body; see Decoder."""
        for decoder in self._decoders:
            decoder.finish()


def _through(decoder: Decoder, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        # The step that made the piece, in case that `decoder` takes it without one of its own.
        yield b""
        yield from decoder.feed(piece)


def _begin_gzip(lead: bytes, members: int) -> int | None:
    # RFC 1952 2.2: members follow one another. Zeroes or garbage behind the last are common and harmless.
    return _GZIP if not members or lead == _GZIP_MAGIC else None


def _begin_deflate(lead: bytes, members: int) -> int | None:
    # RFC 9110 8.4.1.2 asks for the wrapper of RFC 1950 and notes that some send none. The wrapper's first
    # two bytes are a multiple of 31 and name deflate; a raw stream that looked so would begin with a stored
    # block with bits set in its padding, which no encoder makes.
    if members:
        return None
    return _ZLIB if lead[0] & 0x0F == 8 and int.from_bytes(lead) % 31 == 0 else _RAW


def _begin_nothing(_lead: bytes, _members: int) -> int | None:
    return None


DECODERS: Mapping[str, Callable[[int], Decoder]] = {
    "gzip": partial(Inflater, _begin_gzip),
    "x-gzip": partial(Inflater, _begin_gzip),
    "deflate": partial(Inflater, _begin_deflate),
}
"""Makes a decoder with a limit, in bytes, for the coding's name in lower case."""


def make_decoder(codings: Sequence[str], limits: Limits) -> Decoder | None:
    """Return what undoes `codings`, given in the order in which they were applied.

    None when there is nothing to undo, or when one of them is unknown: the body stays as it came. Each
    decoder has the whole limit: what passes between two of them costs as much as what comes out.

    Raises:
        DecodeError: there are more than Limits.codings.
    """
    applied = [coding for coding in codings if coding != "identity"]
    if len(applied) > limits.codings:
        raise DecodeError(f"{len(applied)} content codings exceed Limits.codings: {limits.codings}")
    if not applied or not DECODERS.keys() >= set(applied):
        return None
    return Chain([DECODERS[coding](limits.decoded) for coding in reversed(applied)])
