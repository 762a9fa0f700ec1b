"""Bytes become one response (RFC 9112): no socket, no clock, nothing raised for what a peer sends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from ..errors import ExchangeError, IncompleteRead, NoResponse, ProtocolError, TooLarge
from .decoding import Decoder, make_decoder
from .framing import (
    EMPTY,
    FRAMINGS,
    STEP,
    EndOfStream,
    Frame,
    Framing,
    Incoming,
    Piece,
    Reading,
    Sink,
    frame,
    persists,
    tunnels,
)
from .headers import Headers, make_headers
from .heads import Head, members, parse_head, parse_trailers
from .messages import Limits

__all__ = ["Respondent"]

_NONE = make_headers()
_LIMITS = Limits()
# A body of many small pieces is joined in groups, so that a piece costs its bytes and not an object.
_GROUP = 1_024


class Respondent:
    """The response to one request. `feed` and `eof` never raise for what a peer sends.

    Attributes:
        ended: the response is whole, or `error` says why it never will be.
        error: ProtocolError (with TooLarge and DecodeError), IncompleteRead or NoResponse.
        started: a byte has come.
        version: as received: (1, 1).
        status: None until the final head has come; likewise reason and headers are empty.
        size: bytes that the body will have, before content decoding; None when only its end tells.
        body: after content decoding, once ended without an error; empty when it went to a sink.
        interims: status and headers of each 1xx before the final response, in order.
        trailers: fields behind the body, without those that may not stand there.
        extra: bytes behind the response. When `tunneled` they belong to the next protocol; otherwise nobody
            asked for them, and the connection is spoilt.
        tunneled: ended with a 101 or a 2xx to CONNECT: the connection now speaks something else.
    """

    def __init__(
        self,
        method: str = "GET",
        limits: Limits | None = None,
        *,
        upgrade: bool = False,
        sink: Callable[[Respondent], Sink | bytearray | None] | None = None,
    ) -> None:
        """Await the response to a request of `method`; `upgrade` says that it asked for a 101.

        `sink` is asked once, when the final head is there. What it returns takes the pieces of the decoded
        body as they come; nothing of them is kept here, and Limits.body and Limits.decoded do not apply.
        A bytearray is filled instead of `body`, within the limits. When it returns None the body is kept.
        An ExchangeError that either raises becomes `error`.
        """
        self.ended = False
        self.error: ExchangeError | None = None
        self.started = False
        self.version = (1, 1)
        self.status: int | None = None
        self.reason = ""
        self.headers: Headers = _NONE
        self.size: int | None = None
        self.body = b""
        self.interims: tuple[tuple[int, Headers], ...] = ()
        self.trailers: Headers = _NONE
        self.extra = b""
        self.tunneled = False
        self._method = method
        self._limits = limits or _LIMITS
        self._upgrade = upgrade
        self._sink = sink
        self._persists = False
        self._received = 0
        self._incoming = Incoming()
        self._content: _Content | None = None
        self._reading = self._read()

    @property
    def persisted(self) -> bool:
        """Whether the connection may carry another request: all ended well and nothing more has come."""
        return self.ended and self._persists and not self.extra

    @property
    def received(self) -> int:
        """Bytes of the body that have come, before content decoding."""
        return self._received if self._content is None else self._content.received

    def feed(self, data: bytes, share: int = sys.maxsize) -> int:
        """Take bytes that arrived, and return what is left of `share` after the work that they made.

        Work is counted in bytes that come out of the framing and of each content coding, and a small step
        counts as 1 KiB. When nothing is left of the share some of the work may be: it goes on in the next
        call, which may bring no bytes.
        """
        self.started = self.started or bool(data)
        if self.ended:
            self.extra += data if self.error is None else b""
            return share
        incoming = self._incoming
        incoming.share = share
        if data:
            incoming.put(bytes(data))
        self._advance()
        return incoming.share

    def eof(self, clean: bool = True) -> None:  # noqa: FBT001, FBT002 one obvious flag
        """Take the end of the stream.

        `clean` is False after a reset or a TLS end without close_notify: a body that runs to the end of the
        stream is then cut short (RFC 9112 9.8).
        """
        self._incoming.end(clean=clean)
        self._incoming.share = sys.maxsize
        if not self.ended:
            self._advance()
        self._persists = False

    def _advance(self) -> None:
        try:
            next(self._reading)
        except StopIteration:
            self.extra = self._incoming.rest()
        except EndOfStream:
            self.error = self._cut_short()
        except ExchangeError as error:
            # The error may be kept for long; its frames would keep this object and what it read.
            self.error = error.with_traceback(None)
        else:
            return
        self.ended = True
        self._received = self.received
        # What was read is let go, however it ended: a Respondent may be kept for long.
        self._incoming.rest()
        self._content = None

    def _cut_short(self) -> ExchangeError:
        if not self.started:
            return NoResponse("the connection ended before the answer began")
        size, partial = (self._content.size, self._content.joined()) if self._content else (0, b"")
        return IncompleteRead(
            f"the connection ended inside the answer, {size} bytes into its body", partial
        )

    def _read(self) -> Reading[None]:
        head = yield from self._read_final_head()
        self.version, self.status, self.reason = head.version, head.status, head.reason
        self.headers = head.headers
        sink, limits = self._chosen()
        framed = frame(head, self._method)
        self.size = framed.size if framed.framing is Framing.LENGTH else None
        content = self._content = _Content(limits, _decoder(head, framed, limits), sink)
        block = yield from FRAMINGS[framed.framing](self._incoming, framed, self._limits, content.take)
        if block:
            self.trailers = parse_trailers(block, self._limits)
        self.body = content.finish()
        self.tunneled = tunnels(head, self._method)
        self._persists = persists(head, framed) and not self.tunneled

    def _read_final_head(self) -> Reading[Head]:
        while True:
            incoming, most = self._incoming, self._limits.head
            head = parse_head(
                incoming.take_head(most) or (yield from incoming.read_head(most)), self._limits
            )
            if head.status == 101 and not (self._upgrade and "upgrade" in head.headers):
                raise ProtocolError(
                    "unexpected_upgrade", "101 without Upgrade, or without being asked for one"
                )
            if head.status == 101 or head.status >= 200:
                return head
            self.interims += ((head.status, head.headers),)
            if len(self.interims) > self._limits.interim:
                raise TooLarge(f"interim responses exceed Limits.interim: {self._limits.interim}")

    def _chosen(self) -> tuple[Sink | None, Limits]:
        """Return who takes the body, and the limits that then hold."""
        sink = self._sink(self) if self._sink else None
        # Whoever gave it often holds this object: without the cycle both go when they are let go.
        self._sink = None
        if isinstance(sink, bytearray):
            return sink.extend, self._limits
        return sink, _streaming(self._limits) if sink else self._limits


# One client has one Limits, and making another checks all of it: 3 us an answer.
@lru_cache(maxsize=16)
def _streaming(limits: Limits) -> Limits:
    return replace(limits, body=sys.maxsize, decoded=sys.maxsize)


def _decoder(head: Head, framed: Frame, limits: Limits) -> Decoder | None:
    codings = members(head.headers, "content-encoding")
    # A 206 holds a part of the coded form (RFC 9110 14.2), which cannot be decoded alone.
    if not codings or head.status == 206 or framed == EMPTY:
        return None
    return make_decoder(codings, limits)


class _Content:
    """A body as it comes: decoded, in pieces, and joined once or handed on.

    Attributes:
        size: bytes that have come out.
    """

    __slots__ = ("_decoder", "_groups", "_limit", "_pieces", "_room", "_sink", "size")

    def __init__(self, limits: Limits, decoder: Decoder | None, sink: Sink | None) -> None:
        self.size = 0
        self._decoder = decoder
        self._sink = sink
        self._groups: list[bytes] = []
        self._pieces: list[Piece] = []
        self._limit = self._room = limits.body

    @property
    def received(self) -> int:
        return self._limit - self._room

    def take(self, piece: Piece) -> Iterable[int]:
        """Take a piece as it was received; see Taker."""
        if self._decoder is not None:
            return self._decoded(self._decoder, piece)
        size = len(piece)
        if size > self._room:
            self._pass(self._within(piece))
            self._check_room()
        self._room -= size
        return (STEP + size + self._pass(piece),)

    def _decoded(self, decoder: Decoder, piece: Piece) -> Iterator[int]:
        worked = decoder.worked
        for decoded in decoder.feed(self._within(piece)):
            more = self._pass(decoded) if decoded else 0
            before, worked = worked, decoder.worked
            yield worked - before + more
        self._check_room()
        yield STEP + len(piece)

    def _within(self, piece: Piece) -> Piece:
        """Return as much of the piece as is within the limit."""
        within = piece[: self._room]
        self._room -= len(piece)
        return within

    def _check_room(self) -> None:
        if self._room < 0:
            raise TooLarge(f"the body exceeds Limits.body: {self._limit} bytes")

    def finish(self) -> bytes:
        if self._decoder is not None:
            self._decoder.finish()
        return self.joined()

    def joined(self) -> bytes:
        body = b"".join([*self._groups, *self._pieces])
        self._groups, self._pieces = [], []
        return body

    def _pass(self, piece: Piece) -> int:
        self.size += len(piece)
        if self._sink is None:
            self._keep(piece)
            return 0
        return self._sink(piece) or 0

    def _keep(self, piece: Piece) -> None:
        self._pieces.append(piece)
        if len(self._pieces) == _GROUP:
            self._groups.append(b"".join(self._pieces))
            self._pieces = []
