"""Programs of hio's users run on either client, with one line changed, and on ours survive a bad peer."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from hio.base.doing import DoDoer

from tymeconn.clienting import Client, ClientDoer
from tymeconn.policy.patience import Timeouts

from .playing import run
from .running import Replies

# hio 0.6's server asks datetime for the time in a way that Python 3.12 deprecates.
pytestmark = [
    pytest.mark.loopback,
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
]

HIO = "from hio.core.http import clienting\n"
OURS = "from tymeconn import clienting\n"
BRIEF = Timeouts(connect=5, write=5, read=1, total=20)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n" + b'{"a": 1}'
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
GARBAGE = [
    b"\0\1garbage\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://[::/\r\n\r\n",
    b"",
]


def load(name, line):
    """Return the names of a program, with the line that imports the client changed to `line`."""
    path = Path(__file__).parent / "programs" / f"{name}.py"
    source = path.read_text()
    assert source.count(HIO) == 1
    names = {"__name__": name}
    exec(compile(source.replace(HIO, line), path, "exec"), names)
    return SimpleNamespace(**names)


@pytest.fixture(params=[HIO, OURS], ids=["hio", "tymeconn"])
def line(request):
    """The line by which a program gets its client."""
    return request.param


def piece(data):
    """Return a step that sends data as a chunk."""
    return lambda connection: connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))


def asked(asker, ports):
    """Run until each port has been asked for /<number> and has answered."""

    def story():
        yield lambda: True
        for name, port in enumerate(ports):
            asker.ask(name, port, f"/{name}")
        yield lambda: len(asker.answers) == len(ports)

    run(asker, story())
    return asker.answers


def test_client_per_request(peer, echo, line):
    """A client per request, added and removed by a DoDoer, brings every answer."""
    server = peer(echo)
    answers = asked(load("client_per_request", line).Asker(), [server.port] * 5)
    assert answers == {name: (200, b"/%d" % name) for name in range(5)}


def test_client_per_request_with_bad_peers(peer, echo, once, silent):
    """Peers that talk nonsense, hang up, refuse or are silent spoil no other answer."""
    refusing = peer(silent)
    refusing.close()
    bad = [*(peer(once(answer)).port for answer in GARBAGE), refusing.port, peer(silent).port]
    asker = load("client_per_request", OURS).Asker(timeouts=BRIEF)
    answers = asked(asker, [*bad, peer(echo).port])
    assert [answers.pop(name) for name in range(len(bad))] == [(None, b"")] * len(bad)
    assert answers == {len(bad): (200, b"/%d" % len(bad))}
    assert not asker.doers


def read(mailbox, *ids):
    """Run until the letters have these ids."""
    run(mailbox, iter([lambda: [number for number, _ in mailbox.letters] == list(ids)]))


def told(story, line):
    """Return what a story returns; hio's own client may hang where a stream ends, and has three tries."""
    for _ in range(2 if line == HIO else 0):
        with suppress(AssertionError):
            return story()
    return story()


def test_mailbox(peer, play, line):
    """Letters come one after another, and after a break from where it was."""

    def story():
        first = [STREAM, piece(b"retry: 50\nid: 1\ndata: a\n\n"), piece(b"id: 2\ndata: b\n\n")]
        again = [STREAM, piece(b"id: 3\ndata: c\n\n"), lambda connection: connection.recv(1)]
        script = play(first, again)
        mailbox = load("mailbox", line).Mailbox(peer(script).port, b"topic")
        read(mailbox, "1", "2", "3")
        return script, mailbox

    script, mailbox = told(story, line)
    assert mailbox.letters == [("1", "a"), ("2", "b"), ("3", "c")]
    assert b"\r\nLast-Event-Id: 2\r\n" in script.requests[1]
    assert [request[-5:] for request in script.requests] == [b"topic"] * 2


def test_mailbox_with_a_bad_peer(peer, play, reset):
    """It survives nonsense, a refusal, a cut event, bytes that are no text and a reset, and goes on."""
    refusal = b"HTTP/1.1 500 Oh\r\nContent-Type: text/event-stream\r\nContent-Length: 2\r\n\r\nno"
    wait = b"retry: 1\n"
    script = play(
        [b"\0\r\n\r\n"],
        [refusal],
        [STREAM, piece(wait + b"id: 1\ndata: a\n\nid: 9\ndata: cu")],
        [STREAM, piece(b"data: \xff\xfe\n\n"), reset],
        [],
        [STREAM, lambda connection: connection.sendall(b"xyz\r\n")],
        [STREAM, piece(b"id: 3\r\ndata: c\r\n\r\n"), lambda connection: connection.recv(1)],
    )
    mailbox = load("mailbox", OURS).Mailbox(peer(script).port, b"topic", timeouts=BRIEF)
    read(mailbox, "1", None, "3")
    assert (mailbox.letters[0], mailbox.letters[2]) == (("1", "a"), ("3", "c"))
    assert mailbox.refusals[:2] == [None, 500]
    assert b"\r\nLast-Event-Id: 1\r\n" in script.requests[-1]


def relayed(program, *backends):
    """Return what the program's server says of the backends at these ports, asked all at once."""
    served = [program.serve(backend, 0.5) for backend in backends]
    clients = [Client(hostname="127.0.0.1", port=port) for port, _ in served]
    for client in clients:
        client.request(method="GET", path="/backend")
    doers = [doer for _, doer in served] + [ClientDoer(client=client) for client in clients]
    run(DoDoer(doers=doers), iter([lambda: all(client.responses for client in clients)]))
    return [client.respond().data for client in clients]


def test_backend(peer, line):
    """An application asks its backend while it is served, and hands the answer on."""
    replies = Replies(lambda request: OK)
    assert relayed(load("backend", line), peer(replies).port) == [{"status": 200, "data": {"a": 1}}]
    assert replies.targets == ["GET /backend"]


def test_backend_with_bad_peers(peer, once, silent):
    """A backend that talks nonsense, hangs up or is silent is told of; others are answered meanwhile."""
    bad = [*(peer(once(answer)).port for answer in GARBAGE), peer(silent).port]
    said = relayed(load("backend", OURS), *bad, peer(Replies(lambda request: OK)).port)
    assert said == [{"status": None, "data": None}] * len(bad) + [{"status": 200, "data": {"a": 1}}]
