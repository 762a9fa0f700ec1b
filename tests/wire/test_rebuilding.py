"""The Requester says what hio's says wherever hio is right, and what was meant where hio is not."""

from __future__ import annotations

import copy
import email
import email.policy

import pytest
from hio.core.http.clienting import Requester as HioRequester
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tymeconn.errors import InvalidRequest
from tymeconn.wire.rebuilding import Requester

PLAIN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", min_size=1, max_size=6)
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
LATIN1 = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=6)
NAMES = st.text("abcXYZ019-", min_size=1, max_size=6).map("x-".__add__)
VALUES = LATIN1 | st.integers() | LATIN1.map(lambda text: text.encode("latin-1"))
QUERIES = st.dictionaries(PLAIN, PLAIN, max_size=3).map(
    lambda query: "&".join(f"{name}={value}" for name, value in query.items())
)
PATHS = st.builds(
    lambda parts, query, fragment: (
        f"/{'/'.join(parts)}{query and f'?{query}'}{fragment and f'#{fragment}'}"
    ),
    st.lists(PLAIN, max_size=3),
    QUERIES,
    PLAIN | st.just(""),
)
METHODS = st.sampled_from(["GET", "HEAD", "get", "post", "PUT", "Patch", "DELETE", "OPTIONS"])
PARTS = {
    "path": PATHS,
    "qargs": st.dictionaries(PLAIN, ANY_TEXT | st.integers(), max_size=3),
    "fragment": PLAIN,
    "headers": st.dictionaries(NAMES, VALUES, max_size=3),
    "portOptional": st.booleans(),
}
BODIES = st.binary(min_size=1) | LATIN1.filter(bool)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | ANY_TEXT, st.lists, max_leaves=5).filter(
    lambda value: value is not None
)
CHANGES = st.fixed_dictionaries({"method": METHODS, "body": BODIES}, optional=PARTS)
LAST = st.one_of(
    CHANGES,
    st.fixed_dictionaries({"method": METHODS, "data": JSON}, optional=PARTS),
    st.fixed_dictionaries(
        {"method": METHODS, "fargs": st.dictionaries(PLAIN, PLAIN, min_size=1)}, optional=PARTS
    ),
)
STATE = ("lines", "head", "msg", "method", "path", "qargs", "fragment", "portOptional")


def built(**parts):
    """Return the lines and the body of a built request."""
    head, _, body = Requester(**parts).build().partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body


def state(requester):
    return {name: getattr(requester, name) for name in STATE}


def refused(kind, call, *args, **parts):
    with pytest.raises(InvalidRequest) as caught:
        call(*args, **parts)
    assert caught.value.kind == kind


@given(st.lists(CHANGES, max_size=3), LAST, st.sampled_from([None, 80, 8080]))
def test_equal_to_hio(changes, last, port):
    """Built and rebuilt from well-formed parts, bytes and state are hio's."""
    first, *others = [*changes, last]
    ours, theirs = (kind(port=port, **copy.deepcopy(first)) for kind in (Requester, HioRequester))
    assert ours.build() == theirs.build()
    for change in others:
        assert ours.rebuild(**copy.deepcopy(change)) == theirs.rebuild(**copy.deepcopy(change))
        assert state(ours) == state(theirs)


@pytest.mark.parametrize("name", ["a.example:8080", "a.example:", "[::1]:8080", "[::1]", "127.0.0.1"])
def test_hostname_may_hold_the_port(name):
    """A port after the hostname is parted from it as in hio."""
    ours, theirs = Requester(name, 81), HioRequester(name, 81)
    assert (ours.hostname, ours.port) == (theirs.hostname, theirs.port)


def test_defaults():
    """Without arguments it asks for the root of this machine."""
    requester = Requester()
    assert requester.build() == b"GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAccept-Encoding: identity\r\n\r\n"
    assert (requester.HttpVersionString, requester.Port) == ("HTTP/1.1", 80)


@pytest.mark.parametrize(
    ("parts", "host"),
    [
        ({"scheme": "https"}, b"a.example:443"),
        ({"scheme": "https", "portOptional": True}, b"a.example"),
        ({"scheme": "https", "port": 80, "portOptional": True}, b"a.example:80"),
        ({"scheme": "HTTP", "portOptional": True, "port": 80}, b"a.example"),
        ({"hostname": "::1", "port": 1}, b"[::1]:1"),
        ({"hostname": "a.example."}, b"a.example:80"),
        ({"hostname": "bücher.example", "portOptional": True}, b"xn--bcher-kva.example"),
        ({"headers": {"host": "b.example"}}, b"b.example"),
    ],
)
def test_host(parts, host):
    """Host is the name that was given, else hostname and port, in brackets where they are needed."""
    lines, _ = built(**{"hostname": "a.example", **parts})
    assert lines[1] == b"Host: " + host


# hio encodes these twice, drops or damages them, or sends a malformed request line.
@pytest.mark.parametrize(
    ("parts", "target"),
    [
        ({"path": "/a%20b"}, b"/a%20b"),
        ({"path": "/a b"}, b"/a%20b"),
        ({"path": "/;=,:@!$&'()*+"}, b"/;=,:@!$&'()*+"),
        ({"path": "/?a=1&a=2"}, b"/?a=1&a=2"),
        ({"path": "/?a"}, b"/?a"),
        ({"path": "/?a=1;b=2"}, b"/?a=1;b=2"),
        ({"path": "/?a&b=", "qargs": {"c": 1}}, b"/?c=1&a=&b="),
        ({"path": "/?sig=%2f%7E"}, b"/?sig=%2f%7E"),
        ({"path": "/?a=%FF", "qargs": {"b": 1}}, b"/?b=1&a=%FF"),
        ({"path": "/?a=1&a=2", "qargs": {"a": 0, "b": 1}}, b"/?a=1&a=2&b=1"),
        ({"qargs": {"a&b c": "d"}}, b"/?a%26b+c=d"),
        ({"qargs": {"é": ["1", 2], "b": True, "c": None}}, b"/?%C3%A9=1&%C3%A9=2&b=true"),
        ({"path": "//aids"}, b"//aids"),
        ({"path": "aids?x=1"}, b"/aids?x=1"),
        ({"path": "http://127.0.0.1:80/x?y#z"}, b"/x?y"),
    ],
)
def test_target(parts, target):
    """What was given arrives: encoded once, in full, on one line."""
    assert built(**parts)[0][0] == b"GET " + target + b" HTTP/1.1"


def test_path_is_parted():
    """Building parts a path into path, qargs and fragment, and merges its query into the qargs."""
    qargs = {"a": "0", "b": "1"}
    requester = Requester(path="/x?a=2&c=3#here", qargs=qargs)
    requester.build()
    assert (requester.path, requester.fragment) == ("/x", "here")
    assert requester.qargs is qargs
    assert qargs == {"a": "2", "b": "1", "c": "3"}


def test_merged_query_is_kept():
    """The next request keeps the arguments of the last one's query, and adds its own."""
    requester = Requester(path="/a?x=1")
    requester.build()
    assert requester.rebuild(path="/b?y=2").startswith(b"GET /b?x=1&y=2 HTTP/1.1\r\n")
    assert requester.rebuild(qargs={}).startswith(b"GET /b HTTP/1.1\r\n")


@pytest.mark.parametrize("name", ["data", "fargs"])
def test_content_type_does_not_leak(name):
    """The Content-Type of one request's body is not kept for the next request."""
    requester = Requester(method="POST", **{name: {"a": "1"}})
    assert b"\r\nContent-Type: " in requester.build()
    assert b"Content-Type" not in requester.rebuild(method="GET")
    assert b"Content-Type" not in requester.rebuild(method="POST", body=b"x")


@pytest.mark.parametrize("parts", [{"body": b"x"}, {"data": {}}, {"fargs": {}}])
def test_get_sends_no_body(parts):
    """A GET sends no body, and no Content-Length that would make a server wait for one."""
    lines, body = built(headers={"Content-Length": 1}, **parts)
    assert lines == [b"GET / HTTP/1.1", b"Host: 127.0.0.1:80", b"Accept-Encoding: identity"]
    assert body == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_missing_body_has_a_length(method):
    """A method that expects a body says when there is none (RFC 9110 8.6)."""
    assert b"Content-Length: 0" in built(method=method)[0]


def test_precedence_of_bodies():
    """JSON goes before a form, and a form before a body."""
    parts = {"method": "POST", "data": [1, "é"], "fargs": {"a": "b"}, "body": b"x"}
    assert built(**parts)[1] == rb'[1,"\u00e9"]'
    assert built(**{**parts, "data": None})[1] == b"a=b"


def test_form_is_escaped():
    """Form values hold what was given, delimiters too."""
    lines, body = built(method="POST", fargs={"a": "x&y=z", "b": ["1", "2"], "é": " "})
    assert body == b"a=x%26y%3Dz&b=1&b=2&%C3%A9=+"
    assert b"Content-Type: application/x-www-form-urlencoded; charset=utf-8" in lines


def test_multipart():
    """A multipart form arrives with its names and values, whatever they hold."""
    fargs = {"plain": "a", 'q"uote\r\nX: y': "--\r\n--", "é %41": "naïve €", "n": 5}
    lines, body = built(method="POST", headers={"content-type": "multipart/form-data"}, fargs=fargs)
    head = next(line for line in lines if line.startswith(b"Content-Type: multipart/form-data; boundary="))
    parsed = email.message_from_bytes(head + b"\r\n\r\n" + body)
    values = [part.get_payload(decode=True).decode() for part in parsed.get_payload()]
    assert values == ["a", "--\r\n--", "naïve €", "5"]
    names = [line for line in body.decode().split("\r\n") if line.startswith("Content-Disposition")]
    assert [name.partition('name="')[2] for name in names] == [
        'plain"',
        'q%22uote%0D%0AX: y"',
        'é %41"',
        'n"',
    ]


def test_multipart_ends_with_a_line():
    """The closing boundary stands on a line of its own, and the boundary is the same every time."""
    parts = {
        "method": "POST",
        "headers": {"content-type": "multipart/form-data; boundary=x"},
        "fargs": {"a": "b"},
    }
    body = built(**parts)[1]
    assert body.endswith(b"--\r\n")
    assert built(**parts)[1] == body


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ({"hostname": "a\r\nX: y"}, "invalid_url"),
        ({"hostname": "a/b"}, "invalid_url"),
        ({"hostname": "u@evil.example"}, "invalid_url"),
        ({"hostname": "a?"}, "invalid_url"),
        ({"hostname": "a#"}, "invalid_url"),
        ({"hostname": ""}, "invalid_url"),
        ({"hostname": "a:+80"}, "invalid_url"),
        ({"port": 0}, "invalid_url"),
        ({"port": "80/x"}, "invalid_url"),
        ({"scheme": "ftp"}, "unsupported_scheme"),
        ({"scheme": ""}, "invalid_url"),
        ({"path": "/a\r\nX: y"}, "invalid_url"),
        ({"path": "http://b.example/"}, "invalid_url"),
        ({"path": "https://127.0.0.1:80/"}, "invalid_url"),
        ({"path": "http://127.0.0.1:81/"}, "invalid_url"),
        ({"qargs": {"a": "\ud800"}}, "invalid_url"),
        ({"method": "GET\n"}, "invalid_method"),
        ({"method": "poﬆ"}, "invalid_method"),
        ({"headers": {"X": "a\r\nY: b"}}, "invalid_header"),
        ({"headers": {"X": b"a\nb"}}, "invalid_header"),
        ({"headers": {"X\n": "a"}}, "invalid_header"),
        ({"headers": {"ﬁ": "a"}}, "invalid_header"),
        ({"headers": {"X": "€"}}, "invalid_header"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "invalid_header"),
        ({"method": "CONNECT"}, "invalid_method"),
        ({"method": "POST", "body": b"hi", "headers": {"Content-Length": 3}}, "invalid_header"),
        ({"method": "POST", "data": object()}, "invalid_body"),
        ({"method": "POST", "body": "€"}, "invalid_body"),
        ({"method": "POST", "fargs": {"a": "\ud800"}}, "invalid_body"),
        (
            {
                "method": "POST",
                "fargs": {"a": "\ud800"},
                "headers": {"content-type": "multipart/form-data"},
            },
            "invalid_body",
        ),
    ],
)
def test_refused(parts, kind):
    """What would break the request line or a field, or lead elsewhere, is refused."""
    refused(kind, lambda: Requester(**parts).build())


@pytest.mark.parametrize(
    "parts",
    [
        {"method": 5},
        {"path": 5},
        {"path": b"/"},
        {"qargs": [("a", 1)]},
        {"qargs": {"a": object}},
        {"headers": "X: y"},
        {"headers": {"X": 1.5}},
        {"headers": {b"X": "y"}},
        {"body": 5},
        {"body": ["x"]},
        {"method": "POST", "fargs": 5},
        {"method": "POST", "fargs": 5, "headers": {"content-type": "multipart/form-data"}},
    ],
)
def test_wrong_types(parts):
    """A part of the wrong type is a TypeError, when it is given or when it is built."""
    with pytest.raises(TypeError):
        Requester(**parts).build()
    with pytest.raises(TypeError):
        Requester().rebuild(**parts)


JUNK = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.lists(st.text(), max_size=2)
)
JUNK_PARTS = st.dictionaries(
    st.sampled_from([*PARTS, "method", "body", "data", "fargs", "scheme", "hostname", "port"]),
    JUNK | st.dictionaries(JUNK.filter(lambda key: not isinstance(key, list)), JUNK, max_size=2),
)


@given(JUNK_PARTS)
def test_nothing_else_is_raised(parts):
    """Whatever is given, it is built or is an InvalidRequest or a TypeError."""
    try:
        message = Requester().rebuild(**parts)
    except (InvalidRequest, TypeError):
        return
    assert message.count(b"\r\n\r\n") >= 1
    assert b"\0" not in message.partition(b"\r\n\r\n")[0]


def test_unknown_part():
    """A part that does not exist is named."""
    with pytest.raises(TypeError, match="no part 'colour'"):
        Requester().reinit(colour="red")
    with pytest.raises(TypeError, match="rebuild takes 9 parts, not 10"):
        Requester().rebuild(*[None] * 10)


@pytest.mark.parametrize("changes", [{"headers": "X: y"}, {"body": 5}, {"body": "€"}])
def test_failed_reinit_takes_nothing(changes):
    """What fails to be taken changes nothing else either."""
    requester = Requester(path="/a", headers={"X": "y"})
    with pytest.raises((TypeError, InvalidRequest)):
        requester.reinit(method="PUT", path="/b", **changes)
    assert (requester.method, requester.path, requester.headers) == ("GET", "/a", CIMultiDict(X="y"))


def test_reinit_keeps_what_is_none():
    """None keeps a part, except for body, data and fargs, which go out once."""
    requester = Requester(
        method="PUT", path="/a", qargs={"q": "1"}, headers={"X": "y"}, body=b"b", data=1, fargs={}
    )
    requester.reinit(method=None, path=None, qargs=None, headers=None, fragment=None, body=None)
    assert (requester.method, requester.path, requester.qargs, requester.headers["x"]) == (
        "PUT",
        "/a",
        {"q": "1"},
        "y",
    )
    assert (requester.body, requester.data, requester.fargs) == (b"", None, None)


def test_reinit_moves():
    """A changed origin is where the next request goes."""
    requester = Requester("a.example", portOptional=True)
    requester.reinit("b.example", 81, "https", portOptional=False)
    assert b"\r\nHost: b.example:81\r\n" in requester.build()
    assert str(requester.base) == "https://b.example:81/"


@pytest.mark.parametrize("parts", [{"method": None, "path": None}, {"method": "", "path": ""}])
def test_nothing_given(parts):
    """Without method and path it is a GET of the root, as in hio."""
    assert built(**parts)[0][0] == b"GET / HTTP/1.1"
    assert Requester(**parts).method == HioRequester(**parts).method


def test_empty_headers_clear():
    """Empty headers take the place of those before."""
    assert b"X: y" not in Requester(headers={"X": "y"}).rebuild(headers={})


def test_repeated_headers():
    """Repeated names are sent as often as they were given."""
    lines, _ = built(headers=[("x-a", 1), ("X-A", b"2"), ("CESR-ATTACHMENT", bytearray(b"3"))])
    assert lines[3:] == [b"X-A: 1", b"X-A: 2", b"Cesr-Attachment: 3"]


def test_differ():
    """What is not given of a request comes from the state, but never body, data or fargs."""
    requester = Requester(method="POST", path="/a", qargs={"q": "1"}, headers={"X": "y"}, data={"a": 1})
    assert requester.differ(path="/b", body="é", reply="token", headers=None) == {
        "method": "POST",
        "path": "/b",
        "qargs": {"q": "1"},
        "fragment": "",
        "headers": CIMultiDict(X="y"),
        "body": b"\xe9",
        "data": None,
        "fargs": None,
        "reply": "token",
    }


def test_differ_leaves_the_state():
    """Asking for a request changes neither the state nor what was given."""
    requester, qargs = Requester(path="/a", qargs={"q": "1"}), {"r": "2"}
    requester.differ(method="POST", path="/b?c=3#d", qargs=qargs, headers={"X": "y"}, data={})
    assert state(requester) == state(Requester(path="/a", qargs={"q": "1"}))
    assert qargs == {"r": "2"}


def test_differ_checks():
    """What could not be sent is refused when it is asked for."""
    refused("invalid_url", Requester().differ, path="http://b.example/")
    refused("invalid_header", Requester().differ, headers={"X": "\n"})
    refused("invalid_body", Requester().differ, method="POST", data=object())


def test_described():
    """A description holds where the request went and what it was, added Content-Type too, as copies."""
    requester = Requester("a.example", 81, method="POST", path="/x?a=1", headers={"X": "y"}, data={"b": 2})
    requester.build()
    described = requester.described()
    assert described["qargs"] is not requester.qargs
    where = {
        "host": "a.example",
        "port": 81,
        "scheme": "http",
        "path": "/x",
        "qargs": {"a": "1"},
        "fragment": "",
    }
    headers = CIMultiDict({"X": "y", "Content-Type": "application/json; charset=utf-8"})
    what = {"method": "POST", "headers": headers, "body": b"", "data": {"b": 2}, "fargs": None}
    assert described == where | what


@pytest.mark.parametrize(
    ("hostname", "base"),
    [("a.example.", "http://a.example.:80"), ("::1", "http://[::1]"), ("B", "http://b")],
)
def test_base(hostname, base):
    """The base is the root of the origin, its final dot included."""
    url = Requester(hostname).base
    assert str(url) == f"{base.removesuffix(':80')}/"
    assert (url.fragment, url.userinfo) == ("", None)
