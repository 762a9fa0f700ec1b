"""Requests as generators: what a client is before it has hio's deques, and a pool on many connections."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator
from math import inf
from typing import Any, NamedTuple, TypeAlias, Unpack, cast

from ..errors import Canceled, ExchangeError, HookError, InvalidRequest, ProtocolError, TotalTimeout
from ..exchanging.conversing import Conversation, Manner, usual
from ..exchanging.exchange import Exchange, FetchOptions, Outcome, Progress
from ..exchanging.http1 import head_of
from ..exchanging.repeating import Attempts, Repeater
from ..exchanging.setup import Setup
from ..net.seams import Tls
from ..policy.chance import Draw, draws, mints
from ..policy.patience import Timeouts
from ..tyming.clocks import Clock
from ..tyming.waiting import Signal, Wait
from ..wire.framing import Sink
from ..wire.messages import Request, Response
from ..wire.requesting import MessageOptions, make_request
from ..wire.responding import Respondent
from ..wire.urls import Origin, Url, join
from .carrying import Carriage, Carrier, Waiting
from .connector import untapped
from .streaming import Inbox, Stream

__all__ = ["Answer", "Asker", "Fetcher", "Plan"]

Answer: TypeAlias = Generator[Wait, float | None, Response]

# The body of an answer that leads on is read for the connection's sake, as long as that costs less than a
# new one.
_DRAINED = 65_536
_OWN = ("auth", "follow", "retry", "timeout", "progress")
_NOTHING: dict[str, Any] = dict.fromkeys(_OWN)


class Asker(Carriage):
    """Makes requests, and asks on where an answer leads; how they are carried is for whoever inherits.

    The generators send and receive by themselves.
    """

    def __init__(self, setup: Setup, manner: Manner, draw: Draw | None = None) -> None:
        """Take what connections are made with, how requests are made, and the jitter of when they go again.

        Without `draw` it is another in each sender, so that those who fail together do not come back so.
        """
        self._setup = setup
        self._manner = manner
        draw = draws(mints()()) if draw is None else draw
        self._repeater = Repeater(draw, manner.calendar, setup.network.clock, self._tyme)
        self._rests: dict[Signal, None] = {}

    @abstractmethod
    def _make(self, method: str, url: str, options: MessageOptions) -> Request:
        """Return the request that a caller means."""

    @abstractmethod
    def _trusts(self, origin: Origin) -> bool:
        """Tell whether the manner's auth is for `origin`."""

    def _heard(self, exchange: Exchange, head: Response) -> None:
        """Take note of an answer's head; the answer may never be read to its end."""

    def _tyme(self) -> float:
        """Return tyme; while it is not wound, the network's seconds stand for it."""
        tyme: float = self._tymth() if self._tymth else self._setup.network.clock()
        return tyme

    def _prepare(self, base: Url | None) -> None:
        """Have a wrong file told now.

        What default settings need for https, when a request leads there, is loaded off the thread.

        Raises:
            ValueError: a file of the setup's `tls` cannot be used.
        """
        secured = base is not None and base.origin.scheme == "https"
        if secured or self._setup.tls != Tls():
            self._setup.network.prepare(self._setup.tls)

    @property
    def timeouts(self) -> Timeouts:
        """The limits of exchanges that are given none of their own."""
        return self._setup.timeouts

    def fetch(self, method: str, url: str, **options: Unpack[FetchOptions]) -> Answer:
        """Check the request now and return a generator that sends it when it is run.

        `url` is absolute, or relative to the base if there is one. The generator yields a `Wait` until the
        answer is whole and returns it: the last one, behind redirects and challenges. Closing it before
        that ends the exchange. An answer of 101, or 2xx to CONNECT, brings the connection itself, in its
        `meta.tunnel`.

        Raises:
            InvalidRequest, TypeError: at this call, for a request that cannot be sent.
            ExchangeError: out of the generator, when there is no answer.
        """
        return self._conversed(self._planned(method, url, options))

    def stream(
        self, method: str, url: str, **options: Unpack[FetchOptions]
    ) -> Generator[Wait, float | None, Stream]:
        """Do as `fetch`, but return a `Stream` as soon as the answer's head is there.

        Raises:
            InvalidRequest, TypeError, ExchangeError: see `fetch`, to which tunnels and upgrades are left.
        """
        plan = self._planned(method, url, options)
        if plan.request.method == "CONNECT" or "upgrade" in plan.request.headers:
            raise InvalidRequest(
                "invalid_method", "CONNECT and upgrades are for fetch: nothing is streamed"
            )
        return self._conversed(plan, Inbox())

    def get(self, url: str, **options: Unpack[FetchOptions]) -> Answer:
        """Fetch with GET."""
        return self._conversed(self._planned("GET", url, options))

    def post(self, url: str, **options: Unpack[FetchOptions]) -> Answer:
        """Fetch with POST."""
        return self._conversed(self._planned("POST", url, options))

    def put(self, url: str, **options: Unpack[FetchOptions]) -> Answer:
        """Fetch with PUT."""
        return self._conversed(self._planned("PUT", url, options))

    def patch(self, url: str, **options: Unpack[FetchOptions]) -> Answer:
        """Fetch with PATCH."""
        return self._conversed(self._planned("PATCH", url, options))

    def delete(self, url: str, **options: Unpack[FetchOptions]) -> Answer:
        """Fetch with DELETE."""
        return self._conversed(self._planned("DELETE", url, options))

    def head(self, url: str, **options: Unpack[FetchOptions]) -> Answer:
        """Fetch with HEAD."""
        return self._conversed(self._planned("HEAD", url, options))

    def options(self, url: str, **options: Unpack[FetchOptions]) -> Answer:
        """Fetch with OPTIONS."""
        return self._conversed(self._planned("OPTIONS", url, options))

    def _planned(self, method: str, url: str, options: FetchOptions) -> Plan:
        own = {name: options.pop(name, None) for name in _OWN} if options else _NOTHING  # type: ignore[misc]
        request = self._make(method, url, cast("MessageOptions", options))
        trusted = self._manner.auth is None or self._trusts(request.url.origin)
        manner = self._manner.changed(own["auth"], own["follow"], own["retry"], trusted=trusted)
        if own is _NOTHING:
            return Plan(request, manner, self._setup.timeouts, None, manner.simple)
        timeouts = self._setup.timeouts if own["timeout"] is None else own["timeout"]
        progress = own["progress"]
        return Plan(request, manner, _checked(timeouts, progress), progress, manner.simple)

    def _conversed(self, plan: Plan, inbox: Inbox | None = None) -> Generator[Wait, float | None, Any]:
        """Carry one exchange after another; return the last answer, with an inbox as a stream out of it."""
        clock = self._setup.network.clock
        started, retry = clock(), plan.manner.retry
        end = inf if plan.timeouts.total is None else started + plan.timeouts.total
        attempts = None if retry is None else self._repeater.attempts(retry, end)
        hearing = _Hearing(plan, attempts, inbox, self._heard)
        while True:
            exchange = hearing.begin(clock)
            exchange.started = started
            self.enqueue(exchange)
            try:
                yield from self.carried(exchange, None if inbox is None else hearing.enough)
                onward = hearing.conclude()
            except BaseException:
                self.abandon(exchange)
                raise
            if onward is None:
                response = hearing.response
                return response if inbox is None else Stream(self, exchange, inbox, response)
            if onward.delay is not None:
                yield from self._rested(onward, onward.delay, end)

    def _rested(self, conversation: Conversation, delay: float, end: float) -> Waiting:
        """Wait for `delay` seconds of tyme before a request goes out again, with no connection held.

        Raises:
            TotalTimeout: the network's clock was at `end` before.
            Canceled: the sender was closed.
        """
        clock, rest = self._setup.network.clock, Signal()
        due, tyme = self._tyme() + delay, None
        self._rests[rest] = None
        try:
            while rest in self._rests and (now := self._tyme()) < due and clock() < end:
                tyme = now if self._tymth else tyme
                left = min(due - now, end - clock())
                tyme = yield Wait() if tyme is None else Wait(rest, until=tyme + left)
            if rest not in self._rests:
                raise conversation.failed(Canceled("it was closed before the request went out again"))
        finally:
            self._rests.pop(rest, None)
        if clock() >= end:
            raise conversation.failed(TotalTimeout("no time was left for the request to go out again"))

    def _rouse(self) -> None:
        """End the calls that wait until their requests go out again."""
        rests, self._rests = self._rests, {}
        for rest in rests:
            rest.fire()


class Fetcher(Carrier, Asker):
    """Sends requests from a base over one connection at a time."""

    def __init__(self, setup: Setup, base: Url, manner: Manner) -> None:
        """Take what connections are made with, where relative URLs lead, and how requests are made.

        Raises:
            ValueError: a file of the setup's `tls` cannot be used.
        """
        Carrier.__init__(self, setup)
        Asker.__init__(self, setup, manner)
        self._base = base
        self._prepare(base)

    def close(self) -> None:
        """Close the connection and end every call that was begun with Canceled."""
        super().close()
        self._rouse()

    def _make(self, method: str, url: str, options: MessageOptions) -> Request:
        return make_request(method, join(self._base, url), **options)

    def _trusts(self, origin: Origin) -> bool:
        return origin == self._base.origin


class Plan(NamedTuple):
    """What was asked for, checked; `simple` is the manner's."""

    request: Request
    manner: Manner
    timeouts: Timeouts
    progress: Callable[[Progress], object] | None
    simple: bool


def _checked(timeouts: object, progress: object) -> Timeouts:
    if not isinstance(timeouts, Timeouts):
        raise TypeError(f"timeout must be Timeouts, as in Timeouts(total=5), not {timeouts!r}")
    if progress is not None and not callable(progress):
        raise TypeError(f"progress must be a function, not {progress!r}")
    return timeouts


class _Hearing:
    """The answers to a plan as they come: the body of the last one is kept, or goes to an inbox.

    Attributes:
        exchange: whose answer is awaited, or was the last.
        response: the last answer: whole, or its head when there is an inbox.
    """

    __slots__ = (
        "_conversation",
        "_drained",
        "_head",
        "_heard",
        "_inbox",
        "_plan",
        "exchange",
        "response",
    )

    exchange: Exchange
    response: Response
    _drained: bytearray

    def __init__(
        self,
        plan: Plan,
        attempts: Attempts | None,
        inbox: Inbox | None,
        heard: Callable[[Exchange, Response], None],
    ) -> None:
        self._plan = plan
        self._inbox = inbox
        self._heard = heard
        self._head: Response | None = None
        # With a simple manner it begins when an answer has come that may lead on: most do not.
        self._conversation: Conversation | None = None
        if not plan.simple:
            self._conversation = Conversation(plan.request, plan.manner, attempts)

    def begin(self, clock: Clock) -> Exchange:
        """Return the exchange that is next."""
        plan, conversation = self._plan, self._conversation
        self._head = None
        request, keeps = plan.request, usual
        if conversation is not None:
            request, keeps = conversation.begin(), conversation.ends_with
        exchange = Exchange(
            request, plan.timeouts, clock, sink=self.listen, keeps=keeps if self._inbox is None else None
        )
        exchange.progress = plan.progress
        self.exchange = exchange
        if self._inbox is not None:
            self._inbox.attach(exchange)
        return exchange

    def listen(self, respondent: Respondent) -> Sink | None:
        """Say where the body goes, once the head is there."""
        conversation = self._begun()
        if self._inbox is None and conversation.ends_with(respondent.status):
            return None
        head = head_of(self.exchange, respondent)
        self._heard(self.exchange, head)
        onward = conversation.heed(head)
        self._head = head
        if onward:
            self.exchange.timeouts = self.exchange.timeouts.draining()
            self._drained = bytearray()
            return self._drain
        return None if self._inbox is None else self._inbox.open()

    def enough(self) -> bool:
        """Tell whether the head of the last answer is there: that is all that an inbox waits for."""
        return self._head is not None and not self._begun().onward

    def conclude(self) -> Conversation | None:
        """Take the answer, or raise the error in its place; return what leads on, if anything does."""
        outcome = self.exchange.outcome
        if self._conversation is None and isinstance(outcome, Response):
            self.response = outcome
            return None
        conversation = self._begun()
        if not conversation.onward:
            return self._conclude_last(conversation, outcome)
        # Where to go on is known; how the answer that said it ended is of no interest.
        if isinstance(outcome, Canceled | HookError):
            raise outcome
        head = cast("Response", self._head)
        meta = outcome.meta if isinstance(outcome, Response) else head.meta
        conversation.remember(head._replace(body=bytes(self._drained)).with_meta(meta))
        return conversation

    def _conclude_last(self, conversation: Conversation, outcome: Outcome | None) -> Conversation | None:
        response = self._head
        if self._inbox is None or response is None:
            if isinstance(outcome, ExchangeError):
                if conversation.persists(self.exchange.request, outcome):
                    return conversation
                conversation.failed(outcome)
            response = self.exchange.result()
        self.response = conversation.conclude(untapped(response))
        return None

    def _begun(self) -> Conversation:
        conversation = self._conversation
        if conversation is None:
            conversation = self._conversation = Conversation(self._plan.request, self._plan.manner)
            conversation.begin()
        return conversation

    def _drain(self, piece: bytes | memoryview) -> None:
        room = _DRAINED - len(self._drained)
        self._drained += piece[:room]
        if len(piece) > room:
            raise ProtocolError("too_large", "the body of an answer that leads on is not read to its end")
