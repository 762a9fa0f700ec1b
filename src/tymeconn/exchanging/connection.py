"""The life of one HTTP connection, as a table of phases.

A connection takes exchanges one after another from whoever owns it, dials when it has none open to the
right origin, and ends every exchange it took. A pass (`service`) goes through as many phases as it can
within its budget; nothing in it blocks.

======== ======================================= ==========================================
phase    meaning                                 leaves to
======== ======================================= ==========================================
CLOSED   no connector                            DIALING when there is an exchange
DIALING  resolving, connecting, TLS handshake    READY when up, CLOSED on failure
READY    up and idle                             BUSY with an exchange, CLOSED at its end
BUSY     sending and receiving at the same time  READY or CLOSED when the exchange ended
======== ======================================= ==========================================

A connection whose owner gives it its exchanges goes past the table while all goes its usual course; see
`line`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from ..errors import Canceled, ExchangeError, NoResponse, ProtocolError
from ..net.dialing import Dial
from ..policy.replaying import may_replay
from ..tyming.waiting import Awaitable
from ..wire.messages import Response
from ..wire.urls import Origin
from .deadlines import NEVER, Deadline, busy_deadline, connect_deadline, total_deadline
from .exchange import Exchange, Tunnel
from .line import Line, Phase
from .setup import Setup

__all__ = ["Connection", "Phase"]


# Who got so many bytes, and fewer than could have come, has emptied a socket: its descriptor tells of more.
_LITTLE = 16_384


class Connection(Line):
    """One connection and the exchange on it."""

    def __init__(self, setup: Setup, take: Callable[[], Exchange | None] | None = None) -> None:
        """Begin closed; `take()` is asked for the next exchange whenever there is none.

        Without it the owner sets `exchange`.
        """
        super().__init__(setup)
        self._take = take
        self._dial: Dial | None = None
        self._dials = 0
        self._serving = False
        self._closing = ""

    def service(self) -> bool:
        """Go as far as possible without blocking and within the budget of one pass.

        Returns True when all went its usual course: then there is nothing to do before something comes.
        """
        # Whatever closes a generator may come here again in the middle of a pass, the garbage collector
        # too: then nothing may be taken away under the pass's feet.
        if self._serving:
            return False
        self._serving = True
        usual = False
        try:
            if self._take is None:
                usual = self._hear() if self.phase is Phase.BUSY else self._ask()
            if not usual:
                self._pass()
        finally:
            self._serving = False
        if self.phase is Phase.BUSY and self.exchange is not None and self.exchange.outcome is not None:
            self._let_go(self.exchange)
        if self._closing:
            self.close(self._closing)
        return usual

    def _pass(self) -> None:
        self._dials = 0
        self._budget.renew(looked=bool(self._held))
        while not self._closing and (phase := _SERVICE[self.phase](self)) is not self.phase:
            self.phase = phase

    def _let_go(self, exchange: Exchange) -> None:
        """Let go of what was given up, and of the connection: what was sent cannot be unsent."""
        self._codec.cancel(exchange)
        self.exchange = None
        self.phase = self._drop()

    def open(self, origin: Origin) -> None:
        """Begin to connect to `origin`, if the connection is closed; nobody is told when that fails."""
        if self.phase is Phase.CLOSED and self.exchange is None:
            self._begin(origin)
            self.phase = Phase.DIALING

    def close(self, reason: str = "the connection was closed by its owner") -> None:
        """Close, and end the exchange that is on it; in the middle of a pass, at its end."""
        exchange, at = self.exchange, self._at
        if self._serving:
            self._closing = reason
        else:
            self._closing, self.exchange = "", None
            self.phase = self._drop()
        if exchange is not None:
            exchange.conclude(Canceled(reason), at)

    def flush(self) -> None:
        """Send what the exchange still has to send, and receive nothing."""
        if self.phase is Phase.BUSY and (exchange := self.exchange) and not self._serving:
            self._serving = True
            try:
                self._send(exchange)
            finally:
                self._serving = False
            if self._closing:
                self.close(self._closing)

    @property
    def unsent(self) -> bytes | memoryview:
        """The piece of the request that was begun and is not taken yet."""
        return self._outflow.out

    def cancel(self, exchange: Exchange, error: ExchangeError) -> None:
        """End the exchange that is on this connection with `error`; what was sent cannot be unsent."""
        at = self._at
        if not self._serving and self.phase is Phase.BUSY:
            self._let_go(exchange)
        elif not self._serving:
            self.exchange = None
        exchange.conclude(error, at)
        self.stirred.fire()

    @property
    def awaited(self) -> tuple[Awaitable, ...]:
        """What may change something before `until`, beside the exchange's own end."""
        if self._dial is not None:
            return self._dial.awaited
        stall = () if self._codec.stalled is None else self._outflow.stall.on
        if self.connector is None or not self.watched:
            return (self.stirred, *stall)
        if not self._outflow.out and self._full:
            return stall
        return (self.connector, *stall)

    @property
    def due(self) -> float | None:
        """The tyme at which the source of the body that goes out has more, if it said so."""
        return self._outflow.stall.until

    @property
    def until(self) -> float | None:
        """The second of the network's clock at which a pass does something though nothing was awaited."""
        if self._restless():
            return self._setup.network.clock()
        first, _, _ = self._deadline()
        if self._dial is not None and self._dial.until is not None:
            first = min(first, self._dial.until)
        if self.exchange is not None:
            first = min(first, self._outflow.moment(self.exchange))
        return None if first == inf else first

    def _restless(self) -> bool:
        """Tell whether another pass would do something at once."""
        if self.connector is None:
            return self.phase is Phase.CLOSED and self.exchange is not None
        if self._budget.curtailed or self._held:
            return True
        return not self._full and (self._news or self.connector.pending)

    @property
    def _full(self) -> bool:
        """Nothing is read, because the sink takes nothing."""
        return self.exchange is not None and self.exchange.room <= 0

    @property
    def _at(self) -> str:
        """What the exchange is at, in the words of ExchangeError."""
        if self._dial is not None or self.phase is not Phase.BUSY:
            return self._dial.phase if self._dial else "waiting"
        return "sending" if self._outflow.out else "receiving"

    def _closed(self) -> Phase:
        exchange = self._claim()
        # A refused port may answer at once; one attempt a pass leaves the others their share.
        if exchange is None or self._dials:
            return Phase.CLOSED
        self._begin(exchange.origin)
        return Phase.DIALING

    def _claim(self) -> Exchange | None:
        """Return the exchange to carry: the one that is here, else the owner's next."""
        while self.exchange is None or self.exchange.outcome is not None:
            self.exchange = None if self._take is None else self._take()
            if self.exchange is None:
                break
        return self.exchange

    def _begin(self, origin: Origin) -> None:
        self.origin = origin
        self.cutoff = False
        self._dials += 1
        self._moved = self._setup.network.clock()
        tls = self._setup.tls if origin.scheme == "https" else None
        self._dial = Dial(self._setup.network, origin, tls)

    def _dialing(self) -> Phase:
        assert self._dial is not None
        try:
            connector = self._dial.step()
        except ExchangeError as error:
            return self._fail(error)
        if connector is None:
            error_due = self._overdue()
            return Phase.DIALING if error_due is None else self._fail(error_due)
        self._dial = None
        self.connector = connector
        self.watched = connector.fileno() is not None
        self._quiet = getattr(connector, "quiet", None)
        if not self.watched:
            connector.attach(self._stir)
        self._fresh = True
        return Phase.READY

    def _ready(self) -> Phase:
        exchange = self._claim()
        if exchange is not None and exchange.origin != self.origin:
            return self._drop()
        if exchange is None and self._budget.reads:
            return Phase.READY  # it was read in this pass; the next one looks
        unasked = None if self._quiet is not None and self._quiet() else self._recv()
        if unasked is not None:
            return self._unasked(exchange, unasked)
        if exchange is None:
            self._fresh = False
            return Phase.READY
        exchange.reused = not self._fresh
        exchange.sent = 0
        self._codec.start(exchange)
        self._fresh = False
        self._moved = self._outflow.moved = self._setup.network.clock()
        return Phase.BUSY

    def _unasked(self, exchange: Exchange | None, data: bytes) -> Phase:
        """Close: an end that is seen before a request was meant for nobody, and neither were bytes.

        RFC 9112 9.2 and 9.3.1. On a connection that has only just come up there is no other to try.
        """
        if exchange is not None and self._fresh:
            told = f"{self.origin} {'spoke' if data else 'closed'} before it was asked"
            exchange.conclude(ProtocolError("extra_data", told) if data else NoResponse(told), "waiting")
        return self._drop()

    def _busy(self) -> Phase:
        exchange = self.exchange
        assert exchange is not None
        # No answer can be there yet when the whole request went out a moment ago, unless a part of it is.
        unsent = self._outflow.out or self._codec.unsent
        if unsent and exchange.outcome is None and self._send(exchange) and not self._budget.behind:
            return Phase.BUSY
        ended = exchange.outcome is None and self._receive(exchange)
        if self._codec.passed is not None and exchange.outcome is None:
            return self._pass_on(exchange, *self._codec.passed)
        if exchange.outcome is None and not ended:
            if (overdue := self._overdue()) is None:
                return Phase.BUSY
            exchange.conclude(overdue, self._at)
        if exchange.outcome is not None:
            self.exchange = None
        if self._codec.room:
            return Phase.READY
        # RFC 9112 9.6: an answer was the last one because one of both said close; then the peer closes.
        self.cutoff = self.cutoff or isinstance(exchange.outcome, Response)
        return self._drop()

    def _pass_on(self, exchange: Exchange, response: Response, data: bytes) -> Phase:
        """Hand the connection over with the answer that ends HTTP on it (RFC 9110 7.8 and 9.3.6)."""
        assert self.connector is not None
        tunnel = Tunnel(self.connector, data)
        self.connector = self.exchange = None
        exchange.conclude(response.with_meta(response.meta._replace(tunnel=tunnel)))
        return self._drop()

    def _send(self, exchange: Exchange) -> bool:
        """Send what there is; True when something went out and nothing is left."""
        assert self.connector is not None
        before = exchange.sent
        self._budget.curtailed = self._outflow.send(self.connector, exchange)
        return exchange.sent > before and not (self._outflow.out or self._codec.unsent)

    def _receive(self, exchange: Exchange) -> bool:
        """Feed what arrived to the codec, within the pass's budget; True at the end of the stream."""
        budget = self._budget
        # What comes behind its answer is for whoever gets the connection.
        while exchange.outcome is None and exchange.room > 0 and self._codec.passed is None:
            if not budget.affords:
                budget.curtailed = True
                break
            data = b"" if budget.behind else self._recv()
            if data is None:
                break
            if not data and not budget.behind:
                self._end(exchange)
                return True
            # While it is this side that is slow, the peer is not.
            self._moved = self._setup.network.clock()
            share = min(budget.share, exchange.room)
            left = self._codec.feed(data, share)
            budget.share -= share - left
            budget.behind = left <= 0
            drained = _LITTLE < len(data) < budget.size and not budget.behind
            if drained and self.watched and not self._restless():
                break
        return False

    def _end(self, exchange: Exchange) -> None:
        assert self.connector is not None
        unanswered = not exchange.received
        if unanswered and exchange.reused and not exchange.replayed:
            exchange.replayed = may_replay(exchange.request, exchange.sent)
            if exchange.replayed:
                self._codec.cancel(exchange)
                return
        if unanswered and (failure := self._outflow.failure(exchange)):
            exchange.conclude(failure, "sending")
            return
        self._codec.eof(self.connector.clean and not self._outflow.broken)

    def _fail(self, error: ExchangeError) -> Phase:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.conclude(error, self._at)
        return self._drop()

    def _drop(self) -> Phase:
        if self._dial is not None:
            self._dial.close()
            self._dial = None
        return super()._drop()

    def _overdue(self) -> ExchangeError | None:
        # Where something has just come nobody is silent.
        heard = self.exchange if self._budget.received and self.phase is Phase.BUSY else None
        found = self._deadline() if heard is None else total_deadline(heard.timeouts, heard.started)
        moment, error, what = found
        late = self._setup.network.clock() >= moment
        return error(f"{what} {self.origin} within its limit") if late else None

    def _deadline(self) -> Deadline:
        """Return the one that is due first."""
        exchange = self.exchange
        timeouts = self._setup.timeouts if exchange is None else exchange.timeouts
        if exchange is not None and self.phase is Phase.BUSY and exchange.awaited is not None:
            still = self._outflow.still_since(exchange, max(self._moved, exchange.awaited))
            return busy_deadline(timeouts, exchange.started, still, sending=bool(self._outflow.out))
        first = connect_deadline(timeouts, self._moved) if self.phase is Phase.DIALING else NEVER
        total = NEVER if exchange is None else total_deadline(timeouts, exchange.started)
        return first if first[0] <= total[0] else total


_SERVICE: dict[Phase, Callable[[Connection], Phase]] = {
    Phase.CLOSED: Connection._closed,
    Phase.DIALING: Connection._dialing,
    Phase.READY: Connection._ready,
    Phase.BUSY: Connection._busy,
}
