"""One request on its way to one outcome, and the seams around it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeAlias, Unpack

from ..errors import ExchangeError
from ..policy.patience import Timeouts
from ..tyming.clocks import Clock
from ..tyming.waiting import Signal, Wait
from ..wire.framing import Sink
from ..wire.messages import Request, Response
from ..wire.requesting import MessageOptions
from ..wire.responding import Respondent
from ..wire.urls import Origin

__all__ = ["Codec", "Exchange", "FetchOptions", "Outcome", "Sender"]

Outcome = Response | ExchangeError
Sinking: TypeAlias = Callable[[Respondent], Sink | bytearray | None]


class Exchange:
    """A request that ends exactly once, with a response or with an error.

    Attributes:
        request: what is sent.
        timeouts: its limits, in seconds of the network's clock.
        started: when it was made, on that clock.
        sent: bytes of it that the network took, on the connection it last used.
        received: bytes that came back for it.
        reused: the connection it last used had carried another exchange before.
        replayed: it was put on a fresh connection once already.
        outcome: None until it ended.
        done: fires when it ended.
    """

    __slots__ = (
        "_clock",
        "_settle",
        "done",
        "outcome",
        "received",
        "replayed",
        "request",
        "reused",
        "sent",
        "sink",
        "started",
        "timeouts",
    )

    def __init__(
        self,
        request: Request,
        timeouts: Timeouts,
        clock: Clock,
        settle: Callable[[Exchange], None] | None = None,
        sink: Sinking | None = None,
    ) -> None:
        """Begin; `settle(exchange)` is called once, when the outcome is there.

        `sink(respondent)` is asked when the answer's head is there. When it returns a function or a
        bytearray, the decoded body goes there piece by piece and is not kept.
        """
        self.request = request
        self.timeouts = timeouts
        self.started = clock()
        self._clock = clock
        self.sent = 0
        self.received = 0
        self.reused = False
        self.replayed = False
        self.outcome: Outcome | None = None
        self.done = Signal()
        self.sink = sink
        self._settle = settle

    @property
    def origin(self) -> Origin:
        """Where it goes."""
        return self.request.url.origin

    @property
    def elapsed(self) -> float:
        """Seconds of the network's clock since it was made."""
        return self._clock() - self.started

    def conclude(self, outcome: Outcome, phase: str = "") -> None:
        """End with `outcome`; a second call changes nothing, so that every exchange ends exactly once."""
        if self.outcome is not None:
            return
        if isinstance(outcome, ExchangeError):
            outcome.origin, outcome.phase = self.origin, phase
            outcome.sent, outcome.received, outcome.reused = self.sent, self.received, self.reused
            outcome.replayed = self.replayed
        self.outcome = outcome
        if self._settle:
            self._settle(self)
        self.done.fire()

    def result(self) -> Response:
        """Return the response or raise the error; only after the end."""
        if isinstance(self.outcome, ExchangeError):
            raise self.outcome
        if self.outcome is None:
            raise RuntimeError("the exchange has not ended")
        return self.outcome


class Codec(Protocol):
    """Exchanges as bytes: HTTP/1.1 carries one at a time. No clock, no socket.

    Attributes:
        room: exchanges it takes now. With none in it and no room the connection is spent: close it.
    """

    room: int

    def start(self, exchange: Exchange) -> None:
        """Take an exchange; only while there is room."""

    def cancel(self, exchange: Exchange) -> bool:
        """Forget an exchange; True when the connection is still good."""

    def output(self) -> bytes | memoryview:
        """Return the next bytes to send; empty when there are none now."""

    def feed(self, data: bytes, share: int) -> int:
        """Take bytes that arrived; an exchange whose answer they complete is concluded.

        Returns what is left of `share` after the work that the bytes made, as `Respondent.feed` counts it.
        When nothing is left, some of the work may be: the next call, with or without bytes, goes on.
        """

    def eof(self, clean: bool) -> None:  # noqa: FBT001 one obvious flag
        """Take the end of the stream; exchanges that it cuts short are concluded."""


class FetchOptions(MessageOptions, total=False):
    """What a Sender's `fetch` takes beside method and URL.

    Attributes:
        timeout: limits of this exchange in place of the sender's.
    """

    timeout: Timeouts | None


class Sender(Protocol):
    """Whoever can send a request: all that polling knows of clients and pools."""

    @property
    def timeouts(self) -> Timeouts:
        """The limits of exchanges that are given none of their own."""

    def fetch(
        self, method: str, url: str, **options: Unpack[FetchOptions]
    ) -> Generator[Wait, Any, Response]:
        """Check the request now; send it when the generator is run."""
