"""HTTP/1.1 as a Codec: one exchange at a time on a connection (RFC 9112)."""

from __future__ import annotations

from contextlib import suppress

from ..errors import BodyError, NoResponse, ProtocolError, StaleConnection
from ..wire.heads import members
from ..wire.messages import Limits, Meta, Request, Response
from ..wire.requesting import expects, size_of
from ..wire.responding import Respondent
from ..wire.sending import Pieces, at_once, outgoing
from ..wire.whole import whole_answer
from .exchange import Exchange, Outcome, Progress

__all__ = ["Http1", "head_of"]


class Http1:
    """The HTTP/1.1 codec of one connection.

    Bytes that nobody asked for leave no room: whoever services the connection closes it, so that they can
    never become the answer to a later request (RFC 9112 9.2).
    """

    def __init__(self, limits: Limits) -> None:
        self.room = 1
        self.unsent = self.holding = self.cut = False
        self.stalled: float | None = None
        self.passed: tuple[Response, bytes] | None = None
        self._limits = limits
        self._exchange: Exchange | None = None
        # What goes out: all of it as one piece, or one after another.
        self._piece = b""
        self._pieces: Pieces | None = None
        # Made when an answer has come that was not whole at once: most are.
        self._respondent: Respondent | None = None
        self._expecting = False
        # Bytes of the two bodies.
        self._sent = self._heard = 0

    def begin(self, exchange: Exchange) -> bytes:
        """Take an exchange whose request goes out at once, and return that; else take none."""
        request = exchange.request
        piece = (request.head or at_once(request)) if exchange.progress is None else b""
        if piece:
            self.room = 0
            self._exchange = exchange
            self._respondent = None
        return piece

    def start(self, exchange: Exchange) -> None:
        """Take an exchange; only while there is room."""
        self._piece = self.begin(exchange)
        self.unsent = True
        if self._piece:
            return
        request = exchange.request
        self.room = 0
        self._exchange = exchange
        self._respondent = None
        self._pieces = outgoing(request, self._told)
        self._expecting = expects(request)
        self._sent = self._heard = 0

    def cancel(self, exchange: Exchange) -> bool:
        """Forget the exchange. HTTP/1.1 has no way to take a request back: the connection is spent."""
        if exchange is self._exchange:
            self.close()
        return False

    def close(self) -> None:
        """Let go of what it carries."""
        self._exchange = None
        self._stop()

    def release(self) -> None:
        """Hold back nothing any longer."""
        self.holding = False

    def output(self) -> bytes | memoryview:
        """Return the next piece of the request; empty when there is none now, or none any more."""
        if self._piece:
            piece, self._piece = self._piece, b""
            return piece
        if self._pieces is None:
            self.unsent = False
            return b""
        if self._exchange is None or self.holding:
            return b""
        return self._draw(self._exchange, self._pieces)

    def _draw(self, exchange: Exchange, pieces: Pieces) -> bytes | memoryview:
        piece = self._next(exchange, pieces)
        self.stalled = piece if isinstance(piece, float) else None
        # RFC 9110 10.1.1: behind a head that expects 100 the body waits.
        self.holding, self._expecting = self._expecting, False
        if piece is None:
            self._pieces, self.unsent = None, False
        return b"" if piece is None or isinstance(piece, float) else piece

    def _next(self, exchange: Exchange, pieces: Pieces) -> bytes | memoryview | float | None:
        try:
            return next(pieces, None)
        except BodyError as error:
            failed = error
        except Exception as error:  # noqa: BLE001 whatever a source of the caller's own can raise elsewhere
            failed = BodyError(f"the body's source raised {type(error).__name__}")
            failed.__cause__ = error
        self._stop()
        exchange.conclude(failed, "sending")
        return None

    def feed(self, data: bytes, share: int) -> int:
        """Take bytes that arrived; they conclude the exchange when its answer is whole or wrong."""
        exchange = self._exchange
        if exchange is None:
            self.room = 0
            return share
        if self._respondent is None and self.take_whole(exchange, data):
            return share - len(data)
        exchange.received += len(data)
        respondent = self._respondent or self._reader(exchange)
        share = respondent.feed(data, share)
        if self.unsent:
            self._heed(respondent)
        if exchange.progress is not None and respondent.received > self._heard:
            self._tell(exchange)
        if respondent.ended:
            self._finish(exchange, respondent)
        return share

    def take_whole(self, exchange: Exchange, data: bytes) -> bool:
        """Conclude the exchange if these are all the bytes of a common answer that nobody watches come."""
        if self._respondent is not None or self.unsent or exchange.progress is not None:
            return False
        request = exchange.request
        answer = whole_answer(data, request.method, self._limits)
        if answer is None:
            return False
        head, body = answer
        if exchange.sink is not None and not (exchange.keeps and exchange.keeps(head.status)):
            return False
        exchange.received += len(data)
        self._exchange = None
        self.room = 0 if self.cut or _closes(request) else 1
        exchange.conclude(Response.received(head, body, request, Meta(exchange.elapsed)))
        return True

    def _reader(self, exchange: Exchange) -> Respondent:
        respondent = self._respondent
        if respondent is None:
            request = exchange.request
            asked = "upgrade" in request.headers
            respondent = Respondent(request.method, self._limits, upgrade=asked, sink=exchange.sink)
            self._respondent = respondent
        return respondent

    def eof(self, clean: bool) -> None:  # noqa: FBT001 the seam's signature
        """Take the end of the stream."""
        if self._exchange is not None:
            respondent = self._reader(self._exchange)
            respondent.eof(clean)
            self._finish(self._exchange, respondent)
        self.room = 0

    def _heed(self, respondent: Respondent) -> None:
        """Send the body when the answer asks for it, and what is left of it no longer when it does not."""
        if any(status == 100 for status, _ in respondent.interims):
            self.holding = False
        # RFC 9112 9.5: who is refused stops sending. Behind a 2xx the peer may still read what it answers.
        if respondent.status is not None and (self.holding or respondent.status >= 300):
            self._stop()

    def _stop(self) -> None:
        self.cut = self.cut or self.unsent
        self.unsent = self.holding = False
        self.stalled = None
        self._piece = b""
        pieces, self._pieces = self._pieces, None
        if pieces is not None:
            # The source's generator is closed with it. What it raises then concerns nobody any more.
            with suppress(Exception):
                pieces.close()

    def _finish(self, exchange: Exchange, respondent: Respondent) -> None:
        self._exchange = None
        # A request that is still going out would run into the next one's.
        if respondent.persisted and not (self.unsent or self.cut) and not _closes(exchange.request):
            self.room = 1
        self._stop()
        outcome = _outcome(exchange, respondent)
        if respondent.tunneled and self.cut:
            # What is left of the request would be read as the other protocol's.
            outcome = ProtocolError("unexpected_upgrade", "a 101 or a tunnel before the request was out")
        if respondent.tunneled and isinstance(outcome, Response):
            self.passed = (outcome, respondent.extra)
        else:
            exchange.conclude(outcome, "receiving")

    def _told(self, count: int) -> None:
        self._sent += count
        if count and self._exchange is not None:
            self._tell(self._exchange)

    def _tell(self, exchange: Exchange) -> None:
        respondent = self._reader(exchange)
        self._heard = respondent.received
        to_send = size_of(exchange.request)
        exchange.report(Progress(self._sent, to_send, self._heard, respondent.size))


def head_of(exchange: Exchange, respondent: Respondent) -> Response:
    """Return the answer as far as it is there; its body is empty until it is whole."""
    head = (respondent.version, respondent.status, respondent.reason, respondent.headers)
    meta = Meta(exchange.elapsed, respondent.interims, respondent.trailers)
    return Response.received(head, respondent.body, exchange.request, meta)


def _outcome(exchange: Exchange, respondent: Respondent) -> Outcome:
    error = respondent.error
    if isinstance(error, NoResponse) and exchange.reused:
        return StaleConnection(str(error))
    return head_of(exchange, respondent) if error is None else error


def _closes(request: Request) -> bool:
    return "connection" in request.headers and "close" in members(request.headers, "connection")
