"""Events are read as browsers read them, however their bytes arrive."""

from __future__ import annotations

import re
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tymeconn.errors import TooLarge
from tymeconn.wire.eventing import Event, EventSource

BOM = b"\xef\xbb\xbf"
NAMES = [b"data", b"event", b"id", b"retry", b"Data", b"data2", b"", b" data", BOM + b"data"]
VALUES = [
    b"",
    b"a",
    b" b",
    b"  c",
    b":",
    b"d:e",
    b"\xe2\x82\xac",
    b"\0",
    b"007",
    b"-1",
    b"\xd9\xa1",
    b"1" * 16,
]
ENDS = [b"\n", b"\r", b"\r\n"]
LINES = st.builds(
    lambda name, colon, value, end: name + colon + value + end,
    st.sampled_from(NAMES),
    st.sampled_from([b":", b": ", b""]),
    st.sampled_from(VALUES),
    st.sampled_from(ENDS),
)
# Lines that mean something, blank ones, and bytes that break UTF-8 or the grammar.
STREAMS = st.builds(
    lambda bom, parts: bom + b"".join(parts),
    st.sampled_from([b"", b"", BOM, BOM * 2]),
    st.lists(
        LINES | st.sampled_from(ENDS) | st.sampled_from([b"\xff", b"\xe2\x82", b"\xf0", b":", BOM]),
        max_size=25,
    ),
)
# Bytes that mean something, in any order.
BYTES = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b":", b" ", b"data", b"id", b"event", b"retry", b"1", b"\0"])
    | st.sampled_from(
        [b"\xef", b"\xbb", b"\xbf", b"\xe2\x82", b"\xac", b"\x80", b"\xc2\x85", b"\x0b", b"x"]
    ),
    max_size=14,
).map(b"".join)
CUTS = st.lists(st.integers(0, 12), max_size=40)


def in_pieces(data, sizes):
    """Return the data cut into pieces of these sizes, and the rest of it."""
    cuts = [0, *(min(sum(sizes[:n]), len(data)) for n in range(1, len(sizes) + 1)), len(data)]
    return [data[a:b] for a, b in pairwise(cuts)]


def read(*pieces, source=None, **limit):
    """Return the events, and whether the stream went on behind them."""
    source, events = source or EventSource(**limit), []
    try:
        for piece in pieces:
            events.extend(source.feed(piece))
    except TooLarge:
        return events, False
    return events, True


def data_of(stream):
    return [event.data for event in read(stream)[0]]


def told(*streams):
    """Return events, last event id and retry of whole streams by the rules of WHATWG HTML 9.2.

    A stream that follows another begins with the id that held, as it does in browsers.
    """
    events, last_id, retry = [], None, None
    for stream in streams:
        more, last_id, retry = told_of_one(stream, last_id, retry)
        events += more
    return events, last_id, retry


def told_of_one(stream, last_id, retry):
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    *lines, _ = re.split("\r\n|\r|\n", text)
    events = []
    name, data, id_ = "", "", last_id
    for line in lines:
        field, _, value = line.partition(":")
        value = value[1:] if value[:1] == " " else value
        if line == "":
            last_id = id_
            events += [Event(id_, name, data[:-1])] if data else []
            name, data = "", ""
        elif field == "data":
            data += value + "\n"
        elif field == "event":
            name = value
        elif field == "id" and "\0" not in value:
            id_ = value
        elif field == "retry" and re.fullmatch("0*[0-9]{1,15}", value):
            retry = int(value)
    return events, last_id, retry


@given(STREAMS | BYTES, CUTS)
@example(b"data:a\r\n\r\ndata:b\r\n\r\n", [7, 1, 1, 1])
@example(BOM + b"data:a\n\n", [1, 1, 1])
@example(b"data:a\r\rdata:b\n\n", [7, 0, 1])
def test_any_stream_in_any_pieces(stream, sizes):
    """Events, last event id and retry are those of the standard, wherever the bytes are cut."""
    source = EventSource()
    events, _ = read(*in_pieces(stream, sizes), source=source)
    assert (events, source.last_event_id, source.retry) == told(stream)


@given(BYTES)
def test_every_cut(stream):
    """A stream in two pieces is the stream, wherever it is cut."""
    seen = []
    for cut in range(len(stream) + 1):
        source = EventSource()
        events, _ = read(stream[:cut], stream[cut:], source=source)
        seen.append((events, source.last_event_id, source.retry))
    assert seen == [told(stream)] * len(seen)


@given(st.lists(STREAMS | BYTES, max_size=4), CUTS)
def test_streams_that_follow_one_another(streams, sizes):
    """A stream that is opened anew begins with the id of the one before, and with nothing else of it."""
    source, events = EventSource(), []
    for stream in streams:
        events += read(*in_pieces(stream, sizes), source=source)[0]
        source.eof()
    assert (events, source.last_event_id, source.retry) == told(*streams)


@given(STREAMS | BYTES, CUTS, st.integers(0, 30))
def test_limit_in_any_pieces(stream, sizes, limit):
    """What exceeds the limit does so at the same event, wherever the bytes are cut."""
    assert read(*in_pieces(stream, sizes), limit=limit) == read(stream, limit=limit)


def test_every_cut_of_crlf():
    """A stream with CRLF may be cut anywhere."""
    stream = BOM + b": hi\r\nevent: x\r\nid: 1\r\ndata: a\r\ndata: b\r\n\r\n\r\ndata\r\n\r\n"
    seen = [read(stream[:cut], stream[cut:])[0] for cut in range(len(stream) + 1)]
    assert seen == [[Event("1", "x", "a\nb"), Event("1", "", "")]] * len(seen)


@pytest.mark.parametrize("end", ENDS)
def test_line_ends(end):
    """CR, LF and CRLF end a line alike, and CR does so before it is known what follows."""
    assert data_of(end.join([b"data:a", b"data:b", b"", b""])) == ["a\nb"]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data\n\n", [""]),
        (b"data:\ndata\n\n", ["\n"]),
        (b"data:  a\n\n", [" a"]),
        (b"data: a: b\n\n", ["a: b"]),
        (b"\n\nevent: x\n\n", []),
        (b":data: a\n\n", []),
        (b"DATA: a\n data: b\n\n", []),
        (b"data: a\n", []),
        (b"data: \xff\xe2\x82\n\n", ["\ufffd\ufffd"]),
        (b"data: \xe2\x82\ndata: \xac\n\n", ["\ufffd\n\ufffd"]),
        (b"data: a\xc2\x85b\x0bc\n\n", ["a\x85b\x0bc"]),
        (b"data: " + BOM + b"a\n\n", ["\ufeffa"]),
        (BOM[:2] + b"\ndata: a\n\n", ["a"]),
        (BOM * 2 + b"data: a\n\n", []),
        (b"data: a\n\n" + BOM + b"data: b\n\n", ["a"]),
    ],
)
def test_data(stream, expected):
    """Data is what follows the colon and one blank, its lines joined; without data there is no event."""
    assert data_of(stream) == expected


def test_name_is_of_one_event():
    """A name holds for one event, and is dropped with an event that has no data."""
    events, _ = read(b"event:x\ndata:a\n\ndata:b\n\nevent:y\n\ndata:c\n\nevent:x\nevent\ndata:d\n\n")
    assert [event.event for event in events] == ["x", "", "", ""]


def test_id_goes_on():
    """An id holds for later events too; one with NUL is ignored, an empty one is not the same as none."""
    events, _ = read(b"data:a\n\nid:1\ndata:b\n\nid:2\0\ndata:c\n\nid\ndata:d\n\n")
    assert [event.id for event in events] == [None, "1", "1", ""]


def test_last_event_id_changes_where_an_event_ends():
    """An id counts when its event has ended, data or not; one that broke off has not been seen."""
    source = EventSource()
    read(b"id:1\n\nid:2\ndata:a\n", source=source)
    assert source.last_event_id == "1"
    source.eof()
    assert read(b"data:b\n\n", source=source) == ([Event("1", "", "b")], True)


def test_id_is_known_event_by_event():
    """Who stops between two events knows the id of the first one."""
    source = EventSource()
    next(source.feed(b"id:1\ndata:a\n\nid:2\ndata:b\n\n"))
    assert source.last_event_id == "1"


@pytest.mark.parametrize("cut", [b"data:x\nevent:y\n", b"data:x", b"id:7\rdata:x\r", b"dat", BOM[:2]])
@pytest.mark.parametrize("stream", [b"data:a\n\n", BOM + b"data:a\n\n", b"\n" + BOM + b"data:a\n\n"])
def test_end_of_stream_drops_what_is_incomplete(cut, stream):
    """Behind the end of a stream another one begins, with its own BOM and nothing of the first."""
    source = EventSource()
    read(cut, source=source)
    source.eof()
    assert read(stream, source=source) == read(stream)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"0", 0),
        (b" 1500", 1500),
        (b"0" * 5_000 + b"7", 7),
        (b"", None),
        (b"+1", None),
        (b"1.5", None),
        (b"1 ", None),
        ("٣".encode(), None),
        (b"9" * 5_000, None),
    ],
)
def test_retry(value, expected):
    """Only ASCII digits are milliseconds, and they hold at once; other values change nothing."""
    source = EventSource()
    read(b"retry:" + value + b"\n", source=source)
    assert source.retry == expected
    source.retry = 5
    read(b"retry:x\n", source=source)
    assert source.retry == 5


def test_long_lines():
    """A line may be as long as the event may be."""
    line = b"x" * 1_000_000
    assert read(memoryview(b"data:" + line), b"\n\n") == ([Event(None, "", line.decode())], True)


@pytest.mark.parametrize(
    "stream",
    [b"data:aaaa", b"data:aa\ndata:a", b":comments", b"data:1\n\ndata:aaaa\n\ndata:2\n\n", b"aaaaaaaaa\n"],
)
def test_limit(stream):
    """An event holds data and a line of so many bytes, whole or not; nothing comes behind a longer one."""
    source = EventSource(limit=8)
    with pytest.raises(TooLarge, match="8 bytes"):
        list(source.feed(stream))
    assert read(b"\n\ndata:3\n\n", source=source) == ([], False)


@pytest.mark.parametrize("line", [b"", b"data:aa\n"])
def test_nothing_is_held_beyond_the_limit(line):
    """Bytes of an event that is too long are let go, however many of them come."""
    source = EventSource(limit=8)
    read(line, source=source)
    tracemalloc.start()
    seen = [read(b"x" * 100_000, source=source) for _ in range(20)]
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert seen == [([], False)] * 20
    assert held < 10_000


def test_limit_is_of_one_event():
    """Events within the limit, and comments between their lines, may go on for ever."""
    events, goes_on = read(b"data:123\n:1234567\n\n:1234567\n" * 100, limit=12)
    assert (len(events), goes_on) == (100, True)


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + b"x" * 50_000 + b"\r\n\r\n",
        b"data\n" * 10_000 + b"\n",
        b"\r" * 50_000 + b"data\r\r",
        b":" * 50_000 + b"\n:\ndata\n\n",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_bytes_are_scanned_twice(stream, size):
    """Bytes are searched twice at most, however they come: for the end of a line and for a name."""
    source = EventSource()
    events, _ = read(*(stream[at : at + size] for at in range(0, len(stream), size)), source=source)
    assert len(events) == 1
    assert source.scanned <= 2 * len(stream)


@pytest.mark.parametrize(
    ("limit", "error"), [("1", TypeError), (True, TypeError), (1.5, TypeError), (-1, ValueError)]
)
def test_limit_is_a_number_of_bytes(limit, error):
    """A limit that is none is refused at once, and named."""
    with pytest.raises(error, match=str(limit)):
        EventSource(limit=limit)
