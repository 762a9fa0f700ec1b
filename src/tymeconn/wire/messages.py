"""The values of HTTP: a request, a response, and how large a response may be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, NoReturn, Self

from multidict import MultiMapping

from ..errors import StatusError
from .bodies import Source
from .headers import Headers, HeadersInput, make_headers
from .urls import Url

__all__ = ["Limits", "Meta", "Request", "Response"]

# Names of charsets as IANA has them, but no codec of Python's that takes quadratic time (punycode, idna).
_CHARSET = re.compile(r';[ \t]*charset="?(?!punycode|idna)([A-Za-z0-9._:-]{1,40})', re.IGNORECASE)
_LONGEST = 1024
_JSON = json.JSONDecoder()
_IN_UTF8 = (b'{"', b"[{", b'["', b"{}", b"[]")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a peer's answer is taken before the exchange ends with TooLarge.

    Attributes:
        head: bytes of status line and fields, interim responses each.
        headers: number of fields.
        line: bytes of one line of the head.
        interim: number of 1xx responses before the final one.
        chunk_line: bytes of one chunk-size line.
        trailers: bytes of the trailer section.
        codings: number of content codings on one body.
        body: bytes of a buffered body as received.
        decoded: bytes of a buffered body after decoding.
    """

    head: int = 262_144
    headers: int = 1_000
    line: int = 131_072
    interim: int = 100
    chunk_line: int = 16_384
    trailers: int = 65_536
    codings: int = 5
    body: int = 64 * 1024 * 1024
    decoded: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"limit {each.name} must be a number of bytes or items, not {value!r}")
            if value < 0:
                raise ValueError(f"limit {each.name} must not be negative: {value!r}")


@dataclass(frozen=True, slots=True)
class Request:
    """A request that may be sent as it is: every part was checked when it was made.

    Made by `requesting.make_request`.

    Attributes:
        method: a token.
        url: where it goes.
        headers: Host first; they say how the body is framed.
        body: what goes out, before any transfer coding.
        source: where the body comes from when it is not in `body`.
        trailers: fields behind a chunked body, or a function that says them when the body is out.
        target: what stands in the request line in place of the URL's own.
        head: the head as bytes, for whom it was cheap to know ahead.
    """

    method: str
    url: Url
    headers: Headers = field(default_factory=make_headers)
    body: bytes = b""
    source: Source | None = None
    trailers: Headers | Callable[[], HeadersInput] | None = None
    target: str = ""
    head: bytes = field(default=b"", init=False, compare=False)

    def __repr__(self) -> str:
        """Show what may stand in a log: headers and userinfo hold credentials."""
        return f"<Request {self.method} {self.url}>"

    def with_headers(self, headers: Headers) -> Request:
        """Return the same request with other headers, which were checked and frame its body."""
        # What dataclasses.replace does takes three times as long, and every request passes here.
        return Request(self.method, self.url, headers, self.body, self.source, self.trailers, self.target)

    @property
    def renewable(self) -> bool:
        """It can go out now, be it for the first time or again."""
        try:
            return self.source is None or bool(self.source.renewable)
        except Exception:  # noqa: BLE001 a source of the caller's own that cannot say so cannot be begun
            return False


_NONE = make_headers()


class Meta(NamedTuple):
    """What is known of a response beside hio's nine fields.

    Attributes:
        elapsed: seconds of the network's clock from the call to the last byte.
        interims: (status, headers) of each 1xx response, in order.
        trailers: fields that followed the body.
        history: the responses that led to this one: redirects and challenges, in order.
        tunnel: after a 101 or a 2xx to CONNECT, an `exchanging.exchange.Tunnel`: the connection itself.
    """

    elapsed: float = 0.0
    interims: tuple[tuple[int, Headers], ...] = ()
    trailers: Headers = _NONE
    history: tuple[Response, ...] = ()
    tunnel: Any = None


class _Fields(NamedTuple):
    version: tuple[int, int] | None
    status: int | None
    reason: str | None
    headers: MultiMapping[str] | Mapping[str, str]
    body: bytes | bytearray
    data: Any
    request: Any
    errored: bool
    error: str | None


class Response(_Fields):
    """An answer: hio's named tuple of nine fields, with what people expect of a response on top.

    It never changes once handed over, and equals any tuple of the same nine values.
    """

    meta: Meta = Meta()

    def with_meta(self, meta: Meta) -> Response:
        """Return the same response that also knows `meta`."""
        response = tuple.__new__(type(self), self)
        response.__dict__["meta"] = meta
        return response

    @classmethod
    def received(cls, head: tuple[Any, ...], body: bytes, request: Request, meta: Meta) -> Self:
        """Return the response that has come; `head` is version, status, reason and headers."""
        response = tuple.__new__(cls, (*head, body, None, request, False, None))
        response.__dict__["meta"] = meta
        return response

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a Response never changes: cannot set {name}")

    @property
    def ok(self) -> bool:
        """True for a status from 200 to 399."""
        return self.status is not None and 200 <= self.status < 400

    @property
    def url(self) -> str:
        """The URL that was asked, without its fragment; empty when the response was made by hand."""
        return str(self.request.url) if isinstance(self.request, Request) else ""

    @property
    def content(self) -> bytes:
        """The body as bytes, after content decoding."""
        return bytes(self.body)

    @property
    def text(self) -> str:
        """The body as text in the charset of Content-Type, else UTF-8; what does not fit becomes U+FFFD."""
        found = _CHARSET.search(self.headers.get("content-type", "")[:_LONGEST])
        try:
            return self.content.decode(found[1] if found else "utf-8", "replace")
        except (LookupError, ValueError):  # no charset, or one of Python's codecs that is none
            return self.content.decode("utf-8", "replace")

    @property
    def elapsed(self) -> float:
        """Seconds of the network's clock from the call to the last byte."""
        return self.meta.elapsed

    @property
    def history(self) -> tuple[Response, ...]:
        """The responses that led to this one: redirects and challenges, in order.

        Of their bodies at most 64 KiB are kept.
        """
        return self.meta.history

    def json(self) -> Any:
        """Return the body decoded as JSON.

        Raises:
            ValueError: it is not JSON, or nested too deeply to be read.
        """
        body = self.body
        try:
            # What begins so is UTF-8 (RFC 8259 8.1), and nothing but blanks may follow: to find that out,
            # json.loads spends half of its time on a small object.
            if body.startswith(_IN_UTF8):
                text = str(body, "utf-8", "surrogatepass")
                value, end = _JSON.raw_decode(text)
                if end == len(text) or not text[end:].strip(" \t\r\n"):
                    return value
            return json.loads(body)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None

    def raise_for_status(self) -> Response:
        """Return this response, or raise StatusError when its status is 4xx, 5xx or missing."""
        if self.status is None or self.status >= 400:
            raise StatusError(f"{self.status} {self.reason} for {self.url}", self)
        return self
