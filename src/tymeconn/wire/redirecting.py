"""The request that a redirect asks for, or none (RFC 9110 10.2.2 and 15.4, Fetch 4.4).

What was meant for one origin is not told to another, and no redirect leads from https to http unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from typing import TypeAlias
from urllib.parse import quote

from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import InvalidRequest, RedirectRefused, TooManyRedirects
from .headers import Headers, HeadersInput, make_headers, without
from .messages import Request, Response
from .requesting import frame
from .urls import DEFAULT_PORTS, Origin, Url, resolve

Trailers: TypeAlias = Headers | Callable[[], HeadersInput] | None

__all__ = ["Follow", "downgrades", "next_request", "upgrades"]

# Not 300 (a choice, for the caller to make), 304 (no redirect), 305 and 306 (RFC 9110 15.4.6 and 15.4.7).
_FOLLOWED = frozenset({301, 302, 303, 307, 308})
_SECRETS = frozenset({"authorization", "cookie", "proxy-authorization"})
# RFC 9110 15.4, 10.1.1 (Expect needs content) and 6.6.2 (Trailer needs content), RFC 9530 3.
_OF_THE_BODY = frozenset(
    {"digest", "expect", "last-modified", "repr-digest", "trailer", "transfer-encoding"}
)
_ASCII = bytes(range(128))


@dataclass(frozen=True, slots=True)
class Follow:
    """Which redirects are followed.

    Attributes:
        most: how many, one behind the other; with 0 the first is the answer that is handed over.
        secret_headers: names, in any case, of fields that are kept from other origins, beside
            Authorization, Cookie and Proxy-Authorization.
        insecure: follow from https to http too.
    """

    most: int = 20
    secret_headers: Set[str] = frozenset()
    insecure: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.most, bool) or not isinstance(self.most, int):
            raise TypeError(f"most must be a number of redirects, not {self.most!r}")
        if self.most < 0:
            raise ValueError(f"most must not be negative: {self.most!r}")
        names: object = self.secret_headers
        if not isinstance(names, Set) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"secret_headers must be a set of names, not {names!r}")
        object.__setattr__(self, "secret_headers", frozenset(map(str.lower, self.secret_headers)))


def next_request(request: Request, response: Response, hops: int, follow: Follow) -> Request | None:
    """Return what `response` asks to be sent next; None when it is the answer to hand over.

    The fragment of the URL is inherited when Location has none. Userinfo in Location is ignored, so that a
    server cannot choose the credentials.

    Args:
        request: what was answered, as `requesting.make_request` or this function made it.
        response: its answer.
        hops: how many redirects were followed before this one.
        follow: which redirects are followed.

    Raises:
        RedirectRefused: kind invalid_redirect, unsupported_scheme, insecure_redirect or
            body_not_replayable.
        TooManyRedirects: as many as are followed were followed before.
    """
    # A tunnel leads where its target says, and what it is asked of leads nowhere else.
    location = _location(response) if follow.most and request.method != "CONNECT" else ""
    if not location:
        return None
    if hops >= follow.most:
        raise TooManyRedirects(f"{request.url} is redirected again after {hops} redirects")
    url = _url(request.url, location)
    if downgrades(request.url.origin, url.origin) and not follow.insecure:
        raise RedirectRefused("insecure_redirect", f"{request.url} is redirected from https to {url}")
    method = _method(request.method, response.status)
    turned = method != request.method
    if not turned and not request.renewable:
        raise RedirectRefused("body_not_replayable", f"the body for {request.url} cannot go to {url} again")
    hidden = _hidden(request.url.origin, url.origin, follow.secret_headers)
    fields = CIMultiDict(
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in hidden and not (turned and _is_of_the_body(name.lower()))
    )
    moved = Request(method, url, CIMultiDictProxy(fields))
    if not turned:
        trailers = _hiding(request.trailers, hidden)
        moved = replace(moved, body=request.body, source=request.source, trailers=trailers)
    return frame(moved, [])


def _hiding(trailers: Trailers, hidden: Set[str]) -> Trailers:
    """Return the trailers without those that are hidden, also when a function says them at the end."""
    if not hidden or trailers is None:
        return trailers
    if callable(trailers):
        return lambda: without(make_headers(trailers()), hidden)
    return without(trailers, hidden)


def _location(response: Response) -> str:
    """Return Location as text, empty when there is nowhere to go."""
    if response.status not in _FOLLOWED:
        return ""
    given = [value for name, value in response.headers.items() if name.lower() == "location"]
    if len(given) > 1:
        raise RedirectRefused("invalid_redirect", f"a redirect to more than one place: {given!r}")
    return _reread("".join(given))


def _reread(location: str) -> str:
    """Read as UTF-8 what came as latin-1, else keep its bytes by percent-encoding them."""
    raw = location.encode("latin-1")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return quote(raw, safe=_ASCII)


def _url(base: Url, location: str) -> Url:
    try:
        url = resolve(base, location)
    except InvalidRequest as error:
        kind = "unsupported_scheme" if error.kind == "unsupported_scheme" else "invalid_redirect"
        raise RedirectRefused(kind, f"{base} is redirected to nowhere: {error}") from error
    return url._replace(userinfo=None, fragment=url.fragment if "#" in location else base.fragment)


def _method(method: str, status: int | None) -> str:
    # RFC 9110 15.4.2 and 15.4.3 let POST become GET, as all browsers have it; Fetch lets nothing else.
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        return "GET"
    return method


def _hidden(old: Origin, new: Origin, secret_headers: Set[str]) -> Set[str]:
    """Return the names, in lower case, of what is not told to the new origin."""
    if old == new:
        return frozenset()
    if upgrades(old, new):
        return frozenset({"host"})
    # RFC 9110 10.1.3: what was read over https is not told in the clear.
    referer = {"referer"} if downgrades(old, new) else set()
    return {"host"} | referer | _SECRETS | secret_headers


def upgrades(old: Origin, new: Origin) -> bool:
    """Return whether the same server is asked to answer over https, as HTTP has it by default."""
    plain, secure = (Origin(scheme, old.host, DEFAULT_PORTS[scheme]) for scheme in ("http", "https"))
    return old == plain and new == secure


def downgrades(old: Origin, new: Origin) -> bool:
    """Return whether what was asked over https would be asked in the clear."""
    return old.scheme == "https" and new.scheme == "http"


def _is_of_the_body(name: str) -> bool:
    return name.startswith("content-") or name in _OF_THE_BODY
