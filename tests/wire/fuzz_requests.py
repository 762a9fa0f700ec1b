"""Requests for the fuzzer: what callers ask for, and where redirects lead."""

from __future__ import annotations

import base64
import traceback

from tymeconn.errors import BodyError, InvalidRequest, ProtocolError, RedirectRefused, TooManyRedirects
from tymeconn.wire.heads import parse_head
from tymeconn.wire.messages import Limits, Response
from tymeconn.wire.redirecting import Follow, downgrades, next_request
from tymeconn.wire.requesting import MessageOptions, make_request
from tymeconn.wire.sending import outgoing
from tymeconn.wire.urls import Origin, split

from .case_files import cases_of
from .mutating import mutated_value
from .oracle import request_made, request_told

FIELDS = {"method", "url", *MessageOptions.__annotations__}
ASKED = [case for case in cases_of("requests.json") if {"method", "url"} <= case["in"].keys() <= FIELDS]
REQUESTS = [case["in"] for case in ASKED]
SENT = [case["in"] for case in ASKED if "error" not in case["expect"]]
REDIRECTS = [case["in"] for case in cases_of("requests.json", "redirect")]
# Of these the cases have few or none.
MORE = [
    {"body": [{"b64": "YQ=="}, {"b64": ""}, None, {"b64": "YmM="}]},
    {"body": [{"b64": "YQ=="}], "trailers": [["X-A", "1"], ["x-a", ""]]},
    {"body": [{"b64": "YQ=="}], "headers": [["Content-Length", "1"]]},
    {"body": "abc", "headers": [["Transfer-Encoding", "Chunked"], ["Expect", "100-continue"]]},
    {"cookies": {"a": "b", "c": ""}, "headers": [["TE", "trailers"], ["Connection", "close"]]},
    {"method": "CONNECT", "target": "b.example:443"},
    {"method": "OPTIONS", "target": "*"},
    {"upgrade": "websocket"},
    {"params": {"a": ["b", 1, None, True], "": "\u20ac"}},
]
SECRETS = {"authorization", "cookie", "proxy-authorization", "x-api-key"}


def make_asked(rng):
    """Return an input: what a caller asks for."""
    more = rng.choice(MORE) if rng.random() < 0.3 else {}
    return {"in": _changed(rng, {**rng.choice(REQUESTS), **rng.choice(SENT), **more})}


def check_asked(case):
    """Return whether a request is sent; AssertionError when h11 reads another one."""
    request = _built(case["in"])
    return "refused" if request is None else _check_sent(request)


def make_redirect(rng):
    """Return an input: a request, and the redirect that answers it."""
    given = rng.choice(REDIRECTS)
    response = _changed(rng, given["response"]) if rng.random() < 0.9 else given["response"]
    request = _changed(rng, given["request"]) if rng.random() < 0.4 else given["request"]
    return {
        "request": request,
        "response": response,
        "hops": rng.choice((0, 0, Follow().most - 1)),
        "insecure": rng.random() < 0.2,
    }


def check_redirect(case):
    """Return where a redirect leads; AssertionError when a request goes where it may not."""
    request, response = _built(case["request"]), _answer(**case["response"])
    if request is None or response is None:
        return "refused"
    insecure = case["insecure"]
    follow = Follow(secret_headers=frozenset({"X-Api-Key"}), insecure=insecure)
    for hops in (case["hops"], case["hops"] + 1):
        try:
            following = next_request(request, response, hops, follow)
        except (RedirectRefused, TooManyRedirects) as error:
            return type(error).__name__
        if following is None:
            return "not followed"
        assert hops < follow.most, f"followed after {hops} hops"
        _check_hop(request, following, insecure=insecure)
        request = following
    return "followed twice"


def _changed(rng, given):
    for _ in range(rng.choice((1, 1, 2, 4))):
        # Most of what a URL or a method may become is refused, and nothing else of that request is seen.
        seldom = {"url", "method"} if rng.random() < 0.6 else set()
        name = rng.choice([name for name in given if name not in seldom] or ["url"])
        given = {**given, name: mutated_value(rng, given[name])}
    return given


def _built(given):
    """Return the request that is asked for, None when it is refused as documented."""
    given = _with_bytes(given)
    try:
        return make_request(given.pop("method"), split(given.pop("url")), **given)
    except InvalidRequest:
        return None
    except TypeError as error:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        assert frame.f_globals["__name__"].startswith("tymeconn."), f"raised by chance: {error!r}"
        return None


def _with_bytes(value):
    if isinstance(value, dict):
        if value.keys() == {"b64"}:
            return base64.b64decode(value["b64"])
        return {name: _with_bytes(each) for name, each in value.items()}
    return [_with_bytes(each) for each in value] if isinstance(value, list) else value


def _check_sent(request):
    again = split(str(request.url))
    assert again == request.url._replace(fragment="", userinfo=None), f"{request.url} splits into {again}"
    try:
        sent = b"".join(piece for piece in outgoing(request, [].append) if not isinstance(piece, float))
    except BodyError:
        return "broken off"
    read, made = request_told(sent), request_made(request)
    assert read == made, f"h11 reads {read} where {made} was sent"
    return "sent"


def _answer(status, location):
    """Return the redirect, None when its head is no head."""
    locations = location if isinstance(location, list) else [] if location is None else [location]
    lines = "".join(f"Location: {each}\r\n" for each in locations)
    try:
        head = parse_head(f"HTTP/1.1 {status} \r\n{lines}\r\n".encode("utf-8", "surrogatepass"), Limits())
    except ProtocolError:
        return None
    return Response(head.version, head.status, head.reason, head.headers, b"", None, None, False, None)


def _check_hop(request, following, *, insecure):
    _check_sent(following)
    old, new = request.url.origin, following.url.origin
    assert insecure or not downgrades(old, new), f"{request.url} leads to {following.url}"
    assert following.url.userinfo is None, "a server chose credentials"
    names = {name.lower() for name in following.headers}
    upgraded = (Origin("http", new.host, 80), Origin("https", new.host, 443))
    if old != new and (old, new) != upgraded:
        assert names.isdisjoint(SECRETS), f"{new} is told {names & SECRETS}"
    assert following.body in (request.body, b""), f"{following.url} gets another body"
    if old != new:
        assert following.headers["host"] == new.authority, f"{new} is called {following.headers['host']}"
