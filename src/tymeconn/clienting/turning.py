"""hio's way of asking: one request of the deque at a time, from its launch to its response."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, cast

from multidict import CIMultiDictProxy

from ..errors import Canceled, ExchangeError
from ..exchanging.connection import Phase
from ..exchanging.exchange import Exchange, Outcome
from ..tyming.clocks import countdown
from ..wire import responding
from ..wire.eventing import resumption
from ..wire.framing import Sink
from ..wire.messages import Request, Response
from ..wire.rebuilding import in_order
from ..wire.redirecting import Follow, next_request
from ..wire.requesting import encode
from .describing import dejsoned, describe, response_dict
from .fetching import Fetcher
from .requester import Requester
from .respondent import Respondent

__all__ = ["Turns"]


# Milliseconds: a server that asks to be asked again at once is not obeyed to the letter.
_LEAST_RETRY = 100
# Nor one that asks not to be asked for a year: a day is as good as never.
_MOST_RETRY = 86_400_000
_FOLLOW = Follow()
# Seconds between two attempts to open a stream that cannot be opened.
_MOST_DELAY = 60.0


@dataclass(frozen=True, slots=True)
class _Turn:
    """A request on its way to a response: as it was built, what is said of it, and its dict, if any."""

    request: Request
    asked: dict[str, Any]
    latest: dict[str, Any] | None = None


class Turns(Fetcher):
    """Takes requests from a deque and appends their responses to another, over redirects and streams.

    A turn is launched, may be redirected, may be a stream that is asked for again when it broke off, and
    ends with one response, or, as a stream that ended well, with none. One turn is out at a time; all that
    belongs to it is let go in one place, `_end_turn`.
    """

    requester: Requester
    respondent: Respondent
    connector: Any
    requests: deque[dict[str, Any]]
    responses: deque[dict[str, Any]]
    redirects: list[dict[str, Any]]
    opened: bool
    _start: tuple[str | None, int]

    def _begin_idle(self) -> None:
        self.waited = False
        self.latest: dict[str, Any] | None = None
        self._turn: _Turn | None = None
        self._later: deque[_Turn] = deque()
        # The exchange of the turn, and whether it still waits to be taken by the connection.
        self._current: Exchange | None = None
        self._untaken = False
        self._onward: Request | None = None
        self._alarm: Callable[[], bool] | None = None
        self._streaming = False
        self._failures = 0
        self._alternate = False

    @in_order(*Requester.Differing, more=True)
    def transmit(self, **parts: Any) -> None:
        """Send a request in the next `service`: the one built last, body and all, or with changes.

        While another one is out, it waits for its turn.

        Raises:
            InvalidRequest, TypeError: the request could not be sent.
        """
        changes = {name: parts.get(name) for name in Requester.Differing}
        self._build(changes if any(value is not None for value in changes.values()) else None)
        self._enqueue(None)

    def redirect(self) -> None:
        """Go where the last of `redirects` leads; `service` calls it when the client is redirectable."""
        onward, self._onward = self._onward, None
        if onward is not None:
            self._ask(onward)

    def serviceRequests(self) -> None:  # noqa: N802 hio's name
        """Take the next of `requests`, when none is out."""
        while self.requests and not self.waited:
            self._begin(self.requests.popleft())

    def _countdown(self, seconds: float) -> Callable[[], bool]:
        return countdown(seconds, *filter(None, (self._setup.network.clock, self._tymth)))

    def _waiting(self) -> bytes:
        """Return the message that will leave next and has not begun to."""
        if self._current is None or not self._untaken:
            return b""
        return encode(self._current.request) + self._current.request.body

    def _next(self) -> Exchange | None:
        # hio's requests and the generators take turns, so that neither starves behind the other.
        self._alternate = not self._alternate
        return (super()._next() if self._alternate else None) or self._taken() or super()._next()

    def _taken(self) -> Exchange | None:
        self.serviceRequests()
        taken, self._untaken = self._untaken, False
        return self._current if taken else None

    def _begin(self, latest: dict[str, Any]) -> None:
        try:
            self._build({name: latest.get(name) for name in Requester.Differing})
        except Exception as error:  # noqa: BLE001 whatever was put into `requests` by hand
            said = {**self.requester.described(), **(latest if isinstance(latest, dict) else {})}
            self.responses.append(response_dict(None, error, said))
            return
        self._enqueue(latest)

    def _build(self, changes: dict[str, Any] | None) -> None:
        """Build the requester's message, or raise and leave the requester as it was."""
        trial = copy(self.requester)
        if changes is not None:
            trial.reinit(**changes)
        trial.build()
        vars(self.requester).update(vars(trial))

    def _enqueue(self, latest: dict[str, Any] | None) -> None:
        turn = _Turn(self.requester.made, self.requester.described(), latest)
        self.waited = True
        if self._turn is None:
            self._launch(turn)
        else:
            self._later.append(turn)

    def _launch(self, turn: _Turn) -> None:
        self._turn, self.latest = turn, turn.latest
        self._alarm = None
        self.respondent.leid, self.respondent.retry = self._start
        self._ask(turn.request)

    def _end_turn(self) -> None:
        self._turn = self._current = self._alarm = self._onward = self.latest = None
        self._untaken = self._streaming = False
        self._failures = 0
        self.redirects = []
        self.waited = bool(self._later)
        if self._later:
            self._launch(self._later.popleft())

    def _ask(self, request: Request) -> None:
        self.respondent.await_head(request.method)
        clock = self._setup.network.clock
        self._current = Exchange(request, self._setup.timeouts, clock, self._settled, self._listen)
        self._untaken = True

    def _listen(self, engine: responding.Respondent) -> Sink | bytearray:
        sink = self.respondent.take_head(engine)
        if self.respondent.evented and self._current is not None:
            self._streaming = True
            self._failures = 0
            self._current.timeouts = self._current.timeouts.streaming()
        return sink

    def _settled(self, exchange: Exchange) -> None:
        if exchange is not self._current:
            return
        outcome = cast("Outcome", exchange.outcome)
        self._current, self._untaken = None, False
        if self._streaming and not self._answers(outcome):
            self._stream_ended(outcome)
        elif isinstance(outcome, Response):
            self._answered(exchange.request, outcome)
        else:
            self._respond(outcome)

    def _answers(self, outcome: Outcome) -> bool:
        """Tell whether a stream was answered with something else when it was asked for again."""
        return isinstance(outcome, Response) and not self.respondent.evented

    def _answered(self, request: Request, response: Response) -> None:
        self.respondent.take_answer(response)
        response = response._replace(body=self.respondent.body)
        said = self._said(request if self.redirects else None)
        data = dejsoned(response, always=self.respondent.dictable)
        try:
            self._onward = self._following(request, response)
        except ExchangeError as error:
            self._respond(error)
            return
        if self._onward is None:
            self._hand_over(response_dict(response, None, said, data))
        else:
            self.redirects.append(response_dict(response, None, said, data))
            self.redirect()

    def _following(self, request: Request, response: Response) -> Request | None:
        if not self.respondent.redirectable:
            return None
        return next_request(request, response, len(self.redirects), _FOLLOW)

    def _respond(self, error: Exception) -> None:
        self.respondent.take_error(error)
        self._hand_over(response_dict(None, error, self._said(None)))

    def _said(self, request: Request | None) -> dict[str, Any]:
        turn = cast("_Turn", self._turn)
        return describe(turn.asked, request, turn.latest)

    def _hand_over(self, response: dict[str, Any]) -> None:
        if self.redirects:
            response["redirects"] = self.redirects
        self._end_turn()  # before anyone is told, who may ask for more at once
        self.responses.append(response)

    def _stream_ended(self, outcome: Outcome) -> None:
        canceled = isinstance(outcome, Canceled)
        if self.connector.reconnectable and not canceled:
            delay = min(max(self.respondent.retry, _LEAST_RETRY), _MOST_RETRY) / 1000
            self._alarm = self._countdown(min(delay * 2**self._failures, max(delay, _MOST_DELAY)))
            self._failures = min(self._failures + 1, 20)
        elif canceled or isinstance(outcome, Response):
            self.respondent.ended = True
            self._end_turn()
        else:
            self._respond(outcome)

    def _revive(self) -> bool:
        """Begin to connect again to what the peer has closed, when that is wanted and its time has come."""
        if self._alarm is None and self._deserted():
            self._alarm = self._countdown(self.connector.tymeout)
        if self._alarm is None or not self._alarm():
            return False
        self._alarm = None
        self._connection.open(self._base.origin)
        if self._streaming:
            self.redirects = []
            self._ask(self._stream_request())
        return True

    def _deserted(self) -> bool:
        wanted = self.opened and self.connector.reconnectable and self.connector.tymeout > 0
        return wanted and self._connection.phase is Phase.CLOSED and not (self.waited or self.requests)

    def _stream_request(self) -> Request:
        """Return the turn's request with Last-Event-ID, when there is one that can be sent."""
        request = cast("_Turn", self._turn).request
        headers = request.headers.copy()
        for name, value in resumption(self.respondent.leid).items():
            headers[name.title()] = value.decode("latin-1")
        return request.with_headers(CIMultiDictProxy(headers))

    def _give_up(self) -> None:
        """Forget all that was asked and not answered."""
        exchange, self._current = self._current, None
        self.requests.clear()
        self._later.clear()
        self._end_turn()
        if exchange is not None:
            self.abandon(exchange)

    def _drop_turns(self, reason: str) -> None:
        """End every turn that was begun: with an errored response, or, when it was a stream, with none."""
        while self._turn is not None:
            if self._current is None:
                self._end_turn()
            else:
                self._current.conclude(Canceled(reason), "waiting")
