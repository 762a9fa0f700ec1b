"""The sending side of a connection: what its codec puts out, as far as the peer takes it."""

from __future__ import annotations

from math import inf

from ..errors import WriteError
from ..net.seams import Connector
from ..tyming.clocks import Clock
from ..tyming.waiting import Wait
from .exchange import Codec, Exchange

__all__ = ["Outflow"]

# Pieces of a request that one pass sends.
_SENDS = 8
_UNSAID = Wait()
# How long a source that does not say when it has more is left alone: hio's default tock.
_POLL = 0.03125


class Outflow:
    """Pieces on their way out.

    Attributes:
        out: the piece that was begun and is not taken yet.
        broken: why the peer takes no more.
        moved: when a piece was last taken, or the body's source was last awaited, on the network's clock.
    """

    __slots__ = ("_clock", "_codec", "broken", "moved", "out")

    def __init__(self, codec: Codec, clock: Clock) -> None:
        self.out: bytes | memoryview = b""
        self.broken: OSError | None = None
        self.moved = clock()
        self._codec = codec
        self._clock = clock

    @property
    def starved(self) -> bool:
        """The body's source had nothing when it was last asked."""
        return self._codec.stalled is not None and not self.out

    @property
    def stall(self) -> Wait:
        """What the body's source waits for, as far as it says."""
        stalled = self._codec.stalled
        # A source that waits for tyme alone, which it is not told here, says that it has ended already.
        if not isinstance(stalled, Wait) or stalled.until == -inf or self.out:
            return _UNSAID
        return stalled

    def moment(self, exchange: Exchange) -> float:
        """Return when to send on though nothing that is awaited has come, on the network's clock."""
        due = self._release_due(exchange) if self._codec.holding else inf
        if self.starved and not self.stall.on and self.stall.until is None:
            return min(due, self._clock() + _POLL)
        return due

    def still_since(self, exchange: Exchange, heard: float) -> float:
        """Return since when nothing has moved on the side that is awaited, when it was `heard` last."""
        # Until its answer has begun, a peer has nothing to say that has not got the whole request.
        return max(heard, self.moved) if self.out or not exchange.received else heard

    def failure(self, exchange: Exchange) -> WriteError | None:
        """Return what it is that the peer takes no more, while there is more."""
        if not (self.broken and self.out):
            return None
        return WriteError(f"sending to {exchange.origin} broke off: {self.broken}")

    def send(self, connector: Connector, exchange: Exchange) -> bool:
        """Send what there is, within the budget of a pass; True when there is more to send at once."""
        codec = self._codec
        if codec.holding and self._clock() >= self._release_due(exchange):
            codec.release()
        for _ in range(_SENDS):
            if exchange.outcome is not None or not self._refill():
                return False
            if not self._hand_over(connector, exchange):
                return False
        return self._refill()

    def _release_due(self, exchange: Exchange) -> float:
        expect = exchange.timeouts.expect
        return inf if expect is None else self.moved + expect

    def _refill(self) -> bool:
        codec = self._codec
        if codec.cut:
            self.out = b""
        if not self.out and codec.unsent:
            self.out = codec.output()
            if codec.stalled is not None:
                self.moved = self._clock()
        return bool(self.out)

    def _hand_over(self, connector: Connector, exchange: Exchange) -> bool:
        """Send of the piece what is taken; False when nothing is."""
        if self.broken:
            return False
        try:
            count = connector.send(self.out)
        except OSError as error:
            # The peer may have answered before it stopped reading (413): go on receiving.
            self.broken = error
            return False
        if not count:
            return False
        self.out = b"" if count == len(self.out) else memoryview(self.out)[count:]
        self.moved = self._clock()
        exchange.sent += count
        return True
