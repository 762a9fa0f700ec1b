"""The usual course of an open connection: a small request goes out in one piece, and so its answer comes.

What it does is what the phases of a Connection would do, in one step each. Whatever is in any way unusual
is left to them, and nothing that came is lost.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from ..net.seams import WRITE, Connector
from ..tyming.waiting import Signal
from ..wire.urls import Origin
from .exchange import Exchange
from .http1 import Http1
from .outflow import Outflow
from .setup import READ_BYTES, RECV_SIZE, Budget, Setup

__all__ = ["Line", "Phase"]


class Phase(enum.StrEnum):
    """Where a connection is in its life."""

    CLOSED = "closed"
    DIALING = "dialing"
    READY = "ready"
    BUSY = "busy"


class Line:
    """What a connection is made of, once it is up.

    Attributes:
        phase: where it is in its life.
        origin: where it leads, or led last.
        exchange: what it carries, or is being opened for.
        connector: the byte stream while it is up.
        cutoff: the peer ended it, and it was not opened again since.
        stirred: fires at every close, and at news of a connector without a descriptor.
        watched: the connector has one.
    """

    def __init__(self, setup: Setup) -> None:
        """Begin closed."""
        self.phase = Phase.CLOSED
        self.origin: Origin | None = None
        self.exchange: Exchange | None = None
        self.connector: Connector | None = None
        self.cutoff = False
        self.stirred = Signal()
        self._setup = setup
        self._codec = Http1(setup.limits)
        self._outflow = Outflow(self._codec, setup.network.clock)
        self._budget = Budget()
        # It has come up in this very pass, and carried nothing.
        self._fresh = False
        self._moved = 0.0
        # A connector without one has notified since it was last read.
        self.watched = self._news = False
        self._quiet: Callable[[], bool] | None = None
        # What a look brought that the phases have not seen yet, be it nothing.
        self._held: list[bytes | None] = []

    def _ask(self) -> bool:
        """Send the request of the exchange that is here, once the idle peer is seen to have said nothing.

        False when the phases have to go on.
        """
        exchange, connector = self.exchange, self.connector
        if exchange is None or connector is None or self._quiet is None or exchange.outcome is not None:
            return False
        if (
            exchange.origin != self.origin
            or not self._quiet()
            or not (piece := self._codec.begin(exchange))
        ):
            return False
        exchange.reused, self._fresh = not self._fresh, False
        self.phase = Phase.BUSY
        try:
            exchange.sent = connector.send(piece)
        except OSError as error:
            exchange.sent, self._outflow.broken = 0, error
        self._moved = self._outflow.moved = self._setup.network.clock()
        if exchange.sent == len(piece):
            # What TLS has taken may be still inside.
            return not connector.wants & WRITE
        self._outflow.out, self._codec.unsent = memoryview(piece)[exchange.sent :], True
        return False

    def _hear(self) -> bool:
        """Take the answer, if all of it has come, and nothing else; False when the phases have to go on."""
        exchange, codec, budget = self.exchange, self._codec, self._budget
        if exchange is None or exchange.outcome is not None or codec.unsent or exchange.received:
            return False
        budget.reads = budget.received = 0
        budget.size = RECV_SIZE
        data = self._recv()
        if not data or not codec.take_whole(exchange, data):
            self._held.append(data)
            return False
        self.exchange = None
        self.phase = Phase.READY
        if not codec.room:
            # RFC 9112 9.6: one of both said close, and so the peer closes behind this answer.
            self.cutoff = True
            self.phase = self._drop()
        return True

    def _recv(self) -> bytes | None:
        """Return what arrived: None for nothing now, empty for the end, however it came about."""
        assert self.connector is not None
        if self._held:
            return self._held.pop()
        self._news = False
        try:
            data = self.connector.recv(self._budget.size)
        except OSError as error:
            self._outflow.broken = self._outflow.broken or error
            data = b""
        self.cutoff = data == b""
        self._budget.reads += 1
        if data:
            self._budget.received += len(data)
            # At least one: what is asked for no bytes looks like the end.
            self._budget.size = max(1, min(self._budget.size, READ_BYTES - self._budget.received))
        return data

    def _drop(self) -> Phase:
        """Close what is open; return the phase that it is in then."""
        if self.connector is not None:
            self.connector.close()
        self.connector = self._quiet = None
        self._held.clear()
        self._codec.close()
        self._codec = Http1(self._setup.limits)
        self._outflow = Outflow(self._codec, self._setup.network.clock)
        self._budget.curtailed = self._budget.behind = self._news = False
        self.stirred.fire()
        return Phase.CLOSED

    def _stir(self, _connector: Connector) -> None:
        # The signal wakes whoever waits; in the middle of a pass nobody does, and the pass must be told.
        self._news = True
        self.stirred.fire()
