"""Every case of requests.json that tells of proxies; the file's `meta` explains its fields."""

from __future__ import annotations

import pytest

from tymeconn.errors import InvalidRequest
from tymeconn.policy.routing import Proxies, Proxy, route
from tymeconn.wire.requesting import encode, make_request
from tymeconn.wire.urls import split

from .case_files import cases_of

CASES = cases_of("requests.json", "proxy")


def proxies_of(given):
    """Return the proxies that a case names, or those of its variables."""
    proxy, env = given.pop("proxy", None), given.pop("env", {})
    return Proxies.all_through(Proxy.parse(proxy)) if proxy else Proxies.of(env)


def routed(case):
    """Return the way of the request that a case asks for; what it says and nobody reads is an error."""
    given = dict(case["in"])
    proxies = proxies_of(given)
    return route(make_request(given.pop("method"), split(given.pop("url")), **given), proxies)


def lines(head):
    """Return the start line of a head, and its fields."""
    start_line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    return start_line, [tuple(field.split(": ", 1)) for field in fields]


def value(fields, name):
    return next((value for each, value in fields if each.lower() == name), None)


def socks_address(way):
    if way.proxy is None or way.proxy.speaks_http:
        return None
    return "ip, resolved here" if way.looked_up_here else way.request.url.origin.host


def played(case):
    """Return the way that was chosen, by the names that cases use, or the error."""
    try:
        way = routed(case)
    except InvalidRequest as error:
        return {"error": error.kind}
    start_line, fields = lines(way.head)
    connect_start_line, connect_fields = lines(encode(way.connect)) if way.connect else (None, [])
    return {
        "start_line": start_line,
        "host": value(fields, "host"),
        "fields": fields,
        "connect_start_line": connect_start_line,
        "connect_host": value(connect_fields, "host"),
        "connect_fields": connect_fields,
        "tls_to": list(way.tls),
        "socks_address": socks_address(way),
        "direct": way.proxy is None,
    }


# Fields of which a case names only some, and how to see these among all.
AMONG = {
    "header": lambda seen, wanted: tuple(wanted) in seen["fields"],
    "header_absent": lambda seen, wanted: value(seen["fields"], wanted.lower()) is None,
    "connect_header": lambda seen, wanted: tuple(wanted) in seen["connect_fields"],
}


def fits(seen, wanted):
    if ("error" in seen) != ("error" in wanted):
        return False
    return all(
        AMONG[name](seen, expected) if name in AMONG else seen[name] == expected
        for name, expected in wanted.items()
    )


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_case(case):
    """The way is what the case expects, or another that it calls sound."""
    seen = played(case)
    allowed = [case["expect"], *case.get("also", ())]
    assert any(fits(seen, wanted) for wanted in allowed), (seen, allowed)


def test_every_field_is_compared():
    """No case expects a thing that is not looked at."""
    expected = {
        name for case in CASES for wanted in (case["expect"], *case.get("also", ())) for name in wanted
    }
    known = played({"in": {"method": "GET", "url": "http://a.example/"}}).keys() | AMONG.keys()
    assert expected - known <= {"error"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"direct": True},
        {"tls_to": ["a.example", "proxy.example"]},
        {"connect_header": ["Proxy-Authorization", "Basic eDp4"]},
        {"header": ["Proxy-Authorization", "Basic cHU6cHA="]},
        {"header_absent": "Host"},
        {"socks_address": "a.example"},
        {"error": "invalid_url"},
    ],
)
def test_wrong_expectation(wrong):
    """A case that expects what is not so does not pass."""
    given = {"method": "GET", "url": "https://a.example/", "proxy": "https://pu:pp@proxy.example"}
    assert fits(played({"in": given}), {"connect_start_line": "CONNECT a.example:443 HTTP/1.1"})
    assert not fits(played({"in": given}), wrong)
