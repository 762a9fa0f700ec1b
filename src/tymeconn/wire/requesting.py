"""A request becomes a checked value, and the value becomes bytes.

Every part is checked here, once; `encode` trusts what it gets. RFC 9110 9 (methods), RFC 9112 3 (request
line, Host) and 6 (framing).
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, TypedDict, Unpack

from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import InvalidRequest
from .bodies import Body, Source, source_of
from .decoding import ACCEPTED
from .headers import TOKEN, Headers, HeadersInput, check_header, make_headers, pairs
from .heads import NOT_IN_TRAILERS, members
from .messages import Request
from .multipart import Files, make_multipart
from .urls import Origin, Params, Url, credentials, encode_pairs, with_params

__all__ = [
    "MessageOptions",
    "check_given",
    "check_method",
    "check_trailers",
    "encode",
    "encode_body",
    "encode_json",
    "expects",
    "frame",
    "make_request",
    "size_of",
    "usual_requests",
]

# RFC 9110 8.6: a user agent sends Content-Length 0 when the method gives an absent body a meaning.
_BODY_EXPECTED = frozenset({"POST", "PUT", "PATCH"})
_STANDARD = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"})
# Eighteen digits are more than anybody's body has, and int() would take any that Unicode knows.
_DIGITS = re.compile(r"[0-9]{1,18}")
_TARGET = re.compile(r"[\x21-\x7e]+")
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}")
_DEFAULTS = (("Accept", "*/*"), ("Accept-Encoding", ACCEPTED))


# Of one sender, or of all without headers of their own; long targets would fill the memory.
_REMEMBERED = 1024
_SHORT = 1024


class MessageOptions(TypedDict, total=False):
    """What a request carries beside method and URL; None is the same as absent.

    Attributes:
        params: appended to the URL's query; a list repeats a parameter, None omits it.
        json: the body, encoded as compact UTF-8 JSON.
        form: the body, as application/x-www-form-urlencoded pairs; with `files`, fields before them.
        files: the body, as multipart/form-data; see `multipart.Files`.
        boundary: between the parts of `files`; by default one that nobody can guess.
        body: the body itself: bytes, str (sent as UTF-8), a file opened for reading bytes, an iterable of
            bytes, or a `bodies.Source`. When its size is unknown and no Content-Length is given, it is
            sent in chunks.
        trailers: fields behind the body, or a function that says them when the body is out.
        headers: fields in the order in which they are sent.
        cookies: names and values for this request, not for one that a redirect leads to elsewhere.
        target: what stands in the request line in place of the URL's path and query: ``*`` for OPTIONS,
            host:port for CONNECT (RFC 9112 3.2).
        upgrade: protocols to go over to, as in Upgrade (RFC 9110 7.8).
    """

    params: Params | None
    json: Any
    form: Params | None
    files: Files | None
    boundary: str | None
    body: Body | None
    trailers: HeadersInput | Callable[[], HeadersInput] | None
    headers: HeadersInput | None
    cookies: Mapping[str, str] | None
    target: str | None
    upgrade: str | None


def make_request(method: str, url: Url, **options: Unpack[MessageOptions]) -> Request:
    """Return the request that the arguments ask for, checked whole.

    Raises:
        InvalidRequest: a method, target, header or body that may not be sent.
        TypeError: an unknown option, two bodies, or a value of the wrong type.
    """
    if options or url.userinfo is not None or not isinstance(method, str):
        return _made(method, url, options)
    return _usual(method, url)


def usual_requests(headers: Headers | None = None) -> Callable[[str, Url], Request]:
    """Return a function that makes requests without options, all with these headers and no userinfo.

    It remembers what it made: to make and check a request takes twenty times as long as to find it again.
    """
    made = lru_cache(maxsize=_REMEMBERED)(
        partial(_bodiless, {} if headers is None else {"headers": headers})
    )

    def fresh(method: str, url: Url) -> Request:
        method, fields, head = made(method, url.origin)
        request = Request(method, url, fields)
        object.__setattr__(request, "head", b"%b %b %b" % (method.encode(), url.target.encode(), head))
        return request

    known = lru_cache(maxsize=_REMEMBERED)(fresh)
    return lambda method, url: (known if len(url.target) <= _SHORT else fresh)(method, url)


def _bodiless(options: MessageOptions, method: str, origin: Origin) -> tuple[str, Headers, bytes]:
    """Return method and headers of all such requests to an origin, and what stands behind their target."""
    request = _made(method, Url(origin, "/"), options)
    return request.method, request.headers, encode(request).partition(b" / ")[2]


def _made(method: str, url: Url, options: MessageOptions) -> Request:
    unknown = options.keys() - MessageOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"unknown option {sorted(unknown)[0]!r}")
    method = check_method(method)
    target = _target(method, options.get("target"))
    content_type, content = _content(options)
    given = check_given(make_headers(options.get("headers")))
    fields = [default for default in _DEFAULTS if default[0] not in given]
    user = credentials(url)
    if user is not None and "authorization" not in given:
        fields.append(("Authorization", f"Basic {b64encode(b':'.join(user)).decode()}"))
    if content_type and "content-type" not in given:
        fields.append(("Content-Type", content_type))
    fields += [*_cookie(options.get("cookies")), *_upgrade(options.get("upgrade"))]
    body, source = (content, None) if isinstance(content, bytes) else (b"", content)
    url, trailers = with_params(url, options.get("params")), _trailers(options.get("trailers"))
    return frame(Request(method, url, given, body, source, trailers, target), fields)


def frame(request: Request, fields: list[tuple[str, str]]) -> Request:
    """Return the request with Host first, then `fields`, what frames its body, and its own headers.

    A body in chunks is named by Transfer-Encoding, which may be given for bytes too; another one, and what
    is empty where a method gives that a meaning (RFC 9110 8.6), by Content-Length (RFC 9112 6).

    Raises:
        InvalidRequest: Host, Content-Length or Transfer-Encoding is repeated or wrong, or there is Expect
            without a body.
    """
    given = _with_options_named(request.headers)
    for name in ("host", "content-length", "transfer-encoding"):
        if len(given.getall(name, ())) > 1:
            raise InvalidRequest("invalid_header", f"header {name} is given more than once")
    framing = _framing(request, given)
    if "expect" in given and not (request.body or request.source):
        raise InvalidRequest(
            "invalid_header", "header expect is for a request with a body (RFC 9110 10.1.1)"
        )
    named = [pair for pair in given.items() if pair[0].lower() == "host"]
    host = named or [
        ("Host", request.target if request.method == "CONNECT" else request.url.origin.authority)
    ]
    head = [*host, *fields, *framing, *(pair for pair in given.items() if pair not in named)]
    return request.with_headers(CIMultiDictProxy(CIMultiDict(head)))


def _framing(request: Request, given: Headers) -> list[tuple[str, str]]:
    """Return the field that frames the body, unless it is among those `given`."""
    declared, coding = given.get("content-length"), given.get("transfer-encoding")
    size = size_of(request)
    if coding is not None:
        if coding.lower() != "chunked" or declared is not None:
            raise InvalidRequest(
                "invalid_header", f"transfer-encoding must be chunked, alone: {coding!r}, {declared!r}"
            )
        return []
    if request.trailers is not None and declared is not None:
        raise InvalidRequest("invalid_header", f"trailers need chunks, not content-length {declared}")
    if declared is not None:
        if not _DIGITS.fullmatch(declared) or size not in (None, int(declared)):
            raise InvalidRequest(
                "invalid_header", f"content-length {declared} is not the body's {size} bytes"
            )
        return []
    if size is None or request.trailers is not None:
        return [("Transfer-Encoding", "chunked")]
    return [("Content-Length", str(size))] if size or request.method in _BODY_EXPECTED else []


def check_given(headers: Headers) -> Headers:
    """Return the caller's own headers, or raise InvalidRequest for one that an option stands for."""
    # RFC 9110 7.8: who asks must be ready to speak it, and a 101 hands the connection over.
    if "upgrade" in headers:
        raise InvalidRequest("invalid_header", "header upgrade asks for a protocol that nobody would speak")
    return headers


def size_of(request: Request) -> int | None:
    """Return how many bytes the body has; None when nobody knows."""
    return len(request.body) if request.source is None else request.source.size


def expects(request: Request) -> bool:
    """Return whether the body waits for a 100 (RFC 9110 10.1.1)."""
    return request.headers.get("expect", "").lower() == "100-continue"


def check_trailers(trailers: Headers) -> Headers:
    """Return fields that may stand behind a body (RFC 9110 6.5.1), or raise InvalidRequest."""
    wrong = [name for name in trailers if name.lower() in NOT_IN_TRAILERS]
    if wrong:
        raise InvalidRequest("invalid_header", f"{wrong[0]} may not stand in a trailer section")
    return trailers


def _trailers(
    given: HeadersInput | Callable[[], HeadersInput] | None,
) -> Headers | Callable[[], HeadersInput] | None:
    if given is None or callable(given):
        return given
    return check_trailers(make_headers(given))


def _target(method: str, target: str | None) -> str:
    if target is None:
        target = ""
    elif not isinstance(target, str):
        raise TypeError(f"target must be str, not {target!r}")
    elif not _TARGET.fullmatch(target):
        raise InvalidRequest("invalid_target", f"target is not printable ASCII without blanks: {target!r}")
    if method == "CONNECT" and not _AUTHORITY.fullmatch(target):
        raise InvalidRequest("invalid_target", f"CONNECT needs a target host:port, not {target!r}")
    return target


def _cookie(cookies: Mapping[str, str] | None) -> list[tuple[str, str]]:
    # RFC 6265 4.2.1; a value is checked as that of a header, and against what would begin another cookie.
    if not cookies:
        return []
    parts = []
    for name, value in pairs(cookies, "cookies"):
        _, text = check_header("Cookie", value)
        if not isinstance(name, str) or not TOKEN.fullmatch(name) or ";" in text:
            raise InvalidRequest("invalid_header", f"not a cookie: {name!r}={value!r}")
        parts.append(f"{name}={text}")
    return [("Cookie", "; ".join(parts))]


def _upgrade(protocols: str | None) -> list[tuple[str, str]]:
    if protocols is None:
        return []
    return [check_header("Upgrade", protocols), ("Connection", "Upgrade")]


def _with_options_named(given: Headers) -> Headers:
    """Name TE in Connection, because it holds for this connection only (RFC 9110 10.1.4)."""
    if "te" not in given or "te" in members(given, "connection"):
        return given
    options = ", ".join(given.getall("connection", ()))
    named = CIMultiDict(given)
    named["Connection"] = f"{options}, TE" if options else "TE"
    return CIMultiDictProxy(named)


def check_method(method: str) -> str:
    """Return the method as it is sent: a token (RFC 9110 9.1), the standard ones in upper case."""
    if not isinstance(method, str):
        raise TypeError(f"method must be str, not {method!r}")
    if method in _STANDARD:
        return method
    if not TOKEN.fullmatch(method):
        raise InvalidRequest("invalid_method", f"method is not a token: {method!r}")
    return method.upper() if method.upper() in _STANDARD else method


def encode(request: Request) -> bytes:
    """Return the head as bytes, blank line included."""
    lines = [f"{request.method} {request.target or request.url.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


def _content(options: MessageOptions) -> tuple[str, bytes | Source]:
    """Return Content-Type and body of the one option that says them."""
    form, files, body = options.get("form"), options.get("files"), options.get("body")
    given = [name for name in ("json", "form", "files", "body") if options.get(name) is not None]
    if len(given) > 1 and given != ["form", "files"]:
        raise TypeError(f"a request has one body, not {' and '.join(given)}")
    if options.get("json") is not None:
        return "application/json", encode_json(options["json"])
    if files is not None:
        parts = make_multipart(form, files, options.get("boundary"))
        return f"multipart/form-data; boundary={parts.boundary}", parts
    if form is not None:
        return "application/x-www-form-urlencoded", encode_pairs(form, "invalid_body").encode("ascii")
    if body is None:
        return "", b""
    if isinstance(body, bytes | bytearray | memoryview | str):
        return "", encode_body(body, "utf-8")
    return "", source_of(body)


def encode_json(value: object) -> bytes:
    """Return compact UTF-8 JSON (RFC 8259: no NaN, no lone surrogates)."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest("invalid_body", f"cannot encode as JSON: {error}") from error


def encode_body(body: object, charset: str) -> bytes:
    """Return a body given as str or bytes; InvalidRequest for text that `charset` cannot hold."""
    if isinstance(body, str):
        try:
            return body.encode(charset)
        except UnicodeEncodeError:
            raise InvalidRequest("invalid_body", f"str body is not {charset}: {body!r}") from None
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise TypeError(f"body must be bytes or str, not {body!r}")


_usual = usual_requests()
