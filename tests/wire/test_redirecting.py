"""A redirect leads to one more request, and never tells one origin what was meant for another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tymeconn.errors import RedirectRefused, TooManyRedirects
from tymeconn.wire.messages import Response
from tymeconn.wire.redirecting import Follow, next_request
from tymeconn.wire.requesting import encode, make_request
from tymeconn.wire.urls import split

SECRETS = {
    "Authorization": "Basic eDp5",
    "Cookie": "a=1",
    "Proxy-Authorization": "Basic cDpx",
    "X-Key": "k",
}
BODY = {"Content-Type": "text/plain", "Content-MD5": "x", "Expect": "100-continue", "Digest": "y"}


def redirect(*locations, status=302):
    """Return a redirect to these places."""
    fields = CIMultiDict([("location", location) for location in locations])
    return Response((1, 1), status, "", fields, b"", None, None, False, None)


def follow(
    location, url="http://a.example/x", *, method="GET", status=302, headers=None, body=None, **options
):
    """Return the request that a redirect leads to."""
    request = make_request(method, split(url), headers=headers, body=body)
    return next_request(request, redirect(location, status=status), 0, Follow(**options))


def refusal(location, url="http://a.example/x"):
    with pytest.raises(RedirectRefused) as caught:
        follow(location, url)
    return caught.value.kind


def kept(request, names):
    return [name for name in names if name in request.headers]


@pytest.mark.parametrize("status", [None, 200, 201, 300, 304, 305, 306, 309, 400])
def test_not_a_redirect(status):
    """Location leads somewhere with the statuses of a redirect only."""
    assert follow("/y", status=status) is None


@pytest.mark.parametrize("locations", [[], [""]])
def test_nowhere_to_go(locations):
    """Without a Location the redirect is the answer, after any number of them."""
    request = make_request("GET", split("http://a.example/"))
    assert next_request(request, redirect(*locations), 20, Follow()) is None


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (301, {"POST": "GET"}),
        (302, {"POST": "GET"}),
        (303, {"POST": "GET", "PUT": "GET", "DELETE": "GET", "PURGE": "GET"}),
        (307, {}),
        (308, {}),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PURGE"])
def test_method(method, status, changes):
    """303 asks for GET, 301 and 302 turn POST into GET, all else stays what it was."""
    assert follow("/y", method=method, status=status).method == changes.get(method, method)


def test_body_goes_along():
    """A method that is kept keeps its body and what is said of it."""
    request = follow("/y", method="POST", status=307, headers=BODY, body="hello")
    assert request.body == b"hello"
    assert kept(request, BODY) == list(BODY)
    assert request.headers["content-length"] == "5"


@pytest.mark.parametrize("status", [301, 302, 303])
def test_body_stays_behind(status):
    """GET has neither the body of the POST nor what was said of it."""
    request = follow("/y", method="POST", status=status, headers={**BODY, "X": "y"}, body="hello")
    assert request.body == b""
    assert kept(request, [*BODY, "Content-Length", "X"]) == ["X"]


def test_no_empty_body_is_announced():
    """GET behind an empty POST has no Content-Length."""
    assert "content-length" not in follow("/y", method="POST").headers


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("y", "http://a.example/d/y"),
        ("../y?z", "http://a.example/y?z"),
        ("?z", "http://a.example/d/x?z"),
        ("//b.example/y", "http://b.example/y"),
        ("HTTPS://B.example:443", "https://b.example/"),
        ("/a%2Fb%3Fc%20d e", "http://a.example/a%2Fb%3Fc%20d%20e"),
        ("/é".encode().decode("latin-1"), "http://a.example/%C3%A9"),
        ("/é", "http://a.example/%E9"),
        ("http://bücher.example/".encode().decode("latin-1"), "http://xn--bcher-kva.example/"),
    ],
)
def test_location(location, expected):
    """Location is read at the URL that was asked, as UTF-8 when it is, and keeps its percent-encoding."""
    assert str(follow(location, "http://a.example/d/x?q=1").url) == expected


@pytest.mark.parametrize(("location", "expected"), [("/y", "f"), ("/y#g", "g"), ("/y#", "")])
def test_fragment(location, expected):
    """A fragment is inherited when Location has none, and never sent."""
    request = follow(location, "http://a.example/x#f")
    assert request.url.fragment == expected
    assert encode(request).startswith(b"GET /y HTTP/1.1\r\nHost: a.example\r\n")


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("ftp://a.example/", "unsupported_scheme"),
        ("javascript:alert(1)", "unsupported_scheme"),
        ("http://b.example/\x01", "invalid_redirect"),
        ("http://b.example:0/", "invalid_redirect"),
        ("/\\b.example", "invalid_redirect"),
        ("http://[/", "invalid_redirect"),
    ],
)
def test_refused_location(location, kind):
    """A Location that no request can go to is refused, as a value that says why."""
    assert refusal(location) == kind


def test_two_locations():
    """Two Locations lead nowhere."""
    request = make_request("GET", split("http://a.example/"))
    with pytest.raises(RedirectRefused, match=r"/y.*/z") as caught:
        next_request(request, redirect("/y", "/z"), 0, Follow())
    assert caught.value.kind == "invalid_redirect"


@pytest.mark.parametrize("location", ["/y", "http://a.example:80/", "http://A.EXAMPLE/y"])
def test_same_origin(location):
    """At the same origin everything is told again, and a Host set by hand stays."""
    request = follow(location, headers={**SECRETS, "Host": "b.example"}, secret_headers={"X-Key"})
    assert kept(request, SECRETS) == list(SECRETS)
    assert request.headers.getall("host") == ["b.example"]


@pytest.mark.parametrize(
    "location",
    ["//b.example/", "//a.example:8080/", "//sub.a.example/", "https://a.example:8443/", "//a.example./"],
)
def test_new_origin(location):
    """Another origin is told neither the secrets, however their names are written, nor the old Host."""
    headers = {**SECRETS, "Host": "vhost.example", "Accept": "text/plain", "Referer": "http://a.example/"}
    request = follow(location, headers=headers, secret_headers={"x-kEY"})
    assert kept(request, [*SECRETS, "Accept", "Referer"]) == ["Accept", "Referer"]
    assert request.headers.getall("host") == [request.url.origin.authority]


def test_headers_are_kept_unless_named():
    """A field is a secret of the caller's own when the caller says so."""
    assert "x-key" in follow("http://b.example/", headers=SECRETS).headers


def test_upgrade():
    """From http to https of the same host, both at their default ports, the credentials go along."""
    request = follow("https://a.example/y", headers={**SECRETS, "Host": "vhost.example"})
    assert kept(request, SECRETS) == list(SECRETS)
    assert request.headers["host"] == "a.example"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("http://a.example:8080/", "https://a.example/"),
        ("http://a.example/", "https://b.example/"),
        ("http://a.example:443/", "https://a.example/"),
    ],
)
def test_no_upgrade(url, location):
    """Other ports or another host are another origin, also over https."""
    assert "authorization" not in follow(location, url, headers=SECRETS).headers


@pytest.mark.parametrize("location", ["http://a.example/", "http://b.example/"])
def test_downgrade(location):
    """From https to http is refused unless it is allowed, and then neither secrets nor Referer go along."""
    assert refusal(location, "https://a.example/") == "insecure_redirect"
    headers = {**SECRETS, "Referer": "https://a.example/?token"}
    request = follow(
        location, "https://a.example/", headers=headers, secret_headers={"x-key"}, insecure=True
    )
    assert kept(request, headers) == []


@pytest.mark.parametrize("location", ["http://u:p@a.example/", "http://u:p@b.example/"])
def test_userinfo_of_location(location):
    """A server cannot choose the credentials."""
    request = follow(location)
    assert request.url.userinfo is None
    assert "authorization" not in request.headers


def test_userinfo_of_the_url():
    """Credentials of the URL go where the URL went, and nowhere else."""
    assert "authorization" in follow("/y", "http://u:p@a.example/").headers
    assert "authorization" not in follow("http://b.example/", "http://u:p@a.example/").headers


def test_hops():
    """A circle ends after twenty redirects."""
    request = make_request("GET", split("http://a.example/"))
    for hops in range(20):
        request = next_request(request, redirect("/"), hops, Follow())
    with pytest.raises(TooManyRedirects, match="after 20 redirects"):
        next_request(request, redirect("/"), 20, Follow())


@given(st.sampled_from(["", "/", "//", "http://", "https://u@"]), st.text(st.characters(max_codepoint=255)))
def test_any_location(prefix, text):
    """Whatever a server writes into Location is a request that may be sent, none, or a refusal."""
    try:
        request = follow(prefix + text, headers=SECRETS)
    except RedirectRefused:
        return
    if request is not None:
        assert request.url.target.isascii()
        assert request.url.origin.host == "a.example" or "cookie" not in request.headers
        assert split(str(request.url)) == request.url._replace(fragment="")


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"most": -1}, ValueError),
        ({"most": True}, TypeError),
        ({"most": 1.5}, TypeError),
        ({"secret_headers": "x-key"}, TypeError),
        ({"secret_headers": {7}}, TypeError),
    ],
)
def test_wrong_follow(parts, error):
    """What cannot be followed is refused where it is said."""
    with pytest.raises(error):
        Follow(**parts)


@pytest.mark.parametrize("status", [301, 307, 308])
def test_spent_body_goes_nowhere(status):
    """A body that was given away cannot go to another place; a GET without it can."""
    request = make_request("PUT", split("http://a.example/x"), body=iter([b"a"]))
    list(request.source.begin())
    with pytest.raises(RedirectRefused) as caught:
        next_request(request, redirect("/y", status=status), 0, Follow())
    assert caught.value.kind == "body_not_replayable"
    assert next_request(request, redirect("/y", status=303), 0, Follow()).source is None


def test_streamed_body_goes_along():
    """A source that gives its bytes again goes to the next place, framed as before, with its trailers."""
    request = make_request("PUT", split("http://a.example/x"), body=[b"a"], trailers={"X": "1"})
    moved = next_request(request, redirect("/y", status=307), 0, Follow())
    assert (moved.source, moved.trailers) == (request.source, request.trailers)
    assert moved.headers["transfer-encoding"] == "chunked"


def test_target_of_its_own_stays_behind():
    """A redirect says where to go; what stood in the request line was for the first place."""
    request = make_request("OPTIONS", split("http://a.example/"), target="*")
    assert next_request(request, redirect("/y"), 0, Follow()).target == ""


def test_secrets_of_trailers_stay():
    """What is not told to another origin is not told behind the body either, whenever it is said."""
    for trailers in ({"X-Token": "s", "X-Sum": "1"}, lambda: {"X-Token": "s", "X-Sum": "1"}):
        request = make_request("PUT", split("http://a.example/x"), body=b"a", trailers=trailers)
        follow = Follow(secret_headers=frozenset({"x-token"}))
        moved = next_request(request, redirect("//b.example/", status=307), 0, follow).trailers
        assert dict(moved() if callable(moved) else moved) == {"X-Sum": "1"}


def test_tunnel_is_not_led_elsewhere():
    """CONNECT says where to go in its target alone."""
    request = make_request("CONNECT", split("http://proxy.example/"), target="b.example:443")
    assert next_request(request, redirect("/y"), 0, Follow()) is None
