"""What goes out is what the caller said: nothing smuggled in, nothing encoded twice, nothing lost."""

from __future__ import annotations

from email import message_from_bytes
from urllib.parse import parse_qsl

import pytest

from tymeconn.clienting import Client
from tymeconn.errors import InvalidRequest
from tymeconn.policy.patience import Timeouts

from .running import Replies, answers, run

pytestmark = pytest.mark.loopback

BRIEF = Timeouts(connect=5, write=5, read=5, total=20)
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n" + b'{"a":1}'


@pytest.fixture
def asking(peer):
    """Send requests, given as arguments of `request`, one after another; return what the peer read."""

    def ask(*requests, **options):
        replies = Replies()
        client = Client(hostname="127.0.0.1", port=peer(replies).port, timeouts=BRIEF, **options)
        for request in requests:
            client.request(**request)
            assert [response.status for response in answers(client)] == [200]
        return replies

    return ask


INJECTIONS = [
    {"headers": {"X-A": "a\r\nX-B: b"}},
    {"headers": {"X-A": b"a\r\nX-B: b"}},
    {"headers": {"X-A": bytearray(b"a\nX-B: b")}},
    {"headers": {"X-A": "a\0b"}},
    {"headers": {"X-A: a\r\nX-B": "b"}},
    {"headers": {"X A": "b"}},
    {"headers": {"": "b"}},
    {"method": "GET /evil HTTP/1.1\r\nX-B: b\r\n\r\nGET"},
    {"method": "GET /evil"},
    {"path": "/a HTTP/1.1\r\nX-B: b"},
    {"path": "/a\tb"},
]


@pytest.mark.parametrize("injection", INJECTIONS)
def test_nothing_is_smuggled_into_the_head(asking, injection):
    """A name, value, method or path that would end its line is refused, at the call (finding 34)."""
    with pytest.raises(InvalidRequest):
        asking({"method": "GET", "path": "/", **injection})


@pytest.mark.parametrize("injection", INJECTIONS)
def test_nothing_is_smuggled_in_by_a_plain_dict(peer, injection):
    """Nor does it leave when it was put into `requests` by hand (finding 34)."""
    replies = Replies()
    client = Client(hostname="127.0.0.1", port=peer(replies).port, timeouts=BRIEF)
    client.requests.append({"method": "GET", "path": "/", "headers": {}, **injection})
    [response] = answers(client)
    assert (response.errored, replies.requests) == (True, [])


@pytest.mark.parametrize(
    "hostname", ["127.0.0.1\r\nX-B: b", "127.0.0.1 x", "127.0.0.1/x", "a@127.0.0.1", "h\0"]
)
def test_hostname_is_a_name_and_nothing_more(hostname):
    """What would end the line of Host, or lead elsewhere, is refused where it is given (finding 34)."""
    with pytest.raises(InvalidRequest):
        Client(hostname=hostname, port=80)


@pytest.mark.parametrize(
    ("qargs", "query"),
    [
        ({"a b": "c d"}, "a+b=c+d"),
        ({"\u00e9": "\u00e9"}, "%C3%A9=%C3%A9"),
        ({"a\r\nb": "c\r\nd"}, "a%0D%0Ab=c%0D%0Ad"),
        ({"a&b=c": "d&e=f"}, "a%26b%3Dc=d%26e%3Df"),
        ({"a#b": "c#d"}, "a%23b=c%23d"),
        ({"k": ["1", 2]}, "k=1&k=2"),
        ({"n": None, "t": True, "f": 1.5, "e": ""}, "t=true&f=1.5&e="),
    ],
)
def test_qargs_are_encoded_names_and_values(asking, qargs, query):
    """Both sides of a pair, so that no key reaches the request line raw (finding 35)."""
    assert asking({"method": "GET", "path": "/a", "qargs": qargs}).targets == [f"GET /a?{query}"]


def test_qargs_come_back_as_they_were(asking):
    """What a form decoder reads of the query is what was given (finding 35)."""
    qargs = {"a b&": "=;+%&#/?\u2603", "x": "%41"}
    target = asking({"method": "GET", "path": "/a", "qargs": qargs}).targets[0]
    assert dict(parse_qsl(target.partition("?")[2])) == qargs


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/a%20b", "/a%20b"),
        ("/a%2Fb%2fc", "/a%2Fb%2fc"),
        ("/;=,:@!$&'()*+", "/;=,:@!$&'()*+"),
        ("*", "/*"),
        ("/~-._", "/~-._"),
        ("/%FF?%FF", "/%FF?%FF"),
        ("/a b", "/a%20b"),
        ("/100%", "/100%25"),
        ("/\u00e9?\u00e9", "/%C3%A9?%C3%A9"),
        ("/a?a", "/a?a"),
        ("/a?k=1&k=2", "/a?k=1&k=2"),
        ("/a?x;y=1;z", "/a?x;y=1;z"),
        ("/a?x=%20%26y", "/a?x=%20%26y"),
        ("/a?x=/?:@", "/a?x=/?:@"),
        ("/../a/./b", "/../a/./b"),
        ("/a#part", "/a"),
        ("/a?b#part?c", "/a?b"),
    ],
)
def test_path_is_sent_as_it_was_given(asking, path, target):
    """Valid encoding is kept, invalid bytes are encoded once, the fragment stays here (finding 35)."""
    assert asking({"method": "GET", "path": path}).targets == [f"GET {target}"]


def test_repeated_keys_outlive_the_merge(asking):
    """The query of one request is merged into the next one's, with all values of a key (finding 35)."""
    replies = asking({"method": "GET", "path": "/a?k=1&k=2"}, {"path": "/b?x=%26"})
    assert replies.targets == ["GET /a?k=1&k=2", "GET /b?k=1&k=2&x=%26"]


def test_constructor_keeps_the_path_too(peer):
    """Path and query of the URL that a client is made with are sent as given (finding 35)."""
    replies = Replies()
    server = peer(replies)
    client = Client(path=f"http://127.0.0.1:{server.port}/a%2Fb?k=1&k=2&x=%20#part", timeouts=BRIEF)
    client.transmit()
    assert [response.status for response in answers(client)] == [200]
    assert replies.targets == ["GET /a%2Fb?k=1&k=2&x=%20"]


def test_form_is_encoded(asking):
    """Names and values of fargs come back as they were, whatever is in them (finding 36)."""
    fargs = {"a": "x&y=z", "b c": "=;+%#\u2603", "n": 1}
    replies = asking({"method": "POST", "path": "/a", "fargs": fargs})
    assert dict(parse_qsl(replies.body().decode())) == {**fargs, "n": "1"}
    assert replies.fields("content-type") == ["application/x-www-form-urlencoded; charset=utf-8"]


def parts_of(replies):
    """Return names, filenames, types and contents of the parts of the last request, as email reads them."""
    [kind] = replies.fields("content-type")
    message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + replies.body())
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
    ]


MULTIPART = {"method": "POST", "path": "/a", "headers": {"Content-Type": "multipart/form-data"}}


def test_multipart_is_whole(asking):
    """Every part has its text, and the closing boundary its end of line (finding 36)."""
    replies = asking({**MULTIPART, "fargs": {"a": "x&y", "n": 1, "s": "\u2603"}})
    assert parts_of(replies) == [
        ("a", None, "text/plain", b"x&y"),
        ("n", None, "text/plain", b"1"),
        ("s", None, "text/plain", "\u2603".encode()),
    ]
    assert replies.body().endswith(b"--\r\n")


@pytest.mark.parametrize("name", ['a"\r\nX-B: b', 'a"; filename="x', "a\r\n\r\nb"])
def test_names_of_parts_stay_in_their_quotes(asking, name):
    """A field's or a file's name cannot begin a header or a part of its own (finding 36)."""
    replies = asking({**MULTIPART, "fargs": {name: "v", "f": (name, b"v")}})
    lines = replies.body().split(b"\r\n")
    assert len([line for line in lines if line.startswith(b"Content-Disposition: ")]) == 2
    assert (b"X-B: b" in lines, b"b" in lines) == (False, False)
    assert [content for *_, content in parts_of(replies)] == [b"v", b"v"]


def test_files_are_parts(asking):
    """Bytes go out as they are, a tuple adds a name and a type, a list repeats the field (finding 36)."""
    files = [("a.txt", "text", "text/csv"), ("b.bin", b"--\r\n\xfe")]
    fargs = {"raw": b"\0\r\n\xff", "f": files}
    assert parts_of(asking({**MULTIPART, "fargs": fargs})) == [
        ("raw", None, "application/octet-stream", b"\0\r\n\xff"),
        ("f", "a.txt", "text/csv", b"text"),
        ("f", "b.bin", "application/octet-stream", b"--\r\n\xfe"),
    ]


@pytest.mark.parametrize(
    "wrong", [("a.txt",), ("a.txt", b"", "text/plain\r\nX-B: b"), ("a.txt", 5), (5, b"")]
)
def test_what_is_no_file_is_refused(asking, wrong):
    """A tuple is a file's name, its content and perhaps its type, none of another kind (finding 36)."""
    with pytest.raises((InvalidRequest, TypeError)):
        asking({**MULTIPART, "fargs": {"f": wrong}})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_absent_body_has_a_length(asking, method):
    """A method that is about a body says that there is none (finding 37)."""
    assert asking({"method": method, "path": "/a"}).fields("content-length") == ["0"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_other_methods_need_no_length(asking, method):
    """And one that is not says nothing of it (finding 37)."""
    assert asking({"method": method, "path": "/a"}).fields("content-length") == []


@pytest.mark.parametrize("part", [{"data": {"a": 1}}, {"fargs": {"a": "1"}}])
def test_type_of_a_body_is_not_that_of_the_next_request(asking, part):
    """Fields that building added are not carried to the next request; the caller's are (finding 37)."""
    first = {"method": "POST", "path": "/a", "headers": {"X-A": "1"}, **part}
    replies = asking(first, {"method": "GET", "path": "/b"}, {"method": "PUT", "path": "/c", "body": b"x"})
    assert [len(replies.fields("content-type", at)) for at in range(3)] == [1, 0, 0]
    assert [replies.fields("x-a", at) for at in range(3)] == [["1"]] * 3


def test_type_of_a_response_is_not_that_of_the_next(peer):
    """A response without a type is no JSON, whatever came before it (finding 37)."""
    replies = Replies(
        lambda request: JSON if len(replies.requests) == 1 else JSON.replace(b"application/json", b"")
    )
    client = Client(hostname="127.0.0.1", port=peer(replies).port, timeouts=BRIEF)
    client.request(method="GET", path="/a")
    run(client)
    assert (client.respondent.jsoned, client.respond().data) == (True, {"a": 1})
    client.request(path="/b")
    run(client)
    assert (client.respondent.jsoned, client.respond().data) == (False, None)


def test_bufsize_reaches_the_connector():
    """And so does hio's other name for it, bs (finding 38)."""
    assert Client(hostname="127.0.0.1", bufsize=131_072).connector.bs == 131_072
    assert Client(hostname="127.0.0.1", bs=65_536).connector.bs == 65_536


@pytest.mark.parametrize("hostname", ["::1", "[::1]", "0:0:0:0:0:0:0:1"])
def test_ipv6_host_is_in_brackets(peer, hostname):
    """Host is what an authority looks like in a URL, the port behind the brackets (finding 39)."""
    replies = Replies()
    server = peer(replies, host="::1")
    client = Client(hostname=hostname, port=server.port, timeouts=BRIEF)
    client.request(method="GET", path="/a")
    [response] = answers(client)
    assert (response.status, replies.fields("host")) == (200, [f"[::1]:{server.port}"])
