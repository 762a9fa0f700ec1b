"""hio's way of asking: one request of the deque at a time, from its launch to its response."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from copy import copy
from typing import Any, cast

from ..errors import Canceled, ExchangeError
from ..exchanging.connection import Phase
from ..exchanging.exchange import Exchange, Outcome
from ..tyming.clocks import countdown
from ..wire import responding
from ..wire.framing import Sink
from ..wire.messages import Request, Response
from ..wire.rebuilding import in_order
from ..wire.redirecting import next_request
from .describing import dejsoned, describe, response_dict
from .fetching import Fetcher
from .requester import Requester
from .respondent import Respondent

__all__ = ["Turns"]


class Turns(Fetcher):
    """Takes requests from a deque and appends their responses to another, over redirects and streams.

    A turn is launched, may be redirected, may be a stream that is asked for again when it broke off, and
    ends with one response, or, as a stream, with none.
    """

    requester: Requester
    respondent: Respondent
    connector: Any
    requests: deque[dict[str, Any]]
    responses: deque[dict[str, Any]]
    redirects: list[dict[str, Any]]

    def _begin_idle(self) -> None:
        self.waited = False
        self.latest: dict[str, Any] | None = None
        self._direct: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._onward: Request | None = None
        self._alarm: Callable[[], bool] | None = None
        self._streaming = False
        self._opened = False
        self._turn = False

    @in_order(*Requester.Differing, more=True)
    def transmit(self, **parts: Any) -> None:
        """Send a request at once, in the next `service`: the one built last, body and all, or with changes.

        Raises:
            InvalidRequest, TypeError: the request could not be sent.
        """
        changes = {name: parts.get(name) for name in Requester.Differing}
        if any(value is not None for value in changes.values()):
            self.requester.reinit(**changes)
        self.requester.build()
        self._launch(self.requester.made)

    def redirect(self) -> None:
        """Go where the last of `redirects` leads; `service` calls it when the client is redirectable."""
        onward, self._onward = self._onward, None
        if onward is not None:
            self._launch(onward)

    def serviceRequests(self) -> None:  # noqa: N802 hio's name
        """Take the next of `requests`, when none is out."""
        while self.requests and not self.waited:
            self._begin(self.requests.popleft())

    def _countdown(self, seconds: float) -> Callable[[], bool]:
        return countdown(seconds, *filter(None, (self._setup.network.clock, self._tymth)))

    def _waiting(self) -> bytes:
        """Return the message of the request that will leave next and has not begun to."""
        return self.requester.msg if self._direct else b""

    def _next(self) -> Exchange | None:
        # hio's requests and the generators take turns, so that neither starves behind the other.
        self._turn = not self._turn
        fetched = super()._next() if self._turn and not self._direct else None
        if fetched is None:
            self.serviceRequests()
        return fetched or (self._direct.popleft() if self._direct else super()._next())

    def _begin(self, latest: dict[str, Any]) -> None:
        trial = copy(self.requester)
        try:
            trial.reinit(**{name: latest.get(name) for name in Requester.Differing})
            trial.build()
        except Exception as error:  # noqa: BLE001 whatever was put into `requests` by hand
            said = {**self.requester.described(), **(latest if isinstance(latest, dict) else {})}
            self.responses.append(response_dict(None, error, said))
            return
        vars(self.requester).update(vars(trial))
        self.latest = latest
        self._launch(self.requester.made)

    def _launch(self, request: Request) -> None:
        self.waited = True
        self.respondent.await_head(request.method)
        clock = self._setup.network.clock
        self._current = Exchange(request, self._setup.timeouts, clock, self._settled, self._listen)
        self._direct.append(self._current)

    def _listen(self, engine: responding.Respondent) -> Sink | bytearray:
        sink = self.respondent.take_head(engine)
        if self.respondent.evented and self._current is not None:
            self._streaming = True
            self._current.timeouts = self._current.timeouts.streaming()
        return sink

    def _settled(self, exchange: Exchange) -> None:
        if exchange is not self._current:
            return
        outcome = cast("Outcome", exchange.outcome)
        self._current = None
        if self._streaming and not self._answers(outcome):
            self._stream_ended(outcome)
        elif isinstance(outcome, Response):
            self._answered(exchange.request, outcome)
        else:
            self._streaming = False
            self._respond(outcome)

    def _answers(self, outcome: Outcome) -> bool:
        """Tell whether a stream was answered with something else when it was asked for again."""
        return isinstance(outcome, Response) and not self.respondent.evented

    def _answered(self, request: Request, response: Response) -> None:
        self._streaming = False
        self.respondent.take_answer(response)
        response = response._replace(body=self.respondent.body)
        said = describe(self.requester, request if self.redirects else None, self.latest)
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
        return next_request(request, response, len(self.redirects))

    def _respond(self, error: Exception) -> None:
        self.respondent.take_error(error)
        self._hand_over(response_dict(None, error, describe(self.requester, None, self.latest)))

    def _hand_over(self, response: dict[str, Any]) -> None:
        if self.redirects:
            response["redirects"] = self.redirects
            self.redirects = []
        self._free()
        self.responses.append(response)

    def _free(self) -> None:
        self.latest, self.waited = None, False

    def _stream_ended(self, outcome: Outcome) -> None:
        if self.connector.reconnectable and not isinstance(outcome, Canceled):
            self._alarm = self._countdown(self.respondent.retry / 1000)
            return
        self._streaming = False
        self.requester.headers.popall("last-event-id", None)
        if isinstance(outcome, Response | Canceled):
            self.respondent.ended = True
            self._free()
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
            self._ask_again()
        return True

    def _deserted(self) -> bool:
        wanted = self._opened and self.connector.reconnectable and self.connector.tymeout > 0
        return wanted and self._connection.phase is Phase.CLOSED and not (self.waited or self.requests)

    def _ask_again(self) -> None:
        if self.respondent.leid is not None:
            self.requester.headers["Last-Event-ID"] = self.respondent.leid
        self.requester.build()
        self._launch(self.requester.made)

    def _give_up(self) -> None:
        exchange, self._current = self._current, None
        self._streaming = False
        self._free()
        self._direct.clear()
        if exchange is not None:
            self._abandon(exchange)
