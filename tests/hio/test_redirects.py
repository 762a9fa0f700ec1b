"""Where redirects lead, what they carry there, and when they end."""

from __future__ import annotations

import pytest

from tymeconn.clienting import Client
from tymeconn.policy.patience import Timeouts

from .running import OK, Replies, answers, run

pytestmark = pytest.mark.loopback

BRIEF = Timeouts(connect=5, write=5, read=5, total=20)
SECRETS = {"Authorization": "Bearer s3cret", "Cookie": "sid=1", "X-Other": "o"}


def client_of(server, **options):
    return Client(hostname="127.0.0.1", port=server.port, timeouts=BRIEF, **options)


def redirect(location, status=302):
    return b"HTTP/1.1 %d Redirect\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (
        status,
        location.encode("latin-1"),
    )


def redirecting(location, times=1, status=302):
    """Return a handler that redirects its first requests to a path of its own, or to another origin."""

    def reply(request):
        if len(replies.requests) > times:
            return OK
        absolute = f"http://{replies.fields('host')[0]}{location}" if location.startswith("/") else location
        return redirect(absolute, status)

    replies = Replies(reply)
    return replies


@pytest.mark.parametrize("location", ["/a", "/b"])
def test_circle_of_redirects_ends(peer, location):
    """A redirect that leads on and on is an error after 20 hops, and the client is free (finding 31)."""
    replies = redirecting(location, times=21)
    client = client_of(peer(replies))
    client.request(method="GET", path="/a")
    client.request(method="GET", path="/c")
    lost, found = answers(client, 2)
    assert (lost.errored, lost.status, len(replies.requests)) == (True, None, 22)
    assert (found.status, found.body) == (200, b"ok")
    assert client.redirects == []


@pytest.mark.parametrize("status", [301, 302, 303])
def test_post_becomes_get_without_a_body(peer, status):
    """301, 302 and 303 ask for the other place to be looked at, not to be posted to (finding 31)."""
    replies = redirecting("/b", status=status)
    client = client_of(peer(replies))
    client.request(method="POST", path="/a", body=b"body", headers={"Content-Type": "text/x", "X-A": "1"})
    [response] = answers(client)
    assert (response.status, replies.targets) == (200, ["POST /a", "GET /b"])
    assert (replies.body(), replies.fields("content-length"), replies.fields("content-type")) == (
        b"",
        [],
        [],
    )
    assert replies.fields("x-a") == ["1"]


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("part", [{"body": b"body"}, {"data": {"a": 1}}, {"fargs": {"a": "1"}}])
def test_method_and_body_are_kept(peer, status, part):
    """307 and 308 ask for the same request to be sent to another place, as it was (finding 31)."""
    replies = redirecting("/b", status=status)
    client = client_of(peer(replies))
    client.request(method="POST", path="/a", **part)
    [response] = answers(client)
    assert (response.status, replies.targets) == (200, ["POST /a", "POST /b"])
    assert replies.body(0) == replies.body(1) != b""
    assert (
        replies.fields("content-length", 1)
        == replies.fields("content-length", 0)
        == [str(len(replies.body()))]
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_safe_methods_are_kept(peer, status, method):
    """GET and HEAD stay what they are, whatever the redirect; 308 is one of them (finding 31)."""
    replies = redirecting("/b", status=status)
    client = client_of(peer(replies))
    client.request(method=method, path="/a")
    [response] = answers(client)
    assert (response.status, replies.targets) == (200, [f"{method} /a", f"{method} /b"])


def test_each_response_has_its_own_redirects(peer):
    """Only a redirected response has redirects, whole ones, without any of their own (finding 31)."""
    client = client_of(peer(redirecting("/b")))
    client.request(method="GET", path="/a")
    client.request(method="GET", path="/c")
    run(client, 2)
    redirected, other = client.responses
    assert [(each["status"], each["request"]["path"]) for each in redirected["redirects"]] == [(302, "/a")]
    assert redirected["redirects"][0].keys() == other.keys()
    assert redirected["request"]["path"] == "/b"


def crossing(peer, status=302, **options):
    """Return a client whose first request is redirected to another origin, and the two peers' replies."""
    there = Replies()
    elsewhere = peer(there, **options)
    scheme = "https" if options.get("context") else "http"
    here = redirecting(f"{scheme}://127.0.0.1:{elsewhere.port}/there", status=status)
    return here, there


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_secrets_are_not_told_to_another_origin(peer, status):
    """Authorization and Cookie stay where they were meant to go, other fields are sent on (finding 32)."""
    here, there = crossing(peer, status)
    client = client_of(peer(here))
    client.request(method="GET", path="/a", headers=SECRETS)
    [response] = answers(client)
    assert (response.status, there.targets) == (200, ["GET /there"])
    assert there.fields("authorization") + there.fields("cookie") == []
    assert there.fields("x-other") == here.fields("x-other") == ["o"]


def test_secrets_are_told_again_to_the_same_origin(peer):
    """A redirect within an origin changes nothing about who may know (finding 32)."""
    replies = redirecting("/b")
    client = client_of(peer(replies))
    client.request(method="GET", path="/a", headers=SECRETS)
    answers(client)
    assert [replies.fields(name) for name in SECRETS] == [["Bearer s3cret"], ["sid=1"], ["o"]]


def test_client_returns_to_its_origin(peer):
    """The next request goes where the client leads, with its secrets and its own Host (finding 32)."""
    here, there = crossing(peer)
    server = peer(here)
    client = client_of(server)
    client.request(method="GET", path="/a", headers=SECRETS)
    run(client)
    assert client.responses.popleft()["request"]["port"] != server.port
    client.request(path="/c")
    [response] = answers(client)
    assert (response.request["port"], here.targets, there.targets) == (
        server.port,
        ["GET /a", "GET /c"],
        ["GET /there"],
    )
    assert (here.fields("cookie"), here.fields("host")) == (["sid=1"], [f"127.0.0.1:{server.port}"])


def test_connector_stays_what_it_was(peer):
    """Another origin changes neither the connector nor what was said of it (finding 32)."""
    here, _ = crossing(peer)
    client = client_of(peer(here), reconnectable=True, tymeout=0.25, name="mine")
    connector = client.connector
    client.request(method="GET", path="/a")
    [response] = answers(client)
    assert response.status == 200
    assert client.connector is connector
    assert (connector.reconnectable, connector.tymeout, connector.name) == (True, 0.25, "mine")


def test_tls_files_hold_for_other_origins(peer, server_context, cafile):
    """The roots that the caller named are those by which every origin is judged (finding 32)."""
    here, there = crossing(peer, context=server_context("127.0.0.1"))
    client = client_of(peer(here), cafilepath=cafile)
    client.request(method="GET", path="/a")
    [response] = answers(client)
    assert (response.status, response.error, there.targets) == (200, None, ["GET /there"])


def test_tls_file_that_cannot_be_used_is_told_at_once(tmp_path):
    """Also by a client of plain http, which may be redirected to https (finding 32)."""
    with pytest.raises(ValueError, match=r"none\.pem"):
        Client(hostname="127.0.0.1", port=80, cafilepath=str(tmp_path / "none.pem"))


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/a%2Fb%3Fc%20d?x=%20y%26z", "/a%2Fb%3Fc%20d?x=%20y%26z"),
        ("/a%2fb%41", "/a%2fb%41"),
        ("/a b?c d", "/a%20b?c%20d"),
        ("/100%", "/100%25"),
        ("/\u00e9?\u00e9".encode().decode("latin-1"), "/%C3%A9?%C3%A9"),
        ("/b?k=1&k=2&k&k=", "/b?k=1&k=2&k&k="),
        ("/b?a;b=c;d", "/b?a;b=c;d"),
        ("/b#part", "/b"),
    ],
)
@pytest.mark.parametrize("absolute", [False, True])
def test_location_is_sent_as_it_came(peer, location, target, absolute):
    """Valid encoding and repeated keys are kept; what no request line may hold is encoded (finding 33)."""
    replies = Replies(lambda request: answer if len(replies.requests) == 1 else OK)
    server = peer(replies)
    base = f"http://127.0.0.1:{server.port}" if absolute else ""
    answer = redirect(base + location)
    client = client_of(server)
    client.request(method="GET", path="/a", qargs={"q": "1"})
    [response] = answers(client)
    assert (response.status, replies.targets) == (200, ["GET /a?q=1", f"GET {target}"])


@pytest.mark.parametrize("location", ["/b\tc", "/b\x01c", "/b\x7f", "\\\\h.test\\b"])
def test_location_that_is_no_reference_is_refused(peer, location):
    """A server cannot write into the next request's line (finding 33)."""
    replies = Replies(lambda request: redirect(location))
    client = client_of(peer(replies))
    client.request(method="GET", path="/a")
    [response] = answers(client)
    assert (response.status, response.errored, len(replies.requests)) == (None, True, 1)
