"""What follows on an answer: a redirect, a challenge, a refused expectation, another attempt. No socket.

A `Conversation` begins with the request that the caller asked for and ends with the answer that is handed
over. What it knows of the caller beside the request is a `Manner`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import ExchangeError, HookError
from ..policy.authorizing import Auth, authorized, make_auth
from ..policy.retrying import Retry
from ..tyming.clocks import Calendar
from ..wire.cookies import CookieJar
from ..wire.headers import without
from ..wire.messages import Request, Response
from ..wire.redirecting import Follow, next_request, upgrades
from .repeating import Attempts

__all__ = ["Conversation", "Manner", "usual"]


# RFC 9110 15.4, 15.5.2 and 15.5.18; redirecting.next_request says which redirects are followed.
_LEADING = frozenset({*range(300, 400), 401, 417})
# The first 401 tells what is asked for, a second may tell of a nonce that has aged (RFC 7616 3.3). A server
# that goes on would have the request sent for ever.
_CHALLENGES = 2


@dataclass(frozen=True, slots=True)
class Manner:
    """How requests are made for a caller.

    Attributes:
        auth: who asks, on the origin of the request and on no other.
        cookies: the jar that answers fill and requests are served from.
        follow: which redirects are followed.
        calendar: for the jar's UTC.
        retry: when they are sent again; None is never.
    """

    auth: Auth | None = None
    cookies: CookieJar | None = None
    follow: Follow = field(default_factory=Follow)
    calendar: Calendar = field(default_factory=Calendar.real)
    retry: Retry | None = None

    def __post_init__(self) -> None:
        for name, kind in (("cookies", CookieJar | None), ("follow", Follow), ("retry", Retry | None)):
            value: object = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} must be {getattr(kind, '__name__', kind)}, not {value!r}")

    @property
    def simple(self) -> bool:
        """Nothing is put into requests, and only what is not `usual` leads on."""
        return self.auth is None and self.cookies is None and self.retry is None

    def changed(self, auth: Any, follow: Follow | None, retry: Retry | None, *, trusted: bool) -> Manner:
        """Return the manner of one request, with what was given for it in place of its own.

        Its own auth is for an origin that is `trusted` with it.

        Raises:
            TypeError, ValueError: `auth` is none; see `authorizing.make_auth`.
        """
        if auth is None and follow is None and retry is None and (trusted or self.auth is None):
            return self
        auth = make_auth(auth) if auth is not None or not trusted else self.auth
        follow = self.follow if follow is None else follow
        return replace(self, auth=auth, follow=follow, retry=self.retry if retry is None else retry)


def usual(status: int | None) -> bool:
    """Tell whether an answer of this status is the last for everybody who has no jar and asks only once."""
    return status not in _LEADING


class Conversation:
    """A request and those that its answers ask for.

    Attributes:
        history: the answers that were not the last, in order.
        onward: there is another request to send.
        delay: seconds of tyme to wait before it.
    """

    __slots__ = (
        "_attempts",
        "_auth",
        "_challenges",
        "_hops",
        "_manner",
        "_request",
        "delay",
        "history",
        "onward",
    )

    def __init__(self, request: Request, manner: Manner, attempts: Attempts | None = None) -> None:
        """Begin; the request is sent as it is, with auth and cookies put in; `attempts` may repeat it."""
        self.history: tuple[Response, ...] = ()
        self.onward = True
        self.delay: float | None = None
        self._request = request
        self._manner = manner
        self._attempts = attempts
        self._auth = manner.auth
        self._hops = self._challenges = 0

    def begin(self) -> Request:
        """Return the next request, as it goes out.

        Raises:
            HookError: the caller's own auth raised, or said what cannot be sent.
        """
        if self._attempts is not None and self.delay is None:
            self._attempts.begin(self._request.url.origin)
        self.onward, self.delay = False, None
        jar = self._manner.cookies
        request = self._request if jar is None else self._with_cookies(self._request, jar)
        if self._auth is None:
            return request
        try:
            return authorized(request, self._auth)
        except Exception as error:
            raise self.failed(HookError(f"auth raised {type(error).__name__}")) from error

    def ends_with(self, status: int | None) -> bool:
        """Tell whether an answer of this status is the last whatever its head says, and teaches nothing."""
        if not usual(status) or (self._attempts is not None and status in self._attempts.statuses):
            return False
        return self._manner.cookies is None

    def heed(self, head: Response) -> bool:
        """Look at an answer's head; True when it is not the last, and then only its end is of interest.

        Raises:
            RedirectRefused, TooManyRedirects: it leads where no request may go.
            HookError: the caller's own auth raised.
        """
        self._take_cookies(head)
        following = self._expecting_nothing(head) or self._challenged(head) or self._redirected(head)
        if following is not None:
            self._request, self.onward = following, True
        return self.onward or self.persists(head.request, head)

    def persists(self, request: Request, outcome: Response | ExchangeError) -> bool:
        """Tell whether the request, of which `outcome` came, goes out again: then that is not the last.

        Raises:
            HookError: the caller's own chance raised.
        """
        if self._attempts is None:
            return False
        try:
            self.onward = self._attempts.again(request, outcome)
        except Exception as error:
            raise self.failed(HookError(f"draw raised {type(error).__name__}")) from error
        if self.onward:
            self.delay = self._attempts.delay
        return self.onward

    def failed(self, error: ExchangeError) -> ExchangeError:
        """Return the error that ends it, which knows of attempts before it; it may be no exchange's."""
        if not error.phase:
            error.origin, error.phase = self._request.url.origin, "waiting"
        if self._attempts is not None and self._attempts.reached:
            error.replayed = True
        return error

    def remember(self, response: Response) -> None:
        """Take an answer that was not the last into the history."""
        self.history = (*self.history, response)

    def conclude(self, response: Response) -> Response:
        """Return the last answer, which knows those before it."""
        if not self.history:
            return response
        return response.with_meta(response.meta._replace(history=self.history))

    def _take_cookies(self, head: Response) -> None:
        if self._manner.cookies is None:
            return
        fields = (value for name, value in head.headers.items() if name.lower() == "set-cookie")
        try:
            self._manner.cookies.take(head.request.url, fields, self._manner.calendar.now())
        except Exception as error:
            raise HookError(f"the jar's suffixes raised {type(error).__name__}") from error

    def _with_cookies(self, request: Request, jar: CookieJar) -> Request:
        value = jar.cookie(request.url, self._manner.calendar.now())
        if not value:
            return request
        given = request.headers.getall("cookie", ())
        own = {_cookie_name(pair) for field in given for pair in field.split(";")}
        kept = [pair for pair in value.split("; ") if _cookie_name(pair) not in own]
        return _with_field(request, "Cookie", "; ".join([*given, *kept]))

    def _expecting_nothing(self, head: Response) -> Request | None:
        # RFC 9110 15.5.18: the same request without the expectation, while its body has not gone out.
        if head.status != 417 or "expect" not in self._request.headers or not self._request.renewable:
            return None
        return self._request.with_headers(without(self._request.headers, {"expect"}))

    def _challenged(self, head: Response) -> Request | None:
        if head.status != 401 or self._auth is None or not self._request.renewable:
            return None
        self._challenges += 1
        if self._challenges > _CHALLENGES:
            return None
        try:
            return self._request if self._auth.challenged(head.request, head) else None
        except Exception as error:
            raise HookError(f"auth raised {type(error).__name__}") from error

    def _redirected(self, head: Response) -> Request | None:
        following = next_request(self._request, head, self._hops, self._manner.follow)
        if following is None:
            return None
        self._hops += 1
        old, new = self._request.url.origin, following.url.origin
        # It stays away when another origin leads back to the first: that is no longer the caller's doing.
        if old != new and not upgrades(old, new):
            self._auth = None
        return following


def _cookie_name(pair: str) -> str:
    return pair.partition("=")[0].strip()


def _with_field(request: Request, name: str, value: str) -> Request:
    headers = CIMultiDict(request.headers)
    headers[name] = value
    return request.with_headers(CIMultiDictProxy(headers))
