"""What the requests of a pool have in common."""

from __future__ import annotations

import pytest

from tymeconn.errors import InvalidRequest
from tymeconn.pooling.defaults import Defaults

BASE = "https://a.test/v1/"


def request_of(url="jobs", base_url=BASE, headers=None, **options):
    return Defaults.of(base_url, headers, None).request("GET", url, options)


@pytest.mark.parametrize(
    ("base", "url", "meant"),
    [
        (BASE, "jobs/7", "https://a.test/v1/jobs/7"),
        (BASE, "/jobs", "https://a.test/jobs"),
        (BASE, "?q=1", "https://a.test/v1/?q=1"),
        (BASE, "http://b.test/", "http://b.test/"),
        (None, "http://b.test/x", "http://b.test/x"),
    ],
)
def test_urls_are_read_at_the_base(base, url, meant):
    """RFC 3986 5.2; without a base they are whole."""
    assert str(request_of(url, base).url) == meant


def test_relative_url_without_a_base():
    """It leads nowhere."""
    with pytest.raises(InvalidRequest):
        request_of("/x", None)


def test_headers_are_every_request_s():
    """They go to all origins, the built-in ones give way to them, and repeated ones stay."""
    headers = [("accept", "a/b"), ("X", "1"), ("X", "2")]
    for url in ("jobs", "http://b.test/"):
        sent = request_of(url, headers=headers).headers
        assert (sent.getall("accept"), sent.getall("x")) == (["a/b"], ["1", "2"])


def test_own_headers_go_before():
    """What a request says itself stands once, whatever its case and type; the rest is added."""
    defaults = Defaults.of(None, {"X": "1", "Y": "2"}, None)
    sent = defaults.request("GET", "http://a.test/", {"headers": iter([("x", b"3")])}).headers
    assert (sent.getall("x"), sent.getall("y")) == (["3"], ["2"])


def test_default_content_type_names_the_body():
    """As with a request's own, it goes before the one that the option implies."""
    defaults = Defaults.of(BASE, {"Content-Type": "application/merge-patch+json"}, None)
    sent = defaults.request("PATCH", "x", {"json": {}}).headers
    assert sent.getall("content-type") == ["application/merge-patch+json"]


@pytest.mark.parametrize(
    "name", ["Authorization", "cookie", "Proxy-Authorization", "Host", "content-length", "Connection"]
)
def test_headers_that_are_no_defaults(name):
    """Neither secrets nor what says something of one request or connection."""
    with pytest.raises(InvalidRequest, match=name.lower()):
        Defaults.of(BASE, {name: "x"}, None)


@pytest.mark.parametrize(
    ("url", "own", "query"),
    [
        ("x", None, "v=1&n=2"),
        ("x?a=b", None, "a=b&v=1&n=2"),
        ("x", {"v": 3}, "n=2&v=3"),
        ("x", {"v": None}, "n=2"),
        ("x", iter([("v", 3), ("v", 4)]), "n=2&v=3&v=4"),
        ("x?%76=3&n=", None, "%76=3&n="),
        ("http://b.test/?", None, ""),
    ],
)
def test_params_are_the_base_s(url, own, query):
    """What the URL or the request names is not named again, and another origin is told nothing."""
    defaults = Defaults.of(BASE, None, {"v": 1, "n": [2]})
    request = defaults.request("GET", url, {"params": own})
    assert request.url.target.partition("?")[2] == query


def test_params_need_a_base():
    """Without one they would be for nobody."""
    with pytest.raises(ValueError, match="base_url"):
        Defaults.of(None, None, {"v": 1})


@pytest.mark.parametrize("wrong", [{"headers": 7}, {"params": 7}, {"base_url": 7}, {"base_url": "/x"}])
def test_wrong_defaults(wrong):
    """What cannot be a default is refused when it is given."""
    arguments = {"base_url": BASE, "headers": None, "params": None} | wrong
    with pytest.raises((TypeError, InvalidRequest)):
        Defaults.of(**arguments)


@pytest.mark.parametrize("wrong", [{"params": 7}, {"params": [1]}, {"headers": 7}])
def test_wrong_options(wrong):
    """What a request says wrongly is refused as ever."""
    with pytest.raises(TypeError):
        Defaults.of(BASE, {"X": "1"}, {"v": 1}).request("GET", "x", wrong)
