"""One connection's life, against scripted peers."""

from __future__ import annotations

import gzip
from math import inf

import pytest

from tymeconn.errors import (
    Canceled,
    ConnectError,
    ConnectTimeout,
    ExchangeError,
    IncompleteRead,
    NoResponse,
    ProtocolError,
    ReadTimeout,
    StaleConnection,
    TotalTimeout,
    WriteError,
    WriteTimeout,
)
from tymeconn.exchanging.connection import Connection, Phase
from tymeconn.exchanging.exchange import Exchange
from tymeconn.exchanging.setup import Setup
from tymeconn.net.seams import Tls
from tymeconn.policy.patience import Timeouts
from tymeconn.testing.scripting import END, ScriptedConnector, ScriptedNetwork, answer
from tymeconn.tyming.waiting import Signal, Wait
from tymeconn.wire.messages import Limits, Response
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split

from ..stand_ins import Clock


class Bench:
    """A connection with a queue of exchanges and a clock."""

    def __init__(self, *scripts, timeouts=None):
        self.clock = Clock(100.0)
        self.network = ScriptedNetwork(*scripts, clock=self.clock)
        self.timeouts = timeouts or Timeouts()
        self.queue = []
        setup = Setup(self.network, Tls(), Limits(), self.timeouts)
        self.connection = Connection(setup, lambda: self.queue.pop(0) if self.queue else None)

    def ask(self, method="GET", url="http://h.test/", sink=None, **options):
        request = make_request(method, split(url), **options)
        exchange = Exchange(request, self.timeouts, self.clock, sink=sink)
        self.queue.append(exchange)
        return exchange

    def service(self, passes=10, seconds=0.0):
        for _ in range(passes):
            self.clock.now += seconds
            self.connection.service()

    @property
    def sent(self):
        return [b"".join(connector.sent) for connector in self.network.connectors]


def test_an_idle_connection_does_nothing():
    """Without an exchange nothing is dialed."""
    bench = Bench([answer()])
    bench.service()
    assert bench.network.connectors == []
    assert bench.connection.phase is Phase.CLOSED


def test_request_and_answer():
    """An exchange is sent whole and concluded with its answer; the connection stays open."""
    bench = Bench([answer("hello")])
    exchange = bench.ask(url="http://h.test/a")
    bench.service()
    assert exchange.outcome.body == b"hello"
    assert bench.sent == [
        b"GET /a HTTP/1.1\r\nHost: h.test\r\nAccept: */*\r\n"
        b"Accept-Encoding: gzip, deflate, br, zstd\r\n\r\n"
    ]
    assert bench.connection.phase is Phase.READY


def test_request_leaves_in_the_pass_that_starts_it():
    """On an open connection the bytes go out in the call that starts it, in one send."""
    bench = Bench([answer(), answer()])
    bench.ask()
    bench.service()
    connector = bench.network.connectors[0]
    bench.ask("POST", body=b"x" * 60_000)
    bench.service(passes=1)
    assert len(connector.sent) == 2


def test_next_request_leaves_in_the_pass_that_ends_the_one_before():
    """The answer is read, handed over, and the next request is out, all in one pass."""
    bench = Bench([answer("1"), answer("2")])
    first, second = bench.ask(), bench.ask()
    while not first.outcome:
        bench.service(passes=1)
    assert second.sent > 0
    assert second.outcome is None


def test_small_exchange_costs_one_send_and_two_recvs():
    """A warm small exchange costs one look for the peer's end, one send and one recv."""
    bench = Bench([answer()] * 2)
    bench.ask()
    bench.service(passes=4)
    connector = CountingRecv.over(bench.network.connectors[0])
    exchange = bench.ask()
    bench.service(passes=1)
    bench.service(passes=1)
    assert exchange.outcome is not None
    assert connector.recvs <= 2


class CountingRecv:
    """Counts the recv calls of a connector."""

    @classmethod
    def over(cls, connector):
        counter = cls()
        inner = connector.recv

        def recv(size):
            counter.recvs += 1
            return inner(size)

        connector.recv = recv
        return counter

    recvs = 0


def test_another_origin_is_dialed_anew():
    """An exchange for another origin closes the connection and opens one there."""
    bench = Bench([answer("a")], [answer("b")])
    first, second = bench.ask(url="http://a.test/"), bench.ask(url="http://b.test/")
    bench.service()
    assert (first.outcome.body, second.outcome.body) == (b"a", b"b")
    assert bench.network.connectors[0].closed


def test_connection_close_reopens():
    """After Connection: close the next exchange goes out on a new connection."""
    bench = Bench([answer("a", connection="close")], [answer("b")])
    first, second = bench.ask(), bench.ask()
    bench.service()
    assert (first.outcome.body, second.outcome.body) == (b"a", b"b")
    assert not second.reused


def test_request_that_closes_closes():
    """A request with Connection: close is the last on its connection (RFC 9112 9.6)."""
    bench = Bench([answer("a")])
    bench.ask(headers={"Connection": "x, Close"})
    bench.service()
    assert bench.connection.phase is Phase.CLOSED


def test_end_while_idle_is_quiet():
    """An end seen while idle closes the connection; the next exchange is on a new one and not replayed."""
    bench = Bench([[answer("a"), None, END]], [answer("b")])
    bench.ask()
    bench.service()
    second = bench.ask()
    bench.service()
    assert second.outcome.body == b"b"
    assert not second.replayed


def test_bytes_nobody_asked_for_close_the_connection():
    """A pushed 408 never becomes the answer to the next request."""
    bench = Bench([answer("a"), answer("wrong")], [answer("b")])
    bench.ask()
    bench.service()
    bench.network.connectors[0].say(answer("late", status=408))
    second = bench.ask()
    bench.service()
    assert second.outcome.body == b"b"
    assert bench.network.connectors[0].closed


def test_bytes_behind_an_answer_spoil_the_connection():
    """Bytes behind a whole answer close the connection (RFC 9112 9.2)."""
    bench = Bench([answer("a") + b"HTTP/1.1 200 EVIL\r\n\r\n"], [answer("b")])
    first, second = bench.ask(), bench.ask()
    bench.service()
    assert (first.outcome.body, second.outcome.body) == (b"a", b"b")


def test_answer_behind_an_answer_is_for_nobody():
    """What is readable behind an answer is never taken for the next request's (RFC 9112 9.2)."""
    bench = Bench([[answer("a"), answer("EVIL")]], [answer("b")])
    first, second = bench.ask(), bench.ask()
    bench.service()
    assert (first.outcome.body, second.outcome.body) == (b"a", b"b")
    assert bench.network.connectors[0].closed


@pytest.mark.parametrize(("piece", "error"), [(answer("hello"), ProtocolError), (END, NoResponse)])
def test_peer_that_speaks_before_it_is_asked(piece, error):
    """On a connection that has only just come up it ends the exchange: no other would be better."""
    bench = Bench([], [answer("b")])
    exchange = bench.ask()
    bench.service(passes=1)
    bench.network.connectors[0].say(piece)
    bench.service()
    assert isinstance(exchange.outcome, error)
    assert exchange.sent == 0


class Meddling(ScriptedConnector):
    """A connector whose every call may find that somebody meddles with the connection."""

    meddle = staticmethod(lambda where: None)

    def connect(self):
        self.meddle("connect")
        return super().connect()

    def send(self, data):
        taken = super().send(data)
        self.meddle("send")
        return taken

    def recv(self, size):
        data = super().recv(size)
        self.meddle("recv")
        return data


@pytest.mark.parametrize("where", ["connect", "send", "recv"])
@pytest.mark.parametrize("what", ["cancel", "close", "service"])
def test_pass_is_not_entered_twice(where, what):
    """A generator that is closed in the middle of a pass, by the garbage collector say, harms nobody."""
    bench = Bench()
    connectors = [Meddling([answer("a")] * 3), ScriptedConnector([answer("b")] * 3)]
    bench.network.connector = lambda address, tls=None: connectors.pop(0)
    first, second = bench.ask(), bench.ask()
    acts = {
        "cancel": lambda: bench.connection.cancel(first, Canceled("collected")),
        "close": lambda: bench.connection.close(),
        "service": bench.connection.service,
    }
    connectors[0].meddle = lambda at: at == where and bench.connection.exchange is first and acts[what]()
    bench.service()
    assert first.outcome is not None
    assert isinstance(second.outcome, Response)


def test_exchange_that_was_concluded_in_the_queue_is_passed_over():
    """The owner may end what it has not handed over yet."""
    bench = Bench([answer("b")])
    first, second = bench.ask(), bench.ask()
    first.conclude(Canceled("enough"))
    bench.service()
    assert second.outcome.body == b"b"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_stale_connection_is_replayed_once(method):
    """An idempotent request that met a closed reused connection goes out again on a fresh one."""
    bench = Bench([answer("a"), END], [answer("" if method == "HEAD" else "b")])
    bench.ask()
    second = bench.ask(method)
    bench.service()
    assert isinstance(second.outcome, Response)
    assert second.replayed


def test_post_on_a_stale_connection_is_not_replayed():
    """A POST that may have been acted on ends with StaleConnection, which says it is retryable."""
    bench = Bench([answer("a"), END], [answer("b")])
    bench.ask()
    second = bench.ask("POST", body=b"x")
    bench.service()
    assert isinstance(second.outcome, StaleConnection)
    assert second.outcome.retryable
    assert second.outcome.reused


def test_replay_counts_anew():
    """What an error says was sent, and on what connection, is of the connection that carried it last."""
    bench = Bench([answer("a"), END], [END])
    bench.ask()
    second = bench.ask(url="http://h.test/b")
    bench.service()
    assert isinstance(second.outcome, NoResponse)
    assert (second.outcome.sent, second.outcome.reused) == (len(bench.sent[1]), False)


def test_connection_that_was_idle_counts_as_reused():
    """One that was opened ahead may have ended meanwhile as well: its first request is replayed."""
    bench = Bench([END], [answer("b")])
    bench.connection.open(split("http://h.test/").origin)
    bench.service()
    exchange = bench.ask()
    bench.service()
    assert exchange.outcome.body == b"b"
    assert exchange.replayed


def test_replay_happens_once():
    """A fresh connection that ends before the answer is NoResponse, not another replay."""
    bench = Bench([answer("a"), END], [END], [answer("c")])
    bench.ask()
    second = bench.ask()
    bench.service()
    assert isinstance(second.outcome, NoResponse)


def test_answer_that_began_is_never_replayed():
    """After one byte of the answer the end is an error."""
    bench = Bench([answer("a"), [b"H", END]], [answer("b")])
    bench.ask()
    second = bench.ask()
    bench.service()
    assert isinstance(second.outcome, IncompleteRead)


def test_reset_before_the_answer():
    """A reset of a fresh connection is NoResponse."""
    bench = Bench([ConnectionResetError("reset")])
    exchange = bench.ask()
    bench.service()
    assert isinstance(exchange.outcome, NoResponse)


def test_reset_inside_an_until_close_body_is_an_error():
    """A body that ends with the connection is not whole when the connection was reset."""
    bench = Bench([[b"HTTP/1.1 200 OK\r\n\r\npart", ConnectionResetError("reset")]])
    exchange = bench.ask()
    bench.service()
    assert isinstance(exchange.outcome, IncompleteRead)
    assert exchange.outcome.partial == b"part"


def test_until_close_body_ends_with_the_connection():
    """A body without framing is whole when the peer closes in order."""
    bench = Bench([[b"HTTP/1.1 200 OK\r\n\r\nall", END]])
    exchange = bench.ask()
    bench.service()
    assert exchange.outcome.body == b"all"


def test_garbage_is_a_protocol_error():
    """Garbage ends that exchange alone; the next goes out on a new connection."""
    bench = Bench([b"SSH-2.0-garbage\r\n\r\n"], [answer("b")])
    first, second = bench.ask(), bench.ask()
    bench.service()
    assert isinstance(first.outcome, ProtocolError)
    assert second.outcome.body == b"b"


def test_refused_connection():
    """A refused connection is ConnectError with phase and origin; nothing was sent."""
    bench = Bench([ConnectionRefusedError("no")])
    exchange = bench.ask()
    bench.service()
    assert isinstance(exchange.outcome, ConnectError)
    assert (exchange.outcome.phase, str(exchange.outcome.origin)) == ("connecting", "http://h.test")
    assert exchange.outcome.sent == 0


def test_unknown_name_is_an_outcome():
    """A name without addresses ends the exchange while resolving."""
    bench = Bench()
    exchange = bench.ask(url="http://nowhere.invalid/")
    bench.service()
    assert isinstance(exchange.outcome, ExchangeError)
    assert exchange.outcome.phase == "resolving"


def test_refused_queue_dials_once_a_pass():
    """Exchanges queued for a dead port do not all dial in one pass."""
    bench = Bench(*[[ConnectionRefusedError("no")]] * 5)
    for _ in range(5):
        bench.ask()
    bench.service(passes=1)
    assert len(bench.network.connectors) <= 1


def test_connect_timeout():
    """A connection that does not come up within its limit is ConnectTimeout."""
    bench = Bench(timeouts=Timeouts(connect=5))
    bench.network.connector = lambda address, tls=None: NeverUp([])
    exchange = bench.ask()
    bench.service(passes=6, seconds=1.0)
    assert isinstance(exchange.outcome, ConnectTimeout)
    assert bench.connection.phase is Phase.CLOSED


class NeverUp(ScriptedConnector):
    """A connector that is never up."""

    def connect(self):
        return False


def test_silent_peer_is_a_read_timeout():
    """The first byte counts from the end of sending."""
    bench = Bench([None], timeouts=Timeouts(read=3))
    exchange = bench.ask()
    bench.service(passes=3)
    bench.service(passes=3, seconds=0.9)
    assert exchange.outcome is None
    bench.service(passes=1, seconds=0.9)
    assert isinstance(exchange.outcome, ReadTimeout)


def test_dripping_peer_is_a_total_timeout():
    """A peer that keeps sending a little is stopped by the total limit."""
    drip = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
        *[piece for _ in range(40) for piece in (None, b"x")],
    ]
    bench = Bench([drip], timeouts=Timeouts(read=3, total=10))
    exchange = bench.ask()
    bench.service(passes=11, seconds=1.0)
    assert isinstance(exchange.outcome, TotalTimeout)
    assert exchange.outcome.received > 0


def test_peer_that_takes_nothing_is_a_write_timeout():
    """A request of which nothing is taken ends at the write limit."""
    bench = Bench([None], timeouts=Timeouts(write=2))
    exchange = bench.ask("POST", body=b"x" * 1000)
    bench.service(passes=1)
    bench.network.connectors[0].window = 0
    bench.service(passes=3, seconds=1.0)
    assert isinstance(exchange.outcome, WriteTimeout)


def test_peer_that_takes_little_by_little_is_no_timeout():
    """The write limit counts from the bytes that were taken last."""
    bench = Bench([answer("a")], timeouts=Timeouts(write=2))
    exchange = bench.ask("POST", body=b"x" * 100_000)
    bench.network.connector = lambda address, tls=None: narrow
    narrow = ScriptedConnector([answer("a")], window=1_000)
    bench.service(passes=20, seconds=1.5)
    assert exchange.outcome.body == b"a"


def test_what_is_not_taken_yet_can_be_seen():
    """The rest of the piece that is being sent is there to be looked at."""
    bench = Bench()
    bench.network.connector = lambda address, tls=None: ScriptedConnector([], window=1)
    exchange = bench.ask("POST", body=b"hello")
    bench.service(2)
    assert exchange.sent == 8
    assert bytes(bench.connection.unsent).startswith(b"TTP/1.1\r\n")


def test_flush_sends_and_receives_nothing():
    """What is still to be sent can go out without a pass."""
    bench = Bench()
    narrow = ScriptedConnector([answer("a")], window=1)
    bench.network.connector = lambda address, tls=None: narrow
    exchange = bench.ask()
    bench.connection.flush()
    bench.service(2)
    narrow.window = 1_000
    bench.connection.flush()
    assert (len(bench.connection.unsent), exchange.sent > 8, exchange.received) == (0, True, 0)


def test_no_limit_is_no_deadline():
    """None waits for ever."""
    bench = Bench([None], timeouts=Timeouts(None, None, None, None, None))
    exchange = bench.ask()
    bench.service(passes=5, seconds=1e6)
    assert exchange.outcome is None
    assert bench.connection.until is None


def test_until_names_the_next_deadline():
    """The connection says when it will act by itself."""
    bench = Bench([None], timeouts=Timeouts(read=3, total=300))
    bench.ask()
    bench.service(passes=3)
    assert bench.connection.until == 103.0


def test_answer_while_sending_is_delivered():
    """A 413 that comes while the body goes out is the answer; the connection is not reused."""
    bench = Bench([], [answer("next")])
    exchange = bench.ask("POST", body=b"x" * 5_000_000)
    bench.service(passes=1)
    connector = bench.network.connectors[0]
    connector.window = 1000
    bench.service(passes=2)
    connector.say(answer("too much", status=413))
    bench.service(passes=2)
    assert exchange.outcome.status == 413
    assert connector.closed


def test_answer_behind_a_broken_pipe_is_delivered():
    """What the peer said before it stopped reading is read after EPIPE."""
    bench = Bench([])
    exchange = bench.ask("POST", body=b"x" * 5_000_000)
    stopping(bench)
    breaking(bench.network.connectors[0]).say(answer("too much", status=413), END)
    bench.service(passes=2)
    assert exchange.outcome.status == 413


def test_nothing_more_is_sent_after_a_broken_pipe():
    """While the answer is awaited the rest of the request stays here."""
    bench = Bench([])
    exchange = bench.ask("POST", body=b"x" * 5_000_000)
    bench.service(passes=1)
    connector = breaking(bench.network.connectors[0])
    bench.service(passes=3)
    assert exchange.outcome is None
    connector.say(answer("too much", status=413))
    bench.service(passes=1)
    assert exchange.outcome.status == 413


def test_broken_pipe_without_an_answer_is_a_write_error():
    """Sending that broke off and no answer is WriteError, not an exception."""
    bench = Bench([])
    exchange = bench.ask("POST", body=b"x" * 5_000_000)
    stopping(bench)
    breaking(bench.network.connectors[0]).say(END)
    bench.service(passes=2)
    assert isinstance(exchange.outcome, WriteError)


def stopping(bench):
    """Go on until the peer has taken a little of the request and takes no more."""
    bench.service(passes=1)
    bench.network.connectors[0].window = 1000
    bench.service(passes=1)


def breaking(connector):
    """Make every further send of the connector a broken pipe."""

    def send(data):
        raise BrokenPipeError("pipe")

    connector.send = send
    return connector


@pytest.mark.parametrize(("size", "share"), [(1_000_000, 245_760), (60_000, 240_000), (1, 8)])
def test_pass_reads_a_bounded_share(size, share):
    """A peer that has endless bytes gets at most 256 KiB and 8 reads of one pass."""
    bench = Bench([[b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", *[b"x" * size] * 100]])
    exchange = bench.ask()
    bench.service(passes=3)
    before = exchange.received
    bench.service(passes=1)
    assert exchange.received - before == share


def test_answer_that_takes_the_whole_share_is_no_end():
    """A connection whose budget of reading is spent to the last byte is looked at again, and stays."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    bench = Bench([head % (262_144 - len(head) - 4) + bytes(262_144 - len(head) - 4), answer("b")])
    first, second = bench.ask(), bench.ask()
    bench.service()
    assert (first.received, second.outcome.body) == (262_144, b"b")
    assert len(bench.network.connectors) == 1


def taken_each_pass(bench, passes=100):
    """Return how many bytes of the answer's body came out in each pass, and the exchange."""
    sizes, pieces = [], []
    exchange = bench.ask(sink=lambda _: pieces.append)
    while exchange.outcome is None and len(sizes) < passes:
        bench.service(passes=1, seconds=1.0)
        sizes.append(sum(map(len, pieces)))
        pieces.clear()
    return sizes, exchange


def test_pass_decodes_a_bounded_share():
    """What grows a thousandfold comes out over many passes, 1 MiB and a piece each, and all of it."""
    body = answer(gzip.compress(bytes(9 << 20)), content_encoding="gzip")
    sizes, exchange = taken_each_pass(Bench([body], timeouts=Timeouts(read=3)))
    assert max(sizes) <= 1_048_576 + 65_536
    assert sum(sizes) == 9 << 20
    assert exchange.outcome.status == 200


def test_decoding_goes_on_behind_the_end_of_an_upload():
    """A small answer that decodes to much is worked off though it came before the request was all sent."""
    bench = Bench([None], timeouts=Timeouts(read=3))
    exchange = bench.ask("POST", body=bytes(100_000))
    stopping(bench)
    connector = bench.network.connectors[0]
    connector.say(answer(gzip.compress(bytes(9 << 20)), content_encoding="gzip"))
    connector.window = 0
    bench.service(passes=1)
    connector.window = 1 << 30
    bench.service(passes=20)
    assert len(exchange.outcome.body) == 9 << 20


def test_pass_takes_a_bounded_number_of_pieces():
    """So does what comes in very small chunks."""
    head, chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 20_000
    sizes, exchange = taken_each_pass(Bench([head + chunks + b"0\r\n\r\n"]))
    assert max(sizes) <= 1_024
    assert sum(sizes) == 20_000
    assert exchange.outcome.status == 200


def test_nothing_is_read_while_there_is_enough_to_do():
    """Bytes stay with the peer until those that came are worked off."""
    first = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(9 << 20))
    bench = Bench([[first, b"more"]])
    exchange = bench.ask()
    bench.service(passes=6)
    assert exchange.received == len(first)
    bench.service()
    assert exchange.received == len(first) + 4


def test_budget_ends_a_pass_between_two_pieces():
    """A peer that has more small pieces than a pass has reads goes on in the next pass."""
    pieces = [b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", *[b"x"] * 20]
    bench = Bench([pieces])
    exchange = bench.ask()
    bench.service(passes=2)
    bench.service(passes=1)
    assert exchange.outcome is None
    bench.service(passes=2)
    assert exchange.outcome.body == b"x" * 20


def test_end_that_nobody_vouches_for_cuts_a_body_short():
    """A body that runs to an end that was not authenticated may be an attacker's (RFC 9112 9.8)."""
    bench = Bench([[b"HTTP/1.1 200 OK\r\n\r\nall", END]])
    exchange = bench.ask()
    bench.service(passes=1)
    bench.network.connectors[0].clean = False
    bench.service()
    assert isinstance(exchange.outcome, IncompleteRead)
    assert exchange.outcome.partial == b"all"


@pytest.mark.parametrize(
    ("passes", "window", "phase"),
    [(1, 0, "connecting"), (2, 0, "sending"), (2, 1 << 20, "receiving")],
)
@pytest.mark.parametrize("closing", [True, False])
def test_canceled_exchange_says_where_it_was(passes, window, phase, closing):
    """An exchange that its owner ends says what it was at."""
    bench = Bench()
    bench.network.connector = lambda address, tls=None: ScriptedConnector([], window)
    exchange = bench.ask()
    bench.service(passes)
    bench.connection.close() if closing else bench.connection.cancel(exchange, Canceled("enough"))
    assert (type(exchange.outcome), exchange.outcome.phase) == (Canceled, phase)


def test_exchange_that_was_to_be_dialed_for_was_waiting():
    """One that was taken when the pass had dialed already was not begun."""
    bench = Bench([ConnectionRefusedError("no")])
    bench.ask()
    second = bench.ask()
    bench.service(passes=1)
    assert bench.connection.exchange is second
    bench.connection.close()
    assert second.outcome.phase == "waiting"


def test_close_ends_the_exchange_once():
    """Closing ends the exchange with Canceled; a later answer changes nothing."""
    bench = Bench([None])
    exchange = bench.ask()
    bench.service(passes=3)
    bench.connection.close()
    bench.connection.close()
    assert isinstance(exchange.outcome, Canceled)
    assert bench.network.connectors[0].closed


def test_close_while_dialing():
    """Closing while the connection comes up ends the exchange and the attempt."""
    bench = Bench()
    bench.network.connector = lambda address, tls=None: NeverUp([])
    exchange = bench.ask()
    bench.service(passes=1)
    assert bench.connection.phase is Phase.DIALING
    bench.connection.close()
    assert isinstance(exchange.outcome, Canceled)


def test_cancel_frees_the_connection_for_the_next():
    """A canceled exchange takes its connection with it, and the next one goes out on a new one."""
    bench = Bench([None], [answer("b")])
    first, second = bench.ask(), bench.ask()
    bench.service(passes=3)
    bench.connection.cancel(first, Canceled("enough"))
    bench.service()
    assert second.outcome.body == b"b"


def test_cancel_while_dialing_keeps_the_dial_for_the_next():
    """An exchange canceled before it was sent leaves the connection to others."""
    bench = Bench([answer("b")])
    first = bench.ask()
    bench.service(passes=1)
    bench.connection.cancel(first, Canceled("enough"))
    second = bench.ask()
    bench.service()
    assert second.outcome.body == b"b"


def test_open_dials_ahead():
    """A connection opened ahead carries the first exchange without dialing again."""
    bench = Bench([answer("a")])
    bench.connection.open(split("http://h.test/").origin)
    bench.connection.open(split("http://h.test/").origin)
    bench.service()
    exchange = bench.ask()
    bench.service()
    assert exchange.outcome.body == b"a"
    assert len(bench.network.connectors) == 1


def test_open_that_fails_is_quiet():
    """Nobody is told, and nothing is tried again until there is an exchange."""
    bench = Bench([ConnectionRefusedError("no")], [answer("b")])
    bench.connection.open(split("http://h.test/").origin)
    bench.service()
    assert len(bench.network.connectors) == 1
    exchange = bench.ask()
    bench.service()
    assert exchange.outcome.body == b"b"


def test_awaited_follows_the_phases():
    """While dialing it is what the dial awaits; else, without a descriptor, the signal."""
    bench = Bench([None])
    signal = bench.connection.stirred
    bench.ask()
    bench.service(passes=1)
    (dialing,) = bench.connection.awaited
    bench.service(passes=2)
    assert dialing is not signal
    assert bench.connection.awaited == (signal,)


@pytest.mark.parametrize(
    ("passes", "act"),
    [
        (1, lambda bench, exchange: bench.connection.cancel(exchange, Canceled("enough"))),
        (3, lambda bench, exchange: bench.connection.cancel(exchange, Canceled("enough"))),
        (3, lambda bench, exchange: bench.connection.close()),
        (3, lambda bench, exchange: bench.network.connectors[0].say(b"H")),
    ],
)
def test_signal_fires_whenever_something_changed(passes, act):
    """Whoever is parked behind another exchange is told of its end, of bytes and of a close."""
    bench, fired = Bench([None]), []
    exchange = bench.ask()
    bench.service(passes)
    bench.connection.stirred.attend("test", lambda: fired.append(True))
    act(bench, exchange)
    assert fired == [True]


def test_end_of_the_connection_fires_the_signal():
    """A connection that ends in a pass says so, for what was awaited is gone."""
    bench, fired = Bench([None]), []
    bench.ask()
    bench.service()
    bench.network.connectors[0].attach(lambda _: None)
    bench.network.connectors[0].say(END)
    bench.connection.stirred.attend("test", lambda: fired.append(True))
    bench.service()
    assert fired == [True]


def test_descriptor_is_awaited_alone(monkeypatch):
    """A connector with a descriptor is what a selector watches, and nothing beside it."""
    monkeypatch.setattr(ScriptedConnector, "fileno", lambda _: 7)
    bench = Bench([None])
    bench.ask()
    bench.service()
    assert bench.connection.awaited == (bench.network.connectors[0],)


def test_close_while_the_rest_is_flushed():
    """A source that closes the connection ends the exchange, once what was begun is done."""
    bench = Bench([None])

    def pieces():
        yield from (b"a", b"")
        bench.connection.close()
        yield b"b"

    exchange = bench.ask("POST", body=pieces())
    while bench.connection.phase is not Phase.BUSY:
        bench.service(passes=1)
    bench.connection.flush()
    assert isinstance(exchange.outcome, Canceled)
    assert bench.connection.phase is Phase.CLOSED


def test_quiet_connection_has_nothing_to_do():
    """Once an answer is awaited and nothing is left to read, only a deadline is due."""
    bench = Bench([None])
    bench.ask()
    bench.service(passes=3)
    connector = bench.network.connectors[0]
    assert bench.connection.until == 130.0
    connector.say(b"H")
    assert bench.connection.until == 100.0
    bench.service(passes=1)
    assert bench.connection.until == 130.0


def test_nothing_is_read_for_a_full_sink():
    """While a sink has no room, what comes stays with the peer, for as long as it takes."""
    bench = Bench([[answer("x" * 100)]], timeouts=Timeouts(read=1))
    taken = []
    exchange = bench.ask(sink=lambda respondent: taken.append)
    exchange.room, exchange.awaited = 0, None
    bench.service(passes=20, seconds=1.0)
    assert bench.network.connectors[0].received == 0
    assert exchange.outcome is None
    exchange.room = 1000
    bench.service(passes=1)
    assert b"".join(taken) == b"x" * 100
    assert exchange.outcome.status == 200


def test_silence_counts_from_when_somebody_waits():
    """The time in which nobody waited is not the peer's."""
    bench = Bench([[]], timeouts=Timeouts(read=5))
    exchange = bench.ask()
    bench.service(passes=3)
    exchange.awaited = None
    bench.clock.now += 100
    bench.service(passes=1)
    exchange.wait()
    bench.service(passes=1)
    assert exchange.outcome is None
    bench.service(passes=1, seconds=6.0)
    assert isinstance(exchange.outcome, ReadTimeout)


def test_room_bounds_what_is_decoded():
    """A little that stands for much is worked off as far as there is room, and goes on where it stopped."""
    packed = gzip.compress(bytes(10_000_000))
    bench = Bench([answer_bytes(packed, "gzip")])
    sizes = []
    exchange = bench.ask(sink=lambda respondent: lambda piece: taken(piece))

    def taken(piece):
        sizes.append(len(piece))
        exchange.room -= len(piece)

    exchange.room = 100_000
    bench.service(passes=10)
    assert sum(sizes) <= 100_000 + 65_536
    while exchange.outcome is None:
        exchange.room = 100_000
        bench.service(passes=1)
    assert sum(sizes) == 10_000_000


def answer_bytes(body, coding):
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_a_full_connection_is_not_watched():
    """Nobody is woken for bytes that are not read; while something goes out, the connector still counts."""
    bench = Bench([[b"HTTP/1.1 200 OK\r\n\r\nx"]])
    exchange = bench.ask(sink=lambda respondent: lambda piece: setattr(exchange, "room", 0))
    bench.service(passes=4)
    assert exchange.received
    assert bench.connection.until is None or bench.connection.until > bench.clock.now


def test_starved_source_is_asked_every_pass():
    """A source that has nothing now does not make the exchange time out, and does not end the request."""
    pieces = iter([b"a", *[b""] * 20, b"b"])
    bench = Bench([[], answer("fine")], timeouts=Timeouts(read=1, write=1))
    exchange = bench.ask("POST", body=pieces)
    bench.service(passes=6, seconds=2.0)
    assert bench.connection.until == bench.clock.now + 0.03125
    bench.service(passes=30, seconds=2.0)
    assert exchange.outcome.body == b"fine"
    assert bench.sent[0].endswith(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")


def test_body_goes_when_no_100_has_come():
    """The wait for a 100 ends by the network's clock, and a waiter knows when."""
    bench = Bench([[], answer("fine")], timeouts=Timeouts(expect=2))
    exchange = bench.ask("PUT", body=b"abc", headers={"Expect": "100-continue"})
    bench.service(passes=5)
    assert bench.connection.until == bench.clock.now + 2
    assert not bench.sent[0].endswith(b"abc")
    bench.service(passes=2, seconds=2.0)
    assert bench.sent[0].endswith(b"abc")
    assert exchange.outcome.body == b"fine"


def test_body_waits_from_the_head_on():
    """The wait for a 100 does not count what a connection was idle before."""
    bench = Bench([answer("a"), []], timeouts=Timeouts(expect=2))
    bench.ask()
    bench.service()
    bench.clock.now += 60
    bench.ask("PUT", body=b"abc", headers={"Expect": "100-continue"})
    bench.network.connectors[0].window = 0
    bench.service()
    bench.network.connectors[0].window = 1 << 30
    bench.service(seconds=0.1)
    assert bench.sent[0].endswith(b"\r\n\r\n")


def test_body_waits_for_ever_without_a_limit():
    """With no limit to the wait, the limit on silence ends it."""
    bench = Bench([[]], timeouts=Timeouts(expect=None, read=30))
    exchange = bench.ask("PUT", body=b"abc", headers={"Expect": "100-continue"})
    bench.service(passes=5)
    assert bench.connection.until == bench.clock.now + 30
    bench.service(passes=1, seconds=31.0)
    assert isinstance(exchange.outcome, ReadTimeout)


UPGRADED = b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello"


def test_connection_is_handed_over():
    """After a 101 the connector is the caller's, open, with the bytes that came; the next dials anew."""
    bench = Bench([UPGRADED], [answer("next")])
    exchange, following = bench.ask(upgrade="x"), bench.ask()
    bench.service()
    tunnel = exchange.outcome.meta.tunnel
    assert tunnel.connector is bench.network.connectors[0]
    assert (tunnel.data, tunnel.connector.closed) == (b"hello", False)
    assert following.outcome.body == b"next"


def test_connection_that_nobody_takes_over_is_closed():
    """When the exchange has ended before its 101 came, the connection is closed."""
    bench = Bench([UPGRADED])
    exchange = bench.ask(upgrade="x", sink=lambda respondent: exchange.conclude(Canceled("over")))
    bench.service()
    assert bench.network.connectors[0].closed
    assert bench.connection.phase is Phase.CLOSED


@pytest.mark.parametrize(("body", "replayed"), [([b"x"], True), (iter([b"x"]), False)])
def test_stale_connection_and_streamed_body(body, replayed):
    """A request goes out again on a fresh connection when its body can."""
    bench = Bench([answer(), END], [answer("fine")])
    bench.ask()
    bench.service()
    exchange = bench.ask("PUT", body=body)
    bench.service()
    assert isinstance(exchange.outcome, Response) == replayed
    assert exchange.replayed == replayed


def test_what_is_cut_is_not_sent():
    """The piece that was begun when the refusal came does not go out."""
    bench = Bench()
    exchange = bench.ask("POST", body=[b"x" * 200_000] * 10)
    connector = Jammed([[]])
    bench.network.connector = lambda address, tls=None: connector
    bench.service(passes=4)
    connector.say(b"HTTP/1.1 413 X\r\nContent-Length: 1\r\n\r\n")
    bench.service(passes=2)
    connector.jam = False
    bench.service(passes=2)
    assert sum(map(len, connector.sent)) <= 65_536
    connector.say(b"x")
    bench.service(passes=1)
    assert exchange.outcome.status == 413


class Jammed(ScriptedConnector):
    """Takes one piece and then none while it is jammed."""

    jam = True

    def send(self, data):
        if self.jam and self.sent:
            return 0
        return super().send(data)


def test_source_says_what_it_waits_for():
    """Who waits for the exchange waits for what its source waits for, and until then."""
    signal = Signal()
    bench = Bench([[], answer("fine")])
    bench.ask("POST", body=iter([b"a", Wait(signal, until=7.0), b"b"]))
    while bench.connection.due is None:
        bench.service(passes=1)
    assert signal in bench.connection.awaited
    assert bench.connection.due == 7.0
    assert bench.connection.until > bench.clock.now + 1


def test_silent_peer_behind_an_early_answer():
    """A source that has nothing excuses no peer that has begun to answer."""
    bench = Bench([[b"HTTP/1.1 200 OK\r\n\r\n"]], timeouts=Timeouts(read=5))
    exchange = bench.ask("POST", body=iter([b"a", *[b""] * 100]))
    bench.service(passes=20, seconds=1.0)
    assert isinstance(exchange.outcome, ReadTimeout)


def test_source_is_closed_with_its_exchange():
    """However an exchange ends, its source lets go at once of what it holds."""
    ended = []

    def holding():
        try:
            while True:
                yield b""
        finally:
            ended.append(True)

    bench = Bench([[]], [[]], timeouts=Timeouts(total=5))
    bench.ask("POST", body=holding())
    bench.service(passes=10, seconds=1.0)
    assert ended == [True]
    bench.ask("POST", body=holding())
    bench.service(passes=4)
    bench.connection.close()
    assert ended == [True, True]


def test_nothing_goes_out_behind_the_end():
    """A hook that ends the exchange is not called again, and no further piece is sent."""
    told = []

    def hook(progress):
        told.append(progress)
        exchange.conclude(Canceled("enough"))

    bench = Bench([[]])
    exchange = bench.ask("POST", body=[b"x" * 200_000] * 20)
    exchange.progress = hook
    bench.service(passes=5)
    assert len(told) == 1
    assert sum(map(len, bench.network.connectors[0].sent)) < 500_000


def test_source_that_is_not_told_tyme():
    """A wait that is over at once says no more than nothing: the source is left alone for a while."""
    bench = Bench([[]])
    bench.ask("POST", body=iter([b"a", *[Wait(until=-inf)] * 50]))
    bench.service(passes=8)
    assert bench.connection.due is None
    assert bench.connection.until == bench.clock.now + 0.03125
