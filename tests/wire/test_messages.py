"""The values of HTTP keep what they were given."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import fields

import pytest
from hio.core.http.clienting import Response as HioResponse
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tymeconn.errors import StatusError
from tymeconn.wire.headers import make_headers
from tymeconn.wire.messages import Limits, Meta, Request, Response
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split

NINE = {
    "version": (1, 1),
    "status": 200,
    "reason": "OK",
    "headers": CIMultiDict({"Content-Type": "text/plain"}),
    "body": bytearray(b"hi"),
    "data": None,
    "request": {"method": "GET"},
    "errored": False,
    "error": None,
}
# What no field value holds.
CLEAN = dict.fromkeys([*range(9), *range(10, 32), 127])


def response(**parts):
    return Response(**{**NINE, **parts})


def typed(content_type, body):
    return response(headers=make_headers({"Content-Type": content_type}), body=body)


@pytest.mark.parametrize(
    "make", [tuple, lambda values: HioResponse(*values), lambda values: Response(*values)]
)
def test_equal_to_the_same_nine(make):
    """A response equals a tuple of its nine values, hio's named tuple among them."""
    assert response() == make(NINE.values())
    assert response(status=201) != make(NINE.values())


def test_nine_fields():
    """The fields are hio's, by name and by position."""
    assert Response._fields == HioResponse._fields
    version, status, *_, error = response()
    assert (version, status, error) == ((1, 1), 200, None)


@pytest.mark.parametrize("parts", [{}, {"status": 200}, {**NINE, "extra": 1}])
def test_all_nine_are_needed(parts):
    """A response is made of exactly the nine fields."""
    with pytest.raises(TypeError):
        Response(**parts)


@pytest.mark.parametrize("name", ["status", "meta", "ok", "extra"])
def test_never_changes(name):
    """No attribute of a response can be set."""
    with pytest.raises(AttributeError, match=name):
        setattr(response(), name, 5)


def test_meta_is_no_tenth_field():
    """What is known beside the nine fields changes no comparison."""
    meta = Meta(
        elapsed=1.5, interims=((103, make_headers({"Link": "</a>"})),), trailers=make_headers({"X": "y"})
    )
    known = response().with_meta(meta)
    assert known == response()
    assert known.meta is meta
    assert (known.elapsed, response().elapsed) == (1.5, 0.0)


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each)), Response._replace]
)
def test_copies(again):
    """A response whose headers can be copied and pickled can be, too, and knows as much."""
    twin = again(response())
    assert type(twin) is Response
    assert twin == response()
    assert twin.meta == Meta()


def test_copy_keeps_meta():
    """A copy knows what the response knew."""
    assert copy.copy(response().with_meta(Meta(elapsed=2.0))).elapsed == 2.0


@pytest.mark.parametrize(
    ("status", "ok"), [(None, False), (199, False), (200, True), (304, True), (399, True), (400, False)]
)
def test_ok(status, ok):
    """A status from 200 to 399 is ok."""
    assert response(status=status).ok is ok


@pytest.mark.parametrize("status", [100, 200, 302, 399])
def test_raise_for_status_returns(status):
    """An answer that is no error is handed back."""
    answered = response(status=status)
    assert answered.raise_for_status() is answered


@pytest.mark.parametrize("status", [400, 404, 500, 599, None])
def test_raise_for_status_raises(status):
    """An error status, or none at all, is raised together with the answer."""
    answered = response(status=status, request=Request("GET", split("http://a.example/x#y")))
    with pytest.raises(StatusError, match=rf"{status} OK for http://a\.example/x$") as caught:
        answered.raise_for_status()
    assert caught.value.response is answered


def test_url():
    """The URL is that of the request, when the response answers one."""
    assert response(request=Request("GET", split("http://u:p@a.example/x#y"))).url == "http://a.example/x"
    assert response().url == ""


def test_content():
    """The body is bytes, however it was collected."""
    assert response().content == b"hi"
    assert type(response().content) is bytes


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ('text/plain; CHARSET="ISO-8859-15"', b"\xa4", "€"),
        ("text/plain", "é".encode(), "é"),
        ("", b"\xff", "\ufffd"),
        ("text/plain; charset=utf-16", "é".encode("utf-16"), "é"),
        ("text/plain; charset=", b"a", "a"),
        ("text/plain; charset=martian", "é".encode(), "é"),
        ("text/plain; charset=hex", b"zz", "zz"),
        ("text/plain; charset=zlib", b"zz", "zz"),
        ("text/plain; charset=idna", b"\xff", "\ufffd"),
        ("text/plain; charset=undefined", b"a", "a"),
        ("text/plain; charset*=utf-8''%00", b"a", "a"),
    ],
)
def test_text(content_type, body, text):
    """Text is decoded as its charset says, else as UTF-8; no charset and no byte makes it fail."""
    assert typed(content_type, body).text == text


def test_text_without_content_type():
    """Without Content-Type text is UTF-8."""
    assert response(headers={}, body="é".encode()).text == "é"


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\0\r\n")), st.binary(max_size=9))
def test_text_of_anything(parameter, body):
    """Whatever a server says of its charset, there is text."""
    assert isinstance(typed(f"text/plain; charset{parameter}".translate(CLEAN), body).text, str)


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json(charset):
    """JSON is read in each of Unicode's encodings."""
    value = {"a": ["é", 1, None]}
    assert response(body=bytearray(json.dumps(value, ensure_ascii=False), charset)).json() == value


@pytest.mark.parametrize("text", ['{"a": 1} ', '{"a": 1}\r\n', '[{"a": 1}]\n', '["a"]', "{}", "[]", " {}"])
def test_json_and_blanks(text):
    """Blanks around it are not its content (RFC 8259 2)."""
    assert response(body=text.encode()).json() == json.loads(text)


@pytest.mark.parametrize("text", ['{"a": 1} x', '{"a": 1}{"a": 1}', '{"a"', '{"a": 1', "[]]", "{}\0"])
def test_more_than_json(text):
    """What is more, or less, than one value is none."""
    with pytest.raises(ValueError, match="line 1 column"):
        response(body=text.encode()).json()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 10_000])
def test_no_json(body):
    """What cannot be read as JSON is a ValueError, also when it is only nested too deeply."""
    with pytest.raises(ValueError, match=r"."):
        response(body=body).json()


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
@pytest.mark.parametrize(
    ("value", "error"),
    [("5", TypeError), (True, TypeError), (1.5, TypeError), (None, TypeError), (-1, ValueError)],
)
def test_limits(name, value, error):
    """A limit is a whole number from 0 on; the message names the limit and the value."""
    with pytest.raises(error, match=f"limit {name} .*{value!r}"):
        Limits(**{name: value})


def test_least_limits():
    """A limit may be 0."""
    assert Limits(body=0).body == 0


@pytest.mark.parametrize(
    ("value", "name"),
    [(Limits(), "head"), (Meta(), "elapsed"), (Request("GET", split("http://a.example/")), "url")],
)
def test_frozen(value, name):
    """Values never change."""
    with pytest.raises(AttributeError):
        setattr(value, name, 1)


def test_request_shows_no_credentials():
    """What a log may say of a request, and of its response, holds neither headers nor userinfo."""
    request = make_request("GET", split("http://u:secret@a.example/x"), headers={"Cookie": "secret"})
    response = Response((1, 1), 200, "", {}, b"", None, request, False, None)
    assert repr(request) == "<Request GET http://a.example/x>"
    assert "secret" not in repr((request, request.url, response))


def test_source_that_cannot_say_whether_it_can_go_again():
    """A source of the caller's own may raise anywhere: then it is not begun again."""

    class Broken:
        size = None

        @property
        def renewable(self):
            raise RuntimeError("no")

    assert not Request("PUT", split("http://a.example/"), source=Broken()).renewable
