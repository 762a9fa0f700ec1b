"""The way of a request follows from its URL and the proxies, and no password leaves it."""

from __future__ import annotations

import re
from collections import UserDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import InvalidRequest
from tymeconn.policy.routing import NoProxy, Proxies, Proxy, route
from tymeconn.wire.requesting import encode, make_request
from tymeconn.wire.urls import split

SQUID = Proxy("http", "proxy.example", 3128)
SECURED = Proxy("https", "proxy.example", 3129)
SECRET = Proxy("http", "proxy.example", 3128, (b"pu", b"pp"))
NAME_SOCKS = Proxy("socks5h", "proxy.example", 1080)
ADDRESS_SOCKS = Proxy("socks5", "proxy.example", 1080)


def routed(url, proxy=None, **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    proxies = Proxies.all_through(proxy) if proxy else Proxies()
    return route(make_request("GET", split(url), headers=fields), proxies)


def covered(rules, url):
    return NoProxy.parse(rules).covers(split(url).origin)


def told(request):
    return request.headers.getall("proxy-authorization", [])


# Proxy


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port"),
    [
        ("http://proxy.example:3128", "http", "proxy.example", 3128),
        ("HTTP://Proxy.Example/", "http", "proxy.example", 80),
        ("https://proxy.example", "https", "proxy.example", 443),
        ("socks5://proxy.example", "socks5", "proxy.example", 1080),
        ("socks5h://[::1]", "socks5h", "::1", 1080),
        ("socks5h://[0:0::1]:9050/", "socks5h", "::1", 9050),
        ("http://bücher.example:8080", "http", "xn--bcher-kva.example", 8080),
        ("proxy.example", "http", "proxy.example", 80),
        ("10.0.0.1:3128", "http", "10.0.0.1", 3128),
    ],
)
def test_proxy(url, scheme, host, port):
    """A proxy is a scheme, http when there is none, a host as in an origin, and a port of its own."""
    assert Proxy.parse(url) == Proxy(scheme, host, port)


@pytest.mark.parametrize(
    ("userinfo", "user", "password"),
    [
        ("pu:pp", b"pu", b"pp"),
        ("pu", b"pu", b""),
        ("pu:p:p", b"pu", b"p:p"),
        ("pu:p@p", b"pu", b"p@p"),
        ("pu:p%40p%2F", b"pu", b"p@p/"),
        ("é:%E9", "é".encode(), b"\xe9"),
    ],
)
def test_proxy_credentials(userinfo, user, password):
    """User and password are decoded, with or without a scheme, and the last @ ends them."""
    assert Proxy.parse(f"socks5://{userinfo}@proxy.example").credentials == (user, password)
    assert Proxy.parse(f"{userinfo}@proxy.example").credentials == (user, password)


def test_proxy_without_credentials():
    """An empty userinfo is none."""
    assert Proxy.parse("http://@proxy.example:3128") == SQUID


@pytest.mark.parametrize(
    "place",
    [
        "",
        "/",
        ":3128",
        "proxy.example:",
        "proxy.example:0",
        "proxy.example:65536",
        "proxy.example:٣",
        "proxy.example:" + "9" * 10_000,
        "proxy.example/path",
        "proxy.example//",
        "proxy.example?",
        "proxy.example#",
        "proxy example",
        "proxy\r\n.example",
        "proxy\\example",
        "proxy\0",
        "10.0.0.256",
        "::1",
        "[::1",
        "[::1%eth0]",
        "\ud800",
        "x" * 10_000,
    ],
)
def test_proxy_of_a_wrong_place(place):
    """What is no host with or without a port is refused, and the password is not in the message."""
    with pytest.raises(InvalidRequest, match="cannot use proxy 'http://") as caught:
        Proxy.parse(f"http://user:s3cret@{place}")
    assert caught.value.kind == "invalid_url"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["ftp", "socks4", "file", "h-t+t.p"])
def test_proxy_of_another_scheme(scheme):
    """A scheme that nobody speaks is named, and the password is not."""
    with pytest.raises(InvalidRequest, match=re.escape(scheme)) as caught:
        Proxy.parse(f"{scheme}://user:s3cret@proxy.example")
    assert caught.value.kind == "unsupported_scheme"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://user:s3cret/@proxy.example", "percent-encoded"),
        ("http://proxy.example/s3cret@other.example", "percent-encoded"),
        ("http://user:s3cret?@proxy.example", "percent-encoded"),
        ("http://user:s3cret#@proxy.example", "percent-encoded"),
        ("user:http://s3cret@proxy.example", "percent-encoded"),
        ("http://user:s3cret\ud800@proxy.example", "surrogate"),
        (f"socks5://user:s3cret{'x' * 250}@proxy.example", "255 bytes"),
        (f"socks5h://s3cret{'x' * 250}:@proxy.example", "255 bytes"),
    ],
)
def test_proxy_of_wrong_credentials(url, why):
    """What may not stand in user and password is refused without telling them."""
    with pytest.raises(InvalidRequest, match=why) as caught:
        Proxy.parse(url)
    assert caught.value.kind == "invalid_url"
    assert "s3cret" not in str(caught.value)


def test_long_credentials():
    """SOCKS has room for 255 bytes each (RFC 1929 2), HTTP for more."""
    user, password = "u" * 255, "%40" * 255
    assert Proxy.parse(f"socks5://{user}:{password}@proxy.example").credentials == (b"u" * 255, b"@" * 255)
    assert Proxy.parse(f"http://{user}u:{password}@proxy.example").credentials == (b"u" * 256, b"@" * 255)


@pytest.mark.parametrize("url", [None, b"http://user:s3cret@proxy.example", 3128])
def test_proxy_of_another_type(url):
    """What is no string is named by its type only, for it may hold a password."""
    with pytest.raises(TypeError, match=f"not {type(url).__name__}$"):
        Proxy.parse(url)


@given(st.text() | st.text("htps5:/@[]%?#.a1é\ud800 ").map("http://".__add__))
def test_any_proxy(url):
    """Whatever a URL holds, it is a proxy or refused."""
    try:
        proxy = Proxy.parse(url)
    except InvalidRequest:
        return
    assert 0 < proxy.port < 65536
    assert proxy.host.isascii()


def test_secrets_are_not_shown():
    """Neither a proxy nor a route nor a setting shows user and password, nor what is made of them."""
    proxies = Proxies.all_through(Proxy.parse("http://us3r:s3cret@proxy.example"))
    ways = [route(make_request("GET", split(url)), proxies) for url in ("http://a/", "https://a/")]
    shown = repr([proxies, ways])
    assert "proxy.example" in shown
    assert [each for each in ("us3r", "s3cret", "Basic") if each in shown] == []


# NoProxy


@pytest.mark.parametrize(
    ("rules", "url"),
    [
        ("a.example", "http://a.example/"),
        ("a.example", "https://b.a.example:8443/"),
        (".a.example", "http://a.example/"),
        (".a.example", "http://c.b.a.example/"),
        ("*.a.example", "http://a.example/"),
        ("*.a.example", "http://b.a.example/"),
        ("A.Example", "http://a.example/"),
        ("a.example", "http://A.EXAMPLE/"),
        ("a.example.", "http://a.example/"),
        ("a.example", "http://b.a.example./"),
        ("bücher.example", "http://xn--bcher-kva.example/"),
        ("XN--BCHER-KVA.example", "http://www.bücher.example/"),
        ("a.example:8080", "http://b.a.example:8080/"),
        ("a.example:443", "https://a.example/"),
        ("*", "http://[::1]/"),
        ("b, *", "http://a.example/"),
        (" b ,\ta.example ", "http://a.example/"),
        ("b a.example", "http://a.example/"),
        (",,a.example,", "http://a.example/"),
        ("localhost", "http://localhost/"),
        ("127.0.0.1", "http://127.0.0.1:8080/"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("10.0.0.0/8", "http://10.1.2.3/"),
        ("10.9.9.9/8", "http://10.1.2.3/"),
        ("10.0.0.0/255.0.0.0", "http://10.1.2.3/"),
        ("::1", "http://[0::1]:8080/"),
        ("0:0::1", "http://[::1]/"),
        ("[::1]", "http://[::1]/"),
        ("[::1]:8080", "http://[::1]:8080/"),
        ("fd00::/8", "http://[fd12::1]/"),
    ],
)
def test_covered(rules, url):
    """A rule covers a name and those below it, an address, a block of addresses, or everything."""
    assert covered(rules, url)


@pytest.mark.parametrize(
    ("rules", "url"),
    [
        ("", "http://localhost/"),
        ("", "http://127.0.0.1/"),
        ("a.example", "http://ba.example/"),
        ("a.example", "http://a.example.b/"),
        ("b.a.example", "http://a.example/"),
        ("a.example:8080", "http://a.example/"),
        ("a.example:80", "https://a.example/"),
        ("*:80", "http://a.example/"),
        ("*example", "http://a.example/"),
        ("a.*", "http://a.example/"),
        ("localhost", "http://127.0.0.1/"),
        ("127.0.0.1:8080", "http://127.0.0.1/"),
        ("10.0.0.0/8", "http://11.1.2.3/"),
        ("10.0.0.0/8", "http://10.example/"),
        ("0.0.0.0/0", "http://[::1]/"),
        ("2.3", "http://10.1.2.3/"),
        ("10.", "http://10.1.2.3/"),
        ("::1", "http://[::2]/"),
        ("[::1]:8080", "http://[::1]/"),
        ("[::1", "http://[::1]/"),
    ],
)
def test_not_covered(rules, url):
    """A rule covers nothing beside what it names; loopback is nothing special."""
    assert not covered(rules, url)


@pytest.mark.parametrize(
    "entry",
    [
        ".",
        "*.",
        "**",
        "10.0.0.0/33",
        "10.0.0.0/" + "9" * 10_000,
        "10.0.0.0/٣",
        "a..example",
        "a.example:",
        "a.example:99999",
        "http://a.example",
        "user@a.example",
        "\0",
        "\ud800",
        "é" * 10_000,
        "[" * 10_000,
    ],
)
def test_malformed_rule(entry):
    """What is no rule covers nothing, and takes nothing from the others."""
    assert NoProxy.parse(f"{entry},a.example") == NoProxy.parse("a.example")


@given(st.text() | st.text("0123456789abf.:/*[],%@é "), st.sampled_from(["a.example", "10.1.2.3", "[::1]"]))
def test_any_rules(rules, host):
    """Whatever the rules hold, they cover a host or not, and cover it when it is added."""
    covered(rules, f"http://{host}/")
    assert covered(f"{rules},{host}", f"http://{host}/")


def test_rules_of_another_type():
    """What is no string is named."""
    with pytest.raises(TypeError, match=r"not \['a.example'\]"):
        NoProxy.parse(["a.example"])


# Proxies

SQUID_URL = "http://proxy.example:3128"
SOCKS_URL = "socks5h://proxy.example"


@pytest.mark.parametrize(
    ("env", "http", "https"),
    [
        ({}, None, None),
        ({"http_proxy": SQUID_URL}, SQUID, None),
        ({"https_proxy": SQUID_URL}, None, SQUID),
        ({"HTTP_PROXY": SQUID_URL, "HTTPS_PROXY": SOCKS_URL}, SQUID, NAME_SOCKS),
        ({"all_proxy": SQUID_URL}, SQUID, SQUID),
        ({"ALL_PROXY": SQUID_URL, "https_proxy": SOCKS_URL}, SQUID, NAME_SOCKS),
        ({"http_proxy": SQUID_URL, "HTTP_PROXY": SOCKS_URL}, SQUID, None),
        ({"http_proxy": "", "HTTP_PROXY": SQUID_URL}, None, None),
        ({"http_proxy": "", "all_proxy": SQUID_URL}, SQUID, SQUID),
        ({"HTTP_PROXY": SQUID_URL, "REQUEST_METHOD": "GET"}, None, None),
        ({"http_proxy": SQUID_URL, "REQUEST_METHOD": "GET"}, SQUID, None),
        ({"HTTPS_PROXY": SQUID_URL, "REQUEST_METHOD": ""}, None, SQUID),
        ({"Http_Proxy": SQUID_URL, "ftp_proxy": SQUID_URL}, None, None),
    ],
)
def test_variables(env, http, https):
    """Each scheme has its variable, lower case goes first, all_proxy is for the rest, CGI is not fooled."""
    assert Proxies.of(env) == Proxies(http, https)


@pytest.mark.parametrize(
    ("env", "rules"),
    [
        ({"no_proxy": "a.example"}, "a.example"),
        ({"NO_PROXY": "a.example"}, "a.example"),
        ({"no_proxy": "a.example", "NO_PROXY": "b.example"}, "a.example"),
        ({"no_proxy": "", "NO_PROXY": "b.example"}, ""),
    ],
)
def test_variable_no_proxy(env, rules):
    """no_proxy is read in lower or upper case, lower case first."""
    assert Proxies.of(env) == Proxies(no_proxy=NoProxy.parse(rules))


class AnyCase(UserDict):
    """Variables as Windows has them: kept in upper case, found in any."""

    def __getitem__(self, name):
        return self.data[name.upper()]

    def __contains__(self, name):
        return name.upper() in self.data


def test_variables_of_any_case():
    """Where http_proxy also finds HTTP_PROXY, a CGI script is not fooled either."""
    env = {"HTTP_PROXY": SQUID_URL, "HTTPS_PROXY": SQUID_URL}
    assert Proxies.of(AnyCase(env)) == Proxies(SQUID, SQUID)
    assert Proxies.of(AnyCase(env, REQUEST_METHOD="GET")) == Proxies(None, SQUID)


def test_wrong_variable():
    """A proxy that is to be used has to be one."""
    with pytest.raises(InvalidRequest, match=r"socks4://proxy\.example"):
        Proxies.of({"http_proxy": SQUID_URL, "all_proxy": "socks4://proxy.example"})


def test_unused_variable():
    """What all_proxy says does not matter when each scheme has a proxy of its own."""
    env = {"http_proxy": SQUID_URL, "https_proxy": SQUID_URL, "all_proxy": "socks4://proxy.example"}
    assert Proxies.of(env) == Proxies.all_through(SQUID)


@pytest.mark.parametrize("make", [Proxies.all_through, Proxies, lambda proxy: Proxies(https=proxy)])
def test_proxies_of_another_type(make):
    """A URL in place of a Proxy is refused without telling it."""
    with pytest.raises(TypeError, match=r"must be a Proxy, not str$"):
        make("http://user:s3cret@proxy.example")


# Route


@pytest.mark.parametrize("url", ["http://a.example/", "https://a.example/"])
def test_straight(url):
    """Without a proxy the request is what was asked, and the name is looked up here."""
    asked = make_request("GET", split(url))
    way = route(asked, Proxies())
    assert (way.proxy, way.request, way.connect, way.looked_up_here) == (None, asked, None, True)
    assert way.head == encode(asked)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_scheme_chooses(scheme):
    """Each scheme of origins has its proxy, and no_proxy goes before both."""
    proxies = Proxies(SQUID, SECURED, NoProxy.parse("b.example"))
    asked = [make_request("GET", split(f"{scheme}://{name}.example/")) for name in "ab"]
    assert route(asked[0], proxies).proxy == getattr(proxies, scheme)
    assert route(asked[1], proxies).proxy is None


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://a.example", "http://a.example/"),
        ("http://user:pw@A.example.:80/b?c=%2f#d", "http://a.example/b?c=%2f"),
        ("http://a.example:8080/?", "http://a.example:8080/?"),
        ("http://[::1]:8080/b", "http://[::1]:8080/b"),
        ("http://bücher.example/é", "http://xn--bcher-kva.example/%C3%A9"),
    ],
)
@pytest.mark.parametrize("proxy", [SQUID, SECURED])
def test_absolute_form(url, target, proxy):
    """A proxy that forwards is told the whole URL, whose authority is Host (RFC 9112 3.2.2)."""
    way = routed(url, proxy)
    assert way.head.startswith(f"GET {target} HTTP/1.1\r\nHost: {target.split('/')[2]}\r\n".encode())
    assert (way.target, way.connect) == (target, None)
    assert way.request.url == split(url)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://a.example/b", "a.example:443"),
        ("https://user:pw@a.example.:8443/", "a.example:8443"),
        ("https://[::1]/", "[::1]:443"),
        ("https://10.0.0.1:80/", "10.0.0.1:80"),
    ],
)
@pytest.mark.parametrize("proxy", [SQUID, SECURED])
def test_connect(url, authority, proxy):
    """A tunnel is opened to host and port, which is never left out, and the origin sees its own form."""
    way = routed(url, proxy)
    assert encode(way.connect) == f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()
    assert way.head == encode(way.request)
    assert way.target == split(url).target


@pytest.mark.parametrize("proxy", [NAME_SOCKS, ADDRESS_SOCKS])
@pytest.mark.parametrize("url", ["http://a.example/b", "https://a.example/b"])
def test_socks(proxy, url):
    """Through SOCKS goes what would go straight."""
    way = routed(url, proxy)
    assert (way.target, way.connect) == ("/b", None)
    assert way.head == routed(url).head


@pytest.mark.parametrize(
    ("proxy", "here"), [(SQUID, False), (SECURED, False), (NAME_SOCKS, False), (ADDRESS_SOCKS, True)]
)
def test_lookup(proxy, here):
    """Only a socks5 proxy is given an address that was looked up here."""
    assert routed("https://a.example/", proxy).looked_up_here == here


@pytest.mark.parametrize(
    ("proxy", "outer"), [(None, ()), (SQUID, ()), (SECURED, ("proxy.example",)), (ADDRESS_SOCKS, ())]
)
def test_tls(proxy, outer):
    """TLS is spoken to an https proxy and, inside, to an https origin."""
    assert routed("http://a.example/", proxy).tls == outer
    assert routed("https://[::1]/", proxy).tls == (*outer, "::1")


def test_credentials_to_a_forwarding_proxy():
    """A proxy that forwards reads its credentials in the request."""
    assert told(routed("http://a.example/", SECRET).request) == ["Basic cHU6cHA="]


def test_credentials_to_a_tunneling_proxy():
    """A proxy that opens a tunnel reads its credentials in CONNECT, and the origin none."""
    way = routed("https://a.example/", SECRET)
    assert (told(way.connect), told(way.request)) == (["Basic cHU6cHA="], [])


def test_own_credentials():
    """What the caller says to a proxy goes before the credentials of the proxy's URL."""
    own = {"proxy_authorization": "Bearer x"}
    assert told(routed("http://a.example/", SECRET, **own).request) == ["Bearer x"]
    way = routed("https://a.example/", SECRET, **own)
    assert (told(way.connect), told(way.request)) == (["Bearer x"], [])


@pytest.mark.parametrize("proxy", [None, NAME_SOCKS, ADDRESS_SOCKS, Proxy.parse("socks5://pu:pp@proxy")])
@pytest.mark.parametrize("url", ["http://a.example/", "https://a.example/"])
def test_own_credentials_without_an_http_proxy(proxy, url):
    """What is for a proxy is not told to an origin."""
    way = routed(url, proxy, proxy_authorization="Bearer x", X_Kept="1")
    assert told(way.request) == []
    assert way.request.headers["x-kept"] == "1"


def test_rest_is_kept():
    """Apart from Proxy-Authorization the request is what was asked: body, fields and their order."""
    headers = [("B", "1"), ("proxy-authorization", "x"), ("A", "2"), ("b", "3")]
    asked = make_request("POST", split("http://a.example/"), headers=headers, body="é")
    way = route(asked, Proxies())
    kept = [pair for pair in asked.headers.items() if pair[0] != "proxy-authorization"]
    assert (way.request.method, way.request.body) == ("POST", "é".encode())
    assert list(way.request.headers.items()) == kept


@pytest.mark.parametrize(
    ("target", "sent"), [("*", "http://a.example"), ("/raw|x", "http://a.example/raw|x")]
)
def test_target_of_its_own(target, sent):
    """A target that the caller gave goes to a proxy with the origin before it (RFC 9112 3.2.4)."""
    request = make_request("OPTIONS", split("http://a.example/"), target=target)
    route_ = route(request, Proxies.all_through(Proxy.parse("http://proxy.example")))
    assert route_.head.startswith(f"OPTIONS {sent} HTTP/1.1\r\n".encode())
