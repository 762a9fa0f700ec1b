"""A request becomes a checked value, and the value becomes bytes.

Every part is checked here, once; `encode` trusts what it gets. RFC 9110 9 (methods), RFC 9112 3 (request
line, Host) and 6 (framing).
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, TypedDict, Unpack

from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import InvalidRequest
from .headers import TOKEN, Headers, HeadersInput, make_headers
from .messages import Request
from .urls import Params, Url, credentials, encode_pairs, with_params

__all__ = [
    "MessageOptions",
    "check_method",
    "encode",
    "encode_body",
    "encode_json",
    "frame",
    "make_request",
]

# RFC 9110 8.6: a user agent sends Content-Length 0 when the method gives an absent body a meaning.
_BODY_EXPECTED = frozenset({"POST", "PUT", "PATCH"})
_STANDARD = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"})
_REFUSED = {
    "transfer-encoding": "is set by the body, not by hand",
    # RFC 9110 7.8: who asks must be ready to speak it, and a 101 hands the connection over.
    "upgrade": "asks for a protocol that nobody here would speak",
}
_DEFAULTS = (("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate"))


class MessageOptions(TypedDict, total=False):
    """What a request carries beside method and URL; None is the same as absent.

    Attributes:
        params: appended to the URL's query; a list repeats a parameter, None omits it.
        json: the body, encoded as compact UTF-8 JSON.
        form: the body, as application/x-www-form-urlencoded pairs.
        body: the body itself; str is sent as UTF-8.
        headers: fields in the order in which they are sent.
    """

    params: Params | None
    json: Any
    form: Params | None
    body: bytes | bytearray | str | None
    headers: HeadersInput | None


def make_request(method: str, url: Url, **options: Unpack[MessageOptions]) -> Request:
    """Return the request that the arguments ask for, checked whole.

    Raises:
        InvalidRequest: a method, header or body that may not be sent.
        TypeError: an unknown option, two bodies, or a value of the wrong type.
    """
    unknown = set(options) - MessageOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"unknown option {sorted(unknown)[0]!r}")
    method = check_method(method)
    content_type, body = _body(options)
    given = make_headers(options.get("headers"))
    fields = [default for default in _DEFAULTS if default[0] not in given]
    user = credentials(url)
    if user is not None and "authorization" not in given:
        fields.append(("Authorization", f"Basic {b64encode(b':'.join(user)).decode()}"))
    if content_type and "content-type" not in given:
        fields.append(("Content-Type", content_type))
    return frame(Request(method, with_params(url, options.get("params")), given, body), fields)


def frame(request: Request, fields: list[tuple[str, str]]) -> Request:
    """Return the request with Host first, then `fields`, Content-Length (RFC 9112 6) and its own headers.

    Raises:
        InvalidRequest: Host or Content-Length is repeated or wrong; Transfer-Encoding is given, for how a
            body is framed is not the caller's to say; or Upgrade is, for nothing but HTTP is spoken here.
    """
    given = _with_te_named(request.headers)
    for name in ("host", "content-length"):
        if len(given.getall(name, ())) > 1:
            raise InvalidRequest("invalid_header", f"header {name} is given more than once")
    for name, why in _REFUSED.items():
        if name in given:
            raise InvalidRequest("invalid_header", f"header {name} {why}")
    length = str(len(request.body))
    if given.get("content-length", length) != length:
        declared = given["content-length"]
        raise InvalidRequest(
            "invalid_header", f"content-length {declared} is not the body's {length} bytes"
        )
    named = [pair for pair in given.items() if pair[0].lower() == "host"]
    host = named or [("Host", request.url.origin.authority)]
    if "content-length" not in given and (request.body or request.method in _BODY_EXPECTED):
        fields = [*fields, ("Content-Length", length)]
    head = [*host, *fields, *(pair for pair in given.items() if pair not in named)]
    return Request(request.method, request.url, CIMultiDictProxy(CIMultiDict(head)), request.body)


def _with_te_named(given: Headers) -> Headers:
    """Name TE in Connection, because it holds for this connection only (RFC 9110 10.1.4)."""
    options = ", ".join(given.getall("connection", ()))
    if "te" not in given or "te" in (option.strip().lower() for option in options.split(",")):
        return given
    named = CIMultiDict(given)
    named["Connection"] = f"{options}, TE" if options else "TE"
    return CIMultiDictProxy(named)


def check_method(method: str) -> str:
    """Return the method as it is sent: a token (RFC 9110 9.1), the standard ones in upper case."""
    if not isinstance(method, str):
        raise TypeError(f"method must be str, not {method!r}")
    if not TOKEN.fullmatch(method):
        raise InvalidRequest("invalid_method", f"method is not a token: {method!r}")
    method = method.upper() if method.upper() in _STANDARD else method
    if method.upper() == "CONNECT":
        raise InvalidRequest("invalid_method", "CONNECT makes a tunnel, not a request")
    return method


def encode(request: Request) -> bytes:
    """Return the head as bytes, blank line included."""
    lines = [f"{request.method} {request.url.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


def _body(options: MessageOptions) -> tuple[str, bytes]:
    given = [name for name in ("json", "form", "body") if options.get(name) is not None]
    if len(given) > 1:
        raise TypeError(f"a request has one body, not {' and '.join(given)}")
    if not given:
        return "", b""
    if given == ["json"]:
        return "application/json", encode_json(options["json"])
    if given == ["form"]:
        form = options["form"]
        return "application/x-www-form-urlencoded", encode_pairs(form or (), "invalid_body").encode("ascii")
    return "", encode_body(options["body"], "utf-8")


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
