"""URLs as a client needs them: checked once, kept as they were given, never decoded.

RFC 3986 for the parts, RFC 9110 4.2 for http and https, RFC 9112 3.2 for the target, IDNA 2008 (UTS 46)
for names. Valid percent-encoding is kept to the letter, because signed URLs break when it is redone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, unquote_to_bytes, urlencode, urljoin

import idna

from ..errors import InvalidRequest
from .headers import pairs

__all__ = [
    "DEFAULT_PORTS",
    "Origin",
    "Params",
    "Url",
    "credentials",
    "encode_pairs",
    "join",
    "resolve",
    "split",
    "text_pairs",
    "with_params",
]

DEFAULT_PORTS = {"http": 80, "https": 443}

Params: TypeAlias = Mapping[str, object] | Iterable[tuple[str, object]]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")
_NAME = re.compile(r"(?=.{1,253}\.?\Z)(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")
# WHATWG URL 3.5: a host that ends in a number is an IPv4 address or nothing.
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")
_LOOSE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CACHED = 1024
# RFC 3986 3.3 and 3.4: unreserved, sub-delims, ":" "@" "/", and "%" which _quote has made sure of.
_PATH_SAFE = "/:@!$&'()*+,;=~%"
_QUERY_SAFE = _PATH_SAFE + "?"


class Origin(NamedTuple):
    """Where a request goes (RFC 6454 4): scheme, host without brackets, port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of Host: brackets around IPv6, no default port, no final dot (RFC 9110 7.2)."""
        return self._located(self.host.removesuffix("."))

    def __str__(self) -> str:
        return f"{self.scheme}://{self._located(self.host)}"

    def _located(self, name: str) -> str:
        host = f"[{name}]" if ":" in name else name
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


class Url(NamedTuple):
    """A checked http or https URL in printable ASCII.

    `target` is what goes into the request line (RFC 9112 3.2.1).
    """

    origin: Origin
    target: str
    fragment: str = ""
    userinfo: str | None = None

    def __repr__(self) -> str:
        """Show what may stand in a log: userinfo holds credentials."""
        return f"Url(origin={self.origin!r}, target={self.target!r}, fragment={self.fragment!r})"

    def __str__(self) -> str:
        """Return the URL without userinfo and fragment, fit for logs and for sending."""
        return f"{self.origin}{self.target}"


def split(url: str) -> Url:
    """Return the checked parts of an absolute http or https URL.

    Raises:
        InvalidRequest: kind invalid_url or unsupported_scheme, naming the URL.
        TypeError: not a string.
    """
    if not isinstance(url, str):
        raise TypeError(f"url must be str, not {url!r}")
    # What a server sends may be long, and would stay in the cache for ever.
    return _split(url) if len(url) <= _CACHED else _split.__wrapped__(url)


@lru_cache(maxsize=1024)
def _split(url: str) -> Url:
    if _CONTROL.search(url) or "\\" in url:
        raise _invalid(url, "it holds a control character or a backslash")
    parts = _PARTS.fullmatch(url)
    if not parts:
        raise _invalid(url, "it has no scheme")
    scheme, authority, path, query, fragment = parts.groups(default="")
    if scheme.lower() not in DEFAULT_PORTS:
        raise InvalidRequest("unsupported_scheme", f"only http and https can be sent: {url!r}")
    userinfo, at, hostport = authority.rpartition("@")
    origin = _origin(url, scheme.lower(), hostport)
    target = _quoted(url, path or "/", _PATH_SAFE) + _quoted(url, query, _QUERY_SAFE)
    user = _quoted(url, userinfo, _PATH_SAFE) if at and userinfo else None
    return Url(origin, target, _quoted(url, fragment[1:], _QUERY_SAFE), user)


def join(base: Url, reference: str) -> Url:
    """Return the URL that `reference` means when it is read at `base` (RFC 3986 5.2).

    A reference that starts with one or more slashes is a path: `//x` does not leave the origin. Use
    `resolve` for references that a server sent.
    """
    if not isinstance(reference, str):
        raise TypeError(f"url must be str, not {reference!r}")
    if reference.startswith("/"):
        return split(f"{base.origin}{reference}")
    return resolve(base, reference)


def resolve(base: Url, reference: str) -> Url:
    """Return what a server meant by `reference`, as in Location (RFC 9110 10.2.2): `//x` is a host."""
    if _CONTROL.search(reference) or reference.startswith(" "):
        # urljoin drops a leading blank, and with it the difference between ` //x` and `//x`.
        raise _invalid(reference, "it holds a control character or starts with a blank")
    try:
        joined = urljoin(str(base), reference)
    except ValueError as error:
        raise _invalid(reference, str(error)) from None
    return split(joined)


def with_params(url: Url, params: Params | None) -> Url:
    """Return the URL with `params` appended to its query, as application/x-www-form-urlencoded.

    None omits a parameter, a list or tuple repeats it, True and False become true and false.

    Raises:
        InvalidRequest: kind invalid_url, for text that is not Unicode.
        TypeError: neither a mapping nor pairs, or a name or value of another type.
    """
    encoded = encode_pairs(params) if params is not None else ""
    if not encoded:
        return url
    return url._replace(target=f"{url.target}{'&' if '?' in url.target else '?'}{encoded}")


def encode_pairs(params: Params, kind: str = "invalid_url") -> str:
    """Return pairs as application/x-www-form-urlencoded text; values and errors as `with_params` says.

    Surrogates that stand for bytes (PEP 383) are sent as these bytes.
    """
    fields = text_pairs(params, kind)
    try:
        return urlencode(fields, errors="surrogateescape")
    except UnicodeEncodeError:
        raise InvalidRequest(kind, f"lone surrogate in {fields!r}") from None


def text_pairs(params: Params, kind: str = "invalid_url") -> list[tuple[str, str]]:
    """Return pairs as text; values and errors as `with_params` says."""
    try:
        return [
            (_text("name of a parameter", name), text)
            for name, value in pairs(params, "params")
            for text in _texts(name, value)
        ]
    except ValueError as error:  # a number of more digits than sys.get_int_max_str_digits allows
        raise InvalidRequest(kind, f"a parameter has no text: {error}") from None


def _texts(name: object, value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(name, item)]
    return [_text(f"value of {name!r}", value)]


def _text(what: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise TypeError(f"{what} must be str, a number or bool, not {value!r}")
    return str(value)


def _origin(url: str, scheme: str, hostport: str) -> Origin:
    match = _HOST_PORT.fullmatch(hostport)
    if not match or not match[1]:
        raise _invalid(url, "it has no valid host and port")
    port = int(match[2] or DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        raise _invalid(url, f"its port {port} is not in 1..65535")
    return Origin(scheme, _host(url, match[1]), port)


def _host(url: str, host: str) -> str:
    if host.startswith("["):
        try:
            address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise _invalid(url, f"{host} is not an IPv6 address") from None
        if address.scope_id is not None:
            raise _invalid(url, f"{host} has a zone, which no URL can carry (RFC 3986 3.2.2)")
        return str(address)
    if not host.isascii():
        host = _idna(url, host)
    if not _NAME.fullmatch(host):
        raise _invalid(url, f"{host!r} is not a host name")
    if _ENDS_IN_NUMBER.fullmatch(host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise _invalid(url, f"{host} is not an IPv4 address") from None
    return host.lower()


def _idna(url: str, host: str) -> str:
    # A long name costs idna quadratic time (CVE-2024-3651), so it is cut off before.
    if len(host) > 253:
        raise _invalid(url, "its host is longer than 253 characters")
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise _invalid(url, f"its host is not a name: {error}") from None


def _quoted(url: str, part: str, safe: str) -> str:
    if part.isascii() and part.isalnum():
        return part
    try:
        return quote(_LOOSE_PERCENT.sub("%25", part), safe)
    except UnicodeEncodeError:
        raise _invalid(url, "it holds a lone surrogate") from None


def credentials(url: Url) -> tuple[bytes, bytes] | None:
    """Return the decoded user and password of the URL's userinfo, if it has any."""
    if url.userinfo is None:
        return None
    user, _, password = url.userinfo.partition(":")
    return unquote_to_bytes(user), unquote_to_bytes(password)


def _invalid(url: str, why: str) -> InvalidRequest:
    return InvalidRequest("invalid_url", f"cannot use URL {url!r}: {why}")
