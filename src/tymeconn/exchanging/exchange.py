"""One request on its way to one outcome, and the seams around it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, Unpack

from ..errors import ExchangeError, HookError
from ..net.seams import Connector
from ..policy.patience import Timeouts
from ..policy.retrying import Retry
from ..tyming.clocks import Clock
from ..tyming.waiting import Signal, Wait
from ..wire.framing import Sink
from ..wire.messages import Request, Response
from ..wire.redirecting import Follow
from ..wire.requesting import MessageOptions
from ..wire.responding import Respondent
from ..wire.urls import Origin

__all__ = ["Codec", "Exchange", "FetchOptions", "Outcome", "Progress", "Sender", "Sinking", "Tunnel"]

Outcome = Response | ExchangeError
Sinking: TypeAlias = Callable[[Respondent], Sink | bytearray | None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an exchange has come, in bytes of the bodies as they are on the wire, without framing.

    Attributes:
        sent: of the request's body.
        to_send: how many there are; None when its source does not know.
        received: of the answer's body, before content decoding.
        to_receive: how many there will be; None when the answer does not say.
    """

    sent: int = 0
    to_send: int | None = None
    received: int = 0
    to_receive: int | None = None


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A connection that speaks something else from here on; whoever gets it has to close it.

    Attributes:
        connector: the byte stream, open.
        data: bytes of the new protocol that came with the answer.
    """

    connector: Connector
    data: bytes


class Exchange:
    """A request that ends exactly once, with a response or with an error.

    Attributes:
        request: what is sent.
        origin: where it goes.
        timeouts: its limits, in seconds of the network's clock.
        started: when it was made, on that clock.
        sent: bytes of it that the network took, on the connection it last used.
        received: bytes that came back for it.
        reused: the connection it last used had carried another exchange before.
        replayed: it was put on a fresh connection once already.
        outcome: None until it ended.
        done: fires when it ended, and whenever a sink has taken something.
        room: bytes of the decoded body that its sink takes now; with none, nothing is read for it.
        sink: is asked when the answer's head is there; see the constructor.
        keeps: tells of a status that the sink need not be asked.
        awaited: since when somebody waits for what comes, on that clock; None while nobody does, and then
            the peer's silence does not count.
        progress: called with a `Progress` when body bytes have gone out or come in.
    """

    __slots__ = (
        "_clock",
        "_settle",
        "awaited",
        "done",
        "keeps",
        "origin",
        "outcome",
        "progress",
        "received",
        "replayed",
        "request",
        "reused",
        "room",
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
        keeps: Callable[[int], bool] | None = None,
    ) -> None:
        """Begin; `settle(exchange)` is called once, when the outcome is there.

        `sink(respondent)` is asked when the answer's head is there. When it returns a function or a
        bytearray, the decoded body goes there piece by piece and is not kept. It need not be asked of an
        answer of whose status `keeps(status)` says so.
        """
        self.request = request
        self.origin: Origin = request.url.origin
        self.timeouts = timeouts
        self.started = clock()
        self._clock = clock
        self.sent = 0
        self.received = 0
        self.reused = False
        self.replayed = False
        self.outcome: Outcome | None = None
        self.done = Signal(request)
        self.room = sys.maxsize
        self.awaited: float | None = self.started
        self.progress: Callable[[Progress], object] | None = None
        self.sink = sink
        self.keeps = keeps
        self._settle = settle

    def wait(self) -> None:
        """Somebody waits from now on for what comes."""
        self.awaited = self._clock()

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
        # Who gave it often holds this object: without the cycle both go when they are let go.
        self.sink = self.keeps = None
        if self._settle:
            self._settle(self)
        self.done.fire()

    def report(self, progress: Progress) -> None:
        """Tell the caller's hook; what it raises ends the exchange."""
        if self.progress is None:
            return
        try:
            self.progress(progress)
        except Exception as error:  # noqa: BLE001 it is the caller's own, and concerns this exchange alone
            self.conclude(_caused(HookError(f"the progress hook raised {type(error).__name__}"), error))

    def result(self) -> Response:
        """Return the response or raise the error; only after the end."""
        if isinstance(self.outcome, ExchangeError):
            raise self.outcome.with_traceback(None)  # it may be raised often, by one reader after another
        if self.outcome is None:
            raise RuntimeError("the exchange has not ended")
        return self.outcome


def _caused(error: ExchangeError, cause: Exception) -> ExchangeError:
    error.__cause__ = cause
    return error


class Codec(Protocol):
    """Exchanges as bytes: HTTP/1.1 carries one at a time. No clock, no socket.

    Attributes:
        room: exchanges it takes now. With none in it and no room the connection is spent: close it.
        unsent: not all of what it carries was put out yet, and taken.
        cut: what was unsent, in part put out or not, is no longer to be sent.
        holding: what is unsent waits for an answer or for `release`.
        stalled: what the source of the body gave when it had nothing: a float, or a Wait for more.
        passed: a response with which the connection goes over to its exchange, and what came behind it.
    """

    room: int
    unsent: bool
    holding: bool
    cut: bool
    stalled: float | None
    passed: tuple[Response, bytes] | None

    def release(self) -> None:
        """Hold back nothing any longer."""

    def close(self) -> None:
        """Let go of what it carries, which is not concluded."""

    def start(self, exchange: Exchange) -> None:
        """Take an exchange; only while there is room."""

    def begin(self, exchange: Exchange) -> bytes:
        """Do the same and return all of the request, if that may go out at once; else return nothing."""

    def take_whole(self, exchange: Exchange, data: bytes) -> bool:
        """Take bytes that arrived, if they are a whole answer in the common form; else leave them."""

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
        auth: who asks, in place of the sender's own; see `policy.authorizing.make_auth`.
        follow: which redirects are followed, in place of the sender's own.
        retry: when it is sent again, in place of the sender's own; `Retry(attempts=1)` is never.
        progress: called with a `Progress` when body bytes have gone out or come in.
    """

    timeout: Timeouts | None
    auth: Any
    follow: Follow | None
    retry: Retry | None
    progress: Callable[[Progress], object] | None


class Sender(Protocol):
    """Whoever can send a request: all that polling knows of clients and pools."""

    @property
    def timeouts(self) -> Timeouts:
        """The limits of exchanges that are given none of their own."""

    def fetch(
        self, method: str, url: str, **options: Unpack[FetchOptions]
    ) -> Generator[Wait, Any, Response]:
        """Check the request now; send it when the generator is run."""
