"""One coding undone: members in the words of several libraries, and what feeds them in bounded steps."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from ..errors import DecodeError, TooLarge
from .framing import STEP

__all__ = ["CODINGS", "Coding", "Inflater", "Member"]

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP, _ZLIB, _RAW = 31, 15, -15
# Measured: the most that one decoder makes the process hold is 0.3 MiB for gzip and deflate, 8.4 MiB for
# zstd and 20 MiB for br. Nearly all of it is the window, and one of more than 8 MiB (zstd) or 16 MiB (br)
# is refused. Each coding of a body has a decoder, so that br five times over holds 100 MiB.
_ZSTD_WINDOW_LOG = 23


def _importable(*names: str) -> Any:
    """Return the first of these modules that is there, or None."""
    for name in names:
        with suppress(ImportError):
            return import_module(name)
    return None


_brotli = _importable("brotli")
_zstd = _importable("compression.zstd", "backports.zstd")


class Member(Protocol):
    """One stream of a coding, which knows where it ends; bz2, lzma and zstd decompress in these words."""

    @property
    def eof(self) -> bool:
        """Whether its end has come."""

    @property
    def unused_data(self) -> bytes:
        """What came behind its end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Take `data`, or none to go on with what was taken, and return what it makes.

        What is shorter than `max_length` is all that it makes.
        """


@dataclass(frozen=True, slots=True)
class Coding:
    """What an Inflater needs to know of a coding.

    Attributes:
        begin: gets the first bytes of a member and how many members came before it. None says that the
            bytes are garbage, which is dropped; DecodeError that they may not stand there.
        fault: what its members raise for data that is none of the coding.
        lead: how many bytes `begin` must see.
        piece: the most bytes to ask a member for.
        portion: the most bytes to give to a member.
    """

    begin: Callable[[bytes, int], Member | None]
    fault: type[Exception]
    lead: int = 1
    piece: int = 65_536
    # A member hands back what it did not use as a copy. Short portions keep that linear for bodies of many
    # members or of high compression.
    portion: int = 4_096


class Inflater:
    """Undoes one coding whose members may follow one another, at most `limit` bytes of output."""

    def __init__(self, coding: Coding, limit: int) -> None:
        self.worked = 0
        self._coding = coding
        self._begin = coding.begin
        self._limit = limit
        self._room = limit
        self._members = 0
        self._held = b""
        self._member: Member | None = None

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what `data` adds, in pieces of at most 64 KiB, one for each step; a piece may be empty.

        Raises:
            DecodeError: it is not of this coding.
            TooLarge: more than the limit has come out.
        """
        portion = self._coding.portion
        for start in range(0, len(data), portion):
            rest = self._held + data[start : start + portion]
            self._held = b""
            while rest and (member := self._opened(rest)):
                yield from self._inflate(member, rest)
                rest = self._behind(member)

    def finish(self) -> None:
        """Take the end of the body; a body of zero bytes is whole.

        Raises:
            DecodeError: the coding is cut short.
        """
        if self._member or (self._held and not self._members):
            raise DecodeError("the body ends inside its content coding")

    def _opened(self, rest: bytes) -> Member | None:
        if self._member:
            return self._member
        lead = rest[: self._coding.lead]
        if len(lead) < self._coding.lead:
            self._held = lead
            return None
        self._member = self._begin(lead, self._members)
        if self._member is None:
            self._begin = _begin_nothing
        return self._member

    def _inflate(self, member: Member, data: bytes) -> Iterator[bytes]:
        full = True
        while full and not member.eof:
            most = min(self._coding.piece, self._room + 1)
            try:
                piece = member.decompress(data, most)
            except self._coding.fault as error:
                raise DecodeError(f"the body is not what its content coding says: {error}") from None
            within = piece[: self._room]
            self._room -= len(piece)
            if self._room < 0:
                # What is within goes on first, so that whoever refuses it does so however the bytes came.
                yield within
                raise TooLarge(f"the decoded body exceeds Limits.decoded: {self._limit} bytes")
            self.worked += STEP + len(piece)
            yield piece
            data, full = b"", len(piece) >= most

    def _behind(self, member: Member) -> bytes:
        if not member.eof:
            return b""
        self._member = None
        self._members += 1
        return member.unused_data


class _Deflate:
    """A member of zlib's, which has to be given again what it left."""

    def __init__(self, bits: int) -> None:
        self._stream = zlib.decompressobj(bits)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._stream.decompress(data or self._stream.unconsumed_tail, max_length)


class _Brotli:
    """A stream of brotli's, which raises for anything behind its end."""

    unused_data = b""

    def __init__(self) -> None:
        self._stream = _brotli.Decompressor()

    @property
    def eof(self) -> bool:
        finished: bool = self._stream.is_finished()
        return finished

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        piece: bytes = self._stream.process(data, output_buffer_limit=max_length)
        return piece


class _Zstd:
    """A frame of zstd's, whose first byte goes in alone.

    zstd looks closer at a frame that comes whole: it refuses one that ends in an empty block and holds less
    than it announces, and lets the same frame pass in parts. What a body says is not a matter of its parts.
    """

    def __init__(self) -> None:
        # RFC 9659 allows a window of 8 MiB and no more; zstd by itself takes 128. No dictionary is given.
        options = {_zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        self._stream = _zstd.ZstdDecompressor(options=options)
        self._begun = False

    @property
    def eof(self) -> bool:
        ended: bool = self._stream.eof
        return ended

    @property
    def unused_data(self) -> bytes:
        unused: bytes = self._stream.unused_data
        return unused

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        if not self._begun:
            self._begun = True
            self._stream.decompress(data[:1], max_length)
            data = data[1:]
        piece: bytes = self._stream.decompress(data, max_length)
        return piece


def _begin_gzip(lead: bytes, members: int) -> Member | None:
    # RFC 1952 2.2: members follow one another. Zeroes or garbage behind the last are common and harmless.
    return _Deflate(_GZIP) if not members or lead == _GZIP_MAGIC else None


def _begin_deflate(lead: bytes, members: int) -> Member | None:
    # RFC 9110 8.4.1.2 asks for the wrapper of RFC 1950 and notes that some send none. The wrapper's first
    # two bytes are a multiple of 31 and name deflate; a raw stream that looked so would begin with a stored
    # block with bits set in its padding, which no encoder makes.
    if members:
        return None
    return _Deflate(_ZLIB if lead[0] & 0x0F == 8 and int.from_bytes(lead) % 31 == 0 else _RAW)


def _begin_br(_lead: bytes, members: int) -> Member:
    # RFC 7932 has one stream and nothing behind it; what comes together with its end brotli itself refuses.
    if members:
        raise DecodeError("the body goes on behind the end of its content coding")
    return _Brotli()


def _begin_zstd(_lead: bytes, _members: int) -> Member:
    # RFC 8878 3.1: frames follow one another, some to be skipped, and there is nothing else.
    return _Zstd()


def _begin_nothing(_lead: bytes, _members: int) -> None:
    return None


def _codings() -> Iterator[tuple[str, Coding]]:
    gzip = Coding(_begin_gzip, zlib.error, lead=2)
    yield "gzip", gzip
    yield "x-gzip", gzip
    yield "deflate", Coding(_begin_deflate, zlib.error, lead=2)
    # Before 1.2 nothing bounds what brotli makes of a few bytes (GHSA-2qfp-q593-8484).
    if hasattr(getattr(_brotli, "Decompressor", None), "can_accept_more_data"):
        # It fills every block that it begins, and its first holds so many bytes: asked for one more it
        # brings out three times as much (google/brotli issue 1396). A hostile KiB of context maps costs it
        # 1.5 ms and brings nothing (measured; an honest one costs 7 us), so a step takes little.
        yield "br", Coding(_begin_br, _brotli.error, piece=32_752, portion=512)
    if _zstd:
        yield "zstd", Coding(_begin_zstd, _zstd.ZstdError)


CODINGS: Mapping[str, Coding] = dict(_codings())
"""The codings that can be undone, by name in lower case."""
