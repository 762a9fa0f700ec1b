"""Event streams for the fuzzer, read whole and in pieces and by the rules of the standard."""

from __future__ import annotations

from tymeconn.wire.eventing import EventSource

from .answer_files import b64, raw
from .mutating import cuts, mutated
from .playing import in_parts
from .test_eventing import read, told

STREAMS = [
    b"\xef\xbb\xbfid: 1\r\nevent: a\r\ndata: b\r\ndata: c\r\n\r\n: hi\r\n\r\nretry: 10\r\ndata\r\n\r\n",
    b"id\ndata: \xe2\x82\xac\n\nid: 2\0\ndata:  x\n\nevent\ndata:\ndata:\n\nid: 3\n\ndata: cut",
    b"data: a\rdata: b\r\rid: 7\r\revent: x\revent: y\rretry: 0x1\rdata: d\r\r",
    b":\n\ndata\n\ndata:a:b\nDATA: c\n data: d\nfoo: e\nfoo\n\n",
]


def make(rng):
    """Return an input: two streams, one behind the other, and how they come."""
    data = mutated(rng, rng.choice(STREAMS), STREAMS)
    return {
        "raw_b64": b64(data),
        "cuts": cuts(rng, data),
        "eof": rng.randint(0, len(data)),
        "limit": rng.choice((1_000_000, 1_000_000, 100, 30, 5)),
    }


def check(case):
    """Return how a stream was read; AssertionError when the standard has it otherwise."""
    data = raw(case)
    streams = data[: case["eof"]], data[case["eof"] :]
    whole, parted = EventSource(case["limit"]), EventSource(case["limit"])
    events, goes_on = [], True
    for stream in streams:
        at_once = read(stream, source=whole)
        in_pieces = read(*in_parts(stream, case["cuts"]), source=parted)
        assert in_pieces == at_once, f"{in_pieces} in pieces, {at_once} at once"
        events, goes_on = events + at_once[0], goes_on and at_once[1]
        whole.eof()
        parted.eof()
    seen = [(source.last_event_id, source.retry) for source in (whole, parted)]
    assert seen[0] == seen[1], f"id and retry are {seen[1]} in pieces, {seen[0]} at once"
    assert parted.scanned <= 2 * len(data), f"{parted.scanned} bytes searched of {len(data)}"
    if not goes_on:
        return "too large"
    assert (events, *seen[0]) == told(*streams), f"{events} and {seen[0]}, not {told(*streams)}"
    return "read"
