"""The jar keeps what servers may have kept, tells it to whom it is for, and stays small."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import InvalidRequest
from tymeconn.wire.cookies import (
    MAX_COOKIES,
    MAX_FIELDS,
    MAX_HEADER,
    MAX_PAIR,
    MAX_PER_DOMAIN,
    Cookie,
    CookieJar,
)
from tymeconn.wire.headers import check_header
from tymeconn.wire.matching import one_label
from tymeconn.wire.setcookies import MAX_ATTRIBUTE, MAX_LIFETIME
from tymeconn.wire.urls import split

NOW = 1_780_000_000.0
HTTP, HTTPS = "http://a.example/", "https://a.example/"
SID = Cookie("sid", "1", "a.example")

LABELS = st.lists(st.sampled_from(["a", "b", "example", "co", "uk"]), min_size=1, max_size=4)
HOSTS = st.one_of(LABELS.map(".".join), st.sampled_from(["1.2.3.4", "2.3.4.5", "[::1]", "a.example."]))
PATHS = st.lists(st.sampled_from(["a", "b", ""]), max_size=3).map(lambda parts: "/" + "/".join(parts))
URLS = st.builds("{}://{}{}".format, st.sampled_from(["http", "https"]), HOSTS, PATHS).map(split)
ATTRIBUTES = st.one_of(
    st.builds("Domain={}".format, st.one_of(HOSTS, LABELS.map(".".join), st.just(".example"))),
    st.builds("Path={}".format, PATHS),
    st.builds("Max-Age={}".format, st.integers(-2, 9)),
    st.sampled_from(["Secure", "HttpOnly", "Path=/", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"]),
)
NAMES = st.sampled_from(["", "a", "b", "__Host-a", "__secure-a", "\xe9"])
FIELDS = st.builds(
    lambda name, attributes: "; ".join([f"{name}=1", *attributes]), NAMES, st.lists(ATTRIBUTES, max_size=4)
)
ANSWERS = st.lists(st.tuples(URLS, st.lists(FIELDS, max_size=4)), max_size=5)


def jar_of(*fields, url=HTTPS, now=NOW):
    """Return a jar without the list of suffixes that has taken these fields of one answer."""
    jar = CookieJar(one_label)
    jar.take(split(url), fields, now)
    return jar


def told(jar, url=HTTPS, now=NOW):
    return jar.cookie(split(url), now)


def names(jar):
    return {cookie.name for cookie in jar}


def numbered(count):
    """Return jar-sized numbers of cookies on as many domains as they need."""
    for number in range(count):
        yield split(f"http://h{number // MAX_PER_DOMAIN}.example/"), f"c{number}=1"


def calls(function):
    """Return how many functions of any language were called by `function`."""
    seen = []
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, value: seen.append(event))
    try:
        function()
    finally:
        sys.setprofile(before)
    return sum(event in ("call", "c_call") for event in seen)


def test_order():
    """Longer paths go first, then what was created earlier, an answer's cookies in their order."""
    jar = jar_of("z=1; Path=/", "a=2; Path=/", "m=3; Path=/x; Domain=a.example", "b=4; Path=/x")
    jar.take(split(HTTPS), ["a=5; Path=/"], NOW + 1)
    assert told(jar, "https://a.example/x") == "m=3; b=4; z=1; a=5"
    assert [cookie.value for cookie in jar] == ["3", "4", "1", "5"]


def test_replaced():
    """A cookie of the same name, domain, path and scope takes the place and the creation of the old one."""
    jar = jar_of("a=1", "b=1")
    jar.take(split(HTTPS), ["a=2; HttpOnly"], NOW + 5)
    assert told(jar) == "a=2; b=1"
    assert next(iter(jar)) == Cookie("a", "2", "a.example", http_only=True, created=NOW)


@pytest.mark.parametrize("other", ["a=2; Path=/x", "a=2; Domain=a.example", "A=2"])
def test_beside(other):
    """Cookies that differ in path, scope or the case of a name stand beside each other."""
    assert len(jar_of("a=1", other)) == 2


def test_moment_of_one_answer():
    """The clock may stand still or go back: later cookies are still sent later."""
    jar = jar_of("z=1")
    jar.take(split(HTTPS), ["a=1"], NOW - 50)
    assert told(jar) == "z=1; a=1"


@pytest.mark.parametrize(
    ("domain", "hosts"),
    [
        ("", ["a.example"]),
        (".", ["a.example"]),
        ("a.example", ["a.example", "b.a.example"]),
        (".A.EXAMPLE", ["a.example", "b.a.example"]),
        ("..a.example", []),
        ("a.example.", []),
        ("example", []),
        ("b.a.example", []),
        ("ä.example", []),
    ],
)
def test_domain(domain, hosts):
    """A cookie is told to its host, or to the domain that was asked for if the host is of it."""
    jar = jar_of(f"a=1; Domain={domain}")
    every = ["a.example", "b.a.example", "ba.example", "b.example", "a.example."]
    assert [host for host in every if told(jar, f"https://{host}/")] == hosts


def test_idna_domain():
    """A Domain in IDNA's ASCII form is that of the same name in a URL; one in any other form is refused."""
    jar = CookieJar(one_label)
    jar.take(split("http://x.bücher.example/"), ["a=1; Domain=xn--bcher-kva.example"], NOW)
    jar.take(split("http://x.bücher.example/"), ["b=1; Domain=b\xc3\xbccher.example"], NOW)
    assert told(jar, "http://bücher.example/") == "a=1"


def test_suffix_of_its_own():
    """A suffix that asks for itself gets a cookie that nobody below it is told of."""
    jar = jar_of("a=1; Domain=localhost", url="http://localhost/")
    assert told(jar, "http://localhost/") == "a=1"
    assert told(jar, "http://x.localhost/") == ""


def test_suffix_is_asked_about():
    """Whoever makes the jar may say what a suffix is."""
    jar = CookieJar(lambda domain: domain == "shops.example")
    jar.take(split("http://a.shops.example/"), ["a=1; Domain=shops.example", "b=1; Domain=example"], NOW)
    assert told(jar, "http://b.shops.example/") == "b=1"


def test_listed_suffix():
    """A jar asks the list of public suffixes when it is installed."""
    jar = CookieJar()
    jar.take(split("http://a.co.uk/"), ["a=1; Domain=co.uk", "b=1; Domain=a.co.uk"], NOW)
    assert told(jar, "http://b.a.co.uk/") == "b=1"


@pytest.mark.parametrize("host", ["1.2.3.4", "[::1]"])
def test_address(host):
    """An address may name itself as its domain."""
    url = f"http://{host}/"
    assert told(jar_of(f"a=1; Domain={host.strip('[]')}", url=url), url) == "a=1"


@pytest.mark.parametrize(
    ("attribute", "paths"),
    [
        ("", ["/d", "/d/x", "/d/x/y"]),
        ("Path=", ["/d", "/d/x", "/d/x/y"]),
        ("Path=x", ["/d", "/d/x", "/d/x/y"]),
        ("Path=/d/x", ["/d/x", "/d/x/y"]),
        ("Path=/", ["/", "/d", "/d/x", "/d/x/y", "/dx"]),
        ("Path=/D", []),
    ],
)
def test_path(attribute, paths):
    """A cookie is told to its path and below, which is the directory that set it when it has none."""
    jar = jar_of(f"a=1; {attribute}", url="https://a.example/d/f?q=/p/q")
    every = ["/", "/d", "/d/x", "/d/x/y", "/dx"]
    assert [path for path in every if told(jar, f"https://a.example{path}?/d/x")] == paths


def test_long_default_path():
    """A default path may be as long as one that is given, and no longer."""
    path = "/" + "p" * (MAX_ATTRIBUTE - 1)
    assert len(jar_of("a=1", url=f"https://a.example{path}/x")) == 1
    assert len(jar_of("a=1", url=f"https://a.example{path}p/x")) == 0


@pytest.mark.parametrize(
    ("field", "url", "kept"),
    [
        ("a=1; Secure", HTTP, False),
        ("__Secure-a=1; Secure", HTTPS, True),
        ("__Secure-a=1", HTTPS, False),
        ("__SECURE-a=1", HTTPS, False),
        ("__Secure-a=1", HTTP, False),
        ("__Host-a=1; Secure; Path=/", HTTPS, True),
        ("__Host-a=1; Secure", HTTPS, False),
        ("__Host-a=1; Path=/", HTTPS, False),
        ("__host-a=1; Secure; Path=/x", HTTPS, False),
        ("__Host-a=1; Secure; Path=/; Domain=a.example", HTTPS, False),
        ("__Host-a; Secure; Path=/", HTTPS, False),
        ("=__Secure-a=1; Secure", HTTPS, False),
        ("__Hosta=1", HTTP, True),
    ],
)
def test_prefixes(field, url, kept):
    """A prefix is a promise, in any case of its letters and without a name too."""
    assert len(jar_of(field, url=url)) == kept


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("a=1; Secure", "a=2", False),
        ("a=1; Secure", "a=; Max-Age=0", False),
        ("a=1; Secure; Path=/x", "a=2; Path=/x/y", False),
        ("a=1; Secure; Path=/x", "a=2; Path=/", True),
        ("a=1; Secure; Domain=b.example", "a=2; Path=/x", False),
        ("a=1; Secure", "a=2; Domain=b.example", False),
        ("a=1; Secure", "b=2", True),
        ("a=1", "a=2", True),
    ],
)
def test_secure_is_left_alone(old, new, kept):
    """What comes in the clear neither replaces nor hides a secure cookie."""
    jar = jar_of(old, url="https://a.b.example/")
    before = list(jar)
    jar.take(split("http://a.b.example/"), [new], NOW)
    assert (list(jar) != before) is kept


@pytest.mark.parametrize("old", ["https://x.a.example/", "https://b.example/"])
def test_secure_elsewhere(old):
    """Only secure cookies of the same names and those above and below them are left alone."""
    jar = jar_of("a=1; Secure", url=old)
    jar.take(split(HTTP), ["a=2; Domain=a.example"], NOW)
    assert (told(jar, HTTP) == "a=2") is (old == "https://b.example/")


def test_secure_until_it_expires():
    """A secure cookie that has expired is left alone no longer."""
    jar = jar_of("a=1; Secure; Max-Age=60")
    jar.take(split(HTTP), ["a=2"], NOW + 60)
    assert told(jar, HTTP) == "a=2"


def test_secure_replaced_over_https():
    """Over https a secure cookie may become another, secure or not."""
    jar = jar_of("a=1; Secure", "a=2")
    jar.take(split(HTTP), ["a=3"], NOW)
    assert told(jar, HTTP) == "a=3"


@pytest.mark.parametrize(
    ("attribute", "last"),
    [
        ("Max-Age=10", 10),
        ("Expires=Thu, 28 May 2026 20:30:20 GMT", 220),
        ("Max-Age=99999999999", MAX_LIFETIME),
        ("Expires=Fri, 31 Dec 9999 23:59:59 GMT", MAX_LIFETIME),
    ],
)
def test_expires(attribute, last):
    """A cookie is told until it expires and is gone from then on."""
    jar = jar_of(f"a=1; {attribute}")
    assert told(jar, now=NOW + last - 0.5) == "a=1"
    assert told(jar, now=NOW + last) == ""
    assert len(jar) == 0


@pytest.mark.parametrize("attribute", ["Max-Age=0", "Max-Age=-9", "Expires=Mon, 01 Jan 1601 00:00:00 GMT"])
def test_deleted(attribute):
    """A server deletes a cookie by setting one that has expired."""
    assert len(jar_of("a=1; Max-Age=60", f"a=; {attribute}")) == 0


def test_renewed():
    """A cookie that was set anew lives as long as it was last told to."""
    jar = jar_of("a=1; Max-Age=10", "a=2; Max-Age=20", "b=1; Max-Age=10", "b=2")
    assert told(jar, now=NOW + 15) == "a=2; b=2"


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ('a="x y"', 'a="x y"'),
        ("a=x\ty", "a=x\ty"),
        ("a=na\xc3\xafve", "a=na\xc3\xafve"),
        ("a=", "a="),
        ("v", "v"),
        ("", ""),
        ("=", ""),
        ("a=\x07", ""),
        ("a=" + "x" * (MAX_PAIR - 1), "a=" + "x" * (MAX_PAIR - 1)),
        ("a=" + "x" * MAX_PAIR, ""),
        ("x" * 10_000_000, ""),
    ],
    ids=range(11),
)
def test_pairs(field, sent):
    """Name and value go back as the bytes that came, unless they are too many or none that may be sent."""
    assert told(jar_of(field)) == sent


def test_one_string():
    """The values of Set-Cookie are several: one string is an error of the caller's."""
    with pytest.raises(TypeError, match="not one str: 'a=1'"):
        CookieJar(one_label).take(split(HTTP), "a=1", NOW)


def test_suffix_must_be_a_function():
    """A jar is made with a function or with nothing."""
    with pytest.raises(TypeError, match="a function or None, not 'co"):
        CookieJar("co.uk")


def test_limit_of_a_domain():
    """The cookie of a domain that was not used for the longest time makes room for its next one."""
    jar = jar_of(*(f"c{number}=1; Path=/{number}" for number in range(MAX_PER_DOMAIN)))
    told(jar, "https://a.example/0")
    jar.take(split(HTTPS), ["new=1"], NOW)
    assert len(jar) == MAX_PER_DOMAIN
    assert {"c0", "c2", "new"} < names(jar)
    assert "c1" not in names(jar)


def test_limit_spares_secure_cookies():
    """Of a domain, cookies that are not secure make room before those that are."""
    jar = jar_of("s=1; Secure", *(f"c{number}=1" for number in range(MAX_PER_DOMAIN)))
    assert "s" in names(jar)
    jar = jar_of(*(f"s{number}=1; Secure" for number in range(MAX_PER_DOMAIN + 1)))
    assert names(jar) == {f"s{number}" for number in range(1, MAX_PER_DOMAIN + 1)}


def test_limit_removes_what_expired():
    """What has expired makes room before anything else, on its domain and in all."""
    jar = jar_of(
        "old=1", "gone=1; Max-Age=10; Secure", *(f"c{number}=1" for number in range(MAX_PER_DOMAIN - 2))
    )
    jar.take(split(HTTPS), ["new=1"], NOW + 10)
    assert len(jar) == MAX_PER_DOMAIN
    assert {"old", "new"} < names(jar)


def test_limit_in_all():
    """The cookie of all that was not used for the longest time makes room for the next one."""
    jar = CookieJar(one_label)
    for url, field in numbered(MAX_COOKIES):
        jar.take(url, [field], NOW)
    kept = told(jar, "http://h0.example/")
    jar.take(split(HTTP), ["new=1"], NOW)
    assert len(jar) == MAX_COOKIES
    assert told(jar, "http://h0.example/") == kept
    assert f"c{MAX_PER_DOMAIN}" not in names(jar)


@pytest.mark.parametrize("attribute", ["", "; Max-Age=60"])
def test_cost_of_a_full_jar(attribute):
    """To take a cookie into a full jar costs no more than into one with a full domain."""
    many, few = jar_of(), jar_of()
    for number, (url, field) in enumerate(numbered(MAX_COOKIES)):
        many.take(url, [field + attribute], NOW)
        if number < MAX_PER_DOMAIN:
            few.take(url, [field + attribute], NOW)
    fields = [f"n{number}=1{attribute}" for number in range(MAX_PER_DOMAIN)]
    url = split("http://h0.example/")
    costs = [calls(lambda jar=jar: jar.take(url, fields, NOW)) for jar in (many, few)]
    assert costs[0] <= 1.5 * costs[1]


def test_cost_of_a_cookie_set_again():
    """A cookie that was set again and again leaves less behind than two full jars would."""
    jar = jar_of()
    for _ in range(4 * MAX_COOKIES // MAX_FIELDS):
        jar.take(split("http://h.example/"), ["a=1; Max-Age=60"] * MAX_FIELDS, NOW)
    cost = calls(lambda: told(jar, now=NOW + 60))
    assert len(jar) == 0
    # Two calls look at one thing that ends.
    assert cost < 2.5 * 2 * MAX_COOKIES


def test_set():
    """A cookie of the caller's is sent before those of servers, to the host it names."""
    jar = jar_of("a=1")
    jar.set(Cookie("all", "1", "example", host_only=False), NOW)
    jar.set(SID, NOW)
    assert told(jar) == "sid=1; all=1; a=1"
    assert told(jar, "http://b.example/") == "all=1"


def test_set_removes_what_expired():
    """A cookie of the caller's finds nothing in the jar that has expired."""
    jar = jar_of("a=1; Max-Age=60")
    jar.set(SID, NOW + 60)
    assert names(jar) == {"sid"}


def test_set_what_expired():
    """A cookie of the caller's that has expired removes the one it replaces."""
    jar = jar_of()
    jar.set(SID, NOW)
    jar.set(replace(SID, expires=NOW), NOW)
    assert len(jar) == 0


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"name": "a;b"}, InvalidRequest, "name of a cookie cannot be sent: 'a;b'"),
        ({"name": "a=b"}, InvalidRequest, "'a=b'"),
        ({"name": " a"}, InvalidRequest, "' a'"),
        ({"name": "\u0161"}, InvalidRequest, "'\u0161'"),
        ({"value": "a; b=1"}, InvalidRequest, "value of a cookie cannot be sent: 'a; b=1'"),
        ({"value": "a\r\nX: y"}, InvalidRequest, "X: y"),
        ({"value": "a\t"}, InvalidRequest, "'a.t'"),
        ({"value": "x" * MAX_PAIR}, InvalidRequest, "'sid' has more than 4096 bytes"),
        ({"name": "", "value": ""}, InvalidRequest, "neither name nor value"),
        ({"name": "__Host-a"}, InvalidRequest, "'__Host-a' does not keep"),
        ({"name": b"sid"}, TypeError, "name of a cookie must be str, not b'sid'"),
        ({"value": 1}, TypeError, "value of a cookie must be str, not 1"),
        ({"secure": 1}, TypeError, "secure of a cookie must be bool, not 1"),
        ({"expires": True}, TypeError, "expires of a cookie must be int or float or NoneType, not True"),
        ({"created": None}, TypeError, "created of a cookie must be int or float, not None"),
        ({"domain": ""}, ValueError, "domain of a cookie must be a host in lower case and ASCII, not ''"),
        ({"domain": ".a.example"}, ValueError, "'.a.example'"),
        ({"domain": "A.example"}, ValueError, "'A.example'"),
        ({"domain": "a.example/x"}, ValueError, "'a.example/x'"),
        ({"path": "x"}, ValueError, "path of a cookie must begin with a slash and be short, not 'x'"),
        ({"path": "/" * (MAX_ATTRIBUTE + 1)}, ValueError, "'///"),
        ({"expires": float("nan")}, ValueError, "nan"),
        ({"created": 1e300}, ValueError, "1e.300"),
    ],
)
def test_wrong_cookie(changes, error, said):
    """A cookie that could not be kept or sent is refused when it is made, by its name."""
    with pytest.raises(error, match=said) as caught:
        replace(SID, **changes)
    assert type(caught.value) is error


@pytest.mark.parametrize("call", ["set", "remove"])
def test_no_cookie(call):
    """A jar takes cookies from the caller, not their names."""
    jar = jar_of()
    with pytest.raises(TypeError, match="not 'sid'"):
        {"set": lambda: jar.set("sid", NOW), "remove": lambda: jar.remove("sid")}[call]()


def test_remove():
    """A cookie is removed by what makes it the one, whatever its value has become."""
    jar = jar_of("a=1", "sid=7; Secure")
    jar.remove(SID)
    assert told(jar) == "a=1"
    with pytest.raises(ValueError, match=r"not in the jar: Cookie\(name='sid'"):
        jar.remove(SID)


def test_nothing_stays_behind():
    """A jar whose cookies are gone is as small as a new one."""
    jar, new = CookieJar(one_label), CookieJar(one_label)
    for number in range(100):
        jar.take(split(f"https://h{number}.example/"), [f"c{number}=1; Secure"], NOW)
    for cookie in jar:
        jar.remove(cookie)
    assert len(pickle.dumps(jar)) == len(pickle.dumps(new))


def test_clear():
    """A jar that was cleared is as good as a new one."""
    jar = jar_of("a=1; Secure; Max-Age=60")
    jar.clear()
    assert (len(jar), told(jar)) == (0, "")
    jar.take(split(HTTP), ["a=2"], NOW)
    assert told(jar) == "a=2"


def test_load_is_all_or_nothing():
    """Of a list with something wrong in it nothing is kept."""
    jar = jar_of()
    good = jar_of("a=1").dump()[0]
    for bad in ({**good, "name": "a;b"}, {**good, "colour": "red"}, {"name": "a"}, 7):
        with pytest.raises((TypeError, ValueError)):
            jar.load([good, bad], NOW)
    assert len(jar) == 0


def test_load_leaves_out_what_expired():
    """What expired while it was stored is not kept."""
    jar = jar_of()
    jar.load(jar_of("a=1; Max-Age=60", "b=1").dump(), NOW + 60)
    assert names(jar) == {"b"}


@given(ANSWERS)
def test_round_trip(answers):
    """A jar that was dumped to JSON and loaded has the same cookies in the same order."""
    jar, again = CookieJar(one_label), CookieJar(one_label)
    for url, fields in answers:
        jar.take(url, fields, NOW)
    again.load(json.loads(json.dumps(jar.dump())), NOW)
    assert list(again) == list(jar)


@given(ANSWERS, URLS)
def test_nobody_else_is_told(answers, asked):
    """A cookie is told to its host or below its domain only, and what is secure over https only."""
    jar = CookieJar(one_label)
    for number, (url, fields) in enumerate(answers):
        jar.take(url, [field.replace("=1", f"={number}", 1) for field in fields], NOW)
    labels = asked.origin.host.split(".")
    for pair in filter(None, told(jar, str(asked)).split("; ")):
        setter = answers[int(pair.rpartition("=")[2])][0].origin
        shared = {cookie.domain for cookie in jar if cookie.pair() == pair and not cookie.host_only}
        below = any(labels[-len(domain.split(".")) :] == domain.split(".") for domain in shared)
        assert setter.host == asked.origin.host or below


@given(ANSWERS, st.integers(0, 12))
def test_what_is_told_can_be_sent(answers, later):
    """What a jar says is a value of Cookie as it stands, and nothing in it has expired."""
    jar = CookieJar(one_label)
    for url, fields in answers:
        jar.take(url, fields, NOW)
        text = jar.cookie(url, NOW + later)
        assert check_header("Cookie", text) == ("Cookie", text)
    assert all(
        cookie.expires is None or cookie.expires > NOW + later for cookie in (jar if answers else ())
    )


@given(URLS, st.lists(st.text(), max_size=3), st.text(st.characters(max_codepoint=0xFF)))
def test_any_field(url, fields, field):
    """Whatever servers send, a jar takes or ignores it."""
    jar = CookieJar(one_label)
    jar.take(url, [*fields, field, f"a=1; Domain={field}; Path=/{field}"], NOW)
    text = jar.cookie(url, NOW)
    assert check_header("Cookie", text) == ("Cookie", text)


def test_fields_of_one_answer_have_a_limit():
    """Behind so many fields nothing is read, whatever they hold."""
    jar = CookieJar()
    jar.take(split("http://a.example/"), (f"n{number}=1" for number in range(MAX_FIELDS + 10)), 0.0)
    assert {cookie.name for cookie in jar} <= {f"n{number}" for number in range(MAX_FIELDS)}


def test_what_is_sent_has_a_limit():
    """Cookies that would make the header too long are left out, the last in order first."""
    jar = CookieJar()
    for number in range(40):
        jar.take(split("http://a.example/"), [f"n{number}={'x' * 4000}"], float(number))
    sent = jar.cookie(split("http://a.example/"), 50.0)
    assert MAX_HEADER - 4100 < len(sent) <= MAX_HEADER
    assert sent.startswith("n0=x")
