"""The client: one connection at a time, for generators and for hio's deques alike.

Requests are exchanges on an `exchanging.connection.Connection`, which has the phase table. What a peer,
a resolver or a certificate does is the outcome of an exchange; nothing here raises for it, except the
generator that asked.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any, Unpack, cast

from hio.base import doing
from hio.help.hicting import Hict

from .errors import Canceled, ExchangeError, InvalidRequest, PoolTimeout, TotalTimeout
from .exchanging.connection import Connection, Setup
from .exchanging.exchange import Exchange, FetchOptions
from .net.networking import default_network
from .net.seams import Network, Tls
from .policy.patience import Timeouts
from .tyming.waiting import Awaitable, Wait
from .wire.messages import Limits, Request, Response
from .wire.rebuilding import Requester
from .wire.requesting import MessageOptions, make_request
from .wire.urls import join, split

__all__ = ["Client", "ClientDoer", "openClient"]

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Client:
    """HTTP client of one connection at a time.

    The generator methods (`fetch`, `get` and so on) send and receive by themselves; hio's way (`request`,
    `service`, `respond`) needs a `ClientDoer` or calls of `service`. Both may be used on one client. When
    the next exchange is for another origin, the connection is closed and another one is opened.

    Attributes:
        requester: the state from which hio's requests are built; its origin is the client's base.
        requests: hio's deque of request dicts that wait to be sent.
        responses: hio's deque of response dicts.
        waited: a request of `requests` is out.
        latest: the request dict that is out.
    """

    def __init__(  # noqa: PLR0913 hio's constructor grows by keywords only
        self,
        *,
        network: Network | None = None,
        tls: Tls | None = None,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        requests: deque[dict[str, Any]] | None = None,
        responses: deque[dict[str, Any]] | None = None,
        dictable: bool | None = None,
        **parts: Any,
    ) -> None:
        """Take the parts of hio's Requester (hostname, port, scheme, path, headers and so on) as `parts`.

        A `path` that is a whole URL gives scheme, host and port. `dictable` decodes every body of
        `responses` as JSON, not only those that say they are.

        Raises:
            InvalidRequest: no connection can lead there.
            TypeError: an unknown part, or an argument of the wrong type.
            ValueError: a file of `tls` cannot be used.
        """
        self.requester = Requester(**_parted(parts))
        self.requests = requests if requests is not None else deque()
        self.responses = responses if responses is not None else deque()
        self.waited = False
        self.latest: dict[str, Any] | None = None
        self._dictable = dictable
        self._setup = Setup(
            network or default_network(), tls or Tls(), limits or Limits(), timeouts or Timeouts()
        )
        self._queue: deque[Exchange] = deque()
        self._connection = Connection(self._setup, self._next)
        self._pumps = 0
        self._now = 0.0
        self._awaited: tuple[Awaitable, ...] = ()
        self._until: float | None = None
        self._tymth: Any = None
        self._prepare(self.requester.base.origin.scheme)

    def fetch(
        self, method: str, url: str, **options: Unpack[FetchOptions]
    ) -> Generator[Wait, float | None, Response]:
        """Check the request now and return a generator that sends it when it is run.

        `url` is absolute or relative to the client's base. The generator yields a `Wait` until the answer
        is whole and returns it. Closing it before that ends the exchange.

        Raises:
            InvalidRequest, TypeError: at this call, for a request that cannot be sent.
            ExchangeError: out of the generator, when there is no answer.
        """
        timeouts = options.pop("timeout", None) or self._setup.timeouts
        if not isinstance(timeouts, Timeouts):
            raise TypeError(f"timeout must be Timeouts, not {timeouts!r}")
        message = cast("MessageOptions", options)
        request = make_request(method, join(self.requester.base, url), **message)
        self._prepare(request.url.origin.scheme)
        return self._carry(request, timeouts)

    def get(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with GET."""
        return self.fetch("GET", url, **options)

    def post(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with POST."""
        return self.fetch("POST", url, **options)

    def put(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with PUT."""
        return self.fetch("PUT", url, **options)

    def patch(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with PATCH."""
        return self.fetch("PATCH", url, **options)

    def delete(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with DELETE."""
        return self.fetch("DELETE", url, **options)

    def head(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with HEAD."""
        return self.fetch("HEAD", url, **options)

    def options(self, url: str, **options: Unpack[FetchOptions]) -> Generator[Wait, float | None, Response]:
        """Fetch with OPTIONS."""
        return self.fetch("OPTIONS", url, **options)

    def request(self, *, reply: Any = None, **parts: Any) -> None:
        """Append a request to `requests`, built from `requester` and the parts that are given.

        The parts are hio's: method, path, qargs, fragment, headers, body, data, fargs. `reply` and any
        other keyword are not sent and come back in the response's ``request``.

        Raises:
            InvalidRequest: the request could not be sent.
        """
        self.requests.append(self.requester.differ(reply=reply, **parts))

    def respond(self) -> Response | None:
        """Return the oldest of `responses`, taken from it, or None when there is none."""
        return self.attrify(self.responses.popleft()) if self.responses else None

    @staticmethod
    def attrify(response: dict[str, Any]) -> Response:
        """Return a response dict as a named tuple."""
        return Response(**{name: response[name] for name in Response._fields})

    def service(self) -> None:
        """Make one pass: send, receive and hand over as much as can be without blocking."""
        self._connection.service()

    def wind(self, tymth: Any) -> None:
        """Take hio's tyme; only waiting uses it, network deadlines run on the network's clock."""
        self._tymth = tymth

    def reopen(self) -> bool:
        """Close what is open and begin to connect to the base."""
        self.close()
        self._connection.open(self.requester.base.origin)
        return True

    def close(self) -> None:
        """Close the connection and end every exchange that was begun with Canceled."""
        self._connection.close("the client was closed")
        while self._queue:
            self._queue.popleft().conclude(Canceled("the client was closed"), "waiting")

    def _prepare(self, scheme: str) -> None:
        if scheme == "https":
            self._setup.network.prepare(self._setup.tls)

    def _carry(self, request: Request, timeouts: Timeouts) -> Generator[Wait, float | None, Response]:
        exchange = Exchange(request, timeouts, self._setup.network.clock)
        expiry, error = _queue_limit(exchange)
        self._queue.append(exchange)
        tyme = self._tymth() if self._tymth else None
        try:
            self._pump()
            while exchange.outcome is None:
                pumps = self._pumps
                tyme = yield self._wait(exchange, expiry, tyme)
                # Of all who wait, one is enough to move the connection: whoever finds that nobody did.
                if self._pumps == pumps:
                    self._pump()
                if self._now >= expiry and exchange is not self._connection.exchange:
                    exchange.conclude(error(f"{exchange.origin} had no free connection in time"), "waiting")
            return exchange.result()
        finally:
            self._abandon(exchange)

    def _pump(self) -> None:
        self._pumps += 1
        self._connection.service()
        self._now = self._setup.network.clock()
        self._awaited = self._connection.awaited
        self._until = self._connection.until

    def _wait(self, exchange: Exchange, expiry: float, tyme: float | None) -> Wait:
        if tyme is None:
            return Wait()
        moment = self._until
        if exchange is not self._connection.exchange:
            moment = expiry if moment is None else min(moment, expiry)
        until = None if moment is None or moment == inf else tyme + max(0.0, moment - self._now)
        return Wait((exchange.done, *self._awaited), until=until)

    def _abandon(self, exchange: Exchange) -> None:
        if exchange.outcome is None:
            error = Canceled("the generator was closed")
            if exchange is self._connection.exchange:
                self._connection.cancel(exchange, error)
            exchange.conclude(error, "waiting")

    def _next(self) -> Exchange | None:
        while self._queue:
            exchange = self._queue.popleft()
            if exchange.outcome is None:
                return exchange
        while self.requests and not self.waited:
            begun = self._begin(self.requests.popleft())
            if begun is not None:
                return begun
        return None

    def _begin(self, latest: dict[str, Any]) -> Exchange | None:
        self.latest = latest
        self.waited = True
        try:
            self.requester.reinit(**{name: latest.get(name) for name in Requester.Differing})
            request = self.requester.make()
        except (InvalidRequest, TypeError) as error:
            # A dict that was put into `requests` by hand was not checked before.
            self._respond(None, error)
            return None
        return Exchange(request, self._setup.timeouts, self._setup.network.clock, self._settled)

    def _settled(self, exchange: Exchange) -> None:
        outcome = exchange.outcome
        if isinstance(outcome, Response):
            self._respond(outcome, None)
        else:
            self._respond(None, outcome)

    def _respond(self, response: Response | None, error: Exception | None) -> None:
        request = {**(self.latest or {}), **self.requester.described()}
        self.latest, self.waited = None, False
        self.responses.append(
            {
                "version": response.version if response else None,
                "status": response.status if response else None,
                "reason": response.reason if response else None,
                "headers": Hict(response.headers if response else ()),
                "body": bytearray(response.body if response else b""),
                "data": self._data(response) if response else None,
                "request": request,
                "errored": error is not None,
                "error": None if error is None else str(error) or type(error).__name__,
            }
        )

    def _data(self, response: Response) -> Any:
        if (
            not self._dictable
            and "application/json" not in response.headers.get("content-type", "").lower()
        ):
            return None
        try:
            return json.loads(response.body)
        except (ValueError, RecursionError):
            return None


class ClientDoer(doing.Doer):
    """Services a client once a tick, from `enter` (which opens it) to `exit` (which closes it).

    Attributes:
        client: the client.
    """

    def __init__(self, client: Client, **kwa: Any) -> None:
        """Take the client; other keywords are hio's Doer's."""
        super().__init__(**kwa)  # type: ignore[no-untyped-call]
        self.client = client
        if self.tymth:
            self.client.wind(self.tymth)

    def wind(self, tymth: Any) -> None:
        """Take hio's tyme for doer and client."""
        super().wind(tymth)  # type: ignore[no-untyped-call]
        self.client.wind(tymth)

    def enter(self, *, temp: bool | None = None) -> None:  # noqa: ARG002 hio passes it from 0.6.18 on
        """Open the client."""
        self.client.reopen()

    def recur(self, tyme: float) -> bool:  # noqa: ARG002 hio's signature
        """Service the client; never done."""
        self.client.service()
        return False

    def exit(self) -> None:
        """Close the client."""
        self.client.close()


@contextmanager
def openClient(cls: type[Client] | None = None, **kwa: Any) -> Iterator[Client]:  # noqa: N802 hio's name
    """Make a client of `cls`, reopen it, and close it at the end of the with block."""
    client = (cls or Client)(**kwa)
    try:
        client.reopen()
        yield client
    finally:
        client.close()


def _queue_limit(exchange: Exchange) -> tuple[float, type[ExchangeError]]:
    """Return until when the exchange may wait for the connection, and what it is then."""
    pool, total = exchange.timeouts.pool, exchange.timeouts.total
    if total is not None and (pool is None or total <= pool):
        return exchange.started + total, TotalTimeout
    return (inf if pool is None else exchange.started + pool), PoolTimeout


def _parted(parts: dict[str, Any]) -> dict[str, Any]:
    """Return the Requester's parts, with those that a whole URL as path gives in their places."""
    path = parts.get("path") or "/"
    parts = {**parts, "scheme": parts.get("scheme") or "http"}
    if not (isinstance(path, str) and _ABSOLUTE.match(path)):
        return parts
    url = split(path)
    fragment = f"#{url.fragment}" if url.fragment else ""
    origin = {"scheme": url.origin.scheme, "hostname": url.origin.host, "port": url.origin.port}
    return {**parts, **origin, "path": f"{url.target}{fragment}"}
