"""The cookie jar: what servers ask to be kept is kept, and told to nobody else (RFC 6265bis 5.7 and 5.8).

SameSite is ignored: it is about pages that make requests of their own, and here every request is the
caller's. HttpOnly is kept and changes nothing, because there are no scripts either.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from heapq import heapify, heappop, heappush
from itertools import islice
from math import inf, nextafter
from types import NoneType
from typing import Any, TypeAlias

from ..errors import InvalidRequest
from .matching import above, default_path, domain_matches, path_matches, public_suffixes, scope
from .setcookies import BLANKS, MAX_ATTRIBUTE, UNFIT, SetCookie, parse_set_cookie
from .urls import Url

__all__ = [
    "MAX_COOKIES",
    "MAX_FIELDS",
    "MAX_HEADER",
    "MAX_PAIR",
    "MAX_PER_DOMAIN",
    "Cookie",
    "CookieJar",
]

MAX_COOKIES = 3000
"""How many cookies a jar keeps (RFC 6265bis 6.1)."""

MAX_PER_DOMAIN = 50
"""How many of them have the same domain."""

MAX_PAIR = 4096
"""Bytes of name and value together (RFC 6265bis 5.7, step 4)."""

MAX_FIELDS = 100
"""How many Set-Cookie fields of one answer are read: twice what its host may keep."""

MAX_HEADER = 65_536
"""Bytes of Cookie that are sent at most; no server is known to read as many."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "value", "domain", "path"), (str,)),
    **dict.fromkeys(("host_only", "secure", "http_only"), (bool,)),
    "expires": (int, float, NoneType),
    "created": (int, float),
}
# What `urls` makes of hosts: names, IPv4 and IPv6 addresses.
_DOMAIN = re.compile(r"(?!\.)[0-9a-z_.:-]{1,254}")
# The last second of a year with four digits; servers cannot name a later one.
_LAST = 253_402_300_799

_Key: TypeAlias = tuple[str, str, str, bool]


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie that may be kept and sent: every part was checked when it was made.

    Attributes:
        name: may be empty when `value` is not; the value is then sent alone.
        value: latin-1 text, as the bytes came, with quotes if it has any.
        domain: a host name or address as `urls.Origin` has it: lower case, ASCII, no brackets.
        path: told to URLs whose path is this or below it.
        host_only: told to `domain` alone, not to the names below it.
        secure: told over https only.
        http_only: as the server said; without meaning here.
        expires: UTC seconds; None for a cookie of the session.
        created: UTC seconds; among cookies of equally long paths the oldest is sent first.

    Raises:
        InvalidRequest: kind invalid_header: a name or value that cannot be sent, or is not worth its prefix
            __Host- or __Secure- (RFC 6265bis 4.1.3).
        TypeError: a part of another type.
        ValueError: a domain that is no host, a path that begins with no slash, a part that is too long, a
            time after the year 9999.
    """

    name: str
    value: str
    domain: str
    path: str = "/"
    host_only: bool = True
    secure: bool = False
    http_only: bool = False
    expires: float | None = None
    created: float = 0.0

    def __post_init__(self) -> None:
        for name, types in _TYPES.items():
            _check_type(name, getattr(self, name), types)
        _check_pair(self.name, self.value)
        if not _DOMAIN.fullmatch(self.domain):
            raise ValueError(
                f"domain of a cookie must be a host in lower case and ASCII, not {self.domain!r}"
            )
        if not self.path.startswith("/") or len(self.path) > MAX_ATTRIBUTE:
            raise ValueError(f"path of a cookie must begin with a slash and be short, not {self.path!r}")
        if not all(abs(time) <= _LAST for time in (self.created, self.expires or 0)):
            raise ValueError(f"times of a cookie must be UTC seconds: {self.created!r}, {self.expires!r}")
        if not _keeps_its_prefix(self):
            raise InvalidRequest(
                "invalid_header", f"cookie {self.name!r} does not keep what its prefix says"
            )

    def pair(self) -> str:
        """Return what a request says of it."""
        return f"{self.name}={self.value}" if self.name else self.value

    @property
    def key(self) -> _Key:
        """What two cookies must not have in common (RFC 6265bis 5.7, step 23)."""
        return self.domain, self.path, self.name, self.host_only


class CookieJar:
    """Keeps the cookies of servers and says which of them a request carries.

    It reads no clock: `now` is UTC seconds since 1970. At most MAX_PER_DOMAIN cookies of a domain are kept,
    MAX_COOKIES in all. Those that have expired go first; then, of a domain, those that are not secure; then
    those that were not set or sent for the longest time.

    Args:
        suffix: says whether anybody may register names below a domain (lower case, ASCII). No cookie is
            shared there. None asks `public_suffixes`, which reads its file when the first jar is made.

    Raises:
        TypeError: `suffix` cannot be called.
    """

    def __init__(self, suffix: Callable[[str], bool] | None = None) -> None:
        if suffix is not None and not callable(suffix):
            raise TypeError(f"suffix must be a function or None, not {suffix!r}")
        self._suffix = suffix or public_suffixes()
        self.clear()

    def clear(self) -> None:
        """Forget all cookies."""
        # By last use, the oldest first. OrderedDict, because dict takes linear time to find a first item
        # behind many that were removed.
        self._cookies: OrderedDict[_Key, Cookie] = OrderedDict()
        self._domains: dict[str, OrderedDict[_Key, None]] = {}
        self._secure: dict[str, dict[_Key, None]] = {}
        self._ends: list[tuple[float, _Key]] = []
        self._latest = -inf

    def __len__(self) -> int:
        return len(self._cookies)

    def __iter__(self) -> Iterator[Cookie]:
        """Go through the cookies in the order in which a request has them.

        Among them may be some that expired since `take`, `cookie` or `set` was last called.
        """
        return iter(sorted(self._cookies.values(), key=_precedence))

    def take(self, url: Url, fields: Iterable[str], now: float) -> None:
        """Keep what an answer to `url` asks for; `fields` are the values of its Set-Cookie, in order.

        What may not be kept is ignored, and so is what comes behind `MAX_FIELDS`; nothing that they hold
        raises.

        Raises:
            TypeError: `fields` is a single str.
        """
        if isinstance(fields, str):
            raise TypeError(f"fields must be the values of Set-Cookie, not one str: {fields[:50]!r}")
        self._expire(now)
        for field in islice(fields, MAX_FIELDS):
            given = parse_set_cookie(field)
            cookie = given and self._made(url, given, now)
            if cookie and not (url.origin.scheme == "http" and self._is_guarded(cookie)):
                self.set(cookie, now)

    def cookie(self, url: Url, now: float) -> str:
        """Return the value of Cookie for a request to `url`, empty when it has none (RFC 6265bis 5.8.3).

        What would make it longer than `MAX_HEADER` is left out.
        """
        self._expire(now)
        https, path = url.origin.scheme == "https", _path(url)
        found = [
            cookie
            for domain in above(url.origin.host)
            for cookie in map(self._cookies.__getitem__, self._domains.get(domain, ()))
            if (domain == url.origin.host or not cookie.host_only)
            and (https or not cookie.secure)
            and path_matches(path, cookie.path)
        ]
        found.sort(key=_precedence)
        for cookie in found:
            self._cookies.move_to_end(cookie.key)
            self._domains[cookie.domain].move_to_end(cookie.key)
        pairs, room = [], MAX_HEADER
        for pair in (cookie.pair() for cookie in found):
            room -= len(pair) + 2
            if room < 0:
                break
            pairs.append(pair)
        return "; ".join(pairs)

    def set(self, cookie: Cookie, now: float) -> None:
        """Keep a cookie of the caller's, as it is: no suffix is asked about, no secure cookie protected.

        It takes the place, in the order of sending too, of one with its name, domain, path and `host_only`.

        Raises:
            TypeError: it is no Cookie.
        """
        self._expire(now)
        key = _key(cookie)
        if key in self._cookies:
            cookie = replace(cookie, created=self._cookies[key].created)
            self._drop(key)
        if cookie.expires is None or cookie.expires > now:
            self._keep(cookie)

    def remove(self, cookie: Cookie) -> None:
        """Forget the cookie that has the name, domain, path and `host_only` of this one.

        Raises:
            TypeError: it is no Cookie.
            ValueError: there is none.
        """
        key = _key(cookie)
        if key not in self._cookies:
            raise ValueError(f"not in the jar: {cookie!r}")
        self._drop(key)

    def dump(self) -> list[dict[str, Any]]:
        """Return all cookies, those of the session too, as values that JSON can hold, for `load`.

        The end of a program need not be the end of its session; leave out items whose `expires` is None if
        it is. When they were last used is not told.
        """
        return [asdict(cookie) for cookie in self]

    def load(self, cookies: Iterable[Mapping[str, Any]], now: float) -> None:
        """Keep what `dump` returned beside what is there; nothing is kept unless all of it is right.

        Raises:
            TypeError: an item is no mapping, or has parts that a Cookie has not.
            ValueError: as Cookie raises it, InvalidRequest included.
        """
        for cookie in [Cookie(**each) for each in cookies]:
            self.set(cookie, now)

    def _made(self, url: Url, given: SetCookie, now: float) -> Cookie | None:
        """Return what is to be kept, as RFC 6265bis 5.7 has it, steps 5 to 21, or None."""
        told = scope(url.origin.host, given.domain, self._suffix)
        path = given.path if given.path and given.path.startswith("/") else default_path(_path(url))
        # A default path has the limit of one that was given: a redirect would choose its length.
        if not told or len(path) > MAX_ATTRIBUTE or (given.secure and url.origin.scheme != "https"):
            return None
        if given.path is None and _has_prefix(given.name, "__host-"):
            return None
        domain, host_only = told
        # No two are taken at the same moment, so that the order within an answer is kept.
        self._latest = max(now, nextafter(self._latest, inf))
        try:
            return Cookie(
                given.name,
                given.value,
                domain,
                path,
                host_only=host_only,
                secure=given.secure,
                http_only=given.http_only,
                expires=given.ends(now),
                created=self._latest,
            )
        except InvalidRequest:
            return None

    def _is_guarded(self, new: Cookie) -> bool:
        """Return whether what came in the clear would hide a secure cookie (RFC 6265bis 5.7, step 16)."""
        return any(
            path_matches(new.path, old.path)
            and (domain_matches(new.domain, old.domain) or domain_matches(old.domain, new.domain))
            for old in map(self._cookies.__getitem__, self._secure.get(new.name, ()))
        )

    def _keep(self, cookie: Cookie) -> None:
        key = cookie.key
        self._cookies[key] = cookie
        keys = self._domains.setdefault(cookie.domain, OrderedDict())
        keys[key] = None
        if cookie.secure:
            self._secure.setdefault(cookie.name, {})[key] = None
        if cookie.expires is not None:
            heappush(self._ends, (cookie.expires, key))
        if len(keys) > MAX_PER_DOMAIN:
            self._drop(next((each for each in keys if not self._cookies[each].secure), next(iter(keys))))
        if len(self._cookies) > MAX_COOKIES:
            self._drop(next(iter(self._cookies)))

    def _drop(self, key: _Key) -> None:
        cookie = self._cookies.pop(key)
        _discard(self._domains, cookie.domain, key)
        if cookie.secure:
            _discard(self._secure, cookie.name, key)

    def _expire(self, now: float) -> None:
        if len(self._ends) > 2 * MAX_COOKIES:
            # Most are of cookies that were replaced: as many came since the last time as are now looked at.
            self._ends = [
                (each.expires, key) for key, each in self._cookies.items() if each.expires is not None
            ]
            heapify(self._ends)
        while self._ends and self._ends[0][0] <= now:
            end, key = heappop(self._ends)
            cookie = self._cookies.get(key)
            if cookie and cookie.expires == end:
                self._drop(key)


def _key(cookie: object) -> _Key:
    if not isinstance(cookie, Cookie):
        raise TypeError(f"a jar keeps Cookie values, not {cookie!r}")
    return cookie.key


def _check_type(name: str, value: object, types: tuple[type, ...]) -> None:
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        wanted = " or ".join(each.__name__ for each in types)
        raise TypeError(f"{name} of a cookie must be {wanted}, not {value!r}")


def _check_pair(name: str, value: str) -> None:
    if len(name) + len(value) > MAX_PAIR:
        raise InvalidRequest("invalid_header", f"cookie {name[:50]!r} has more than {MAX_PAIR} bytes")
    if not name and not value:
        raise InvalidRequest("invalid_header", "a cookie has neither name nor value: ''")
    for what, text, ends in (("name", name, "[;=]"), ("value", value, ";")):
        if UNFIT.search(text) or text != text.strip(BLANKS) or re.search(ends, text):
            raise InvalidRequest("invalid_header", f"{what} of a cookie cannot be sent: {text!r}")


def _keeps_its_prefix(cookie: Cookie) -> bool:
    """Return whether a cookie is what its prefix promises (RFC 6265bis 5.7, steps 20 to 22).

    A server sees the value of a cookie without a name where it looks for names.
    """
    shown = cookie.name or cookie.value
    if _has_prefix(shown, "__host-"):
        return bool(cookie.name) and cookie.secure and cookie.host_only and cookie.path == "/"
    return not _has_prefix(shown, "__secure-") or (bool(cookie.name) and cookie.secure)


def _has_prefix(text: str, prefix: str) -> bool:
    return text[: len(prefix)].lower() == prefix


def _precedence(cookie: Cookie) -> tuple[int, float, _Key]:
    """Order cookies as they are sent (RFC 6265bis 5.8.3, step 2), and those of one moment by their key."""
    return -len(cookie.path), cookie.created, cookie.key


def _path(url: Url) -> str:
    return url.target.partition("?")[0]


def _discard(index: dict[str, Any], name: str, key: _Key) -> None:
    keys = index[name]
    del keys[key]
    if not keys:
        del index[name]
