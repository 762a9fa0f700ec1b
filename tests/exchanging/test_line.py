"""The usual course of a connection: what it does in one step is what the phases do."""

from __future__ import annotations

import pytest

from tymeconn.errors import Canceled, ExchangeError
from tymeconn.exchanging.connection import Connection
from tymeconn.exchanging.exchange import Exchange
from tymeconn.exchanging.line import Phase
from tymeconn.exchanging.setup import Setup
from tymeconn.net.seams import READ, WRITE, Tls
from tymeconn.policy.patience import Timeouts
from tymeconn.testing.scripting import END, ScriptedConnector, ScriptedNetwork, answer
from tymeconn.wire.messages import Limits
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split

from ..wire.answer_files import CASES, raw

PIPE = BrokenPipeError("pipe")
ANSWERS = [data for case in CASES if len(data := raw(case)) < 10_000]
LAST = answer("last", connection="close")


class Quiet(ScriptedConnector):
    """It tells that nothing has come."""

    def quiet(self):
        return not self._readable


class Network(ScriptedNetwork):
    """Its connectors can or cannot tell, take so many bytes at once, and may fail to send."""

    def __init__(self, *scripts, telling, window=1 << 30, broken=False):
        super().__init__(*scripts)
        self._kind = Quiet if telling else ScriptedConnector
        self._window = window
        self._broken = broken

    def connector(self, address, tls=None):
        made = super().connector(address, tls)
        connector = self._kind(made._script, self._window)
        self.connectors[-1] = connector
        if self._broken and len(self.connectors) == 1:
            self._break_second(connector)
        return connector

    @staticmethod
    def _break_second(connector):
        send, calls = connector.send, []

        def once(data):
            calls.append(data)
            if len(calls) > 1:
                raise PIPE
            return send(data)

        connector.send = once


def told(exchange):
    """Return all that its caller can know of an exchange."""
    outcome = exchange.outcome
    counts = exchange.sent, exchange.received, exchange.reused, exchange.replayed
    if outcome is None or isinstance(outcome, ExchangeError):
        return type(outcome), str(outcome), getattr(outcome, "phase", None), *counts
    return outcome.status, outcome.reason, [*outcome.headers.items()], outcome.body, *counts


def carried(*scripts, telling, requests=2, method="GET", headers=None, **options):
    """Return what came of so many exchanges, one after another, and what became of the connections."""
    network = Network(*scripts, telling=telling, **options)
    setup, seen = Setup(network, Tls(), Limits(), Timeouts()), []
    connection = Connection(setup)
    for number in range(requests):
        request = make_request(method, split(f"http://a.test/{number}"), headers=headers)
        exchange = connection.exchange = Exchange(request, setup.timeouts, network.clock)
        for _ in range(20):
            connection.service()
        seen.append((told(exchange), connection.phase, connection.cutoff))
        if connection.phase is Phase.BUSY:
            connection.close()
    return seen, [(b"".join(each.sent), each.closed) for each in network.connectors]


def same(*scripts, **options):
    """Return what came of it, which is the same in one step as by the phases."""
    usual = carried(*scripts, telling=True, **options)
    assert usual == carried(*scripts, telling=False, **options)
    return usual[0]


@pytest.mark.parametrize("data", ANSWERS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_answers(data, method):
    """Whatever a server says comes out the same, in one piece and in two, first and behind another."""
    first = answer("first") if method == "GET" else answer("")
    same([first, data], [LAST], method=method)
    same([first, [data[:40], data[40:]]], [LAST], method=method)
    same([data, answer("b")], [LAST], method=method)


def test_usual_course():
    """An answer that came whole leaves the connection to the next request."""
    (first, second) = same([answer("a"), answer("b")])
    assert (first[0][3], second[0][3]) == (b"a", b"b")
    assert (first[1], second[0][6]) == (Phase.READY, True)


@pytest.mark.parametrize("second", [b"", b"X", END, [END], [answer("b"), END], [answer("b"), b"X"], PIPE])
def test_what_comes_unasked(second):
    """Bytes and ends that come between two requests, or behind an answer, are nobody's answer."""
    pieces = second if isinstance(second, list) else [second]
    same([[answer("a"), *pieces], answer("c")], [answer("d")], [answer("e")], requests=3)


@pytest.mark.parametrize("window", [1, 7, 40])
def test_request_that_leaves_in_parts(window):
    """What the peer does not take at once goes out afterwards."""
    (first, _) = same([answer("a"), answer("b")], window=window)
    assert first[0][3] == b"a"


@pytest.mark.parametrize("ending", [[], [END], [answer("early")]])
def test_send_that_fails(ending):
    """A connection that breaks while a request is sent is another's turn, unless the answer is there."""
    same([[answer("a")], *ending], [answer("b")], broken=True)


def test_close_said():
    """An answer that is the last one closes the connection."""
    ((_, phase, cutoff), _) = same([LAST], [LAST])
    assert (phase, cutoff) == (Phase.CLOSED, True)


def test_close_asked_for():
    """So does a request that says so."""
    ((_, phase, cutoff), _) = same([answer("a")], [answer("b")], headers={"Connection": "close"})
    assert (phase, cutoff) == (Phase.CLOSED, True)


class Hasty(Quiet):
    """It answers before it has taken all that is sent, and takes the rest when it is told to."""

    def __init__(self, early, telling):
        super().__init__([])
        self.early = early
        self.room = 30
        if not telling:
            self.quiet = lambda: False

    def send(self, data):
        taken = min(self.room, len(data))
        self.room -= taken
        self.sent.append(bytes(data[:taken]))
        if self.early:
            self.say(self.early)
            self.early = b""
        return taken


def line_to(connector):
    """Return a connection whose peer this is, and a function that gives it an exchange."""
    network = ScriptedNetwork()
    network.connector = lambda *_: connector
    setup = Setup(network, Tls(), Limits(), Timeouts())
    connection = Connection(setup)

    def ask():
        request = make_request("GET", split("http://a.test/"))
        connection.exchange = Exchange(request, setup.timeouts, network.clock)
        return connection.exchange

    return connection, ask


@pytest.mark.parametrize("telling", [True, False])
@pytest.mark.parametrize("early", [answer("no", 413), answer("yes")])
def test_answer_before_the_request_is_out(early, telling):
    """It ends the connection: another request would go out behind a part of the one before."""
    connector = Hasty(early, telling)
    connection, ask = line_to(connector)
    exchange = ask()
    for _ in range(4):
        connection.service()
    assert exchange.outcome.status in (200, 413)
    assert (connection.phase, connector.closed) == (Phase.CLOSED, True)


def test_answer_in_parts_before_the_request_is_out():
    """What has come is told of at once when the rest of the request goes out meanwhile."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    connector = Hasty(chunked, telling=True)
    connection, ask = line_to(connector)
    exchange = ask()
    connection.service()
    connector.room = 1_000
    while exchange.outcome is None and connection.until is not None and connection.until <= 0.0:
        connection.service()
    connection.service()
    assert exchange.outcome.body == b"a"


def test_what_tls_keeps_inside():
    """While a connector still has to write there is more to wait for than the answer."""
    connector = Hasty(b"", telling=True)
    connector.room, connector.wants = 1_000, READ | WRITE
    connection, ask = line_to(connector)
    ask()
    for _ in range(3):
        assert not connection.service()
    assert connection.phase is Phase.BUSY


def test_given_up_while_it_is_sent():
    """A request that is given up in the middle of a pass leaves no connection behind."""
    connector = Hasty(b"", telling=True)
    connection, ask = line_to(connector)
    connector.room = 1_000
    first = ask()
    for _ in range(3):
        connection.service()
    connector.say(answer("a"))
    connection.service()
    exchange = ask()
    connector.room = 1_000
    send, connector.send = (
        connector.send,
        lambda data: (connection.cancel(exchange, Canceled("x")), send(data))[1],
    )
    connection.service()
    assert (first.outcome.body, str(exchange.outcome)) == (b"a", "x")
    assert (connection.phase, connection.exchange, connector.closed) == (Phase.CLOSED, None, True)


def test_share_of_one_pass():
    """The look and the phases behind it read as much as a pass may, together."""
    connector = Hasty(b"HTTP/1.1 200 OK\r\n\r\n", telling=True)
    connector.room = 1_000
    connection, ask = line_to(connector)
    exchange = ask()
    for _ in range(3):
        connection.service()
    connector.say(*[bytes(65_536)] * 20)
    before = exchange.received
    connection.service()
    assert exchange.received - before <= 262_144


def test_size_of_reads():
    """What one exchange reads is not taken from the next one's."""
    sizes, connector = [], Hasty(b"", telling=True)
    connection, ask = line_to(connector)
    recv, connector.recv = connector.recv, lambda size: (sizes.append(size), recv(size))[1]
    for _ in range(200):
        ask()
        connector.room, connector.early = 1_000, answer("a" * 1_000)
        for _ in range(3):
            connection.service()
    assert set(sizes) == {65_536}
