"""Requests say who asks, nobody else learns a secret, and no server keeps a client asking."""

from __future__ import annotations

import functools
from dataclasses import FrozenInstanceError, dataclass
from urllib.request import parse_http_list, parse_keqv_list

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tymeconn.errors import InvalidRequest
from tymeconn.policy.authorizing import Basic, Bearer, Digest, Netrc, authorized, make_auth
from tymeconn.policy.chance import mints
from tymeconn.wire.messages import Request, Response
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split

URL = "http://a.example/x"
SECRET = "s3cr\u00e9t"
NETRC = 'machine a.example login ann password "a b"\nmachine B.example login bob password two\n'
UNSENDABLE = ["\x00", "a\nb", "a\x7f", "\ud800"]


def get(url=URL, **options):
    return make_request("GET", split(url), **options)


def refusal(*challenges, status=401):
    """Return an answer with these fields of WWW-Authenticate."""
    fields = CIMultiDict([("WWW-Authenticate", challenge) for challenge in challenges])
    return Response((1, 1), status, "", fields, b"", None, None, False, None)


def digest(nonce, extra="", realm="r"):
    return refusal(f'Digest realm="{realm}", nonce="{nonce}", qop="auth"{extra}')


def sent(auth, url=URL):
    """Return Authorization as it is sent next; None when there is none."""
    return authorized(get(url), auth).headers.get("authorization")


def used(auth, url=URL):
    """Return nonce, count and client's nonce of the request that is sent next."""
    parameters = parse_keqv_list(parse_http_list(sent(auth, url).partition(" ")[2]))
    return tuple(parameters.get(name) for name in ("nonce", "nc", "cnonce"))


def challenged(auth, answer, url=URL):
    """Send a request, and return whether its answer makes it worth sending again."""
    return auth.challenged(authorized(get(url), auth), answer)


@pytest.mark.parametrize(
    ("user", "password", "value"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test", "123\u00a3", "Basic dGVzdDoxMjPCow=="),
        ("", "a:b", "Basic OmE6Yg=="),
    ],
)
def test_basic(user, password, value):
    """The examples of RFC 7617 2 and 2.1; only the user has no colon."""
    assert sent(Basic(user, password)) == value


def test_colon_in_user():
    """RFC 7617 2: a user with a colon would be another user with another password."""
    with pytest.raises(ValueError, match="user must not hold a colon") as caught:
        Basic(f"ann:{SECRET}", "p")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("make", [Basic, Digest])
@pytest.mark.parametrize("text", UNSENDABLE)
def test_unsendable(make, text):
    """Controls and lone surrogates are refused without being shown."""
    with pytest.raises(ValueError, match=r"^user must not hold a control"):
        make(text, "p")
    with pytest.raises(ValueError, match=r"^password must not hold a control") as caught:
        make("u", SECRET + text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("make", [Basic, Digest])
def test_not_text(make):
    """User and password are str; the message names the type, not the value."""
    with pytest.raises(TypeError, match=r"^user must be str, not int$"):
        make(5, "p")
    with pytest.raises(TypeError, match=r"^password must be str, not bytes$"):
        make("u", b"p")


@pytest.mark.parametrize("token", ["mF_9.B5f-4.1JqM", "abc==", "a|b:{c}"])
def test_bearer(token):
    """Any visible ASCII is a token, also what is no b64token of RFC 6750 2.1."""
    assert sent(Bearer(token)) == f"Bearer {token}"


@pytest.mark.parametrize("token", ["", f"{SECRET}x", "s3cr t", "s3cr\t", *UNSENDABLE])
def test_no_token(token):
    """Blanks, controls and what is not ASCII are refused without being shown."""
    with pytest.raises(ValueError, match=r"^token must") as caught:
        Bearer(token)
    assert "s3cr" not in str(caught.value)


def test_token_is_text():
    """A token is str; the message names the type, not the value."""
    with pytest.raises(TypeError, match=r"^token must be str, not bytes$"):
        Bearer(b"t")


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        (Basic("ann", SECRET), "Basic(user='ann')"),
        (Bearer("s3cret"), "Bearer()"),
        (Digest("ann", SECRET), "Digest(user='ann')"),
        (make_auth(functools.partial(dict, Key=SECRET)), "_Computed()"),
    ],
)
def test_repr_keeps_secrets(auth, shown):
    """What is shown of credentials is the user."""
    assert repr(auth) == shown


def test_frozen():
    """Credentials that learn nothing never change."""
    with pytest.raises(FrozenInstanceError):
        Basic("u", "p").user = "v"
    with pytest.raises(FrozenInstanceError):
        Bearer("t").token = "u"


@pytest.mark.parametrize("auth", [Basic("u", "p"), Bearer("t"), make_auth(lambda request: {})])
def test_nothing_to_learn(auth):
    """What is sent with each request is not sent again when it was refused."""
    assert not challenged(auth, digest("n"))


def netrc(tmp_path, text=NETRC):
    path = tmp_path / "netrc"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("http://a.example/", Basic("ann", "a b")),
        ("https://A.example:8443/", Basic("ann", "a b")),
        ("http://b.example/", Basic("bob", "two")),
    ],
)
def test_netrc(tmp_path, url, value):
    """The host's machine says who asks, whatever the case and the port."""
    assert sent(Netrc(netrc(tmp_path)), url) == sent(value)


def test_netrc_without_machine(tmp_path):
    """A host that has no machine is not told anything, unless there is a default."""
    assert sent(Netrc(str(netrc(tmp_path))), "http://c.example/") is None
    with_default = Netrc(netrc(tmp_path, f"{NETRC}default login any password {SECRET}"))
    assert sent(with_default, "http://c.example/") == sent(Basic("any", SECRET))


def test_netrc_is_read_once(tmp_path):
    """The file is read where Netrc is made, not where a request is sent."""
    path = netrc(tmp_path)
    auth = Netrc(path)
    path.unlink()
    assert sent(auth) == sent(Basic("ann", "a b"))
    assert repr(auth) == f"Netrc(path={path!r})"


def test_netrc_of_environment(tmp_path, monkeypatch):
    """NETRC names the default file."""
    monkeypatch.setenv("NETRC", str(netrc(tmp_path)))
    assert sent(Netrc()) == sent(Basic("ann", "a b"))


def test_netrc_of_home(tmp_path, monkeypatch):
    """Without NETRC it is ~/.netrc, which only its owner may read."""
    path = netrc(tmp_path).rename(tmp_path / ".netrc")
    monkeypatch.setenv("NETRC", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    path.chmod(0o600)
    assert sent(Netrc()) == sent(Basic("ann", "a b"))
    path.chmod(0o644)
    with pytest.raises(ValueError, match=r"~/\.netrc: ~/\.netrc access too permissive"):
        Netrc()


def test_no_netrc(tmp_path, monkeypatch):
    """The default file need not exist; one that is named must."""
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    assert sent(Netrc()) is None
    with pytest.raises(FileNotFoundError):
        Netrc(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("machine a login u password one s3cret", "line 1 is malformed"),
        ("s3cret", "line 1 is malformed"),
        ("machine a.example login u:s3cret password p", r"netrc entry of a\.example: user must"),
        ("machine a.example login u password s3cret\x07", r"netrc entry of a\.example: password must"),
    ],
    ids=["word after a password", "word at the start", "colon", "control"],
)
def test_broken_netrc(tmp_path, text, why):
    """A file that cannot be used is refused where it is read, and its words are not shown."""
    with pytest.raises(ValueError, match=why) as caught:
        Netrc(netrc(tmp_path, text))
    assert "s3cret" not in str(caught.value)


def test_netrc_is_no_text(tmp_path):
    """Bytes that are no text are refused in the same way."""
    path = tmp_path / "netrc"
    path.write_bytes(b"machine a login \xff\xfe")
    with pytest.raises(ValueError, match="cannot use netrc file"):
        Netrc(path)


def test_netrc_is_no_number():
    """A number would be an open file's."""
    with pytest.raises(TypeError, match="path must be str, a path or None, not 5"):
        Netrc(5)


def test_digest_waits_for_a_challenge():
    """The first request goes out without; the second proves the password with the first count."""
    auth = Digest("u", "p", mint=lambda: "mine")
    assert sent(auth) is None
    assert challenged(auth, digest("n"))
    assert used(auth) == ("n", "00000001", "mine")


def test_digest_counts():
    """Later requests use the last nonce unasked, with the same client's nonce and the next count."""
    auth = Digest("u", "p", mint=mints("seed"))
    challenged(auth, digest("n"))
    first, *later = [used(auth, f"{URL}?{number}") for number in range(17)]
    assert later[-1] == ("n", "00000011", first[2])
    assert len({count for _, count, _ in [first, *later]}) == 17


def test_digest_keeps_origins_apart():
    """A nonce is used, and counted, where it came from only."""
    auth = Digest("u", "p")
    challenged(auth, digest("n"))
    assert sent(auth, "https://a.example/x") is None
    challenged(auth, digest("m"), "http://b.example/")
    assert used(auth)[:2] == ("n", "00000001")
    assert used(auth, "http://b.example/")[:2] == ("m", "00000001")


def test_stale_nonce():
    """A nonce that has grown old is replaced, with a new client's nonce and a new count."""
    auth = Digest("u", "p")
    challenged(auth, digest("n"))
    before = used(auth)
    assert challenged(auth, digest("m", ", stale=true"))
    after = used(auth)
    assert after[:2] == ("m", "00000001")
    assert after[2] != before[2]


def test_other_realm():
    """A part of the origin with a realm of its own is asked again with the nonce of that realm."""
    auth = Digest("u", "p")
    challenged(auth, digest("n"))
    used(auth)
    assert challenged(auth, digest("m", realm="other"))
    assert used(auth)[:2] == ("m", "00000001")


@pytest.mark.parametrize("extra", ["", ", stale=false", ", stale=true"])
def test_refused_at_first_use(extra):
    """Credentials that are refused while their nonce is new are wrong, and forgotten."""
    auth = Digest("u", "p")
    challenged(auth, digest("n"))
    assert not challenged(auth, digest("m", extra))
    assert sent(auth) is None


def test_same_nonce_for_two_requests():
    """Two requests that are given the same nonce use it one after the other."""
    auth = Digest("u", "p")
    first, second = get(f"{URL}?1"), get(f"{URL}?2")
    assert auth.challenged(first, digest("n"))
    one = used(auth)
    assert auth.challenged(second, digest("n"))
    assert used(auth) == ("n", "00000002", one[2])


def test_without_qop():
    """As it was before RFC 2617: each challenge is answered once, for nothing counts its uses."""
    auth = Digest("u", "p")
    challenged(auth, refusal('Digest realm="r", nonce="n"'))
    assert used(auth) == ("n", None, None)
    assert sent(auth) is None


@pytest.mark.parametrize(
    "answer", [digest("m", ", stale=true")._replace(status=403), refusal("Basic realm=x")]
)
def test_not_challenged(answer):
    """What is not a 401, or has no challenge of Digest, changes nothing."""
    auth = Digest("u", "p")
    challenged(auth, digest("n"))
    used(auth)
    assert not challenged(auth, answer)
    assert used(auth)[:2] == ("n", "00000003")


def test_body_that_comes_later():
    """Where the server wants the body hashed, a request without it goes out without credentials."""

    @dataclass(frozen=True)
    class Streamed(Request):
        source: object = None

    auth = Digest("u", "p")
    assert challenged(auth, refusal('Digest realm="r", nonce="n", qop="auth-int"'))
    assert not auth.fields(Streamed("PUT", split(URL), source=iter([b"x"])))
    assert used(auth)[:2] == ("n", "00000001")


CHALLENGES = st.builds(
    digest,
    st.sampled_from("nm"),
    st.sampled_from(["", ", stale=true", ", stale=true, algorithm=SHA-256-sess", ', opaque="\\""']),
    st.sampled_from("rs"),
) | st.builds(
    lambda nonce: refusal(f'Digest realm="r", nonce="{nonce}", stale=true'), st.sampled_from("nm")
)


@given(st.lists(CHALLENGES, max_size=4), st.lists(CHALLENGES, min_size=3, max_size=3))
def test_nobody_asks_for_ever(before, answers):
    """Whatever a server answers, a request is sent once more at most."""
    auth = Digest('u"\\\u00e4', "p")
    for each in before:
        challenged(auth, each)
    again = [challenged(auth, answer) for answer in answers]
    assert again[:2] != [True, True]


def test_no_auth():
    """None is none."""
    assert make_auth(None) is None


@pytest.mark.parametrize("auth", [Basic("u", "p"), Digest("u", "p")])
def test_auth_as_it_is(auth):
    """An Auth is taken as it is."""
    assert make_auth(auth) is auth


def test_pair():
    """A pair is user and password of Basic, with Basic's rules."""
    assert make_auth(("u", "p")) == Basic("u", "p")
    with pytest.raises(TypeError, match="user must be str, not bytes"):
        make_auth((b"u", b"p"))


def test_function():
    """A function is asked for the fields of each request."""
    auth = make_auth(lambda request: [("X-Signed", f"{request.method} {request.url.target}")])
    assert authorized(get(), auth).headers["x-signed"] == "GET /x"


def test_own_auth():
    """Whatever has both methods is an Auth, also when it can be called."""

    class Own:
        def fields(self, request):
            return {"X-Key": "k"}

        def challenged(self, request, response):
            return True

        def __call__(self, request):
            return {}

    own = Own()
    assert make_auth(own) is own


@pytest.mark.parametrize(
    "given", [SECRET, SECRET.encode(), 5, {"u": SECRET}, ["u", SECRET], ("u",), ("u", SECRET, ""), Basic]
)
def test_what_is_no_auth(given):
    """Anything else is refused by its type's name, without being shown."""
    with pytest.raises(TypeError, match=f"not {type(given).__name__}$") as caught:
        make_auth(given)
    assert SECRET not in str(caught.value)


def test_authorized_replaces():
    """Fields of the same names give way, in any case; all else stays, and the request itself does."""
    request = get("http://x:y@a.example/p?q", headers=[("x-key", "1"), ("Z", "2"), ("X-KEY", "3")])
    auth = make_auth(lambda request: [("AUTHORIZATION", "A"), ("X-Key", "4"), ("X-Key", "5")])
    changed = authorized(request, auth)
    assert changed.headers.getall("x-key") == ["4", "5"]
    assert changed.headers.getall("authorization") == ["A"]
    assert [name for name in changed.headers if name not in ("X-Key", "AUTHORIZATION")] == [
        "Host",
        "Accept",
        "Accept-Encoding",
        "Z",
    ]
    assert request.headers["authorization"] == "Basic eDp5"


def test_authorized_keeps():
    """The kind of request, its method, URL and body stay."""

    @dataclass(frozen=True)
    class Streamed(Request):
        source: object = None

    request = Streamed("PUT", split(URL), body=b"b", source="s")
    changed = authorized(request, Basic("u", "p"))
    assert (changed.method, changed.url, changed.body, changed.source) == ("PUT", request.url, b"b", "s")


def test_nothing_to_add():
    """Without fields the request is the same."""
    request = get()
    assert authorized(request, Digest("u", "p")) is request


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"X-Key": "s3cret\n"}, InvalidRequest),
        ({"X-Key": "s3cret\u20ac"}, InvalidRequest),
        ({"s3cret ": ""}, InvalidRequest),
        ("s3cret", TypeError),
        ({"X-Key": ["s3cret"]}, TypeError),
    ],
)
def test_fields_that_may_not_be_sent(fields, error):
    """Fields are checked as all headers are, but not shown, because they are secret."""
    with pytest.raises(error, match="auth ") as caught:
        authorized(get(), make_auth(lambda request: fields))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "TE", "Connection", "Upgrade"]
)
def test_fields_that_are_not_of_auth(name):
    """Who asks does not say how, or where, the request is sent."""
    with pytest.raises(InvalidRequest, match=f"auth must not give the header {name.lower()}"):
        authorized(get(), make_auth(lambda request: {name: "1"}))


def test_errors_of_a_function_pass():
    """What a function raises is its own affair."""
    with pytest.raises(InvalidRequest, match="mine"):
        authorized(get(), make_auth(lambda request: get(headers={"mine ": ""})))
