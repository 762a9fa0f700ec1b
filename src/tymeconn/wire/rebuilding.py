"""hio's Requester: a state from which one request after another is rebuilt.

Names, defaults and wire order are those of ``hio.core.http.clienting.Requester``. Where hio damages what it
was given (redone percent-encoding, lost repeats, unescaped forms), the value that was given is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from copy import copy
from functools import wraps
from hashlib import blake2b
from inspect import Parameter, Signature
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl

from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import InvalidRequest
from .headers import HeadersInput, check_header, make_headers, pairs
from .messages import Request
from .multipart import part_head
from .requesting import check_given, check_method, encode, encode_body, frame
from .urls import DEFAULT_PORTS, Url, encode_pairs, split

__all__ = ["Requester", "in_order"]

T = TypeVar("T")

_HOST_PORT = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::([0-9]{0,5}))?")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FRESH = ("body", "data", "fargs")
_CARRIED = ("hostname", "port", "scheme", "method", "path", "qargs", "fragment", "headers", "portOptional")
_DIFFERING = ("method", "path", "qargs", "fragment", "headers", *_FRESH)


def in_order(*names: str, more: bool = False) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Let a method of keywords take `names` by position too: hio's signature, without its parameter list.

    Each is None when it is not given. The method refuses other keywords, unless `more`, with a TypeError.
    """
    shown = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)]
    shown += [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in names]
    shown += [Parameter("kwa", Parameter.VAR_KEYWORD)] if more else []

    def decorate(method: Callable[..., T]) -> Callable[..., T]:
        @wraps(method)
        def call(self: Any, *given: Any, **parts: Any) -> T:
            if len(given) > len(names):
                raise TypeError(f"{method.__name__} takes {len(names)} parts, not {len(given)}")
            if not more and (unknown := parts.keys() - set(names)):
                raise TypeError(f"a request has no part {min(unknown)!r} for {method.__name__}")
            return method(self, **dict(zip(names, given, strict=False)), **parts)

        call.__signature__ = Signature(shown)  # type: ignore[attr-defined]
        return call

    return decorate


class Requester:
    """What the next request is built from; `rebuild` changes what it is given and keeps the rest.

    `data` (JSON) goes before `fargs` (a form, or multipart/form-data when the Content-Type says so), which
    goes before `body`; these three are never kept for the next request. A GET sends no body.

    In a multipart form bytes are sent as they are, a tuple (filename, content) or (filename, content, type)
    is a file, and a list repeats its name.

    Attributes:
        lines: the head's lines as last built, with two empty ones at the end.
        head: the head as last built, up to and with the blank line.
        msg: head and body as last built.
    """

    HttpVersionString: ClassVar[str] = "HTTP/1.1"
    Port: ClassVar[int] = 80
    Fields: ClassVar[type[CIMultiDict[Any]]] = CIMultiDict
    Differing: ClassVar[tuple[str, ...]] = _DIFFERING

    def __init__(  # noqa: PLR0913, PLR0917 hio's signature
        self,
        hostname: str = "127.0.0.1",
        port: int | None = None,
        scheme: str = "http",
        method: str = "GET",
        path: str = "/",
        qargs: dict[str, Any] | None = None,
        fragment: str = "",
        headers: HeadersInput | None = None,
        body: bytes | bytearray | str = b"",
        data: Any = None,
        fargs: Mapping[str, Any] | None = None,
        portOptional: bool = False,  # noqa: FBT001, FBT002, N803 hio's signature
    ) -> None:
        self.hostname, given = _located(hostname, port)
        self.port = given if given is not None else DEFAULT_PORTS.get(scheme, self.Port)
        self.scheme = scheme
        self.method = _upper(method or "GET")
        self.path = path or "/"
        self.qargs: dict[str, Any] = qargs if qargs is not None else {}
        self.fragment = fragment
        self.headers: CIMultiDict[Any] = self.Fields(pairs(headers or (), "headers"))
        self.body = _latin1(body)
        self.data = data
        self.fargs = fargs
        self.portOptional = bool(portOptional)
        self.lines: list[bytes] = []
        self.head = b""
        self.msg = b""
        self._content_type = ""

    @in_order(*_CARRIED[:-1], *_FRESH, _CARRIED[-1])
    def reinit(self, **changes: Any) -> None:
        """Take the parts that are given and not None; body, data and fargs are reset when not given.

        The names are those of the constructor, in its order.

        Raises:
            InvalidRequest: a str body that is not latin-1.
            TypeError: another name, or headers or a body of the wrong type; nothing was taken then.
        """
        body = _latin1(changes.get("body"))
        if changes.get("headers") is not None:
            changes["headers"] = self.Fields(pairs(changes["headers"], "headers"))
        for name in _CARRIED:
            if changes.get(name) is not None:
                setattr(self, name, changes[name])
        self.method = _upper(self.method)
        self.body = body
        self.data = changes.get("data")
        self.fargs = changes.get("fargs")

    @in_order(*_DIFFERING, "portOptional")
    def rebuild(self, **changes: Any) -> bytes:
        """Take the changes as `reinit` does, then `build`; the origin stays."""
        self.reinit(**changes)
        return self.build()

    def build(self) -> bytes:
        """Return the whole message.

        Raises:
            InvalidRequest: what was given cannot be sent, or the path names another origin.
            TypeError: a part is of the wrong type.
        """
        request = self.made = self.make()
        self.head = encode(request)
        self.lines = [*self.head[:-4].split(b"\r\n"), b"", b""]
        self.msg = self.head + request.body
        return self.msg

    def differ(self, **parts: Any) -> dict[str, Any]:
        """Return a checked request dict: what is given of `Differing`, the rest from this state.

        body, data and fargs come only from what is given; other keywords that are not None are kept as
        they are. Raises as `build` does.
        """
        request = {name: copy(getattr(self, name)) for name in self.Differing if name not in _FRESH}
        request.update({name: parts[name] for name in parts if parts[name] is not None})
        request.update({"body": _latin1(parts.get("body")), "data": parts.get("data")})
        request.update(fargs=parts.get("fargs"), method=_upper(request["method"]))
        request["headers"] = self.Fields(pairs(request["headers"], "headers"))
        trial = copy(self)
        trial.reinit(**{name: copy(request[name]) for name in self.Differing})
        trial.make()
        return request

    def described(self) -> dict[str, Any]:
        """Return the request as hio's responses describe it, with the Content-Type that building added."""
        described = {name: copy(getattr(self, name)) for name in self.Differing}
        if self._content_type:
            described["headers"]["content-type"] = self._content_type
        return {"host": self.hostname, "port": self.port, "scheme": self.scheme, **described}

    def make(self) -> Request:
        """Return the checked request that the state describes; `path`, `qargs` and `fragment` are parted.

        Raises as `build` does.
        """
        self._content_type = ""
        method = check_method(self.method)
        if method == "CONNECT":
            raise InvalidRequest("invalid_method", "CONNECT makes a tunnel, not a request")
        url = self._part()
        named = check_given(make_headers(self.headers))
        if "transfer-encoding" in named:
            raise InvalidRequest("invalid_header", "transfer-encoding: hio's message is never in chunks")
        given = CIMultiDict((name.title(), value) for name, value in named.items())
        content_type, body = self._content(given.get("content-type", ""))
        if method == "GET":
            content_type, body = "", b""
            given.popall("content-length", None)
        self._content_type = content_type
        if content_type:
            given["Content-Type"] = content_type
        given.setdefault("Host", self._host(url))
        fields = [] if "accept-encoding" in given else [("Accept-Encoding", "identity")]
        return frame(Request(method, url, CIMultiDictProxy(given), body), fields)

    @property
    def base(self) -> Url:
        """The root of the origin that requests go to."""
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        url = split(f"{self.scheme}://{host}:{self.port}/")
        if url != Url(url.origin, "/"):
            raise InvalidRequest("invalid_url", f"not a host and a port: {self.hostname!r}, {self.port!r}")
        return url

    def _part(self) -> Url:
        """Part `path` into path, qargs and fragment, as hio does, and return the URL they make."""
        base = self.base
        for name, kind in (("path", str), ("qargs", dict), ("fragment", str)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name} must be {kind.__name__}, not {getattr(self, name)!r}")
        rooted = self.path if self.path.startswith("/") else f"/{self.path}"
        url = split(self.path if _ABSOLUTE.match(self.path) else f"{base.origin}{rooted}")
        if url.origin != base.origin:
            raise InvalidRequest("invalid_url", f"path {self.path!r} is not on {base.origin}")
        self.path, _, query = url.target.partition("?")
        self.fragment = url.fragment or self.fragment
        kept = dict(self.qargs)
        self._merge(query)
        if kept:
            query = encode_pairs(self.qargs)
        return base._replace(target=f"{self.path}?{query}" if query else self.path)

    def _merge(self, query: str) -> None:
        merged: dict[str, list[str]] = {}
        for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
            merged.setdefault(name, []).append(value)
        self.qargs.update({name: values if values[1:] else values[0] for name, values in merged.items()})

    def _host(self, url: Url) -> str:
        authority = url.origin.authority
        default = url.origin.port == DEFAULT_PORTS[url.origin.scheme]
        return f"{authority}:{url.origin.port}" if default and not self.portOptional else authority

    def _content(self, content_type: str) -> tuple[str, bytes]:
        if self.data is not None:
            return "application/json; charset=utf-8", _dumped(self.data)
        if self.fargs is None:
            return "", self.body
        if content_type.startswith("multipart/form-data"):
            return _multipart(self.fargs)
        form = encode_pairs(self.fargs, "invalid_body").encode("ascii")
        return "application/x-www-form-urlencoded; charset=utf-8", form


def _dumped(data: Any) -> bytes:
    try:
        return json.dumps(data, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest("invalid_body", f"cannot encode data as JSON: {error}") from error


def _multipart(fargs: Mapping[str, Any]) -> tuple[str, bytes]:
    # RFC 7578 4.1: the boundary must not occur in a part. A digest of the parts cannot occur in them by
    # chance and is the same every time. With 24 characters it is as long as hio's, and so is the message.
    parts = [
        _form_part(str(name), item)
        for name, value in pairs(fargs, "fargs")
        for item in (value if isinstance(value, list) else [value])
    ]
    boundary = f"----{blake2b(repr(parts).encode(), digest_size=10).hexdigest()}"
    pieces = [b"--%b%b\r\n" % (boundary.encode(), part) for part in parts]
    return f"multipart/form-data; boundary={boundary}", b"".join([*pieces, f"--{boundary}--\r\n".encode()])


def _form_part(name: str, value: Any) -> bytes:
    filename, content, kind = _filed(value)
    return part_head(name, filename, kind) + encode_body(content, "utf-8")


def _filed(value: Any) -> tuple[str | None, bytes | bytearray | str, str]:
    """Return filename, content and type of a part that is given as text, bytes or the tuple of a file."""
    filename, content, kind = None, value, ""
    if isinstance(value, tuple):
        if not 2 <= len(value) <= 3 or not isinstance(value[0], str):
            raise TypeError(
                f"a file in fargs must be (name, content) or (name, content, type), not {value!r}"
            )
        filename, content, kind = (*value, "")[:3]
    elif not isinstance(value, bytes | bytearray):
        content = str(value)
    likely = "text/plain; charset=utf-8" if isinstance(content, str) else "application/octet-stream"
    return filename, content, check_header("Content-Type", kind or likely)[1]


def _located(hostname: str, port: int | None) -> tuple[str, int | None]:
    """Part "host:port" and take brackets off; a port after the name goes before `port`, as in hio."""
    found = _HOST_PORT.fullmatch(hostname)
    if not found:
        return hostname, port
    return found[1] or found[2], int(found[3]) if found[3] else port


def _upper(method: str) -> str:
    # Upper case makes ASCII of some letters that are none, and so a token of what is none.
    return method.upper() if isinstance(method, str) and method.isascii() else method


def _latin1(body: bytes | bytearray | str | None) -> bytes:
    return b"" if body is None else encode_body(body, "latin-1")
