"""Challenges of Digest are read whatever they look like, and answered as RFC 7616 has it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.request import parse_http_list, parse_keqv_list

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tymeconn.policy.digesting import Session, authorization, refused, strongest
from tymeconn.wire.headers import make_headers
from tymeconn.wire.messages import Request, Response
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split

HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
ASKED = make_request("GET", split("http://a.example/dir/index.html"))
PLAIN = 'Digest realm="r", nonce="n", qop="auth"'
RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
JASON = (
    'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
    'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
    'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash={}'
)
RFC_2617 = (
    'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)


@dataclass(frozen=True)
class Streamed(Request):
    """A request whose body comes from elsewhere."""

    source: object = None


def challenge_of(*values, request=ASKED):
    """Return the challenge that a 401 with these fields of WWW-Authenticate is taken for."""
    fields = CIMultiDict([("www-authenticate", value) for value in values])
    return strongest(request, Response((1, 1), 401, "", fields, b"", None, None, False, None))


def answer(value, *, user="Mufasa", password="Circle of Life", cnonce="c", count=1, request=ASKED):
    """Return the parameters that answer a challenge, as the standard library reads them."""
    session = Session(challenge_of(value, request=request), cnonce, count)
    scheme, _, parameters = authorization(session, request, user, password).partition(" ")
    assert scheme == "Digest"
    return parse_keqv_list(parse_http_list(parameters))


def recomputed(parameters, *, user="Mufasa", password="Circle of Life", request=ASKED):
    """Return the response that a server which knows the password expects with the other parameters."""
    algorithm = parameters.get("algorithm", "MD5").upper()

    def digest(*parts):
        data = b":".join(part if isinstance(part, bytes) else part.encode() for part in parts)
        return hashlib.new(HASHES[algorithm.replace("-SESS", "")], data).hexdigest()

    key = digest(user, parameters["realm"], password)
    if algorithm.endswith("-SESS"):
        key = digest(key, parameters["nonce"], parameters["cnonce"])
    asked = [request.method, parameters["uri"]]
    if parameters["qop"] == "auth-int":
        asked.append(digest(request.body))
    counted = [parameters["nc"], parameters["cnonce"], parameters["qop"]]
    return digest(key, parameters["nonce"], *counted, digest(*asked))


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_example(algorithm, response):
    """The examples of RFC 7616 3.9.1 are answered to the letter."""
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    assert answer(RFC_7616.format(algorithm), cnonce=cnonce) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": cnonce,
        "qop": "auth",
        "response": response,
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    }


@pytest.mark.parametrize(
    ("userhash", "name", "text"),
    [
        ("true", "username", "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"),
        ("false", "username*", "UTF-8''J%C3%A4s%C3%B8n%20Doe"),
    ],
)
def test_rfc_7616_example_with_userhash(userhash, name, text):
    """RFC 7616 3.9.2 is answered as its erratum 4897 has it, with the name in both forms."""
    request = make_request("GET", split("http://api.example.org/doe.json"))
    secrets = {"user": "Jäsøn Doe", "password": "Secret, or not?"}
    cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
    parameters = answer(JASON.format(userhash), request=request, cnonce=cnonce, **secrets)
    assert parameters[name] == text
    assert parameters["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert parameters.get("userhash", "false") == userhash


@pytest.mark.parametrize(
    ("qop", "password", "response"),
    [
        (', qop="auth,auth-int"', "Circle Of Life", "6629fae49393a05397450978507c4ef1"),
        ("", "CircleOfLife", "1949323746fe6a43ef61f9606e7febea"),
    ],
)
def test_older_examples(qop, password, response):
    """The examples of RFC 2617 3.5 and, without qop, of RFC 2069 2.4 with erratum 749."""
    parameters = answer(RFC_2617 + qop, password=password, cnonce="0a4f113b")
    assert parameters["response"] == response
    assert ("cnonce" in parameters) == ("nc" in parameters) == ("qop" in parameters) == bool(qop)
    assert "algorithm" not in parameters


@pytest.mark.parametrize(
    "algorithm", ["MD5", "md5-SESS", "SHA-256-sess", "SHA-512-256-sess", "sha-512-256"]
)
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_server_computes_the_same(algorithm, qop):
    """A server that does its own sums comes to the same response, and finds its own spelling again."""
    request = make_request("POST", split("http://a.example/p?q=%22a%2C"), body=b"\x00\xffbody")
    value = f'Digest algorithm={algorithm}, realm="r", nonce="n", qop={qop}'
    parameters = answer(value, request=request, cnonce="0123", count=0x1F)
    assert parameters["response"] == recomputed(parameters, request=request)
    assert (parameters["algorithm"], parameters["uri"]) == (algorithm, "/p?q=%22a%2C")
    assert parameters["nc"] == "0000001f"


@given(
    user=st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    password=st.text(st.characters(exclude_categories=["Cs"])),
    realm=st.text(st.characters(min_codepoint=32, max_codepoint=126)),
)
def test_any_text_is_proven(user, password, realm):
    """Quotes, backslashes, commas and all of Unicode go into the response as they are."""
    escaped = realm.replace("\\", "\\\\").replace('"', '\\"')
    challenge = challenge_of(f'Digest realm="{escaped}", nonce="n", qop="auth"')
    value = authorization(Session(challenge, "c", 1), ASKED, user, password)
    expected = {"realm": realm, "uri": ASKED.url.target, "nonce": "n"}
    expected |= {"qop": "auth", "nc": "00000001", "cnonce": "c"}
    assert challenge.realm == realm
    assert f'response="{recomputed(expected, user=user, password=password)}"' in value
    assert f'realm="{escaped}"' in value


def test_user_beyond_ascii():
    """A server that says nothing of UTF-8 gets its bytes, quoted."""
    assert answer(PLAIN, user='ä"\\')["username"] == 'Ã¤"\\'


def test_realm_beyond_ascii():
    """The bytes of a realm go back, and into the digest, as they came."""
    challenge = challenge_of('Digest realm="\xc3\xa4", nonce="n", qop="auth"')
    key = hashlib.md5("u:ä:p".encode()).hexdigest()
    asked = hashlib.md5(b"GET:/dir/index.html").hexdigest()
    response = hashlib.md5(f"{key}:n:00000001:c:auth:{asked}".encode()).hexdigest()
    value = authorization(Session(challenge, "c", 1), ASKED, "u", "p")
    assert f'response="{response}"' in value
    assert 'realm="\xc3\xa4"' in value


@pytest.mark.parametrize(
    "value",
    [
        PLAIN,
        'DIGEST REALM="r",NONCE="n",QOP="AUTH"',
        ',, Digest , realm = r ,\tnonce\t=\t"n",, qop="x,\tauth", ',
        'Digest realm="\\r", nonce="n", qop=auth, unknown="a\\"b, nonce=c"',
        'Basic realm="x, Digest", Digest realm=r, nonce=n, qop=auth, Bearer',
        'Negotiate YWJj==, Digest realm="r", nonce="n", qop="auth"',
        'Digest realm="r", nonce="n", qop="auth", NTLM',
        'Negotiate, Digest realm="r", nonce="n", qop="auth", Negotiate ab=, domain="/x /y"',
    ],
)
def test_challenge_is_found(value):
    """All forms of RFC 9110 11.6.1, alone and among others, are one challenge of Digest."""
    challenge = challenge_of(value)
    assert (challenge.realm, challenge.nonce) == ("r", "n")
    assert challenge.protection(ASKED) == "auth"
    assert not (challenge.stale or challenge.utf8 or challenge.userhash or challenge.opaque)


def test_flags():
    """Flags are read in any case, quoted or not; what is not true is false."""
    challenge = challenge_of(f'{PLAIN}, stale=TRUE, charset="utf-8", userhash="True", opaque=""')
    assert challenge.stale
    assert challenge.utf8
    assert challenge.userhash
    assert challenge.opaque == ""


@pytest.mark.parametrize(
    "value",
    [
        "",
        ",",
        "Digest",
        "Digest abc==",
        "Digest abc== x",
        'realm="r", nonce="n", qop="auth"',
        'Digest realm="r", qop="auth"',
        'Digest nonce="n", qop="auth"',
        'Digest realm="r" nonce="n", qop="auth"',
        'Digest realm="r", realm="r", nonce="n", qop="auth"',
        'Digest realm="r, nonce="n", qop="auth"',
        'Digest realm="r", nonce="n\\", qop="auth"',
        'Digest realm="r", nonce=, qop="auth"',
        'Digest realm="r", nonce="n", qop="auth"; x',
        'Digest Digest realm="r", nonce="n", qop="auth"',
        'Digest\trealm="r", nonce="n", qop="auth"',
        'Digest realm="r\x00", nonce="n", qop="auth"',
        'Digest realm="r\\\n", nonce="n", qop="auth"',
        'Digest realm="\u20ac", nonce="n", qop="auth"',
        'Digest realm="r", nonce="n", qop="auth-conf"',
        'Digest realm="r", nonce="n", qop=""',
        f"{PLAIN}, algorithm=SHA-1",
        f"{PLAIN}, algorithm=-sess",
        f"{PLAIN}, algorithm=MD5-sess-sess",
        f'{PLAIN}, algorithm=""',
        'Digest realm="r", nonce="n", algorithm=MD5-sess',
        'Digest realm="r", nonce="n", algorithm=SHA-256',
        f'{PLAIN}, opaque="{"o" * 16_384}"',
    ],
)
def test_no_challenge(value):
    """What is malformed, incomplete, too long or not supported challenges nobody, and hides no other."""
    assert challenge_of(value) is None
    assert challenge_of(value, PLAIN).nonce == "n"


@pytest.mark.parametrize("piece", ["\\", "a ", "\t,", "a=", "a", " ", "a,", '"', '\\"'])
def test_long(piece):
    """One thing again and again is no challenge, and takes no longer than any other text of that length."""
    for start in ("", "Digest ", 'Digest realm="', 'Digest realm="r"'):
        assert challenge_of((start + piece * 16_384)[:16_384]) is None


@given(st.lists(st.text('Digest realmnoc="\\,\t\n=/~x\x7fä€', max_size=60)))
def test_no_field_breaks_it(values):
    """Whatever a server sends there is a challenge or none."""
    challenge = challenge_of(*values)
    assert challenge is None or challenge.protection(ASKED) is not None


@pytest.mark.parametrize(
    ("algorithms", "chosen"),
    [
        (["MD5", "SHA-256"], 1),
        (["SHA-256", "MD5"], 0),
        (["SHA-256", "SHA-512-256-sess", "MD5"], 1),
        (["MD5-sess", "MD5"], 0),
        (["SHA-512", "MD5"], 1),
    ],
)
@pytest.mark.parametrize("separate", [True, False])
def test_strongest(algorithms, chosen, separate):
    """The strongest hash is chosen, the first of equals, in one field or in several."""
    values = [
        f'Digest realm="r", qop="auth", algorithm={algorithm}, nonce="{number}"'
        for number, algorithm in enumerate(algorithms)
    ]
    challenge = challenge_of(*values) if separate else challenge_of(", ".join(values))
    assert challenge.nonce == str(chosen)


def test_other_fields_do_not_challenge():
    """Only WWW-Authenticate challenges, in any case."""
    fields = CIMultiDict([("Proxy-Authenticate", PLAIN), ("X", PLAIN)])
    response = Response((1, 1), 401, "", fields, b"", None, None, False, None)
    assert strongest(ASKED, response) is None
    assert strongest(ASKED, response._replace(headers={"WWW-Authenticate": PLAIN})).nonce == "n"


@pytest.mark.parametrize(
    ("qop", "source", "protection"),
    [
        ("auth-int, auth", None, "auth"),
        ("auth-int", None, "auth-int"),
        ("auth-int, auth", iter(()), "auth"),
    ],
)
def test_protection(qop, source, protection):
    """The body is hashed only where the server insists."""
    request = Streamed(ASKED.method, ASKED.url, source=source)
    challenge = challenge_of(f'Digest realm="r", nonce="n", qop="{qop}"', request=request)
    assert challenge.protection(request) == protection


def test_streamed_body_is_not_hashed():
    """A body that is not there yet cannot be protected, so that a weaker challenge is answered."""
    request = Streamed(ASKED.method, ASKED.url, source=iter([b"x"]))
    whole = 'Digest realm="r", nonce="i", qop="auth-int", algorithm=SHA-256'
    assert challenge_of(whole, request=request) is None
    assert challenge_of(whole, PLAIN, request=request).nonce == "n"


def sent(value):
    return make_request("GET", ASKED.url, headers={"Authorization": value})


@pytest.mark.parametrize(
    ("value", "challenge"),
    [
        ("Basic eDp5", PLAIN),
        ('Digest realm="r", nonce="m", nc=00000002', f"{PLAIN}, stale=true"),
        ('digest realm="x", nonce="m", nc=00000002', PLAIN),
    ],
)
def test_hope(value, challenge):
    """Credentials are renewed when they were not of Digest, or of an older nonce or another realm."""
    assert not refused(sent(value), challenge_of(challenge))


@pytest.mark.parametrize(
    ("value", "challenge"),
    [
        ('Digest realm="r", nonce="m", nc=00000002', PLAIN),
        ('Digest realm="r", nonce="m", nc=00000001', f"{PLAIN}, stale=true"),
        ('Digest realm="r", nonce="n", nc=00000002', f"{PLAIN}, stale=true"),
        ('Digest realm="x", nonce="m"', f"{PLAIN}, stale=true"),
        ("Digest x", f"{PLAIN}, stale=true"),
        ("Digest =", f"{PLAIN}, stale=true"),
    ],
)
def test_refused(value, challenge):
    """Wrong credentials, a first use that is stale, and a nonce that is stale and new are not renewed."""
    assert refused(
        Request("GET", ASKED.url, make_headers([("Authorization", value)])), challenge_of(challenge)
    )


def test_flood_of_challenges():
    """Behind so many bytes of challenges no other is read."""
    request = make_request("GET", split("http://a.example/"))
    other = ("WWW-Authenticate", f'Other realm="{"x" * 1000}"')
    digest = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
    for count, answered in ((3, True), (1000, False)):
        fields = CIMultiDict([*[other] * count, digest])
        response = Response((1, 1), 401, "", fields, b"", None, request, False, None)
        assert (strongest(request, response) is not None) == answered
