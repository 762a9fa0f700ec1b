"""HTTP/1.1 as a Codec: one exchange at a time on a connection (RFC 9112)."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import NoResponse, StaleConnection
from ..wire.messages import Limits, Meta, Request, Response
from ..wire.requesting import encode
from ..wire.responding import Respondent
from .exchange import Exchange, Outcome

__all__ = ["Http1"]

# Up to this size a body goes out together with its head: one send, one segment train.
_JOINED = 65_536
_PIECE = 262_144


class Http1:
    """The HTTP/1.1 codec of one connection.

    Bytes that nobody asked for leave no room: whoever services the connection closes it, so that they can
    never become the answer to a later request (RFC 9112 9.2).
    """

    def __init__(self, limits: Limits) -> None:
        self.room = 1
        self._limits = limits
        self._exchange: Exchange | None = None
        self._respondent = Respondent(limits=limits)
        self._pieces: Iterator[bytes | memoryview] = iter(())
        self._unsent = False

    def start(self, exchange: Exchange) -> None:
        """Take an exchange; only while there is room."""
        self.room = 0
        self._exchange = exchange
        self._respondent = Respondent(exchange.request.method, self._limits, sink=exchange.sink)
        self._pieces = _pieces(exchange.request)
        self._unsent = True

    def cancel(self, exchange: Exchange) -> bool:
        """Forget the exchange. HTTP/1.1 has no way to take a request back: the connection is spent."""
        if exchange is self._exchange:
            self._exchange = None
        return False

    def output(self) -> bytes | memoryview:
        """Return the next piece of the request; empty when all of it was returned."""
        piece = next(self._pieces, b"")
        self._unsent = bool(piece)
        return piece

    def feed(self, data: bytes, share: int) -> int:
        """Take bytes that arrived; they conclude the exchange when its answer is whole or wrong."""
        if self._exchange is None:
            self.room = 0
            return share
        self._exchange.received += len(data)
        share = self._respondent.feed(data, share)
        if self._respondent.ended:
            self._finish(self._exchange)
        return share

    def eof(self, clean: bool) -> None:  # noqa: FBT001 the seam's signature
        """Take the end of the stream."""
        self.room = 0
        if self._exchange is not None:
            self._respondent.eof(clean)
            self._finish(self._exchange)
            self.room = 0

    def _finish(self, exchange: Exchange) -> None:
        self._exchange = None
        respondent = self._respondent
        # A request that is still going out would run into the next one's.
        if respondent.persisted and not self._unsent and not _closes(exchange.request):
            self.room = 1
        exchange.conclude(_outcome(exchange, respondent), "receiving")


def _outcome(exchange: Exchange, respondent: Respondent) -> Outcome:
    error = respondent.error
    if isinstance(error, NoResponse) and exchange.reused:
        return StaleConnection(str(error))
    if error is not None:
        return error
    response = Response(
        version=respondent.version,
        status=respondent.status,
        reason=respondent.reason,
        headers=respondent.headers,
        body=respondent.body,
        data=None,
        request=exchange.request,
        errored=False,
        error=None,
    )
    return response.with_meta(Meta(exchange.elapsed, respondent.interims, respondent.trailers))


def _closes(request: Request) -> bool:
    fields = request.headers.getall("connection", ())
    return any(token.strip().lower() == "close" for field in fields for token in field.split(","))


def _pieces(request: Request) -> Iterator[bytes | memoryview]:
    head, body = encode(request), memoryview(request.body)
    yield head + body[:_JOINED]
    for start in range(_JOINED, len(body), _PIECE):
        yield body[start : start + _PIECE]
