"""Every case of requests.json that bytes can tell of; the file's `meta` explains its fields."""

from __future__ import annotations

import base64

import pytest

from tymeconn.errors import InvalidRequest, RedirectRefused, TooManyRedirects
from tymeconn.wire.heads import parse_head
from tymeconn.wire.messages import Limits, Response
from tymeconn.wire.redirecting import Follow, next_request
from tymeconn.wire.requesting import encode, make_request
from tymeconn.wire.sending import outgoing
from tymeconn.wire.urls import split

from . import test_carried_cases, test_cookie_cases, test_proxy_cases
from .case_files import allowed, cases_of, expected_fields, is_carried, request_of

CASES = cases_of("requests.json")
# Families that another module plays.
ELSEWHERE = {"cookie", "proxy"}
PLAYED = [case for case in CASES if case["id"].split("/")[0] not in ELSEWHERE and not is_carried(case)]
FOLLOW = Follow(secret_headers=frozenset({"x-api-key"}))


def sent(given):
    """Return the request that is asked for, the lines of its head, and what goes out behind that."""
    method, url, options = request_of(given)
    request = make_request(method, split(url), **options)
    head, _, rest = gone_out(request).partition(b"\r\n\r\n")
    return request, head.split(b"\r\n"), rest


def gone_out(request):
    return b"".join(
        piece for piece in outgoing(request, lambda count: None) if not isinstance(piece, float)
    )


def answered(status, location):
    """Return the redirect that a case describes: Location is none, one or several."""
    values = [] if location is None else [location] if isinstance(location, str) else location
    lines = "".join(f"Location: {value}\r\n" for value in values)
    head = parse_head(f"HTTP/1.1 {status} \r\n{lines}\r\n".encode("latin-1"), Limits())
    return Response(head.version, head.status, head.reason, head.headers, b"", None, None, False, None)


def redirected(case):
    """Return what was sent behind a redirect, by the names that cases use, or how it ended."""
    request, _, _ = sent(case["in"]["request"])
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
    if "request" in case["in"]:
        return redirected(case)
    try:
        request, (start_line, *lines), rest = sent(case["in"])
    except InvalidRequest as error:
        return {"error": error.kind}
    fields = [tuple(line.decode("latin-1").split(": ", 1)) for line in lines]
    lower = {name.lower(): value for name, value in fields}
    return {
        "start_line": start_line.decode("latin-1"),
        "connect": [request.url.origin.host, request.url.origin.port],
        "body": request.body.decode("utf-8"),
        "body_b64": base64.b64encode(request.body).decode(),
        "body_raw": rest.decode("utf-8"),
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
        AMONG[name](seen, value) if name in AMONG else seen[name] == value for name, value in wanted.items()
    )


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in PLAYED])
def test_case(case):
    """What is built is what the case expects, or another that it calls sound."""
    seen = played(case)
    assert any(fits(seen, wanted) for wanted in allowed(case)), (seen, allowed(case))


def test_every_field_is_compared():
    """No played case expects a thing that is not looked at."""
    given = {"method": "GET", "url": "http://a.example/"}
    known = played({"in": given}).keys() | described(sent(given)[0]).keys() | AMONG.keys()
    assert expected_fields(PLAYED) <= known | {"error", "returned", "max"}


def test_every_case_is_played_once():
    """No case is left out, and none belongs to two."""
    runners = (PLAYED, test_carried_cases.PLAYED, test_cookie_cases.CASES, test_proxy_cases.CASES)
    played_ids = [case["id"] for runner in runners for case in runner]
    assert sorted(played_ids) == sorted(case["id"] for case in CASES)
