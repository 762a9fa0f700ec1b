"""Requests with holes."""

from __future__ import annotations

import pytest

from tymeconn.polling.templating import MissingValue, Template, lookup


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("{location}", "http://h/a?b=1"),
        ("/x/{id}", "/x/a%2Fb%3Fc"),
        ("/x/{job.number}/{{{list[0]}}}", "/x/7/{1}"),
        ("/plain", "/plain"),
        ("{id}", "a/b?c"),
    ],
)
def test_url(template, url):
    """Values are percent-encoded, the location is not, doubled braces are braces."""
    document = {"id": "a/b?c", "job": {"number": 7}, "list": [1]}
    assert Template(url=template).fill("http://h/a?b=1", document).url == url


def test_json_keeps_types():
    """A string that is one hole takes the value itself; any other takes its text; keys stay."""
    template = Template(json={"{id}": "{id}", "text": "n{id}", "deep": [{"x": "{obj}"}, None, 2, "{{id}}"]})
    filled = template.fill("/x", {"id": 7, "obj": {"a": 1}}).json
    assert filled == {"{id}": 7, "text": "n7", "deep": [{"x": {"a": 1}}, None, 2, "{id}"]}


def test_headers():
    """Values are put in as they are."""
    assert Template(headers={"X": "a {id}"}).fill("/x", {"id": "b"}).headers == {"X": "a b"}


@pytest.mark.parametrize("document", [None, {}, [], "text", {"id": None}])
def test_missing_value(document):
    """A hole without a value is an error, never the text None."""
    with pytest.raises(MissingValue):
        Template(url="/x/{id}").fill(None, document)


def test_location_may_come_from_the_body():
    """Without a header the body's own location is taken."""
    assert Template().fill(None, {"location": "/a"}).url == "/a"


@pytest.mark.parametrize("wrong", [{"url": "/{a..b}"}, {"headers": {"X": "{[}"}}, {"json": ["{a b}"]}])
def test_wrong_path_raises_when_made(wrong):
    """A hole that is no JMESPath is refused at once, naming it."""
    with pytest.raises(ValueError, match="not a JMESPath"):
        Template(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "/jobs/{"},
        {"url": "/jobs/{}"},
        {"method": "GE T"},
        {"headers": {"a b": "x"}},
        {"json": object()},
    ],
)
def test_template_that_can_never_be_sent_raises_when_made(wrong):
    """Method, header names, body and braces are checked once."""
    with pytest.raises(ValueError):
        Template(**wrong)


@pytest.mark.parametrize("wrong", [{"url": None}, {"headers": {"X": 7}}, {"headers": ["X"]}, {"method": 7}])
def test_wrong_type_raises_when_made(wrong):
    """Templates are strings."""
    with pytest.raises(TypeError):
        Template(**wrong)


def test_function_on_a_wrong_type_finds_nothing():
    """What a peer sends cannot make a lookup raise."""
    assert lookup("length(a)", {"a": 7}) is None
    assert lookup("contains(a, b)", {"a": "x", "b": 7}) is None
    assert lookup("floor(a)", {"a": float("inf")}) is None


def test_value_that_utf8_cannot_hold_is_missing():
    """A lone surrogate is no part of a URL."""
    with pytest.raises(MissingValue):
        Template(url="/x/{id}").fill(None, {"id": "\ud800"})


@pytest.mark.parametrize(
    ("url", "led"), [("{location}", True), ("{a}/b", True), ("/x/{a}", False), ("{{a}}", False)]
)
def test_who_leads_the_look(url, led):
    """A template that begins with a hole goes where the server says."""
    assert Template(url=url).led is led
