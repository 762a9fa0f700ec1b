"""A request that was made can be sent; what cannot be sent is refused when it is made."""

from __future__ import annotations

import io
import json
from urllib.parse import parse_qsl

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import InvalidRequest
from tymeconn.wire.messages import Request
from tymeconn.wire.requesting import check_method, encode, encode_body, encode_json, frame, make_request
from tymeconn.wire.urls import split

URL = split("http://a.example/x")
CONTROLS = "\r\n\0\t\x01\x7f"


def make(method="POST", url=URL, **options):
    return make_request(method, url, **options)


def fields(request):
    return list(request.headers.items())


class Heard:
    """What llhttp reads of a request's bytes."""

    def __init__(self, request):
        self.target, self.fields, self.body, self.ended = b"", [], b"", False
        httptools.HttpRequestParser(self).feed_data(encode(request) + request.body)

    def on_url(self, url):
        self.target += url

    def on_header(self, name, value):
        self.fields.append((name.decode(), value.decode("latin-1")))

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.ended = True


def test_head():
    """Host comes first, then what a client always says, then what the caller says."""
    assert encode(make(body=b"hi", headers=[("X-b", "1")])) == (
        b"POST /x HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n"
        b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
        b"Content-Length: 2\r\nX-b: 1\r\n\r\n"
    )


def test_given_headers_replace_defaults():
    """A default that the caller gives stays where the caller put it, as it was given."""
    given = [("x", "1"), ("accept-encoding", "br"), ("ACCEPT", "text/html"), ("host", "b.example")]
    assert fields(make("GET", headers=given)) == [("host", "b.example"), *given[:3]]


@pytest.mark.parametrize("method", ["get", "Head", "pOsT", "put", "delete", "options", "trace", "patch"])
def test_standard_methods(method):
    """The standard methods are sent in upper case."""
    assert check_method(method) == method.upper()


def test_other_methods():
    """Other methods are sent as they are, because case matters (RFC 9110 9.1)."""
    assert check_method("Propfind") == "Propfind"


@pytest.mark.parametrize("method", ["", "GE T", "GET ", "GÉT", "poﬆ", *(f"GET{c}" for c in CONTROLS)])
def test_no_method(method):
    """What is no token is no method, a trailing newline neither."""
    with pytest.raises(InvalidRequest) as caught:
        make(method)
    assert caught.value.kind == "invalid_method"


@pytest.mark.parametrize("method", [None, 5, b"GET"])
def test_wrong_type_of_method(method):
    """A method of another type is named."""
    with pytest.raises(TypeError, match=f"method must be str, not {method!r}"):
        make(method)


@pytest.mark.parametrize(
    ("options", "content_type", "body"),
    [
        ({"json": {"a": "é"}}, "application/json", '{"a":"é"}'.encode()),
        ({"json": []}, "application/json", b"[]"),
        ({"form": {"a": ["1 2", "&"], "b": None}}, "application/x-www-form-urlencoded", b"a=1+2&a=%26"),
        ({"form": {}}, "application/x-www-form-urlencoded", b""),
        ({"body": "é"}, None, "é".encode()),
        ({"body": bytearray(b"x")}, None, b"x"),
        ({"body": memoryview(b"x")}, None, b"x"),
        ({"json": None, "form": None, "body": None, "params": None, "headers": None}, None, b""),
    ],
)
def test_bodies(options, content_type, body):
    """Each kind of body is encoded, typed and counted; None is no body."""
    request = make(**options)
    assert (request.body, request.headers.get("content-type")) == (body, content_type)
    assert request.headers["content-length"] == str(len(body))


def test_given_content_type():
    """The caller's Content-Type goes before that of the kind of body."""
    request = make(json={}, headers={"content-type": "application/vnd.x+json"})
    assert request.headers.getall("content-type") == ["application/vnd.x+json"]


@pytest.mark.parametrize(
    "options",
    [
        {"json": float("nan")},
        {"json": object()},
        {"json": "\ud800"},
        {"body": "\ud800"},
        {"form": {"a": "\ud800"}},
    ],
)
def test_body_that_cannot_be_encoded(options):
    """A body that has no encoding is refused."""
    with pytest.raises(InvalidRequest) as caught:
        make(**options)
    assert caught.value.kind == "invalid_body"


def test_endless_json():
    """A value that holds itself is refused."""
    value = []
    value.append(value)
    with pytest.raises(InvalidRequest, match="JSON"):
        encode_json(value)
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InvalidRequest, match="JSON"):
        encode_json(value)


@pytest.mark.parametrize(
    "options",
    [{"json": {}, "body": b""}, {"form": {}, "json": {}}, {"body": 5}, {"body": {}}, {"data": b"x"}],
)
def test_wrong_options(options):
    """Two bodies, a body of another type and an unknown option are TypeErrors."""
    with pytest.raises(TypeError, match=r"body|option 'data'"):
        make(**options)


def test_charset_of_text():
    """Text that a charset cannot hold is no body in it."""
    assert encode_body("é", "latin-1") == b"\xe9"
    with pytest.raises(InvalidRequest, match="latin-1"):
        encode_body("€", "latin-1")


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("POST", b"", "0"), ("PUT", b"", "0"), ("PATCH", b"", "0"), ("GET", b"", None), ("DELETE", b"x", "1")],
)
def test_content_length(method, body, length):
    """A body has its length, and so has the missing body of a method that expects one."""
    assert make(method, body=body).headers.get("content-length") == length


@pytest.mark.parametrize(
    "headers",
    [
        [("Host", "a"), ("host", "b")],
        [("Content-Length", "2"), ("content-length", "2")],
        {"Content-Length": "3"},
        {"Content-Length": "+2"},
        {"Transfer-Encoding": "gzip, chunked"},
        {"Transfer-Encoding": "chunked", "Content-Length": "2"},
        [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
        {"Connection": "upgrade", "Upgrade": "websocket"},
        {"transfer-encoding": "identity"},
    ],
)
def test_framing_is_not_the_callers(headers):
    """A request has one Host, and its framing is that of its body."""
    with pytest.raises(InvalidRequest) as caught:
        make(body=b"hi", headers=headers)
    assert caught.value.kind == "invalid_header"


def test_right_content_length():
    """The right Content-Length may be given, also as a number."""
    assert make(body=b"hi", headers={"content-length": 2}).headers.getall("content-length") == ["2"]


@pytest.mark.parametrize(
    ("headers", "connection"),
    [
        ({"TE": "trailers"}, ["TE"]),
        ({"te": "trailers", "connection": "close"}, ["close, TE"]),
        ([("Connection", "a"), ("TE", "trailers"), ("Connection", "b")], ["a, b, TE"]),
        ({"TE": "trailers", "Connection": "close , te"}, ["close , te"]),
        ({"Connection": "close"}, ["close"]),
    ],
)
def test_te_is_named_in_connection(headers, connection):
    """TE holds for one connection, so Connection names it, once (RFC 9110 10.1.4)."""
    assert make(headers=headers).headers.getall("connection") == connection


def test_userinfo_becomes_basic():
    """User and password of the URL are sent as Basic, unless the caller authorises otherwise."""
    url = split("http://Aladdin:open%20sesame@a.example/")
    assert make(url=url).headers["authorization"] == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert make(url=url, headers={"authorization": "Bearer x"}).headers.getall("authorization") == [
        "Bearer x"
    ]


def test_params_go_to_the_target():
    """Parameters are appended to the URL's own query."""
    assert encode(make("GET", split("http://a.example/x?a=1"), params={"b": "2 3"})).startswith(
        b"GET /x?a=1&b=2+3 HTTP/1.1\r\n"
    )


def test_frame_leaves_the_request():
    """Framing returns another request and changes none."""
    request = Request("GET", URL)
    assert fields(frame(request, [("A", "1")])) == [("Host", "a.example"), ("A", "1")]
    assert fields(request) == []


TOKENS = st.text("abcXYZ019-_.!~", min_size=1, max_size=9).map("X-".__add__)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=9)


@given(st.lists(st.tuples(TOKENS, VALUES), max_size=5), st.text(max_size=5), st.binary(max_size=9))
def test_another_parser_reads_the_same(headers, query, body):
    """What is written is what llhttp reads: target, fields in order, body."""
    try:
        request = make("PUT", headers=headers, params={"q": query}, body=body)
    except InvalidRequest:
        return
    heard = Heard(request)
    assert heard.ended
    assert parse_qsl(heard.target.partition(b"?")[2].decode(), keep_blank_values=True) == [("q", query)]
    given = [(name, value.strip(" \t")) for name, value in headers]
    assert (heard.fields[-len(given) or 99 :], heard.body) == (given, body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each), max_leaves=5
    )
)
def test_json_round_trip(value):
    """What is sent as JSON is read as the same value."""
    try:
        body = encode_json(value)
    except InvalidRequest:
        return
    assert json.loads(body) == value


def test_body_of_unknown_size_is_chunked():
    """Without a length the body goes in chunks, unless one is declared."""
    assert make("POST", body=iter([b"x"])).headers["transfer-encoding"] == "chunked"
    declared = make("PUT", body=iter([b"x"]), headers={"Content-Length": "1"})
    assert "transfer-encoding" not in declared.headers


def test_multipart_names_its_boundary():
    """Form and files together are one multipart body."""
    request = make("POST", form={"a": "b"}, files={"f": b"x"}, boundary="B")
    assert request.headers["content-type"] == "multipart/form-data; boundary=B"
    assert int(request.headers["content-length"]) == request.source.size


@pytest.mark.parametrize("length", ["1", "\xb2", "1" * 19, "-1", ""])
def test_declared_length_of_a_file(length):
    """A declared length is of ASCII digits and that of the body, where that is known."""
    with pytest.raises(InvalidRequest, match="content-length"):
        make("PUT", body=io.BytesIO(b"xyz"), headers={"Content-Length": length})


@pytest.mark.parametrize("name", ["Content-Length", "host", "Authorization", "Trailer"])
def test_fields_that_may_not_trail(name):
    """What frames, routes or authenticates comes too late behind the body (RFC 9110 6.5.1)."""
    with pytest.raises(InvalidRequest, match="trailer section"):
        make("POST", body=b"x", trailers={name: "1"})


def test_trailers_have_no_length():
    """Content-Length leaves no place for trailers."""
    with pytest.raises(InvalidRequest, match="chunks"):
        make("POST", body=b"x", headers={"Content-Length": "1"}, trailers={"X": "1"})


def test_expectation_needs_a_body():
    """Who sends no body has nothing to wait with (RFC 9110 10.1.1)."""
    with pytest.raises(InvalidRequest, match="expect"):
        make("GET", headers={"Expect": "100-continue"})


@pytest.mark.parametrize(
    ("method", "target", "host"),
    [
        ("GET", "/a%2Fb|c", "a.example"),
        ("OPTIONS", "*", "a.example"),
        ("CONNECT", "b.example:443", "b.example:443"),
        ("CONNECT", "[::1]:443", "[::1]:443"),
    ],
)
def test_target(method, target, host):
    """A target goes out as it is; that of CONNECT is the Host, too (RFC 9112 3.2)."""
    request = make(method, target=target)
    assert encode(request).startswith(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n".encode())


@pytest.mark.parametrize("target", ["/é", "/a b", "", "/\r\nX: y"])
def test_wrong_target(target):
    """A target is printable ASCII."""
    with pytest.raises(InvalidRequest) as caught:
        make(target=target)
    assert caught.value.kind == "invalid_target"


@pytest.mark.parametrize("target", [None, "b.example", "http://b.example:443", ":443", "b.example:"])
def test_target_of_connect(target):
    """CONNECT names host and port (RFC 9112 3.2.3)."""
    with pytest.raises(InvalidRequest) as caught:
        make("CONNECT", target=target)
    assert caught.value.kind == "invalid_target"


def test_target_of_another_type():
    """A target is text."""
    with pytest.raises(TypeError, match="target"):
        make(target=b"/")


def test_cookies():
    """Cookies for one request are one header."""
    assert make(cookies={"a": "1", "b": "x=y"}).headers["cookie"] == "a=1; b=x=y"
    assert "cookie" not in make(cookies={}).headers


@pytest.mark.parametrize("cookies", [{"a b": "1"}, {"a": "1; b=2"}, {"a": "1\r\n"}, {"": "1"}])
def test_wrong_cookies(cookies):
    """A cookie's name is a token, and its value does not begin another."""
    with pytest.raises(InvalidRequest):
        make(cookies=cookies)


def test_upgrade():
    """Asking for another protocol is an option, not a header (RFC 9110 7.8)."""
    request = make(upgrade="websocket")
    assert (request.headers["upgrade"], request.headers["connection"]) == ("websocket", "Upgrade")


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X": 10**5000}},
        {"params": {"a": 10**5000}},
        {"params": {10**5000: 1}},
        {"form": {"a": [10**5000]}},
        {"form": {"a": 10**5000}, "files": {}},
        {"json": 10**5000},
    ],
)
def test_number_without_text(options):
    """A number of more digits than Python writes is refused like any value that cannot be sent."""
    with pytest.raises(InvalidRequest):
        make(**options)
