"""The sending side of a connection: what its codec puts out, as far as the peer takes it."""

from __future__ import annotations

from math import inf

from ..net.seams import Connector
from ..tyming.clocks import Clock
from .exchange import Codec, Exchange

__all__ = ["Outflow"]

# Pieces of a request that one pass sends.
_SENDS = 8
_NOTHING = memoryview(b"")


class Outflow:
    """Pieces on their way out.

    Attributes:
        out: the piece that was begun and is not taken yet.
        broken: why the peer takes no more.
        moved: when a piece was last taken, or the body's source was last awaited, on the network's clock.
    """

    __slots__ = ("_clock", "_codec", "broken", "moved", "out")

    def __init__(self, codec: Codec, clock: Clock) -> None:
        self.out = _NOTHING
        self.broken: OSError | None = None
        self.moved = clock()
        self._codec = codec
        self._clock = clock

    @property
    def starved(self) -> bool:
        """The body's source had nothing, and does not say when it has more."""
        return self._codec.unsent and not (self.out or self._codec.holding)

    def send(self, connector: Connector, exchange: Exchange) -> bool:
        """Send what there is, within the budget of a pass; True when there is more to send at once."""
        if self._codec.holding and self._clock() >= self.release_due(exchange):
            self._codec.release()
        for _ in range(_SENDS):
            if not self._refill():
                return False
            count = self._hand_over(connector)
            if not count:
                return False
            self.out = self.out[count:]
            self.moved = self._clock()
            exchange.sent += count
        return self._refill()

    def release_due(self, exchange: Exchange) -> float:
        """Return until when a body is held back for a 100, on the network's clock."""
        expect = exchange.timeouts.expect
        return inf if expect is None else self.moved + expect

    def _refill(self) -> bool:
        if self._codec.cut:
            self.out = _NOTHING
        self.out = self.out or memoryview(self._codec.output())
        if self.starved:
            self.moved = self._clock()  # while it is the source that is slow, the peer is not
        return bool(self.out)

    def _hand_over(self, connector: Connector) -> int:
        if self.broken:
            return 0
        try:
            return connector.send(self.out)
        except OSError as error:
            # The peer may have answered before it stopped reading (413): go on receiving.
            self.broken = error
            return 0
