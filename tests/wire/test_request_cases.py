"""Every case of requests.json that a module exists for; the file's `meta` explains its fields."""

from __future__ import annotations

import base64

import pytest

from tymeconn.errors import InvalidRequest, RedirectRefused, TooManyRedirects
from tymeconn.wire.heads import parse_head
from tymeconn.wire.messages import Limits, Response
from tymeconn.wire.redirecting import Follow, next_request
from tymeconn.wire.requesting import encode, make_request
from tymeconn.wire.urls import split

from .case_files import cases_of

CASES = cases_of("requests.json")

# Families (ending in a slash) and single cases that nothing here can play yet, and why.
NOT_YET = {
    "redirect/307-once-only-body": "bodies are whole",
    "redirect/308-once-only-body": "bodies are whole",
    "redirect/body-of-redirect-read": "played by a connection, not by bytes",
    "cookie/": "played in test_cookie_cases.py",
    "proxy/": "played in test_proxy_cases.py",
    "url/target-raw": "no option for a raw target",
    "url/target-nonascii": "no option for a raw target",
    "url/options-star": "no option for a raw target",
    "body/iterable": "bodies are whole",
    "body/iterable-with-cl": "bodies are whole",
    "body/te-by-user": "Transfer-Encoding is refused until bodies can be chunked",
    "body/expect-waits": "Expect is not waited for",
    "body/expect-417": "Expect is not waited for",
    "body/trailer-forbidden": "no trailers",
    "body/early-response": "played by a connection, not by bytes",
    "body/early-200": "played by a connection, not by bytes",
}
FOLLOW = Follow(secret_headers=frozenset({"x-api-key"}))
# What played cases expect of the connection, not of the request's bytes.
NOT_OF_THE_BYTES = {"reuse_after"}


def waits(case):
    return any(
        case["id"] == name or (name.endswith("/") and case["id"].startswith(name)) for name in NOT_YET
    )


PLAYED = [case for case in CASES if not waits(case)]


def header_input(value):
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def sent(case):
    """Return the request that a case asks for, and the lines of its head."""
    given = dict(case["in"])
    headers = [(name, header_input(value)) for name, value in given.pop("headers", ())]
    request = make_request(given.pop("method"), split(given.pop("url")), headers=headers, **given)
    head = encode(request)
    assert head.endswith(b"\r\n\r\n")
    return request, head[:-4].split(b"\r\n")


def answered(status, location):
    """Return the redirect that a case describes: Location is none, one or several."""
    values = [] if location is None else [location] if isinstance(location, str) else location
    lines = "".join(f"Location: {value}\r\n" for value in values)
    head = parse_head(f"HTTP/1.1 {status} \r\n{lines}\r\n".encode("latin-1"), Limits())
    return Response(head.version, head.status, head.reason, head.headers, b"", None, None, False, None)


def redirected(case):
    """Return what was sent behind a redirect, by the names that cases use, or how it ended."""
    request, _ = sent({"in": case["in"]["request"]})
    response = answered(**case["in"]["response"])
    for hops in range(100):
        try:
            following = next_request(request, response, hops, FOLLOW)
        except RedirectRefused as error:
            return {"error": error.kind}
        except TooManyRedirects:
            return {"error": "too_many_redirects", "max": hops}
        if following is None:
            return {"returned": response.status}
        if following != request:
            return described(following)
        request = following
    raise AssertionError("a circle without an end")


def described(request):
    fragment = f"#{request.url.fragment}" if request.url.fragment else ""
    return {
        "method": request.method,
        "url": f"{request.url}{fragment}",
        "start_line": encode(request).split(b"\r\n")[0].decode("latin-1"),
        "authorization": request.headers.get("authorization"),
        "body": request.body.decode("utf-8") or None,
        "names": {name.lower() for name in request.headers},
        "rehosted": request.headers["host"] == request.url.origin.authority,
    }


def played(case):
    """Return what was built, by the names that cases use, or the error."""
    if case["id"].startswith("redirect/"):
        return redirected(case)
    try:
        request, (start_line, *lines) = sent(case)
    except InvalidRequest as error:
        return {"error": error.kind}
    fields = [tuple(line.decode("latin-1").split(": ", 1)) for line in lines]
    lower = {name.lower(): value for name, value in fields}
    return {
        "start_line": start_line.decode("latin-1"),
        "connect": [request.url.origin.host, request.url.origin.port],
        "body": request.body.decode("utf-8"),
        "body_b64": base64.b64encode(request.body).decode(),
        "header_order_first": fields[0][0].lower(),
        "connection_has": [option.strip().lower() for option in lower.get("connection", "").split(",")],
        "fields": fields,
        **{name: lower.get(name.replace("_", "-")) for name in NAMED},
    }


NAMED = ("host", "authorization", "content_length", "transfer_encoding")
# Fields of which a case names only some, and how to see these among all.
AMONG = {
    "header": lambda seen, wanted: tuple(wanted) in seen["fields"],
    "headers_in_order": lambda seen, wanted: in_order([tuple(pair) for pair in wanted], seen["fields"]),
    "header_bytes_b64": lambda seen, wanted: tuple(latin1(text) for text in wanted) in seen["fields"],
    "connection_has": lambda seen, wanted: wanted in seen["connection_has"],
    "kept": lambda seen, wanted: set(wanted) <= seen["names"],
    # A Host that was dropped is made anew.
    "dropped": lambda seen, wanted: seen["names"].isdisjoint(set(wanted) - {"host"}) and seen["rehosted"],
}


def latin1(text):
    return base64.b64decode(text).decode("latin-1")


def in_order(wanted, seen):
    names = {name for name, _ in wanted}
    return [field for field in seen if field[0] in names] == wanted


def fits(seen, wanted):
    if any((end in seen) != (end in wanted) for end in ("error", "returned")):
        return False
    return all(
        AMONG[name](seen, value) if name in AMONG else seen[name] == value
        for name, value in wanted.items()
        if name not in NOT_OF_THE_BYTES
    )


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in PLAYED])
def test_case(case):
    """What is built is what the case expects, or another that it calls sound."""
    seen = played(case)
    allowed = [case["expect"], *case.get("also", ())]
    assert any(fits(seen, wanted) for wanted in allowed), (seen, allowed)


def test_nothing_waits_in_vain():
    """Each name that waits is a case or a family of cases."""
    ids = [case["id"] for case in CASES]
    assert [name for name in NOT_YET if not any(each.startswith(name) for each in ids)] == []


def test_every_field_is_compared():
    """No played case expects a thing that is not looked at."""
    expected = {
        name for case in PLAYED for wanted in (case["expect"], *case.get("also", ())) for name in wanted
    }
    built = {"id": "", "in": {"method": "GET", "url": "http://a.example/"}}
    known = played(built).keys() | described(sent(built)[0]).keys() | AMONG.keys()
    assert expected - known - {"error", "returned", "max"} == NOT_OF_THE_BYTES
