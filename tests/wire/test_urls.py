"""URLs are checked once, keep their percent-encoding and never lead elsewhere by accident."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tymeconn.errors import InvalidRequest
from tymeconn.wire.urls import Origin, Url, credentials, encode_pairs, join, resolve, split, with_params

PRINTABLE = re.compile(r"[!-~]*")
HOSTS = st.sampled_from(
    [
        "a.example",
        "a.example.",
        "A.Example",
        "bücher.example",
        "127.0.0.1",
        "[::1]",
        "[2001:DB8::A]",
        "a_b",
        "0x0.st",
    ]
)
SCHEMES = st.sampled_from(["http", "https", "HTTP"])
PORTS = st.sampled_from(["", ":", ":80", ":443", ":8080", ":08080"])
USERS = st.none() | st.text("aé:@ %<\ud800", max_size=5)
# Characters that mean something in a URL, or must not get into one.
TAILS = st.text(
    st.sampled_from('abé€/?#%@:;&=+.~|"<>[]\\ \r\n\t\0\x7f\ud800') | st.characters(), max_size=20
)
BASE = split("http://a.example:8080/b/c/d;p?q")


@st.composite
def urls(draw):
    user = draw(USERS)
    authority = f"{'' if user is None else user + '@'}{draw(HOSTS)}{draw(PORTS)}"
    return f"{draw(SCHEMES)}://{authority}{draw(st.sampled_from('/?#'))}{draw(TAILS)}"


def accepted(make, *args):
    try:
        return make(*args)
    except InvalidRequest:
        return None


@given(urls() | st.text() | st.text().map("http://".__add__))
@example("http://a.example./")
@example("http://a.example/#é \ud800")
@example("http://[fe80::1%é x]/")
def test_output_is_printable_ascii(url):
    """Whatever comes out of split can stand in a request line or a field."""
    parts = accepted(split, url)
    if parts is not None:
        texts = [
            parts.origin.host,
            parts.origin.authority,
            parts.target,
            parts.fragment,
            parts.userinfo or "",
            str(parts),
        ]
        assert [text for text in texts if not PRINTABLE.fullmatch(text)] == []
        assert parts.target.startswith("/")


@given(urls())
def test_split_is_stable(url):
    """A URL that was split once is split into the same origin and target again."""
    parts = accepted(split, url)
    if parts is not None:
        again = split(str(parts))
        assert again == Url(parts.origin, parts.target)
        assert str(again) == str(parts)


@given(urls())
def test_split_agrees_with_the_standard_library(url):
    """No other parser sees another host or port in what was accepted."""
    parts = accepted(split, url)
    if parts is not None:
        other = urlsplit(str(parts))
        default = {"http": 80, "https": 443}[other.scheme]
        assert (other.scheme, other.hostname, other.port or default) == parts.origin


@given(TAILS.map("/".__add__) | st.text().map("/".__add__) | TAILS.filter(lambda tail: ":" not in tail))
@example("//evil.example/")
@example(" //evil.example/")
@example("/\\evil.example/")
@example("./" * 3 + "/evil.example")
def test_a_path_stays_on_its_origin(reference):
    """A reference that is a path never leaves the origin it is joined to."""
    for base in (BASE, split("https://[::1]/"), split("http://a.example./")):
        joined = accepted(join, base, reference)
        assert joined is None or joined.origin == base.origin


@given(urls() | TAILS | st.text())
def test_resolve_refuses_or_resolves(reference):
    """Whatever a server sends as a reference, it is a URL or an InvalidRequest."""
    resolved = accepted(resolve, BASE, reference)
    assert resolved is None or split(str(resolved)) == Url(resolved.origin, resolved.target)


@given(st.lists(st.tuples(st.text(), st.text())))
def test_params_arrive(params):
    """What is given as parameters is what a server reads."""
    url = accepted(with_params, split("http://a.example/?first=1"), params)
    if url is not None:
        assert PRINTABLE.fullmatch(url.target)
        assert parse_qsl(
            url.target.partition("?")[2], keep_blank_values=True, errors="surrogateescape"
        ) == [
            ("first", "1"),
            *params,
        ]


@given(st.text("abé€|<>[]% ", max_size=9))
def test_quoting_changes_no_byte(path):
    """A path is sent as the UTF-8 of what was given; a percent sign that encodes nothing is encoded."""
    target = split(f"http://a.example/{path}").target
    loose = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path)
    assert unquote_to_bytes(target) == b"/" + unquote_to_bytes(loose)


@pytest.mark.parametrize(
    ("given", "target"),
    [("/%zz%", "/%25zz%25"), ("/%4", "/%254"), ("/%4a%4A", "/%4a%4A"), ("?%g?%20", "/?%25g?%20")],
)
def test_loose_percent(given, target):
    """A percent sign that encodes nothing is encoded itself; encoded characters stay to the letter."""
    assert split(f"http://a.example{given}").target == target


@pytest.mark.parametrize("port", [1, 80, 65535])
def test_ports(port):
    """Every port from 1 to 65535 is one."""
    assert split(f"http://a.example:{port}").origin == Origin("http", "a.example", port)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://0x0.st/", "0x0.st"),
        ("http://0x.example/", "0x.example"),
        ("http://1.example/", "1.example"),
        ("http://EXAMPLE.com/", "example.com"),
        ("http://\uff11\uff12\uff17.0.0.1/", "127.0.0.1"),
        (f"http://{'a' * 63}.example/", f"{'a' * 63}.example"),
    ],
)
def test_names(url, host):
    """A name is lower case, and a number only when its last label is one."""
    assert split(url).origin.host == host


@pytest.mark.parametrize(
    "url",
    [
        "http://1.2.3/",
        "http://1.2.3.4./",
        "http://1.2.3.04/",
        "http://a.0x1F/",
        "http://0x/",
        "http://[fe80::1%1]/",
        "http://[]/",
        "http://[v1.x]/",
        "http://[::1/",
        "http://::1]/",
        "http://[::1]x/",
        "http://a:000080/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:٣/",
        "http://a%00/",
        f"http://{'a' * 64}.example/",
        f"http://{'é.' * 200}/",
        f"http://{'é' * 60}/",
        "http://\ud800.example/",
    ],
)
def test_not_a_place(url):
    """What is no name, no address or no port is refused, and the message names the URL."""
    with pytest.raises(InvalidRequest) as caught:
        split(url)
    assert caught.value.kind == "invalid_url"
    assert repr(url) in str(caught.value)


@pytest.mark.parametrize("url", [None, 5, b"http://a.example/"])
def test_wrong_type(url):
    """What is no str is a TypeError that names it."""
    for make in (split, lambda given: join(BASE, given)):
        with pytest.raises(TypeError, match=f"url must be str, not {url!r}"):
            make(url)


def test_parts():
    """The parts of a URL are apart, and only origin and target are in its text."""
    url = split("https://us%40er:p w@a.example:8443/x?y=1#z é")
    assert url.origin == Origin("https", "a.example", 8443)
    assert (url.target, url.fragment, url.userinfo) == ("/x?y=1", "z%20%C3%A9", "us%40er:p%20w")
    assert str(url) == "https://a.example:8443/x?y=1"


@pytest.mark.parametrize(
    ("url", "user"),
    [
        ("http://u:p@a.example/", (b"u", b"p")),
        ("http://us%40er:p:w é@a.example/", (b"us@er", "p:w é".encode())),
        ("http://u@a.example/", (b"u", b"")),
        ("http://@a.example/", None),
        ("http://a.example/", None),
    ],
)
def test_credentials(url, user):
    """Userinfo is decoded into user and password."""
    assert credentials(split(url)) == user


@pytest.mark.parametrize(
    ("origin", "authority", "text"),
    [
        (Origin("http", "a.example", 80), "a.example", "http://a.example"),
        (Origin("https", "a.example", 80), "a.example:80", "https://a.example:80"),
        (Origin("http", "a.example.", 81), "a.example:81", "http://a.example.:81"),
        (Origin("http", "::1", 80), "[::1]", "http://[::1]"),
    ],
)
def test_origin(origin, authority, text):
    """Host names no default port and no final dot; the origin itself keeps its dot."""
    assert origin.authority == authority
    assert str(origin) == text


@pytest.mark.parametrize(
    ("reference", "joined"),
    [
        ("//x/y", "http://a.example:8080//x/y"),
        ("/x?y#z", "http://a.example:8080/x?y"),
        ("x", "http://a.example:8080/b/c/x"),
        ("../x", "http://a.example:8080/b/x"),
        ("../../../x", "http://a.example:8080/x"),
        ("?x", "http://a.example:8080/b/c/d;p?x"),
        ("", "http://a.example:8080/b/c/d;p?q"),
        ("https://b.example/x", "https://b.example/x"),
    ],
)
def test_join(reference, joined):
    """What a caller gives is a path, or a whole URL."""
    assert str(join(BASE, reference)) == joined


def test_resolve_leaves_the_origin():
    """In a server's reference, two slashes begin a host (RFC 3986 4.2)."""
    assert str(resolve(BASE, "//b.example/x")) == "http://b.example/x"


@pytest.mark.parametrize(
    "reference", ["/a\r\nb", "/a\0", " /x", "//[", "http://a℀b.example/", "ftp://a.example/"]
)
def test_resolve_refuses(reference):
    """A reference that could be read in two ways, or not at all, is refused."""
    with pytest.raises(InvalidRequest):
        resolve(BASE, reference)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        (None, ""),
        ({}, ""),
        ({"a": None}, ""),
        ({"a": [1, "b", None, True]}, "?a=1&a=b&a=true"),
        ([("a", 1.5), ("b", False), ("a", "")], "?a=1.5&b=false&a="),
        ({1: "é &"}, "?1=%C3%A9+%26"),
        ({"a": "\udcff"}, "?a=%FF"),
    ],
)
def test_with_params(params, query):
    """None omits, a list repeats, truth is lower case, and bytes that were no text stay the same bytes."""
    assert with_params(split("http://a.example/"), params).target == f"/{query}"


@pytest.mark.parametrize(
    "params", [5, "a=1", b"a=1", ["ab"], {"a": b"1"}, {"a": object}, {None: "a"}, {"a": {"b": 1}}]
)
def test_params_of_wrong_type(params):
    """What cannot be written as a parameter is a TypeError."""
    with pytest.raises(TypeError, match=r"param|value of 'a'"):
        with_params(BASE, params)


def test_params_that_are_no_text():
    """A surrogate that stands for nothing is refused, as part of a URL or of what the pairs are for."""
    with pytest.raises(InvalidRequest) as caught:
        with_params(BASE, {"a": "\ud800"})
    assert caught.value.kind == "invalid_url"
    with pytest.raises(InvalidRequest, match="surrogate") as caught:
        encode_pairs({"a": "\ud800"}, "invalid_body")
    assert caught.value.kind == "invalid_body"
