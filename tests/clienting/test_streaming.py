"""Answers that are read piece by piece, against scripted peers."""

from __future__ import annotations

import gc
import gzip
from contextlib import closing

import pytest

from tymeconn.clienting import Client
from tymeconn.errors import (
    Canceled,
    IncompleteRead,
    InvalidRequest,
    NoResponse,
    PoolTimeout,
    ProtocolError,
    ReadTimeout,
    TooLarge,
    TooManyRedirects,
    TotalTimeout,
)
from tymeconn.policy.patience import Timeouts
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import END, ScriptedNetwork, answer
from tymeconn.tyming.waiting import Wait
from tymeconn.wire.eventing import Event
from tymeconn.wire.messages import Limits
from tymeconn.wire.redirecting import Follow

from ..exchanging.parking import Parking
from ..stand_ins import Clock

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def client_of(*scripts, clock=lambda: 0.0, **options):
    network = ScriptedNetwork(*scripts, clock=clock)
    return Client(hostname="h.test", network=network, **options), network


def streamed(client, method="GET", url="/", **options):
    return drive(client.stream(method, url, **options))[0]


def read(stream, *most):
    return drive(stream.read(*most))[0]


def all_of(stream):
    return b"".join(iter(lambda: read(stream), b""))


def test_head_is_there_before_the_body():
    """The stream is returned with the head, and reads what comes later."""
    client, network = client_of([[HEAD]])
    stream = streamed(client)
    assert (stream.response.status, stream.response.body) == (200, b"")
    assert stream.response.headers["transfer-encoding"] == "chunked"
    network.connectors[0].say(chunk(b"hello"), b"0\r\n\r\n")
    assert [read(stream), read(stream), read(stream)] == [b"hello", b"", b""]


def test_read_returns_what_is_there():
    """At most what was asked for, at least one byte."""
    client, _ = client_of([[HEAD + chunk(b"hello") + chunk(b"world") + b"0\r\n\r\n"]])
    stream = streamed(client)
    assert [read(stream, 2), read(stream, 9), read(stream, 5), read(stream, 1)] == [
        b"he",
        b"llo",
        b"world",
        b"",
    ]


@pytest.mark.parametrize("most", [0, -1, None, 1.5, "9"])
def test_wrong_size_of_a_read(most):
    """How much is read is a positive number, and is checked at the call."""
    client, _ = client_of([answer("x")])
    with closing(streamed(client)) as stream, pytest.raises(ValueError, match="most"):
        stream.read(most)


def test_connection_is_free_when_all_was_read():
    """A stream that was read to its end leaves the connection to the next."""
    client, network = client_of([answer("one"), answer("two")])
    assert all_of(streamed(client)) == b"one"
    assert drive(client.get("/"))[0].text == "two"
    assert len(network.connectors) == 1


def test_closing_early_closes_the_connection():
    """What is left of the body is not read for nothing."""
    client, network = client_of([[HEAD + chunk(b"x")]], [answer("next")])
    with streamed(client) as stream:
        read(stream)
    assert network.connectors[0].closed
    assert drive(client.get("/"))[0].text == "next"
    with pytest.raises(Canceled):
        read(stream)


def test_lost_stream_is_closed():
    """Nobody waits behind a stream that nobody has."""
    client, network = client_of([[HEAD + chunk(b"x")]], [answer("next")])
    stream = streamed(client)
    del stream
    gc.collect()
    assert network.connectors[0].closed


def test_generator_that_is_closed_before_the_head():
    """Who gives up waiting for the head gives up the exchange."""
    client, network = client_of([[]])
    opening = client.stream("GET", "/")
    for _ in range(5):
        next(opening)
    opening.close()
    assert network.connectors[0].closed


def test_nothing_is_read_while_nobody_reads():
    """What is held is bounded; the rest stays with the peer, however often the client is serviced."""
    body = bytes(10_000_000)
    client, network = client_of([[answer(body)]])
    stream = streamed(client)
    for _ in range(100):
        client.service()
    assert network.connectors[0].received <= 200_000
    assert all_of(stream) == body


def test_bomb_in_a_stream_is_held_piece_by_piece():
    """A little that decodes to much is decoded as it is read, without a limit to the whole."""
    packed = gzip.compress(bytes(50_000_000))
    client, _ = client_of([[answer(packed, content_encoding="gzip")]], limits=Limits(decoded=1000))
    stream, size, most = streamed(client), 0, 0
    while data := read(stream, 1 << 20):
        size, most = size + len(data), max(most, stream._inbox._held)
    assert size == 50_000_000
    assert most <= 200_000


def test_reading_slowly_is_not_the_peers_fault():
    """Time that passes while nobody reads does not count, and a stream has no total."""
    clock = Clock()
    client, network = client_of([[HEAD]], clock=clock, timeouts=Timeouts(total=50, idle=10))
    stream = streamed(client)
    clock.now += 1000
    network.connectors[0].say(chunk(bytes(100_000)))
    read(stream, 1)
    for _ in range(5):
        clock.now += 1000
        client.service()
    network.connectors[0].say(b"0\r\n\r\n")
    assert len(all_of(stream)) == 99_999


def test_silent_peer_ends_the_stream():
    """Between two moments at which bytes come the idle limit holds."""
    clock = Clock()
    client, _ = client_of([[HEAD + chunk(b"x")]], clock=clock, timeouts=Timeouts(read=1, idle=10))
    stream = streamed(client)
    assert read(stream) == b"x"
    reading = stream.read()
    next(reading)
    clock.now += 9
    next(reading)
    clock.now += 2
    with pytest.raises(ReadTimeout):
        next(reading)


def test_total_holds_until_the_head():
    """A stream has to begin in time."""
    clock = Clock()
    client, _ = client_of([[]], clock=clock, timeouts=Timeouts(total=50, read=None))
    opening = client.stream("GET", "/")
    next(opening)
    clock.now += 51
    with pytest.raises(TotalTimeout):
        drive(opening)


@pytest.mark.parametrize(
    ("rest", "error"),
    [([END], IncompleteRead), ([b"zz\r\n"], ProtocolError), ([ConnectionResetError()], IncompleteRead)],
)
def test_what_came_is_read_before_the_error(rest, error):
    """A body that is cut short is an error, behind its last byte."""
    client, _ = client_of([[HEAD + chunk(b"whole"), *rest]])
    stream = streamed(client)
    assert read(stream) == b"whole"
    for _ in range(2):
        with pytest.raises(error):
            read(stream)


def test_error_before_the_head():
    """Without a head there is no stream."""
    client, _ = client_of([END])
    with pytest.raises(NoResponse):
        streamed(client)


def test_trailers_at_the_end():
    """The response has its trailers once all was read."""
    client, network = client_of([[HEAD + chunk(b"x")]])
    stream = streamed(client)
    assert not stream.response.meta.trailers
    network.connectors[0].say(b"0\r\nX-Sum: 1\r\n\r\n")
    all_of(stream)
    assert stream.response.meta.trailers["x-sum"] == "1"


def test_redirects_lead_to_the_stream():
    """The stream is that of the last answer, which knows those before it."""
    client, network = client_of([answer("gone", 302, location="/y"), answer("here")])
    stream = streamed(client)
    assert [response.body for response in stream.response.history] == [b"gone"]
    assert all_of(stream) == b"here"
    assert stream.response.history
    assert len(network.connectors) == 1


def test_too_many_redirects():
    """A circle ends before there is a stream."""
    client, _ = client_of([answer("", 302, location="/")] * 3, follow=Follow(most=2))
    with pytest.raises(TooManyRedirects):
        streamed(client)


def test_others_wait_behind_a_stream():
    """A request that waits for the connection has its own limit."""
    clock = Clock()
    client, _ = client_of([[HEAD + chunk(b"x")]], clock=clock, timeouts=Timeouts(pool=5))
    stream = streamed(client)
    waiting = client.get("/")
    next(waiting)
    clock.now += 6
    with pytest.raises(PoolTimeout):
        drive(waiting)
    assert read(stream) == b"x"


def test_closing_the_client_ends_the_stream():
    """What came can still be read; then the stream says why there is no more."""
    client, _ = client_of([[HEAD + chunk(b"x")]])
    stream = streamed(client)
    client.close()
    assert read(stream) == b"x"
    with pytest.raises(Canceled):
        read(stream)


def test_reader_is_woken_by_another_waiter():
    """Whoever moves the connection wakes those for whom something has come."""
    parking = Parking()
    client, network = client_of([[HEAD]], [answer("two")], clock=parking.clock)
    client.wind(parking.clock)

    def reading():
        with (yield from client.stream("GET", "/")) as stream:
            network.connectors[0].say(chunk(b"x"))
            return (yield from stream.read())

    def asking():
        return (yield from client.get("/"))

    ends = parking.run(reading(), asking())
    assert [ends[0][0], ends[1][0].text] == [b"x", "two"]


def test_reader_sleeps_until_something_comes():
    """A reader that nobody else serves is woken by its connector, and by nothing else."""
    parking = Parking()
    client, network = client_of([[HEAD]], clock=parking.clock)
    client.wind(parking.clock)

    def reading():
        with (yield from client.stream("GET", "/")) as stream:
            return (yield from stream.read())

    def saying():
        yield Wait(until=100.0)
        network.connectors[0].say(chunk(b"x"))

    ends = parking.run(reading(), saying())
    assert ends[0] == (b"x", 100.0)


EVENTS = b"id: 7\nretry: 500\ndata: one\n\ndata: two\n\n: nothing\n\ndata: never ended\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_events(size):
    """Events are returned one by one, however the bytes came; an unfinished one is dropped."""
    parts = [EVENTS[start : start + size] for start in range(0, len(EVENTS), size)]
    client, _ = client_of([[HEAD, *map(chunk, parts), b"0\r\n\r\n"]])
    stream = streamed(client)
    events = [drive(stream.event())[0] for _ in range(4)]
    assert events == [Event("7", "", "one"), Event("7", "", "two"), None, None]
    assert (stream.last_event_id, stream.retry) == ("7", 500)


def test_event_that_is_too_large():
    """The events before it were returned; then the stream is closed."""
    body = b"data: one\n\ndata: " + b"x" * 2_000_000
    client, network = client_of([[answer(body)]])
    stream = streamed(client)
    assert drive(stream.event())[0].data == "one"
    with pytest.raises(TooLarge):
        drive(stream.event())
    assert network.connectors[0].closed


def test_save(tmp_path):
    """What is left of the body is a file, made and named on a thread."""
    client, _ = client_of([[answer("skipped" + "x" * 200_000)]])
    stream = streamed(client)
    read(stream, 7)
    ((size, _),) = Parking().run(stream.save(tmp_path / "x"))
    assert size == 200_000
    assert (tmp_path / "x").read_bytes() == b"x" * 200_000


def test_save_of_a_body_that_is_cut_short(tmp_path):
    """There is no file that only looks whole."""
    client, _ = client_of([[HEAD + chunk(b"x"), END]])
    stream = streamed(client)
    ((error, _),) = Parking().run(stream.save(str(tmp_path / "x")))
    assert isinstance(error, IncompleteRead)
    assert not (tmp_path / "x").exists()


def test_save_to_no_path():
    """A path is checked at the call."""
    client, _ = client_of([answer("x")])
    with streamed(client) as stream, pytest.raises(TypeError):
        stream.save(7)


def test_silence_counts_only_while_somebody_reads():
    """Who comes back late finds the peer given its whole time, serviced meanwhile or not."""
    for serviced in (True, False):
        clock = Clock()
        client, network = client_of([[HEAD + chunk(b"x")]], clock=clock, timeouts=Timeouts(idle=10))
        stream = streamed(client)
        assert read(stream) == b"x"
        for _ in range(20):
            clock.now += 3
            if serviced:
                client.service()
        reading = stream.read()
        next(reading)
        clock.now += 9
        next(reading)
        network.connectors[0].say(chunk(b"y"))
        assert drive(reading)[0] == b"y"


@pytest.mark.parametrize(
    ("events", "headers"),
    [
        (b"data: x\n\n", {}),
        (b"id: 7\n\n", {"Last-Event-ID": b"7"}),
        ("id: €\n\n".encode(), {"Last-Event-ID": "€".encode()}),
        (b"id: a\x01b\n\n", {}),
        (b"id: 7\n\nid:\n\n", {}),
    ],
)
def test_resumption(events, headers):
    """A stream says how it is asked for again, as far as a header can carry that."""
    client, _ = client_of([[HEAD, chunk(events), b"0\r\n\r\n"]])
    stream = streamed(client)
    while drive(stream.event())[0]:
        pass
    assert stream.resumption == headers


def test_id_outlives_a_stream_without_events():
    """The id that a stream was asked to go on from is its own until it says another."""
    client, _ = client_of([[HEAD, b"0\r\n\r\n"]])
    headers = {"Last-Event-ID": "€7".encode()}
    stream = streamed(client, headers=headers)
    assert drive(stream.event())[0] is None
    assert (stream.last_event_id, stream.resumption) == ("€7", headers)


@pytest.mark.parametrize(
    ("method", "options"), [("GET", {"upgrade": "x"}), ("CONNECT", {"target": "a.test:1"})]
)
def test_tunnels_are_fetched(method, options):
    """What may go over to another protocol has no body to stream, and is refused at the call."""
    client, _ = client_of()
    with pytest.raises(InvalidRequest):
        client.stream(method, "/", **options)


def steps_of(generator):
    """Return what the generator returns, and after how many steps."""
    steps = 0
    try:
        while True:
            steps += 1
            next(generator)
    except StopIteration as stop:
        return stop.value, steps


def test_a_reader_lets_others_run():
    """However much is there, one step takes about as much as a pass of a connection reads."""
    client, _ = client_of([[answer(bytes(10_000_000))]])
    stream = streamed(client)

    def reading():
        size = 0
        while data := (yield from stream.read()):
            size += len(data)
        return size

    size, steps = steps_of(reading())
    assert size == 10_000_000
    assert 30 <= steps <= 60


@pytest.mark.parametrize("line", [b"\n", b"data:\n\n", b": comment\n", b"id\n"])
def test_a_listener_lets_others_run(line):
    """A flood of lines, with events or without, is worked off in bounded steps."""
    flood = line * (1_000_000 // len(line))
    client, _ = client_of([[answer(gzip.compress(flood), content_encoding="gzip")]])
    stream = streamed(client)

    def listening():
        count = 0
        while (yield from stream.event()):
            count += 1
        return count

    count, steps = steps_of(listening())
    assert count == flood.count(b"data:")
    assert steps >= len(flood) / 65_536 - 1
    assert steps >= count / 1024 - 1


def test_small_pieces_count_for_what_they_cost():
    """Chunks of one byte fill a stream before they fill the memory."""
    client, network = client_of([[HEAD]])
    stream = streamed(client)
    network.connectors[0].say(chunk(b"x") * 60_000 + b"0\r\n\r\n")
    for _ in range(100):
        client.service()
    assert len(stream._inbox._pieces) <= 300
    assert len(all_of(stream)) == 60_000
