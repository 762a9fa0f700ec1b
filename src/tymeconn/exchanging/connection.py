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
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import (
    Canceled,
    ConnectTimeout,
    ExchangeError,
    ExchangeTimeout,
    ReadTimeout,
    TotalTimeout,
    WriteError,
    WriteTimeout,
)
from ..net.dialing import Dial
from ..net.seams import Connector, Network, Tls
from ..policy.patience import Timeouts
from ..policy.replaying import may_replay
from ..tyming.waiting import Awaitable, Signal
from ..wire.messages import Limits
from ..wire.urls import Origin
from .exchange import Exchange
from .http1 import Http1

__all__ = ["Connection", "Phase", "Setup"]

# One pass reads at most so much, so that a fast or hostile peer leaves the other doers their share.
READS = 8
READ_BYTES = 262_144
_RECV_SIZE = 65_536
_SENDS = 8


class Phase(enum.Enum):
    """Where a connection is in its life."""

    CLOSED = "closed"
    DIALING = "dialing"
    READY = "ready"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Setup:
    """What connections are made with; one value for all that share an owner."""

    network: Network
    tls: Tls
    limits: Limits
    timeouts: Timeouts

    def __post_init__(self) -> None:
        for name, kind in (("tls", Tls), ("limits", Limits), ("timeouts", Timeouts)):
            value: object = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} must be {kind.__name__}, not {value!r}")


class Connection:
    """One connection and the exchange on it.

    Attributes:
        phase: where it is in its life.
        origin: where it leads, or led last.
        exchange: what it carries, or is being opened for.
    """

    def __init__(self, setup: Setup, take: Callable[[], Exchange | None]) -> None:
        """Begin closed; `take()` is asked for the next exchange whenever there is none."""
        self.phase = Phase.CLOSED
        self.origin: Origin | None = None
        self.exchange: Exchange | None = None
        self._setup = setup
        self._take = take
        self._dial: Dial | None = None
        self._connector: Connector | None = None
        self._codec = Http1(setup.limits)
        self._stirred = Signal()
        self._out = memoryview(b"")
        self._broken: OSError | None = None
        # Nothing was read since the connection came up or ended an exchange in this very pass: only then
        # may a request go out without looking for the peer's end first.
        self._fresh = False
        self._carried = 0
        self._moved = 0.0
        self._dials = 0
        self._reads = 0
        self._received = 0

    def service(self) -> None:
        """Go as far as possible without blocking and within the budget of one pass."""
        self._dials = self._reads = self._received = 0
        while (phase := _SERVICE[self.phase](self)) is not self.phase:
            self.phase = phase

    def open(self, origin: Origin) -> None:
        """Begin to connect to `origin`, if the connection is closed; nobody is told when that fails."""
        if self.phase is Phase.CLOSED and self.exchange is None:
            self._begin(origin)
            self.phase = Phase.DIALING

    def close(self, reason: str = "the connection was closed by its owner") -> None:
        """Close, and end the exchange that is on it."""
        exchange, self.exchange = self.exchange, None
        self.phase = self._drop()
        if exchange is not None:
            exchange.conclude(Canceled(reason))

    def cancel(self, exchange: Exchange, error: ExchangeError) -> None:
        """End the exchange that is on this connection with `error`; what was sent cannot be unsent."""
        self.exchange = None
        if self.phase is Phase.BUSY:
            self._codec.cancel(exchange)
            self.phase = self._drop()
        exchange.conclude(error)

    @property
    def awaited(self) -> tuple[Awaitable, ...]:
        """What may change something before `until`."""
        if self._dial is not None:
            return self._dial.awaited
        if self._connector is None:
            return ()
        return (self._stirred,) if self._connector.fileno() is None else (self._connector,)

    @property
    def until(self) -> float | None:
        """The second of the network's clock at which something happens by itself."""
        moments = [moment for moment, _, _ in self._deadlines()]
        if self._dial is not None and self._dial.until is not None:
            moments.append(self._dial.until)
        if self._connector is not None and self._connector.pending:
            moments.append(self._setup.network.clock())
        return min(moments, default=None)

    def _closed(self) -> Phase:
        if self.exchange is None:
            self.exchange = self._take()
        # A refused port may answer at once; one attempt a pass leaves the others their share.
        if self.exchange is None or self._dials:
            return Phase.CLOSED
        self._begin(self.exchange.origin)
        return Phase.DIALING

    def _begin(self, origin: Origin) -> None:
        self.origin = origin
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
        self._connector = connector
        if connector.fileno() is None:
            connector.attach(lambda _: self._stirred.fire())
        self._codec = Http1(self._setup.limits)
        self._fresh, self._carried, self._broken = True, 0, None
        return Phase.READY

    def _ready(self) -> Phase:
        if self.exchange is None:
            self.exchange = self._take()
        exchange = self.exchange
        if exchange is not None and exchange.origin != self.origin:
            return self._drop()
        # RFC 9112 9.3.1 and 9.2: an end seen now was meant for nobody, and neither were bytes.
        if not self._fresh and self._recv() is not None:
            return self._drop()
        if exchange is None:
            self._fresh = False
            return Phase.READY
        exchange.reused = self._carried > 0 or not self._fresh
        self._codec.start(exchange)
        self._moved = self._setup.network.clock()
        return Phase.BUSY

    def _busy(self) -> Phase:
        exchange = self.exchange
        assert exchange is not None
        # No answer can be there yet when the whole request went out a moment ago.
        ended = not self._send(exchange) and self._receive(exchange)
        if exchange.outcome is None and not ended:
            overdue = self._overdue()
            if overdue is None:
                return Phase.BUSY
            exchange.conclude(overdue, "sending" if self._out else "receiving")
        if exchange.outcome is not None:
            self.exchange = None
        self._carried += 1
        self._fresh = True
        return Phase.READY if self._codec.room else self._drop()

    def _send(self, exchange: Exchange) -> bool:
        """Send what there is; True when something went out and nothing is left."""
        moved = False
        for _ in range(_SENDS):
            self._out = self._out or memoryview(self._codec.output())
            if not self._out:
                return moved
            count = self._hand_over()
            if not count:
                break
            self._out = self._out[count:]
            self._moved = self._setup.network.clock()
            exchange.sent += count
            moved = True
        return False

    def _hand_over(self) -> int:
        assert self._connector is not None
        if self._broken:
            return 0
        try:
            return self._connector.send(self._out)
        except OSError as error:
            # The peer may have answered before it stopped reading (413): go on receiving.
            self._broken = error
            return 0

    def _receive(self, exchange: Exchange) -> bool:
        """Feed what arrived to the codec, within the pass's budget; True at the end of the stream."""
        while self._reads < READS and self._received < READ_BYTES:
            data = self._recv()
            if data is None:
                return False
            if not data:
                self._end(exchange)
                return True
            self._moved = self._setup.network.clock()
            self._codec.feed(data)
            if exchange.outcome is not None:
                return False
        return False

    def _recv(self) -> bytes | None:
        """Return what arrived: None for nothing now, empty for the end, however it came about."""
        assert self._connector is not None
        self._reads += 1
        try:
            data = self._connector.recv(_RECV_SIZE)
        except OSError as error:
            self._broken = self._broken or error
            return b""
        self._received += len(data or b"")
        return data

    def _end(self, exchange: Exchange) -> None:
        assert self._connector is not None
        unanswered = not exchange.received
        if unanswered and exchange.reused and not exchange.replayed:
            exchange.replayed = may_replay(exchange.request, exchange.sent)
            if exchange.replayed:
                self._codec.cancel(exchange)
                return
        if unanswered and self._broken and self._out:
            exchange.conclude(WriteError(f"sending to {self.origin} broke off: {self._broken}"), "sending")
            return
        self._codec.eof(self._connector.clean and not self._broken)

    def _fail(self, error: ExchangeError) -> Phase:
        phase = self._dial.phase if self._dial else ""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.conclude(error, phase)
        return self._drop()

    def _drop(self) -> Phase:
        if self._dial is not None:
            self._dial.close()
        if self._connector is not None:
            self._connector.close()
        self._dial = self._connector = None
        self._out = memoryview(b"")
        return Phase.CLOSED

    def _overdue(self) -> ExchangeError | None:
        now = self._setup.network.clock()
        for moment, error, what in self._deadlines():
            if now >= moment:
                return error(f"{what} {self.origin} within its limit")
        return None

    def _deadlines(self) -> Iterator[tuple[float, type[ExchangeTimeout], str]]:
        timeouts = self.exchange.timeouts if self.exchange else self._setup.timeouts
        if self.phase is Phase.DIALING and timeouts.connect is not None:
            yield self._moved + timeouts.connect, ConnectTimeout, "no connection to"
        if self.phase is Phase.BUSY and self._out and timeouts.write is not None:
            yield self._moved + timeouts.write, WriteTimeout, "no bytes taken by"
        if self.phase is Phase.BUSY and not self._out and timeouts.read is not None:
            yield self._moved + timeouts.read, ReadTimeout, "no bytes from"
        if self.exchange is not None and timeouts.total is not None:
            yield self.exchange.started + timeouts.total, TotalTimeout, "no whole answer from"


_SERVICE: dict[Phase, Callable[[Connection], Phase]] = {
    Phase.CLOSED: Connection._closed,
    Phase.DIALING: Connection._dialing,
    Phase.READY: Connection._ready,
    Phase.BUSY: Connection._busy,
}
