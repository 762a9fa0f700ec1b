"""One connection's life, against scripted peers."""

from __future__ import annotations

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
from tymeconn.exchanging.connection import READ_BYTES, READS, Connection, Phase, Setup
from tymeconn.exchanging.exchange import Exchange
from tymeconn.net.seams import Tls
from tymeconn.policy.patience import Timeouts
from tymeconn.testing.scripting import END, ScriptedConnector, ScriptedNetwork, answer
from tymeconn.wire.messages import Limits, Response
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split


class Clock:
    """Seconds that a test sets."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Bench:
    """A connection with a queue of exchanges and a clock."""

    def __init__(self, *scripts, timeouts=None):
        self.clock = Clock()
        self.network = ScriptedNetwork(*scripts, clock=self.clock)
        self.timeouts = timeouts or Timeouts()
        self.queue = []
        setup = Setup(self.network, Tls(), Limits(), self.timeouts)
        self.connection = Connection(setup, lambda: self.queue.pop(0) if self.queue else None)

    def ask(self, method="GET", url="http://h.test/", **options):
        exchange = Exchange(make_request(method, split(url), **options), self.timeouts, self.clock)
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
        b"GET /a HTTP/1.1\r\nHost: h.test\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n\r\n"
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
    bench.service(passes=1)
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
    bench.service(passes=1)
    breaking(bench.network.connectors[0]).say(END)
    bench.service(passes=2)
    assert isinstance(exchange.outcome, WriteError)


def breaking(connector):
    """Make every further send of the connector a broken pipe."""

    def send(data):
        raise BrokenPipeError("pipe")

    connector.send = send
    return connector


def test_pass_reads_a_bounded_share():
    """A peer that has endless bytes gets 256 KiB or 8 reads of one pass."""
    body = [b"x" * 65_536] * 100
    bench = Bench([[b"HTTP/1.1 200 OK\r\nContent-Length: 6553600\r\n\r\n", *body]])
    exchange = bench.ask()
    bench.service(passes=2)
    before = exchange.received
    bench.service(passes=1)
    assert exchange.received - before <= READ_BYTES + 65_536
    assert READS == 8


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
    """What to wait for is nothing when closed, the dial's while dialing, a signal without a descriptor."""
    bench = Bench([None])
    assert bench.connection.awaited == ()
    bench.ask()
    bench.service(passes=1)
    dialing = bench.connection.awaited
    bench.service(passes=2)
    assert dialing
    assert bench.connection.awaited not in ((), dialing)
