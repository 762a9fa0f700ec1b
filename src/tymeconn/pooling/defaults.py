"""What the requests of a pool have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl

from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import InvalidRequest
from ..wire.headers import Headers, HeadersInput, make_headers, pairs
from ..wire.messages import Request
from ..wire.requesting import MessageOptions, make_request, usual_requests
from ..wire.urls import Origin, Params, Url, join, split, text_pairs

__all__ = ["Defaults"]

# They say something of one request or of one connection.
_SINGLE = frozenset(
    {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)
# They say who asks, and an origin that a server led to must not learn it.
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})


@dataclass(frozen=True, slots=True)
class Defaults:
    """Checked once, when a pool is made; what a request says itself goes before all of it.

    Attributes:
        base: where relative URLs are read at (RFC 3986 5.2).
        headers: fields of every request.
        params: names and values in the query of every request to the base's origin, unless its URL or its
            own `params` name them.
    """

    base: Url | None = None
    headers: Headers = field(default_factory=make_headers)
    params: tuple[tuple[str, str], ...] = ()
    _usual: Callable[[str, Url], Request] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_usual", usual_requests(self.headers))

    @classmethod
    def of(cls, base_url: str | None, headers: HeadersInput | None, params: Params | None) -> Self:
        """Return the defaults that the arguments of a pool mean.

        Raises:
            InvalidRequest: a base that is no http or https URL, or a field that cannot be a default.
            ValueError: `params` without a base, whose origin they are for.
            TypeError: a value of the wrong type.
        """
        given = make_headers(headers)
        for name in map(str.lower, given):
            if name in _SECRET:
                told = f"header {name} would go to every origin: there are auth and cookies for it"
                raise InvalidRequest("invalid_header", told)
            if name in _SINGLE:
                raise InvalidRequest("invalid_header", f"header {name} cannot be every request's")
        if params is not None and base_url is None:
            raise ValueError(f"params {params!r} need a base_url, whose origin they are for")
        base = None if base_url is None else split(base_url)
        return cls(base, given, () if params is None else tuple(text_pairs(params)))

    def owns(self, origin: Origin) -> bool:
        """Tell whether `origin` is that of the base."""
        return self.base is not None and origin == self.base.origin

    def request(self, method: str, url: str, options: MessageOptions) -> Request:
        """Return the request that the arguments of a call mean; errors as `make_request` has them."""
        where = split(url) if self.base is None else join(self.base, url)
        if self.params and self.owns(where.origin):
            options["params"] = self._with_params(where, options.get("params"))
        if not self.headers:
            return make_request(method, where, **options)
        if not options and where.userinfo is None and isinstance(method, str):
            return self._usual(method, where)
        own = options["headers"] = make_headers(options.get("headers"))
        return self._with_headers(make_request(method, where, **options), own)

    def _with_params(self, where: Url, given: Params | None) -> Params:
        own = [] if given is None else pairs(given, "params")
        query = parse_qsl(where.target.partition("?")[2], keep_blank_values=True)
        named = {name for name, _ in query}.union(str(name) for name, _ in own)
        return [*((name, value) for name, value in self.params if name not in named), *own]

    def _with_headers(self, request: Request, own: Headers) -> Request:
        # Both are checked; to have them checked again with each request costs a microsecond a field.
        rest = [pair for pair in self.headers.items() if pair[0] not in own] if own else self.headers
        merged = CIMultiDict(request.headers)
        merged.update(rest)
        return request.with_headers(CIMultiDictProxy(merged))
