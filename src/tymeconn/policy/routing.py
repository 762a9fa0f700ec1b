"""Which way a request goes: straight, through an HTTP proxy or through SOCKS, and what is sent on that way.

RFC 9112 3.2.2 (absolute form) and 3.2.3 (authority form), RFC 9110 9.3.6 (CONNECT) and 11.7
(Proxy-Authorization), RFC 1928 and 1929 (SOCKS5). Nothing here connects.
"""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from ..errors import InvalidRequest
from ..wire.headers import make_headers
from ..wire.messages import Request
from ..wire.requesting import encode
from ..wire.urls import Origin, Url, split

__all__ = ["NoProxy", "Proxies", "Proxy", "Route", "route"]

# RFC 9110 4.2 for http and https, RFC 1928 3 for SOCKS.
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PLACE = re.compile(r"(\[[^\]/?#@]*\]|[^:/?#@\[\]]+)(?::([0-9]{1,5}))?")
_AUTHORIZATION = "Proxy-Authorization"
# RFC 1929 2: the length of each is one byte.
_LONGEST_SOCKS = 255

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, as `parse` made it of a URL.

    Attributes:
        scheme: http, https (TLS is spoken to the proxy), socks5 or socks5h (which looks up names itself).
        host: as in an Origin.
        port: 80, 443 or 1080 when the URL has none.
        credentials: user and password, decoded; they are in no repr and in no message.
    """

    scheme: str
    host: str
    port: int
    credentials: tuple[bytes, bytes] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Return the proxy that a URL names; without a scheme it is http, as curl reads its variables.

        Raises:
            InvalidRequest: kind invalid_url or unsupported_scheme, naming the URL without its userinfo.
            TypeError: not a string.
        """
        if not isinstance(url, str):
            raise TypeError(f"proxy must be str, not {type(url).__name__}")
        schemed = _SCHEME.match(url)
        scheme = schemed[1].lower() if schemed else "http"
        userinfo, _, place = url[schemed.end() if schemed else 0 :].rpartition("@")
        shown = f"{scheme}://{place}"
        if scheme not in _PORTS:
            raise InvalidRequest("unsupported_scheme", f"a proxy is one of {', '.join(_PORTS)}: {shown!r}")
        try:
            host, port = _place(place.removesuffix("/"))
        except InvalidRequest as error:
            raise _invalid(shown, str(error)) from None
        return cls(scheme, host, port or _PORTS[scheme], _secrets(shown, scheme, userinfo))

    @property
    def speaks_http(self) -> bool:
        """Whether it is asked in HTTP."""
        return self.scheme in ("http", "https")

    @property
    def authorization(self) -> Sequence[str]:
        """The values of Proxy-Authorization that its credentials make: one or none (RFC 7617)."""
        if self.credentials is None:
            return []
        return [f"Basic {b64encode(b':'.join(self.credentials)).decode()}"]


@dataclass(frozen=True, slots=True)
class NoProxy:
    """The origins that are reached without a proxy.

    Attributes:
        everything: all of them.
        places: names, with all below them, and addresses; each at one port, or at any with None.
        networks: blocks of addresses, at any port; they cover hosts that are addresses, not names.
    """

    everything: bool = False
    places: frozenset[tuple[str, int | None]] = frozenset()
    networks: frozenset[_Network] = frozenset()

    @classmethod
    def parse(cls, text: str) -> NoProxy:
        """Return the rules of a list like no_proxy, separated by commas or blanks.

        `*` is everything. `a.example`, `.a.example` and `*.a.example` are the same: the name and all names
        below it. An address may be a block (`10.0.0.0/8`); a name, an IPv4 address and an IPv6 address in
        brackets may have a port. Loopback is nothing special. What is none of these covers nothing: the
        variable is shared with programs that read it otherwise.

        Raises:
            TypeError: not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"no_proxy must be str, not {text!r}")
        rules = {_rule(entry) for entry in text.replace(",", " ").split()}
        places = frozenset(rule for rule in rules if isinstance(rule, tuple))
        networks = frozenset(rule for rule in rules if isinstance(rule, _Network))
        return cls("*" in rules, places, networks)

    def covers(self, origin: Origin) -> bool:
        """Return whether the origin is reached without a proxy."""
        host = origin.host.removesuffix(".")
        labels = host.split(".")
        above = (".".join(labels[start:]) for start in range(len(labels)))
        return (
            self.everything
            or any(not self.places.isdisjoint({(name, None), (name, origin.port)}) for name in above)
            or self._holds(host)
        )

    def _holds(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:  # a name
            return False
        return any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which proxy is for which origin; without arguments, none for all.

    Attributes:
        http: for http origins.
        https: for https origins.
        no_proxy: what is reached without them.
    """

    http: Proxy | None = None
    https: Proxy | None = None
    no_proxy: NoProxy = NoProxy()

    def __post_init__(self) -> None:
        for name in ("http", "https"):
            proxy: object = getattr(self, name)
            if not isinstance(proxy, Proxy | None):
                # A URL in its place may hold a password.
                raise TypeError(f"proxies {name} must be a Proxy, not {type(proxy).__name__}")

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Proxies:
        """Return what http_proxy, https_proxy, all_proxy and no_proxy say, in lower or upper case.

        A variable in lower case goes before the same in upper case, even when it is empty, which means
        none. all_proxy is for a scheme that has no proxy of its own; it is not read when both have.

        Raises:
            InvalidRequest: a proxy that is used is no URL, or one of another scheme; see `Proxy.parse`.
        """
        # A copy, because on Windows os.environ answers to any case: http_proxy would find HTTP_PROXY.
        variables = dict(env)
        if "REQUEST_METHOD" in variables:
            # In a CGI script this is a request's field Proxy, which anybody may send (CVE-2016-1000110).
            variables.pop("HTTP_PROXY", None)
        return cls(
            _chosen(variables, "http_proxy", "all_proxy"),
            _chosen(variables, "https_proxy", "all_proxy"),
            NoProxy.parse(_value(variables, "no_proxy")),
        )

    @classmethod
    def all_through(cls, proxy: Proxy) -> Proxies:
        """Return what sends every request through `proxy`."""
        return cls(proxy, proxy)

    def proxy_for(self, origin: Origin) -> Proxy | None:
        """Return the proxy for an origin; None is the straight way."""
        if self.no_proxy.covers(origin):
            return None
        return self.https if origin.scheme == "https" else self.http


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one request, as `route` chose it.

    Proxy-Authorization is where the proxy reads it and nowhere else: in `request` when the proxy forwards
    it, in `connect` when there is one. Both are kept out of the repr.

    Attributes:
        proxy: where to connect to; None is the origin itself.
        request: what the origin, or a proxy that forwards it, is asked. Its URL is that of the resource.
        connect: what opens a tunnel through the proxy, sent before TLS with the origin begins; None when
            there is no tunnel of this kind. Its URL's target is the authority form, port always included
            (RFC 9110 9.3.6); Host is the same.
    """

    proxy: Proxy | None
    request: Request = field(repr=False)
    connect: Request | None = field(default=None, repr=False)

    @property
    def target(self) -> str:
        """What the request line of `request` names: the absolute form for a proxy that forwards it.

        Its authority is Host's default (RFC 9112 3.2.2).
        """
        url, target = self.request.url, self.request.target or self.request.url.target
        if self.proxy is None or not self.proxy.speaks_http or self.connect is not None:
            return target
        # RFC 9112 3.2.4: what a proxy is asked of a whole server has an empty path.
        return f"{url.origin.scheme}://{url.origin.authority}{'' if target == '*' else target}"

    @property
    def head(self) -> bytes:
        """The head of `request` as it is sent, with `target` in its request line."""
        return encode(replace(self.request, target=self.target))

    @property
    def tls(self) -> tuple[str, ...]:
        """The names or addresses that TLS is spoken to, the outermost first."""
        origin = self.request.url.origin
        outer = () if self.proxy is None or self.proxy.scheme != "https" else (self.proxy.host,)
        return (*outer, origin.host) if origin.scheme == "https" else outer

    @property
    def looked_up_here(self) -> bool:
        """Whether the origin's name is looked up on this side; else the proxy is told the name.

        A socks5 proxy is told the address, a socks5h proxy the name, as curl has it.
        """
        return self.proxy is None or self.proxy.scheme == "socks5"


def route(request: Request, proxies: Proxies) -> Route:
    """Return the way of a request, with what is to be sent on it.

    The caller's own Proxy-Authorization goes before the proxy's credentials. It goes to an HTTP proxy only:
    on the straight way and through SOCKS it is dropped (CVE-2023-32681), and with it what an origin could
    learn of the proxy.
    """
    origin = request.url.origin
    proxy = proxies.proxy_for(origin)
    if proxy is None or not proxy.speaks_http:
        return Route(proxy, _telling(request, []))
    told = request.headers.getall(_AUTHORIZATION, proxy.authorization)
    if origin.scheme == "http":
        return Route(proxy, _telling(request, told))
    return Route(proxy, _telling(request, []), _connect(origin, told))


def _telling(request: Request, told: Sequence[str]) -> Request:
    if told == request.headers.getall(_AUTHORIZATION, []):
        return request
    rest = [pair for pair in request.headers.items() if pair[0].lower() != _AUTHORIZATION.lower()]
    return replace(request, headers=make_headers(rest + [(_AUTHORIZATION, value) for value in told]))


def _connect(origin: Origin, told: Sequence[str]) -> Request:
    host = origin.host.removesuffix(".")
    authority = f"[{host}]:{origin.port}" if ":" in host else f"{host}:{origin.port}"
    fields = [("Host", authority), *((_AUTHORIZATION, value) for value in told)]
    return Request("CONNECT", Url(origin, authority), make_headers(fields))


def _value(variables: Mapping[str, str], name: str) -> str:
    return variables.get(name, variables.get(name.upper(), ""))


def _chosen(variables: Mapping[str, str], *names: str) -> Proxy | None:
    given = next(filter(None, (_value(variables, name) for name in names)), "")
    return Proxy.parse(given) if given else None


def _secrets(shown: str, scheme: str, userinfo: str) -> tuple[bytes, bytes] | None:
    if not userinfo:
        return None
    if not {"/", "?", "#"}.isdisjoint(userinfo):
        # RFC 3986 3.2: the authority would have ended there, and the host be another.
        raise _invalid(shown, "its user or password holds a bare /, ? or #, which must be percent-encoded")
    user, _, password = userinfo.partition(":")
    try:
        secrets = unquote_to_bytes(user), unquote_to_bytes(password)
    except UnicodeEncodeError:
        raise _invalid(shown, "its user or password holds a lone surrogate") from None
    if scheme.startswith("socks") and max(map(len, secrets)) > _LONGEST_SOCKS:
        raise _invalid(shown, f"its user or password is longer than {_LONGEST_SOCKS} bytes")
    return secrets


def _rule(entry: str) -> str | tuple[str, int | None] | _Network | None:
    """Return what an entry of no_proxy means: everything, a place, a block, or nothing."""
    if entry == "*":
        return entry
    with suppress(ValueError):
        return ipaddress.ip_network(entry, strict=False)
    try:
        host, port = _place(entry.removeprefix("*.").removeprefix("."))
    except InvalidRequest:
        return None
    return host.removesuffix("."), port


def _place(text: str) -> tuple[str, int | None]:
    """Return host and port of a text, the host as an Origin has it; InvalidRequest when it is none."""
    found = _PLACE.fullmatch(text)
    if not found:
        raise InvalidRequest("invalid_url", f"{text!r} is not a host with or without a port")
    origin = split(f"http://{found[1]}:{found[2] or _PORTS['http']}/").origin
    return origin.host, origin.port if found[2] else None


def _invalid(shown: str, why: str) -> InvalidRequest:
    return InvalidRequest("invalid_url", f"cannot use proxy {shown!r}: {why}")
