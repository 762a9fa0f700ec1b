"""Scripted peers do what their script says, and nothing else."""

from __future__ import annotations

import pytest

from tymeconn.net.seams import Address, Tls
from tymeconn.testing.scripting import END, ScriptedConnector, ScriptedNetwork, answer

ADDRESS = Address(0, ("a.example", 80))


def asked(*script, window=1 << 30):
    """Return a connector that one request went out on."""
    connector = ScriptedConnector(script, window)
    connector.send(b"request")
    return connector


def received(connector, count, size=100):
    return [connector.recv(size) for _ in range(count)]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (answer(), b"HTTP/1.1 200 Scripted\r\ncontent-length: 0\r\n\r\n"),
        (answer("é", 404), "HTTP/1.1 404 Scripted\r\ncontent-length: 2\r\n\r\né".encode()),
        (
            answer(b"x", retry_after=5),
            b"HTTP/1.1 200 Scripted\r\ncontent-length: 1\r\nretry-after: 5\r\n\r\nx",
        ),
        (answer(b"xy", content_length=9), b"HTTP/1.1 200 Scripted\r\ncontent-length: 9\r\n\r\nxy"),
    ],
)
def test_answer(made, expected):
    """An answer is whole, unless its fields are made to lie."""
    assert made == expected


def test_up_at_the_second_connect():
    """No connection is up at once."""
    connector = ScriptedConnector([])
    assert [connector.connect(), connector.connect()] == [False, True]


def test_refused():
    """A script that begins with a refusal refuses."""
    with pytest.raises(ConnectionRefusedError):
        ScriptedConnector([ConnectionRefusedError()]).connect()


def test_nothing_before_a_request():
    """An entry becomes readable when its request went out, one for each."""
    connector = ScriptedConnector([b"one", b"two"])
    assert connector.recv(100) is None
    connector.send(b"request")
    assert received(connector, 2) == [b"one", None]
    connector.send(b"request")
    assert received(connector, 2) == [b"two", None]


def test_silent_after_the_last_entry():
    """Without a script left the peer takes requests and says nothing."""
    connector = asked()
    assert connector.send(b"more") == 4
    assert received(connector, 2) == [None, None]
    assert connector.sent == [b"request", b"more"]


def test_window():
    """A request that goes out in parts is answered when all of it went out."""
    connector = ScriptedConnector([b"one"], window=4)
    assert connector.send(memoryview(b"request")) == 4
    assert connector.recv(100) is None
    assert connector.send(b"est") == 3
    assert connector.recv(100) == b"one"


def test_pieces():
    """A list comes piece by piece, and None is a moment without bytes."""
    assert received(asked([b"one", None, b"two"]), 4) == [b"one", None, b"two", None]


def test_no_piece_exceeds_what_was_asked_for():
    """No `recv` returns more than its size; the rest comes next."""
    connector = asked([b"abcde", b"fg"])
    assert received(connector, 5, size=2) == [b"ab", b"cd", b"e", b"fg", None]
    assert connector.received == 7


@pytest.mark.parametrize("entry", [END, [END], [END, b"never"]])
def test_end(entry):
    """Once the peer has closed, there is nothing but its end."""
    connector = asked(entry)
    connector.say(b"never")
    assert received(connector, 3) == [b"", b"", b""]


@pytest.mark.parametrize("entry", [ConnectionResetError(), [ConnectionResetError()]])
def test_errors(entry):
    """An error of the script is raised by `recv`."""
    with pytest.raises(ConnectionResetError):
        asked(entry).recv(100)


def test_say():
    """A peer can speak unasked."""
    connector = ScriptedConnector([])
    connector.say(b"408", END)
    assert received(connector, 2) == [b"408", b""]


def test_no_descriptor():
    """A scripted connector has no descriptor; who attaches is told at once."""
    connector, told = ScriptedConnector([]), []
    connector.attach(told.append)
    assert (connector.fileno(), connector.pending, connector.clean) == (None, False, True)
    assert told == [connector]


def test_told_of_what_may_succeed():
    """Who attached last is told when the connection comes up, at an answer and at words unasked."""
    connector, told = ScriptedConnector([[b"one", None, b"two"]]), []
    connector.attach(lambda _: told.append("before"))
    connector.attach(lambda _: told.append("now"))
    for act, count in [
        (connector.connect, 2),
        (lambda: connector.send(b"request"), 3),
        (lambda: connector.recv(9), 3),
        (lambda: connector.recv(9), 4),
        (lambda: connector.recv(9), 4),
        (lambda: connector.recv(9), 4),
        (lambda: connector.say(b"408"), 5),
    ]:
        act()
        assert told == ["before"] + ["now"] * count


def test_close():
    """A closed connector says so; the end of sending changes nothing."""
    connector = ScriptedConnector([])
    connector.shut()
    assert not connector.closed
    connector.close()
    assert connector.closed


def test_network_hands_out_scripts_in_order():
    """Each connection follows the next script; without one it is refused."""
    network = ScriptedNetwork([b"one"], [b"two"])
    network.prepare(Tls())
    assert network.ready(Tls()).ended
    made = [network.connector(ADDRESS), network.connector(ADDRESS, Tls())]
    assert network.connectors == made
    assert [(connector.send(b"x"), connector.recv(9)) for connector in made] == [(1, b"one"), (1, b"two")]
    with pytest.raises(ConnectionRefusedError, match=r"a\.example:80"):
        network.connector(ADDRESS)


def test_names():
    """A name has one address at once, and one that ends in .invalid has none."""
    lookup = ScriptedNetwork().resolve("a.example", 80)
    lookup.cancel()
    assert (lookup.ended, lookup.addresses, lookup.error) == (True, (ADDRESS,), None)
    assert lookup.fileno() is None
    lost = ScriptedNetwork().resolve("a.invalid", 80)
    assert (lost.ended, lost.addresses) == (True, ())
    assert isinstance(lost.error, OSError)


def test_clock():
    """Deadlines run on the clock that the test has; by default it stands still."""
    assert ScriptedNetwork(clock=lambda: 7.0).clock() == 7.0
    assert ScriptedNetwork().clock() == 0.0
