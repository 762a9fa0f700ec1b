"""hio's Respondent, as hio's users drive it: a shared buffer and calls of parse."""

from __future__ import annotations

import gzip
import inspect
import tracemalloc
from collections import deque

import pytest
from hio.core.http import clienting as hio
from hio.core.http import httping
from hio.help.hicting import Hict
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.clienting.respondent import Answer, EventStream, Respondent
from tymeconn.errors import NoResponse, TooLarge
from tymeconn.wire import responding
from tymeconn.wire.messages import Limits, Meta, Response

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
EVENTS = b"Content-Type: text/event-stream\r\n"
STREAM = OK + EVENTS + b"\r\n"
JSON = b"Content-Type: application/json\r\n"


def drive(respondent):
    """Parse until the parser is gone; one call takes all that is there, and one more sees the end."""
    for _ in range(3):
        if respondent.parser:
            respondent.parse()
    return respondent


def respond(data, *, closed=False, **options):
    respondent = Respondent(msg=bytearray(data), **options)
    if closed:
        respondent.close()
    return drive(respondent)


def sized(body, fields=b""):
    return OK + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(*pieces):
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def event(eid, data, name=""):
    return {"id": eid, "name": name, "data": data}


WELL_FORMED = {
    "length": ("GET", LENGTH),
    "no reason": ("GET", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
    "json": ("POST", sized(b'{"a": [1]}', JSON)),
    "json with a charset": ("GET", sized(b"{}", JSON.replace(b"json", b"json; charset=utf-8"))),
    "json of another type": ("GET", sized(b'{"a": 1}', b"Content-Type: text/plain\r\n")),
    "chunked": ("GET", CHUNKED + b"\r\n"),
    "trailers": ("GET", CHUNKED + b"ETag: x\r\n\r\n"),
    "to HEAD": ("HEAD", OK + b"Content-Length: 5\r\n\r\n"),
    "204": ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n"),
    "304": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    "302": ("GET", b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"),
    "404 and close": ("GET", b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"),
    "until close": ("GET", b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nhello"),
    "1.0 that persists": (
        "GET",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
    ),
    "events": ("GET", STREAM + b"retry: 9\nid: 1\nevent: e\ndata: a\ndata: b\n\ndata: c\n\n"),
    "events of 1.0": ("GET", STREAM.replace(b"1.1", b"1.0") + b"data: a\n\n"),
    "chunked events": (
        "GET",
        OK + EVENTS + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"id: 4\n", b"data: a\n\n"),
    ),
}
VALUES = ("version", "status", "code", "reason", "body", "data", "length", "trails", "error", "events")
VALUES += ("method", "text", "retry", "leid", "redirects", "redirectable", "redirected", "parser", "msg")
FLAGS = ("chunked", "jsoned", "evented", "persisted", "started", "headed", "bodied", "ended", "closed")
FLAGS += ("errored", "dictable", "redirectant")


@pytest.mark.parametrize("dictable", [False, True])
@pytest.mark.parametrize("case", WELL_FORMED)
def test_as_hio_s(case, dictable):
    """What is well-formed gives each attribute the value and the type that it has in hio."""
    method, data = WELL_FORMED[case]
    ours, hios = (
        kind(msg=bytearray(data), method=method, dictable=dictable) for kind in (Respondent, hio.Respondent)
    )
    for respondent in (ours, hios):
        respondent.parse()
        if respondent.parser:
            respondent.close()
        drive(respondent).dictify()
    assert {name: getattr(ours, name) for name in VALUES} == {name: getattr(hios, name) for name in VALUES}
    assert {name: getattr(ours, name) for name in FLAGS} == {
        name: bool(getattr(hios, name)) for name in FLAGS
    }
    assert list(ours.headers.items()) == list(hios.headers.items())


@pytest.mark.parametrize("name", ["__init__", "reinit", "makeParser"])
def test_arguments_as_hio_s(name):
    """Every argument of hio's is one of ours, at the same place."""
    kinds = (hio.Respondent, httping.Parsent)
    theirs = [each for kind in kinds for each in inspect.signature(getattr(kind, name)).parameters]
    names = [each for each in dict.fromkeys(theirs) if each != "kwa"]
    assert list(inspect.signature(getattr(Respondent, name)).parameters)[: len(names)] == names
    assert Respondent.Retry == hio.Respondent.Retry


def test_attributes_as_hio_s():
    """Each attribute of hio's Respondent is there from the beginning."""
    attributes = vars(hio.Respondent()).keys()
    assert [name for name in attributes if not hasattr(Respondent(), name)] == []


def test_types_as_hio_s():
    """Headers are a Hict and a body is a bytearray, as hio's users take them."""
    respondent = respond(LENGTH)
    assert (type(respondent.headers), type(respondent.body)) == (Hict, bytearray)
    assert type(respond(CHUNKED + b"ETag: x\r\n\r\n").trails) is Hict


@pytest.mark.parametrize("case", WELL_FORMED)
def test_split_anywhere(case):
    """Where the bytes are cut between two calls of parse changes nothing."""
    method, data = WELL_FORMED[case]
    outcomes = []
    for at in range(len(data)):
        respondent = Respondent(msg=bytearray(data[:at]), method=method)
        respondent.parse()
        respondent.msg.extend(data[at:])
        respondent.parse()
        respondent.close()
        respondent.parse()
        outcomes.append((respondent.error, respondent.status, respondent.body, respondent.events))
    assert outcomes == [outcomes[0]] * len(data)
    assert outcomes[0][:2] == (None, int(data[9:12]))


def test_parse_takes_a_step():
    """parse takes what is there and never waits; what it knows can be read between two calls."""
    respondent = Respondent(msg=bytearray())
    respondent.parse()
    assert (respondent.started, respondent.ended, bool(respondent.parser)) == (False, False, True)
    respondent.msg.extend(LENGTH[:-1])
    respondent.parse()
    assert (respondent.started, respondent.headed, respondent.status, respondent.length) == (
        True,
        True,
        200,
        5,
    )
    assert (respondent.bodied, respondent.ended, respondent.msg, respondent.body) == (
        False,
        False,
        b"",
        b"",
    )


def test_answers_behind_one_another():
    """Exactly one answer is taken from the buffer, and the next one is left there."""
    respondent = Respondent(msg=bytearray(LENGTH + CHUNKED + b"\r\n" + LENGTH[:4]))
    drive(respondent)
    assert (respondent.length, respondent.msg) == (5, CHUNKED + b"\r\n" + LENGTH[:4])
    respondent.makeParser()
    drive(respondent)
    assert (respondent.chunked, respondent.body, respondent.msg) == (True, b"hello", LENGTH[:4])


def test_many_answers_in_one_buffer():
    """A buffer of many answers, longer than what is taken of it at once, gives each of them."""
    respondent = Respondent(msg=bytearray(sized(b"x" * 1_000) * 200))
    for _ in range(200):
        assert (drive(respondent).length, respondent.errored) == (1_000, False)
        respondent.makeParser()
    assert not respondent.msg


def test_ended_until_the_next_begins():
    """An answer can be read until the parse of the next one begins, which forgets all of it."""
    respondent = respond(sized(b"{}", JSON))
    respondent.makeParser()
    assert (respondent.ended, respondent.status, respondent.body) == (True, 200, b"{}")
    respondent.parse()
    assert (respondent.ended, respondent.status, respondent.body) == (False, None, b"")
    assert (respondent.jsoned, respondent.headers) == (False, {})


def test_answers_share_nothing():
    """What was taken from one answer is not changed by the next."""
    respondent = Respondent(msg=bytearray(CHUNKED + b"\r\n" + sized(b"{}", JSON)))
    body, headers = drive(respondent).body, respondent.headers
    respondent.makeParser()
    drive(respondent)
    assert (body, headers) == (b"hello", {"Transfer-Encoding": "chunked"})
    assert respondent.body == b"{}"


def test_interims():
    """Interim answers are kept apart, and none of them is the answer."""
    respondent = respond(b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: a\r\n\r\n" + LENGTH)
    assert [(status, dict(headers)) for status, headers in respondent.interims] == [
        (100, {}),
        (103, {"Link": "a"}),
    ]
    assert (respondent.status, respondent.body) == (200, b"hello")


def test_interims_are_seen_as_they_come():
    """An interim answer is there before the answer is."""
    respondent = respond(b"HTTP/1.1 100 C\r\n\r\n")
    assert ([status for status, _ in respondent.interims], respondent.status) == ([100], None)


def test_repeated_headers():
    """A field that comes twice is there twice."""
    assert respond(sized(b"", b"Set-Cookie: a\r\nSet-Cookie: b\r\n")).headers.getall("set-cookie") == [
        "a",
        "b",
    ]


TOLERATED = {
    "no blank behind the colon": OK + b"X:1\r\nX-Empty:\r\nContent-Length:5\r\n\r\nhello",
    "chunk extension": CHUNKED.replace(b"5\r\n", b'5;a=b;c="d"\r\n') + b"\r\n",
    "LF alone": LENGTH.replace(b"\r\n", b"\n"),
}


@pytest.mark.parametrize("case", TOLERATED)
def test_tolerated(case):
    """What many servers send is an answer."""
    respondent = respond(TOLERATED[case])
    assert (respondent.error, respondent.status, respondent.body) == (None, 200, b"hello")


REFUSED = {
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n", None),
    "colon missing": (OK + b"X\r\n\r\n", None),
    "lengths in conflict": (OK + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\nhello", None),
    "signed length": (OK + b"Content-Length: +5\r\n\r\nhello", None),
    "unknown transfer coding": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 200),
    "bad chunk size": (CHUNKED.replace(b"5\r\n", b"0x5\r\n"), 200),
    "CRLF of a chunk missing": (CHUNKED.replace(b"hello\r\n", b"hello"), 200),
    "101 unasked": (b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    """What is no answer ends with an error and raises nothing; the status is there when the head was."""
    data, status = REFUSED[case]
    respondent = respond(data + LENGTH)
    assert (respondent.errored, respondent.ended, respondent.parser) == (True, True, None)
    assert (respondent.status, respondent.body, respondent.persisted) == (status, b"", False)
    assert respondent.error


def test_nothing_is_taken_behind_an_error():
    """What follows an error in the buffer is never taken for an answer."""
    respondent = respond(b"<html>" + LENGTH + bytes(100_000))
    assert respondent.msg == b""
    respondent.msg.extend(LENGTH)
    respondent.makeParser()
    assert (drive(respondent).errored, respondent.error, respondent.body) == (False, None, b"hello")


@pytest.mark.parametrize("cut", [0, 5, len(OK) + 3, len(LENGTH) - 1])
def test_cut_short(cut):
    """An answer that is cut short ends with an error, wherever that is, and without a part of its body."""
    respondent = respond(LENGTH[:cut], closed=True)
    assert (respondent.errored, respondent.ended, respondent.body) == (True, True, b"")
    assert "the connection ended" in respondent.error


@pytest.mark.parametrize("first", [b"", b"he"])
def test_until_close(first):
    """A body without a length ends with the stream, also when its end was seen before the first parse."""
    early = respond(OK + b"\r\nhello", closed=True)
    late = respond(OK + b"\r\n" + first)
    late.msg.extend(b"hello"[len(first) :])
    late.close()
    drive(late)
    assert (early.body, late.body, early.error, late.error) == (b"hello", b"hello", None, None)
    assert (early.closed, early.persisted) == (True, False)


@pytest.mark.parametrize("again", ["makeParser", "reinit"])
def test_end_is_for_one_answer(again):
    """The end of one stream does not end the answer that comes on another."""
    respondent = respond(LENGTH, closed=True)
    getattr(respondent, again)()
    respondent.parse()
    assert (respondent.closed, respondent.ended) == (False, False)
    respondent.msg.extend(LENGTH)
    assert drive(respondent).body == b"hello"


def test_parser_closed_by_its_holder():
    """A parser may be closed from outside: parse then has nothing to do."""
    respondent = Respondent(msg=bytearray(LENGTH))
    respondent.parser.close()
    respondent.parse()
    assert (respondent.parser, respondent.ended, respondent.msg) == (None, False, LENGTH)
    respondent.parse()
    assert respondent.parser is None


def test_make_parser():
    """makeParser drops what was begun, and goes on in another buffer when it gets one."""
    respondent = respond(LENGTH[:-1])
    msg = bytearray(CHUNKED + b"\r\n")
    respondent.makeParser(msg)
    assert (drive(respondent).body, respondent.chunked, respondent.msg is msg) == (b"hello", True, True)


def test_reinit():
    """reinit takes what is given and drops an answer that was begun, with what was known of it."""
    respondent = respond(sized(b"{}", JSON)[:-1])
    msg = bytearray(sized(b"{}")[:-2])
    respondent.reinit(msg=msg, dictable=True, method="head", redirectable=False)
    assert (respondent.status, respondent.code, respondent.reason, respondent.evented) == (None,) * 4
    assert (respondent.msg is msg, respondent.dictable, respondent.redirectable) == (True, True, False)
    assert (drive(respondent).method, respondent.ended, respondent.jsoned) == ("HEAD", True, False)


def test_reinit_keeps_what_is_not_given():
    """reinit without arguments changes nothing that was given before; hio's forgets a HEAD."""
    msg = bytearray()
    respondent = Respondent(msg=msg, dictable=True, method="HEAD", redirectable=False)
    respondent.reinit()
    assert (respondent.method, respondent.dictable, respondent.redirectable) == ("HEAD", True, False)
    assert respondent.msg is msg


@pytest.mark.parametrize(
    "pass_on",
    [lambda msg: Respondent(msg=msg), lambda msg: Respondent().reinit(msg=msg), Respondent().makeParser],
)
def test_buffer_must_be_a_bytearray(pass_on):
    """A buffer that cannot be taken from is refused where it is given."""
    with pytest.raises(TypeError, match="bytearray, not b'HTTP'"):
        pass_on(b"HTTP")


def test_what_is_given_is_used():
    """What is given to keep answers in is used, and not a copy of it."""
    redirects, events = [], deque()
    respondent = Respondent(redirects, False, events, 250, "7")
    assert respondent.redirects is redirects
    assert respondent.events is events
    assert (respondent.redirectable, respondent.retry, respondent.leid) == (False, 250, "7")


def test_method_may_be_left_out():
    """Without a method the answer is one to GET, as with hio's."""
    assert (Respondent(method="").method, Respondent(method="head").method) == ("GET", "HEAD")


def test_head_then_body():
    """The generators for head and body yield None for more to come, and True when there is none."""
    respondent = Respondent(msg=bytearray(LENGTH[:10]))
    head = respondent.parseHead()
    assert next(head) is None
    respondent.msg.extend(LENGTH[10:-1])
    assert (next(head), respondent.status, respondent.ended) == (True, 200, False)
    body = respondent.parseBody()
    assert next(body) is None
    respondent.msg.extend(LENGTH[-1:])
    assert (next(body), list(body), respondent.body, respondent.started) == (True, [], b"hello", False)


def test_head_that_never_comes():
    """The generator for the head ends with an error too; that for the body then has nothing to wait for."""
    respondent = Respondent(msg=bytearray(b"<html>"))
    assert list(respondent.parseHead()) == [True]
    assert list(respondent.parseBody()) == [True]
    assert (respondent.headed, respondent.errored, respondent.ended) == (False, True, True)


def test_message():
    """The generator for the message goes through head and body; makeParser makes ready for the next."""
    respondent = Respondent(msg=bytearray(LENGTH + LENGTH))
    assert list(respondent.parseMessage()) == [True]
    assert (respondent.ended, respondent.msg) == (True, LENGTH)
    respondent.makeParser()
    assert (list(respondent.parseHead()), respondent.msg) == ([True], b"")


@pytest.mark.parametrize(
    ("body", "fields", "dictable", "data"),
    [
        (b'{"a": 1}', JSON, False, {"a": 1}),
        (b"[1]", JSON.replace(b"application", b"Application"), False, [1]),
        (b"[1]", b"", True, [1]),
        (b"[1]", b"", False, None),
        (b"no", JSON, False, None),
        (b'"\xff"', JSON, False, None),
        (b"", b"", True, None),
        (b"[" * 100_000, JSON, False, None),
    ],
)
def test_dictify(body, fields, dictable, data):
    """dictify reads a body that is JSON by its type or by request; what cannot be read is None."""
    respondent = respond(sized(body, fields), dictable=dictable)
    respondent.dictify()
    assert (respondent.data, respondent.errored) == (data, False)


def test_data_is_of_one_answer():
    """Data of an answer before is not there for the next."""
    respondent = respond(sized(b"[1]", JSON) + LENGTH)
    respondent.dictify()
    respondent.makeParser()
    drive(respondent).dictify()
    assert respondent.data is None


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        ("text/plain", "ISO-8859-1"),
        ("text/plain; charset=utf-8", "utf-8"),
        ('text/plain;format=flowed; Charset="koi8-r"', "koi8-r"),
        ("text/plain; charset=", "ISO-8859-1"),
    ],
)
def test_encoding(kind, encoding):
    """The encoding is the charset of the content type, else that of hio."""
    assert respond(sized(b"", f"Content-Type: {kind}\r\n".encode())).encoding == encoding


@pytest.mark.parametrize(
    ("head", "persisted"),
    [
        (LENGTH, True),
        (CHUNKED + b"\r\n", True),
        (OK + b"\r\n", False),
        (sized(b"", b"Connection: Close\r\n"), False),
        (sized(b"").replace(b"1.1", b"1.0"), False),
        (sized(b"", b"Connection: keep-alive\r\n").replace(b"1.1", b"1.0"), True),
        (STREAM, False),
        (STREAM.replace(b"1.1", b"1.0").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), True),
        (b"", None),
    ],
)
def test_persisted(head, persisted):
    """The head says whether the connection goes on; behind it a stream of a 1.0 server always does."""
    respondent = respond(head)
    assert respondent.persisted is persisted
    respondent.checkPersisted()
    assert respondent.persisted is bool(persisted)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 200, 304])
def test_redirectant(status):
    """The status says whether the answer is a redirect."""
    respondent = respond(LENGTH.replace(b"200", b"%d" % status))
    assert respondent.redirectant is (status not in {200, 304})


@pytest.mark.parametrize("data", [LENGTH, CHUNKED + b"\r\n", OK + b"\r\nhello"])
@pytest.mark.parametrize(("limit", "refused"), [(4, True), (5, False)])
def test_body_limit(data, limit, refused):
    """A body beyond Limits.body is refused, however it is framed."""
    respondent = respond(data, closed=True, limits=Limits(body=limit))
    assert (respondent.errored, respondent.body) == (refused, b"" if refused else b"hello")
    assert (f"Limits.body: {limit} bytes" in (respondent.error or "")) is refused


@pytest.mark.parametrize(("limit", "body"), [(4, b""), (5, b"hello")])
def test_decoded_limit(limit, body):
    """A content coding is undone, up to Limits.decoded."""
    data = sized(gzip.compress(b"hello"), b"Content-Encoding: gzip\r\n")
    respondent = respond(data, limits=Limits(decoded=limit))
    assert respondent.body == body
    assert (f"Limits.decoded: {limit} bytes" in (respondent.error or "")) is not body


def test_body_is_held_once():
    """A body that comes in pieces is held once, and not once more when it is whole."""
    size, respondent = 1 << 22, Respondent(msg=bytearray(sized(bytes(1 << 22))[:100]))
    drive(respondent)
    tracemalloc.start()
    while respondent.parser:
        respondent.msg.extend(bytes(65_536))
        respondent.parse()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (respondent.length, most < 1.3 * size) == (size, True)


FANCY = b"retry: 1000\n\nid: 0\ndata: START\n\nid: 1\ndata: 1\ndata: 2\n\n"
FANCY += b"data: 3\n\nevent: e\nid: 4\ndata: {}\n\n"
FRAMED = {
    "until close": STREAM + FANCY,
    "1.0": STREAM.replace(b"1.1", b"1.0").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + FANCY,
    "length": sized(FANCY, EVENTS),
    "chunked": OK
    + EVENTS
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + chunked(FANCY[:20], FANCY[20:50], FANCY[50:]),
    "CRLF": sized(FANCY.replace(b"\n", b"\r\n"), EVENTS),
    "CR and BOM": sized(b"\xef\xbb\xbf" + FANCY.replace(b"\n", b"\r"), EVENTS),
    "coded": sized(gzip.compress(FANCY), EVENTS + b"Content-Encoding: gzip\r\n"),
    "parameter": sized(FANCY, EVENTS.replace(b"stream", b"stream; charset=utf-8")),
    "beyond the limit": sized(FANCY + b":" * 1_000, EVENTS),
}


@pytest.mark.parametrize("case", FRAMED)
def test_events(case):
    """The events of a stream are appended as they come, however it is framed; its body stays empty."""
    respondent = respond(FRAMED[case], closed=True, limits=Limits(body=500, decoded=500))
    expected = [event("0", "START"), event("1", "1\n2"), event("1", "3"), event("4", "{}", "e")]
    assert (list(respondent.events), respondent.evented, respondent.errored) == (expected, True, False)
    assert (respondent.retry, respondent.leid, respondent.body, respondent.msg) == (1000, "4", b"", b"")


def test_events_while_the_stream_lasts():
    """An event is there with its last byte, and its stream goes on."""
    respondent = respond(STREAM.replace(b"1.1", b"1.0") + b"retry: 1000\n\ndata: START\n\ndata: 1")
    assert (list(respondent.events), respondent.ended) == ([event(None, "START")], False)
    respondent.msg.extend(b"\n\n")
    respondent.parse()
    assert (respondent.events[-1], respondent.leid, respondent.retry) == (event(None, "1"), None, 1000)


def test_event_source():
    """eventSource says what its stream said, and keeps no bytes."""
    respondent = respond(STREAM + b"retry: 1000\nid: 4\ndata: a\n\nda")
    source = respondent.eventSource
    assert (source.raw, source.retry, source.leid) == (bytearray(), 1000, "4")
    assert source.events is respondent.events


@given(st.lists(st.integers(1, len(FRAMED["chunked"])), max_size=6))
def test_events_split_anywhere(cuts):
    """Where the bytes of a stream are cut changes none of its events."""
    data, respondent = FRAMED["chunked"], Respondent()
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        respondent.msg.extend(data[start:end])
        respondent.parse()
    assert respondent.events == respond(data).events
    assert respondent.ended


@pytest.mark.parametrize(
    ("text", "dictable", "data"),
    [
        ('{"count":1}', True, {"count": 1}),
        ("START", True, "START"),
        ('{"count":1}', False, '{"count":1}'),
        ("[" * 100_000, True, "[" * 100_000),
    ],
)
def test_event_data(text, dictable, data):
    """Data of an event is decoded when that is asked for, and stays text when it is no JSON."""
    stream = EventStream(deque(), dictable=dictable)
    stream.feed(f"data: {text}\n\n".encode())
    assert stream.events.popleft() == event(None, data)


def test_events_of_bad_utf8():
    """Bytes that are no UTF-8 are replaced."""
    assert respond(STREAM + b"data: \xff\n\n").events == deque([event(None, "�")])


def test_next_stream():
    """A stream without ids or retry leaves those of the stream before, for the request that asks again."""
    respondent = respond(sized(b"retry: 9\nid: 4\ndata: a\n\n", EVENTS) + sized(b"data: b\n\n", EVENTS))
    respondent.makeParser()
    drive(respondent)
    assert list(respondent.events) == [event("4", "a"), event(None, "b")]
    assert (respondent.retry, respondent.leid, respondent.eventSource.leid) == (9, "4", None)


def test_event_too_long():
    """An event that never ends is an error; the events before it count."""
    respondent = respond(STREAM + b"id: 4\ndata: a\n\ndata: " + bytes(2 << 20))
    assert (respondent.errored, respondent.ended, respondent.leid) == (True, True, "4")
    assert list(respondent.events) == [event("4", "a")]


@pytest.mark.parametrize(
    ("data", "method"),
    [(sized(b"data: a\n\n", EVENTS).replace(b"200", b"500"), "GET"), (sized(b"", EVENTS), "HEAD")],
)
def test_no_stream(data, method):
    """An answer that is not a 200 to a request for a body has no events."""
    respondent = respond(data, method=method)
    assert (respondent.evented, respondent.eventSource, len(respondent.events)) == (False, None, 0)
    assert respondent.body == data.partition(b"\r\n\r\n")[2]


def answer(data, method="GET"):
    """Return an Answer that followed the engine through `data`, and the engine."""
    known = Answer(method, None, 100, None, dictable=False)
    engine = responding.Respondent(method, sink=known.take_head)
    engine.feed(data)
    return known, engine


def test_answer_read_elsewhere():
    """Who reads an answer elsewhere hands over head and end."""
    known, engine = answer(b"HTTP/1.1 103 E\r\n\r\n" + CHUNKED + b"ETag: x\r\n\r\n")
    assert (known.headed, known.chunked, known.ended, known.body) == (True, True, False, b"")
    meta = Meta(0.0, engine.interims, engine.trailers)
    head = (engine.version, engine.status, engine.reason, engine.headers)
    known.take_answer(Response(*head, engine.body, None, None, False, None).with_meta(meta))
    assert (known.body, known.length, known.trails, known.ended) == (b"hello", 5, {"ETag": "x"}, True)
    assert len(known.interims) == 1


def test_events_read_elsewhere():
    """The engine hands the pieces of an event stream to the answer, and keeps none."""
    known, engine = answer(STREAM + b"data: a\n\n")
    assert (list(known.events), engine.body) == ([event(None, "a")], b"")


@pytest.mark.parametrize(
    ("error", "text"), [(TooLarge("too much"), "too much"), (NoResponse(), "NoResponse")]
)
def test_answer_that_never_came(error, text):
    """An error says what it is, and takes the place of what had come."""
    known, _ = answer(LENGTH[:-1])
    known.take_error(error)
    assert (known.errored, known.error, known.ended, known.body) == (True, text, True, b"")
    known.await_head("put")
    assert (known.errored, known.error, known.ended, known.method) == (False, None, False, "PUT")


@given(st.lists(st.binary(max_size=30) | st.sampled_from([OK, EVENTS, b"\r\n", CHUNKED, b"data: a\n\n"])))
def test_never_raises(pieces):
    """Whatever comes, nothing is raised, and the end of the stream ends the answer."""
    respondent = Respondent()
    for piece in pieces:
        respondent.msg.extend(piece)
        respondent.parse()
    respondent.close()
    respondent.parse()
    assert (respondent.ended, respondent.parser) == (True, None)
    assert respondent.errored is not respondent.bodied
