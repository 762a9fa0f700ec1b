"""Where a request's body comes from when it is not all there at once: files, iterables, generators.

A source is begun each time its request goes out. It hands over pieces; an empty one says that there is
nothing now, and it is asked again in the next pass. So do None and a float, which are what a generator
yields that waits for something itself: the answer of one request may be the body of another.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from typing import BinaryIO, Protocol, TypeAlias, cast

from ..errors import BodyError

__all__ = ["PIECE", "Body", "FileSource", "IterableSource", "Source", "drawn", "source_of"]

PIECE = 65_536
"""Bytes that are read from a file at a time."""

_END = object()


class Source(Protocol):
    """Bytes that come piece by piece."""

    @property
    def size(self) -> int | None:
        """How many bytes there are; None when nobody knows."""

    @property
    def renewable(self) -> bool:
        """It may be begun now: for the first time, or because it gives the same bytes every time."""

    def begin(self) -> Iterator[object]:
        """Return the pieces from the first one on."""


Body: TypeAlias = bytes | bytearray | memoryview | str | BinaryIO | Iterable[bytes | float | None] | Source
"""What may be given as a body: all of it, or where it comes from."""


class IterableSource:
    """The pieces of an iterable. An iterator or a generator gives them once only."""

    size = None

    def __init__(self, given: Iterable[object]) -> None:
        self._given = given
        self.renewable = True

    def begin(self) -> Iterator[object]:
        """Return the pieces; see Source."""
        self.renewable = not isinstance(self._given, Iterator)
        return iter(self._given)


class FileSource:
    """What a file that was opened for reading bytes holds from where it stands to its end.

    It is read in pieces of 64 KiB on the servicing thread and is not closed. A file that cannot seek has no
    known size, and gives its bytes once only.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size: int | None = None
        self.renewable = True
        self._seekable = file.seekable()
        if self._seekable:
            self._start = file.tell()
            self.size = max(0, file.seek(0, io.SEEK_END) - self._start)
            file.seek(self._start)

    def begin(self) -> Iterator[object]:
        """Yield the pieces; see Source. Of a file that has grown, no more than it had."""
        self.renewable = self._seekable
        size, done = sys.maxsize if self.size is None else self.size, 0
        # A raw file that is not blocking says None when there is nothing now.
        while done < size and (piece := self._read_at(done, size)) != b"":
            yield piece
            done += len(piece or b"")

    def _read_at(self, done: int, size: int) -> bytes | None:
        # Another request, or the caller, may read the same file meanwhile.
        if self._seekable:
            self._file.seek(self._start + done)
        return self._file.read(min(PIECE, size - done))


def source_of(given: object) -> Source:
    """Return the source that a file, an iterable or a source is.

    Raises:
        TypeError: it is none of these, or a file that was opened for reading text.
        ValueError: a source's size is none.
    """
    if all(hasattr(given, name) for name in ("size", "renewable", "begin")):
        size = cast("Source", given).size
        if size is not None and (type(size) is not int or size < 0):
            raise ValueError(f"size of a source must be None or a number of bytes, not {size!r}")
        return cast("Source", given)
    if hasattr(given, "read") and hasattr(given, "seekable"):
        if isinstance(given, io.TextIOBase):
            raise TypeError(f"body must be a file opened for reading bytes, not {given!r}")
        return FileSource(cast("BinaryIO", given))
    if isinstance(given, Iterable) and not isinstance(given, Mapping):
        return IterableSource(given)
    raise TypeError(f"body must be bytes, str, a file or an iterable of bytes, not {given!r}")


def drawn(source: Source) -> Generator[bytes | float, None, None]:
    """Yield the pieces of a source that is begun; a float, or an empty piece, when there is nothing now.

    Raises:
        BodyError: the source raised, cannot be begun again, or gave what is not bytes.
    """
    if not source.renewable:
        raise BodyError("the body's source was begun before and cannot be begun again")
    pieces = _begun(source)
    with closing(pieces) if isinstance(pieces, Generator) else nullcontext():
        # A generator that is not run to its end may have something to let go of.
        while (piece := _next(pieces)) is not _END:
            yield _checked(piece)


def _begun(source: Source) -> Iterator[object]:
    try:
        return source.begin()
    except Exception as error:
        raise BodyError(f"the body's source could not be begun: {type(error).__name__}") from error


def _next(pieces: Iterator[object]) -> object:
    try:
        piece = next(pieces, _END)
        # Its owner may go on to change it, or let go of it.
        return bytes(piece) if isinstance(piece, bytearray | memoryview) else piece
    except BodyError:
        raise
    except Exception as error:
        raise BodyError(f"the body's source raised {type(error).__name__}") from error


def _checked(piece: object) -> bytes | float:
    if isinstance(piece, bytes | float):
        return piece
    if piece is None:
        return 0.0
    raise BodyError(f"the body's source gave a {type(piece).__name__}, which is not bytes")
