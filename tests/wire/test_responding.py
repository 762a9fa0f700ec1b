"""One Respondent per response; the cases of responses.json hold most of the rules."""

from __future__ import annotations

import gzip
import sys
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import DecodeError, IncompleteRead, NoResponse, ProtocolError, TooLarge
from tymeconn.wire.messages import Limits
from tymeconn.wire.responding import Respondent

from .memory import peak

OK = b"HTTP/1.1 200 OK\r\n"
UPGRADE = b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
GZIP = b"Content-Encoding: gzip\r\n"
# Without the time, which would be in the names of tests.
gzipped = partial(gzip.compress, mtime=0)


def respond(*pieces, method="GET", upgrade=False, **limits):
    respondent = Respondent(method, Limits(**limits), upgrade=upgrade)
    for piece in pieces:
        respondent.feed(piece)
    return respondent


def sized(body, fields=b""):
    return OK + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunks(body, size):
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_at_first():
    """A Respondent that got nothing has not started, has not ended and vouches for no connection."""
    respondent = Respondent()
    respondent.feed(b"")
    assert (respondent.started, respondent.ended, respondent.persisted) == (False, False, False)
    assert (respondent.status, respondent.body, respondent.error) == (None, b"", None)


def test_whole():
    """A response is whole with the last byte of its body."""
    respondent = respond(sized(b"hello", b"X: y\r\n"))
    assert (respondent.ended, respondent.error, respondent.persisted) == (True, None, True)
    assert (respondent.version, respondent.status, respondent.reason) == ((1, 1), 200, "OK")
    assert (respondent.headers["x"], respondent.body) == ("y", b"hello")


def test_head_before_body():
    """Status and headers are known as soon as the head has come; the body waits for its end."""
    respondent = respond(sized(b"hello")[:-1])
    assert (respondent.started, respondent.status, respondent.headers["content-length"]) == (True, 200, "5")
    assert (respondent.ended, respondent.persisted, respondent.body) == (False, False, b"")


def test_trailers():
    """Trailers are kept apart from headers."""
    respondent = respond(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nETag: x\r\nHost: y\r\n\r\n")
    assert list(respondent.trailers.items()) == [("ETag", "x")]
    assert "etag" not in respondent.headers


def test_interims():
    """Interim responses are collected in order, and none of them is the answer."""
    respondent = respond(b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: a\r\n\r\n", sized(b""))
    assert [status for status, _ in respondent.interims] == [100, 103]
    assert respondent.interims[1][1]["link"] == "a"
    assert respondent.status == 200


@pytest.mark.parametrize("pieces", [[UPGRADE + b"new"], [UPGRADE, b"n", bytearray(b"ew")]])
def test_upgraded(pieces):
    """What follows a 101 that was asked for belongs to the next protocol."""
    respondent = respond(*pieces, upgrade=True)
    assert (respondent.status, respondent.tunneled, respondent.extra) == (101, True, b"new")
    assert not respondent.persisted


@pytest.mark.parametrize(("data", "upgrade"), [(UPGRADE, False), (b"HTTP/1.1 101 S\r\n\r\n", True)])
def test_unexpected_upgrade(data, upgrade):
    """A 101 that nobody asked for, or that names no protocol, is an error."""
    respondent = respond(data, upgrade=upgrade)
    assert respondent.error.kind == "unexpected_upgrade"
    assert not respondent.tunneled


def test_tunnel():
    """A 2xx to CONNECT has no body: the tunnel begins behind its head."""
    respondent = respond(sized(b"hello"), method="CONNECT")
    assert (respondent.tunneled, respondent.body, respondent.extra) == (True, b"", b"hello")


@pytest.mark.parametrize("pieces", [[sized(b"") + b"X"], [sized(b""), b"X"]])
def test_extra_bytes(pieces):
    """Bytes behind a response leave it as it is and spoil the connection."""
    respondent = respond(*pieces)
    assert (respondent.status, respondent.error, respondent.extra) == (200, None, b"X")
    assert not respondent.persisted


def test_no_response():
    """A stream that ends before the first byte is no response."""
    respondent = respond(b"")
    respondent.eof()
    assert type(respondent.error) is NoResponse
    assert respondent.ended


def test_incomplete_read():
    """A stream that ends inside a body says what had come of it."""
    respondent = respond(sized(b"hello")[:-3])
    respondent.eof()
    assert type(respondent.error) is IncompleteRead
    assert (respondent.error.partial, respondent.body) == (b"he", b"")


def test_incomplete_read_of_a_coded_body():
    """What had come of a coded body is decoded as far as it goes."""
    respondent = respond(sized(gzipped(b"hello" * 100), GZIP)[:-8])
    respondent.eof()
    assert respondent.error.partial == b"hello" * 100


@pytest.mark.parametrize(("clean", "error"), [(True, type(None)), (False, IncompleteRead)])
def test_until_close(clean, error):
    """A body that runs to the close is whole only when the close was meant (RFC 9112 9.8)."""
    respondent = respond(OK + b"\r\nhe", b"llo")
    respondent.eof(clean)
    assert type(respondent.error) is error
    assert getattr(respondent.error, "partial", respondent.body) == b"hello"


def test_end_behind_the_response():
    """A stream that ends behind the response leaves it whole and carries no other."""
    respondent = respond(sized(b"hello"))
    respondent.eof(clean=False)
    assert (respondent.body, respondent.error, respondent.persisted) == (b"hello", None, False)


def test_nothing_counts_behind_an_error():
    """After an error nothing more is taken, and the error stays."""
    respondent = respond(b"<html>", sized(b"hello"))
    error = respondent.error
    respondent.eof()
    assert error is respondent.error
    assert (error.kind, respondent.status, respondent.extra) == ("status_line", None, b"")


def test_error_keeps_nothing_alive():
    """An error is a value: it does not hold the frames in which it was found."""
    assert respond(b"<html>").error.__traceback__ is None


@pytest.mark.parametrize(
    ("limits", "data"),
    [
        ({"head": 40}, OK + b"X: 345678901234567890\r\n\r\n"),
        ({"headers": 1}, OK + b"X: y\r\nX: y\r\n\r\n"),
        ({"line": 20}, OK + b"X: 345678901234567890\r\n\r\n"),
        ({"interim": 1}, b"HTTP/1.1 100 C\r\n\r\n" * 2),
        ({"chunk_line": 3}, OK + b"Transfer-Encoding: chunked\r\n\r\n5;ab\r\n"),
        ({"trailers": 3}, OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n"),
        ({"body": 4}, sized(b"hello")),
        ({"body": 4}, OK + b"\r\nhello"),
        ({"decoded": 4}, sized(gzipped(b"hello"), GZIP)),
    ],
)
def test_limits(limits, data):
    """Each limit ends the exchange with an error that names it."""
    ((name, value),) = limits.items()
    error = respond(data, **limits).error
    assert type(error) is TooLarge
    assert f"Limits.{name}: {value}" in str(error)


def test_body_limit_counts_what_came():
    """A large announcement is no error, a body at the limit neither."""
    assert respond(sized(b"hello"), body=5).body == b"hello"
    assert respond(OK + b"Content-Length: 99\r\n\r\nhello", body=5).error is None


def test_too_many_codings():
    """Codings beyond the limit are a DecodeError, before any of them is undone."""
    error = respond(sized(b"x", b"Content-Encoding: gzip, gzip\r\n"), codings=1).error
    assert type(error) is DecodeError


@pytest.mark.parametrize(
    ("status", "body"), [(b"200", b"hello"), (b"404", b"hello"), (b"206", gzipped(b"hello"))]
)
def test_decoded(status, body):
    """A body is decoded, but not a part of one; its Content-Encoding stays as it was received."""
    data = sized(gzipped(b"hello"), GZIP).replace(b"200", status, 1)
    respondent = respond(data)
    assert respondent.body == body
    assert respondent.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_many_pieces(size):
    """A body of very many pieces comes out as it went in."""
    body = bytes(range(256)) * 40
    assert respond(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(body, size)).body == body


def test_buffer_may_be_used_again():
    """A caller's buffer is not kept."""
    buffer = bytearray(sized(b"hello"))
    respondent = respond(buffer[:-1])
    data = bytearray(b"o")
    respondent.feed(data)
    data[:] = b"xx"
    assert respondent.body == b"hello"


def body_pieces(framing, size, count):
    """Return the head of a response, and its body in pieces of `size` bytes."""
    if framing == "chunked":
        chunk = b"%x\r\n%b\r\n" % (size, bytes(size))
        return OK + b"Transfer-Encoding: chunked\r\n\r\n", [chunk] * count + [b"0\r\n\r\n"]
    length = b"Content-Length: %d\r\n" % (size * count) if framing == "sized" else b""
    return OK + length + b"\r\n", [bytes(size) for _ in range(count)]


@pytest.mark.parametrize(("size", "count", "copies"), [(65_536, 64, 1.0), (4_096, 2_047, 1.5)])
@pytest.mark.parametrize("framing", ["sized", "chunked", "until close"])
def test_body_is_copied_once(framing, size, count, copies):
    """Each byte of a body is copied once, when it is joined; of many pieces some twice, in groups.

    What arrived is held here all the while, so all memory that is taken is for copies.
    """
    head, pieces = body_pieces(framing, size, count)
    respondent = respond(head)
    taken = peak(lambda: [*(respondent.feed(piece) for piece in pieces), respondent.eof()])
    assert len(respondent.body) == size * count
    assert copies <= taken / (size * count) < copies + 0.1


def test_small_pieces_are_joined_on_the_way():
    """A body in small chunks costs little more memory than its bytes, twice while they are joined."""
    data = OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(bytes(1 << 18), 16)
    respondent = respond()
    assert peak(lambda: respondent.feed(data)) < 2.5 * (1 << 18)
    assert len(respondent.body) == 1 << 18


@pytest.mark.parametrize(
    "data", [sized(b"hello") + b"X", b"<html>", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX"]
)
def test_ended_holds_nothing_that_came(data):
    """What arrived is let go when the response has ended, well or not."""
    held = sys.getrefcount(data)
    respondent = respond(data)
    assert respondent.ended
    assert sys.getrefcount(data) == held


def test_announced_size_is_not_reserved():
    """What a peer announces costs nothing until it comes."""
    length = OK + b"Content-Length: 60000000\r\n\r\nx"
    chunk = OK + b"Transfer-Encoding: chunked\r\n\r\n3ffffff\r\nx"
    assert peak(lambda: respond(length)) < 100_000
    assert peak(lambda: respond(chunk)) < 100_000


def sinking(*pieces, take=None, **limits):
    """Return the Respondent that got `pieces`, what its sink was asked with, and what went there."""
    asked, taken = [], []

    def sink(respondent):
        asked.append((respondent.status, dict(respondent.headers)))
        return take or (lambda piece: taken.append(bytes(piece)))

    respondent = Respondent("GET", Limits(**limits), sink=sink)
    for piece in pieces:
        respondent.feed(piece)
    return respondent, asked, taken


def test_sink_takes_the_body():
    """The pieces of a body go to the sink as they come, and none of them is kept."""
    respondent, _, taken = sinking(sized(b"hello")[:-3], b"l", b"lo")
    assert taken == [b"he", b"l", b"lo"]
    assert (respondent.ended, respondent.error, respondent.body) == (True, None, b"")


def test_sink_gets_the_body_decoded():
    """A content coding is undone before the sink."""
    _, _, taken = sinking(sized(gzipped(b"hello"), GZIP))
    assert taken == [b"hello"]


def test_sink_is_asked_once_for_the_final_head():
    """A sink is asked when the final head is there, and before any of the body is."""
    respondent, asked, taken = sinking(b"HTTP/1.1 103 E\r\nA: b\r\n\r\n" + sized(b"hello")[:-5])
    assert (asked, taken, respondent.ended) == ([(200, {"Content-Length": "5"})], [], False)
    respondent.feed(b"hello")
    assert (len(asked), taken) == (1, [b"hello"])


def test_sink_that_does_not_want_the_body():
    """A body that no sink wants is kept, within its limits."""
    respondent = Respondent("GET", Limits(body=5), sink=lambda respondent: None)
    respondent.feed(sized(b"hello"))
    assert respondent.body == b"hello"
    refused = Respondent("GET", Limits(body=4), sink=lambda respondent: None)
    refused.feed(sized(b"hello"))
    assert type(refused.error) is TooLarge


@pytest.mark.parametrize("data", [sized(b"hello"), sized(gzipped(b"hello"), GZIP)])
def test_sink_has_no_limit(data):
    """What goes to a sink may be of any length, as received and decoded."""
    respondent, _, taken = sinking(data, body=1, decoded=1)
    assert (b"".join(taken), respondent.error) == (b"hello", None)


@pytest.mark.parametrize(
    ("limits", "error", "within"),
    [({}, type(None), b"hello"), ({"body": 4}, TooLarge, b""), ({"decoded": 4}, TooLarge, b"hell")],
)
def test_bytearray_takes_the_body_within_the_limits(limits, error, within):
    """A bytearray in a sink's place is filled as the body would be, which is then not held twice."""
    taken = bytearray()
    respondent = Respondent("GET", Limits(**limits), sink=lambda respondent: taken)
    respondent.feed(sized(gzipped(b"hello"), GZIP))
    assert (type(respondent.error), respondent.body) == (error, b"")
    assert taken == within


def test_sink_keeps_the_other_limits():
    """A sink does away with the limits of the body only."""
    data = OK + b"Transfer-Encoding: chunked\r\n\r\n5;ab\r\n"
    assert type(sinking(data, chunk_line=3)[0].error) is TooLarge


def test_incomplete_read_of_a_sink():
    """A stream that ends inside a body that went to a sink says how much went there."""
    respondent, _, _ = sinking(sized(b"hello")[:-3])
    respondent.eof()
    assert "2 bytes into its body" in str(respondent.error)
    assert respondent.error.partial == b""


def refuse(_):
    raise TooLarge("no more")


def test_sink_refuses():
    """What a sink refuses ends the exchange with the sink's error."""
    taking, _, _ = sinking(sized(b"hello"), take=refuse)
    asking = Respondent("GET", sink=refuse)
    asking.feed(sized(b"hello"))
    assert str(taking.error) == str(asking.error) == "no more"
    assert (taking.ended, asking.ended, asking.status) == (True, True, 200)


def test_sink_holds_one_piece():
    """A stream costs no more memory than its pieces do, however long it is."""
    respondent = Respondent("GET", sink=lambda respondent: lambda piece: None)
    respondent.feed(OK + b"\r\n")
    assert peak(lambda: [respondent.feed(bytes(65_536)) for _ in range(64)]) < 4 * 65_536


CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(b"x" * 5_000, 1)
TRAILERS = OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"a:\r\n" * 990 + b"\r\n"


@pytest.mark.parametrize(
    "data",
    [
        CHUNKS,
        TRAILERS,
        sized(gzipped(bytes(4 << 20)), GZIP),
        sized(gzipped(b"") * 5_000, GZIP),
        sized(gzipped(gzipped(b"x") * 5_000), b"Content-Encoding: gzip, gzip\r\n"),
        sized(gzipped(gzipped(b"") + bytes(4 << 20)), b"Content-Encoding: gzip, gzip\r\n"),
    ],
)
def test_share(data):
    """No call works for more than its share and a step of each coding, and the rest follows in others."""
    whole, respondent, calls = respond(data), Respondent(), 1
    least = respondent.feed(data, 100_000)
    while not respondent.ended:
        least = min(least, respondent.feed(b"", 100_000))
        calls += 1
    assert calls > 9
    assert least > -2 * (65_536 + 1_024)
    assert (respondent.body, respondent.error) == (whole.body, None)


def test_share_of_a_body_until_close():
    """A body that runs to the close is shared out, too, and its end waits for the rest of the work."""
    respondent = Respondent()
    left = respondent.feed(OK + GZIP + b"\r\n" + gzipped(bytes(4 << 20)), 100_000)
    assert -2 * (65_536 + 1_024) < left <= 0
    respondent.eof()
    assert (respondent.body, respondent.error) == (bytes(4 << 20), None)


def test_share_that_suffices():
    """What is left of a share after all of the work is told."""
    respondent = Respondent()
    assert respondent.feed(sized(b"hello"), 10_000) == 10_000 - 1_024 - 5
    assert respondent.feed(b"", 7) == 7


def test_bytes_behind_a_spent_share():
    """Bytes that come before the work is done wait behind it, and so does the end."""
    respondent = Respondent()
    for start in range(0, len(CHUNKS), 100):
        respondent.feed(CHUNKS[start : start + 100], 1)
    assert not respondent.ended
    respondent.eof()
    assert (respondent.body, respondent.error) == (b"x" * 5_000, None)


@given(st.sampled_from([CHUNKS[:300], TRAILERS, sized(gzipped(b"hello" * 99), GZIP)]), st.data())
def test_any_shares(data, draws):
    """However the work is shared out, the same comes out."""
    respondent = Respondent()
    respondent.feed(data, draws.draw(st.integers(1, 3_000)))
    for share in draws.draw(st.lists(st.integers(1, 3_000), max_size=9)):
        respondent.feed(b"", share)
    respondent.eof()
    whole = respond(data)
    whole.eof()
    assert (respondent.body, type(respondent.error)) == (whole.body, type(whole.error))


BEGINNINGS = [
    b"",
    b"\r\n",
    OK,
    OK + GZIP + b"\r\n",
    OK + b"Content-Length: 9\r\n\r\n",
    b"HTTP/1.1 100 C\r\n\r\n",
] + [
    OK + fields + b"Transfer-Encoding: chunked\r\n\r\n" + body
    for fields in (b"", GZIP)
    for body in (b"", b"5\r\nhello\r\n", b"0\r\n")
]


@given(
    st.sampled_from(BEGINNINGS),
    st.lists(
        st.binary(max_size=40) | st.sampled_from([b"\r\n", b"\n", b":", b" ", b"0", b"5;a", b"\x1f\x8b"])
    ),
    st.booleans(),
)
def test_never_raises(beginning, pieces, clean):
    """Whatever comes, nothing is raised, and the end of the stream ends the response one way."""
    respondent = respond(beginning, *pieces, method="GET", upgrade=True)
    respondent.eof(clean)
    assert respondent.ended
    assert not respondent.persisted
    assert isinstance(respondent.error, ProtocolError | IncompleteRead | NoResponse) or respondent.status


def test_sink_says_what_its_work_was():
    """What a sink does beside taking bytes counts against the share."""
    left = []
    for work in (None, 5_000):
        respondent = Respondent("GET", Limits(), sink=lambda respondent, work=work: lambda piece: work)
        left.append(respondent.feed(sized(b"hello"), 100_000))
    assert left[0] - left[1] == 5_000
