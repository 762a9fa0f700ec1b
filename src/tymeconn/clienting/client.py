"""hio's Client: requests and responses in deques, events in another, in front of the engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any, cast

from ..exchanging.conversing import Manner
from ..exchanging.setup import Setup
from ..net.injecting import InjectedNetwork
from ..net.networking import default_network
from ..net.seams import Network, Tls
from ..policy.authorizing import make_auth
from ..policy.patience import Timeouts
from ..tyming.clocks import Calendar
from ..wire.cookies import CookieJar
from ..wire.messages import Limits, Response
from ..wire.redirecting import Follow
from .connector import ConnectorOptions, HioConnector, TappedNetwork
from .describing import given_or_new, hosted, led_by, of_kind, parted
from .requester import Requester, built
from .respondent import Respondent
from .securing import TLS_NAMES, tls_of
from .turning import Turns

__all__ = ["Client"]


class Client(Turns):
    """HTTP client of one connection at a time, with hio's names.

    The generator methods (`fetch`, `get` and so on) send and receive by themselves; hio's way (`request`,
    `service`, `respond`) needs a `ClientDoer` or calls of `service`. Both may be used on one client.

    Attributes:
        requests: deque of request dicts that wait to be sent.
        responses: deque of response dicts.
        events: deque of server-sent events, as dicts of id, name and data.
        redirects: response dicts of the redirects that led to the request that is out.
        waited: a request is out.
        latest: the request dict that is out.
        secured: the base is https.
        connector: the connection, as hio's users see it; or the hio connector that was given.
        requester: the state from which requests are built; its origin is the client's base.
        respondent: the response as it comes.
    """

    def __init__(  # noqa: PLR0913, PLR0917 hio's signature
        self,
        connector: Any = None,
        requester: Requester | None = None,
        respondent: Respondent | None = None,
        name: str = "",
        uid: Any = 0,
        bufsize: int = 8096,
        wl: Any = None,
        hostname: str = "127.0.0.1",
        port: int | None = None,
        scheme: str = "",
        method: str = "GET",
        path: str = "/",
        headers: Any = None,
        qargs: dict[str, Any] | None = None,
        fragment: str = "",
        body: bytes | str = b"",
        data: Any = None,
        fargs: Any = None,
        requests: deque[dict[str, Any]] | None = None,
        msg: bytearray | None = None,
        dictable: bool | None = None,  # noqa: FBT001 hio's signature
        events: deque[dict[str, Any]] | None = None,
        redirectable: bool = True,  # noqa: FBT001, FBT002 hio's signature
        redirects: list[dict[str, Any]] | None = None,
        responses: deque[dict[str, Any]] | None = None,
        portOptional: bool = False,  # noqa: FBT001, FBT002, N803 hio's signature
        *,
        network: Network | None = None,
        tls: Tls | None = None,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        auth: Any = None,
        cookies: CookieJar | None = None,
        follow: Follow | None = None,
        **kwa: Any,
    ) -> None:
        """Take what hio's Client takes; from `network` on all is tymeconn's own.

        `auth`, `cookies` and `follow` are for the generator methods; hio's way has `redirectable`.

        A `path` that is a whole URL gives scheme, host and port. `kwa` goes to the connector: tymth,
        tymeout, reconnectable, ha, bs, txbs, rxbs, and for https context, version, certify, hostify,
        certedhost, keypath, certpath, cafilepath.

        Raises:
            InvalidRequest: no connection can lead there.
            TypeError: an unknown argument, or one of the wrong type.
            ValueError: a file for TLS cannot be used.
        """
        _check_known(kwa)
        _check_given(requester, respondent)
        if connector:
            where = led_by(connector, path, scheme)
        else:
            where = parted(path, scheme, hostname, port) | hosted(kwa.get("ha"))
        parts = {"method": method, "headers": headers, "qargs": qargs, "fragment": fragment, "body": body}
        parts |= {"data": data, "fargs": fargs, "portOptional": portOptional, **where}
        self.requester = built(requester, parts)
        self.requests = given_or_new("requests", deque, requests)
        self.responses = given_or_new("responses", deque, responses)
        self.events = given_or_new(
            "events", deque, respondent.events if respondent and events is None else events
        )
        self.redirects = given_or_new("redirects", list, redirects)
        base = self.requester.base
        options = {"name": name, "uid": uid, "bufsize": bufsize, "wl": wl, **kwa}
        self.connector: Any = connector or HioConnector(base.origin, cast("ConnectorOptions", options))
        tapped = self._tapped(default_network() if network is None else network)
        limits = given_or_new("limits", Limits, limits)
        setup = Setup(
            tapped,
            tls_of(kwa) if tls is None else tls,
            limits,
            given_or_new("timeouts", Timeouts, timeouts),
        )
        follow = given_or_new("follow", Follow, follow)
        super().__init__(setup, base, Manner(make_auth(auth), cookies, follow, Calendar.on(tapped.clock)))
        self._tymth = kwa.get("tymth")
        self.secured = self._base.origin.scheme == "https"
        self._opened = False
        self._begin_idle()
        if isinstance(self.connector, HioConnector):
            self.connector.attach(self._connection, self._waiting)
        self.respondent = self._responding(
            respondent, msg=msg, dictable=dictable, redirectable=redirectable
        )
        self._start = (self.respondent.leid, self.respondent.retry)

    def request(  # noqa: PLR0913, PLR0917 hio's signature
        self,
        method: str | None = None,
        path: str | None = None,
        qargs: dict[str, Any] | None = None,
        fragment: str | None = None,
        headers: Any = None,
        body: bytes | str | None = None,
        data: Any = None,
        fargs: Any = None,
        reply: Any = None,
        **kwa: Any,
    ) -> None:
        """Append a request to `requests`; what is None is as in the request that was built last.

        body, data and fargs are not kept from one request to the next. `reply` and any other keyword are
        not sent and come back in the response's ``request``.

        Raises:
            InvalidRequest, TypeError: the request could not be sent; nothing was appended.
        """
        parts = {"method": method, "path": path, "qargs": qargs, "fragment": fragment, "headers": headers}
        parts |= {"body": body, "data": data, "fargs": fargs, "reply": reply}
        self.requests.append(self.requester.differ(**parts, **kwa))

    def respond(self) -> Response | None:
        """Return the oldest of `responses`, taken from it, or None when there is none."""
        return self.attrify(self.responses.popleft()) if self.responses else None

    @staticmethod
    def attrify(response: dict[str, Any]) -> Response:
        """Return a response dict as a named tuple."""
        return Response(**{name: response[name] for name in Response._fields})

    def serviceResponse(self) -> None:  # noqa: N802 hio's name
        """Receive, and hand over what is whole."""
        self._connection.service()

    def service(self) -> None:
        """Make one pass: send, receive and hand over as much as can be without blocking."""
        # As in hio connecting again is a pass of its own: who waits for `connected` to be False sees it.
        if isinstance(self.connector, HioConnector):
            self.connector.send_raw()
        if not self._revive():
            super().service()

    def serviceWhileGen(self, tymeout: float = 0.5) -> Generator[bytes, Any, Response | None]:  # noqa: N802
        """Service until all requests are answered: yields b"" and returns the oldest response.

        Returns None when `tymeout` (in tyme, or in seconds if these come first) has passed and there is
        none. What is not answered by then, or when the generator is closed, is given up, so that its
        answer is never taken for another's.
        """
        response = yield from self.awaited(tymeout)
        return None if response is None else self.attrify(response)

    def awaited(self, tymeout: float) -> Generator[bytes, Any, dict[str, Any] | None]:
        """Do as `serviceWhileGen`, and return the response dict."""
        over = self._countdown(tymeout)
        try:
            while (self.requests or self.waited or not self.responses) and not over():
                self.service()
                yield b""
        finally:
            if self.requests or self.waited:
                self._give_up()
        return self.responses.popleft() if self.responses else None

    def wind(self, tymth: Any) -> None:
        """Take hio's tyme, for the connector too; network deadlines run on the network's clock."""
        super().wind(tymth)
        self.connector.wind(tymth)

    def reopen(self) -> bool:
        """Close what is open and begin to connect to the base."""
        self._connection.close("the client was reopened")
        self._connection.open(self._base.origin)
        self.opened = True
        return True

    def close(self) -> None:
        """Close the connection; what was begun ends with an error, what waits in `requests` stays there."""
        super().close()
        self._drop_turns("the client was closed")
        if not isinstance(self.connector, HioConnector):
            self.connector.close()  # it may be open though no request has gone out on it yet
        self.opened = False

    @property
    def opened(self) -> bool:
        """From `reopen` to `close`; while it is, a reconnectable client connects again by itself."""
        return self._opened

    @opened.setter
    def opened(self, opened: bool) -> None:
        self._opened = opened
        if isinstance(self.connector, HioConnector):
            self.connector.opened = opened

    def _tapped(self, network: Network) -> Network:
        if not callable(getattr(network, "connector", None)):
            raise TypeError(f"network must be a Network, not {network!r}")
        if isinstance(self.connector, HioConnector):
            return TappedNetwork(network, self.connector)
        return InjectedNetwork(network, self.connector)

    def _responding(self, given: Respondent | None, **parts: Any) -> Respondent:
        parts["msg"] = self.connector.rxbs if parts["msg"] is None else parts["msg"]
        parts["method"] = self.requester.method
        if given is None:
            return Respondent(events=self.events, redirects=self.redirects, **parts)
        given.reinit(**parts)
        given.events = self.events
        return given


def _check_given(requester: Requester | None, respondent: Respondent | None) -> None:
    if requester is not None:
        of_kind("requester", Requester, requester)
    if respondent is not None:
        of_kind("respondent", Respondent, respondent)


def _check_known(kwa: dict[str, Any]) -> None:
    unknown = kwa.keys() - ConnectorOptions.__annotations__.keys() - set(TLS_NAMES)
    if unknown:
        raise TypeError(f"Client has no argument {sorted(unknown)[0]!r}")
