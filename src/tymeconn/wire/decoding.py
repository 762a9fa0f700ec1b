"""Content codings (RFC 9110 8.4): a table of decoders that never hand out more than they are allowed.

Output comes in pieces, each made when it is asked for: a body that would grow a thousandfold is refused at
the limit and never held, and whoever asks may stop at any piece and go on later.

A body that decodes to too much and is broken behind that is refused for either reason: with br, or with
several codings, which one is told depends on how much of it came at once.

gzip and deflate are always there, br (RFC 7932) and zstd (RFC 8878) when their extras are installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

from ..errors import DecodeError
from .inflating import CODINGS, Inflater
from .messages import Limits

__all__ = ["ACCEPTED", "DECODERS", "Chain", "Decoder", "make_decoder"]


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


DECODERS: Mapping[str, Callable[[int], Decoder]] = {
    name: partial(Inflater, coding) for name, coding in CODINGS.items()
}
"""Makes a decoder with a limit, in bytes, for the coding's name in lower case."""

# RFC 9110 8.4.1.3: x-gzip is gzip by a name of old, which nobody needs to be told.
ACCEPTED: str = ", ".join(name for name in DECODERS if name != "x-gzip")
"""What Accept-Encoding may offer: every coding that can be undone here."""


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
