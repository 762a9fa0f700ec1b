"""What connections are made with, and how much one pass of a connection may do."""

from __future__ import annotations

from dataclasses import dataclass

from ..net.seams import Network, Tls
from ..policy.patience import Timeouts
from ..wire.messages import Limits

__all__ = ["READS", "READ_BYTES", "RECV_SIZE", "Budget", "Setup"]

# One pass reads at most so much, so that a fast or hostile peer leaves the other doers their share.
READS = 8
READ_BYTES = 262_144
# And makes at most so much of it, as Respondent.feed counts: a few bytes of gzip can stand for a thousand
# times as many. Measured: 3 ms of inflated zeroes, 2 to 4 ms of chunks of one byte.
_SHARE = 1_048_576
RECV_SIZE = 65_536
# While a flood comes. Measured: where 60 kB are there, to ask for so many takes 7 us and to ask for 192 KiB
# takes 48, because memory of 128 KiB and more is mapped anew each time (mallopt(3), M_MMAP_THRESHOLD).
_FLOOD_SIZE = 122_880


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


class Budget:
    """What one pass may still do.

    Attributes:
        reads: `recv` calls made.
        received: bytes that they brought.
        size: how many the next one may bring: more than usual while a flood comes.
        share: what may still be made of received bytes, as `Codec.feed` counts.
        behind: what was received is not all worked off yet.
        curtailed: the pass ended because the budget was spent, not because there was nothing to do.
    """

    __slots__ = ("behind", "curtailed", "reads", "received", "share", "size")

    def __init__(self) -> None:
        self.reads = self.received = 0
        self.size = RECV_SIZE
        self.share = _SHARE
        self.behind = self.curtailed = False

    def renew(self, *, looked: bool) -> None:
        """Begin a pass, of which what was read already is a part when it was a look ahead."""
        # What is read at once takes its memory at once, however little comes.
        self.size = _FLOOD_SIZE if self.received * 2 > RECV_SIZE else RECV_SIZE
        if not looked:
            self.reads = self.received = 0
        self.share = _SHARE
        self.curtailed = False

    @property
    def affords(self) -> bool:
        """Another read is within it."""
        return self.reads < READS and self.received + RECV_SIZE <= READ_BYTES and self.share > 0
