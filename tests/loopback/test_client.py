"""The client on real sockets, under hio's own Doist."""

from __future__ import annotations

import socket

import pytest
from hio.base.doing import DoDoer, Doer, Doist, doify

from tymeconn.clienting import Client, ClientDoer
from tymeconn.errors import (
    CertificateError,
    ConnectError,
    ConnectTimeout,
    IncompleteRead,
    NameNotFound,
    NoResponse,
    ProtocolError,
    ReadTimeout,
    TlsError,
    TymeconnError,
)
from tymeconn.net.networking import SocketNetwork
from tymeconn.net.resolving import Resolver
from tymeconn.net.seams import Tls
from tymeconn.policy.patience import Timeouts
from tymeconn.polling import JobState, PollingDoer
from tymeconn.testing.jobserver import JobServer, JobServerDoer

pytestmark = pytest.mark.loopback

BRIEF = Timeouts(connect=5, write=5, read=0.3, total=10)


def doing(generator_function, *args):
    """Return a doer whose `value` is what the generator function returns or raises."""

    def run(tymth=None, tock=0.0, **opts):
        yield
        try:
            run_doer.value = yield from generator_function(*args)
        except TymeconnError as error:
            run_doer.value = error
        return True

    run_doer = doify(run)
    run_doer.value = None
    return run_doer


def ask(client, *paths):
    """Get the paths one after another and return the answers' texts."""
    texts = []
    for path in paths:
        texts.append((yield from client.get(path)).text)
    return texts


def run(doers, real=True, tock=0.001, limit=30.0):
    Doist(real=real, tock=tock, limit=limit, doers=doers).do()


@pytest.mark.parametrize(
    ("real", "tock", "limit"), [(True, 0.001, 30.0), (False, 0.03125, 1e9), (True, 0.0, None)]
)
def test_keep_alive_under_a_doist(peer, echo, real, tock, limit):
    """Requests one after another share one connection, however tyme runs."""
    server = peer(echo)
    client = Client(hostname="127.0.0.1", port=server.port)
    doer = doing(ask, client, "/a", "/b", "/c")
    run([doer], real=real, tock=tock, limit=limit)
    client.close()
    assert doer.value == ["/a", "/b", "/c"]
    assert server.accepted == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_families(peer, echo, host):
    """IPv4 and IPv6 literals are connected to."""
    server = peer(echo, host=host)
    client = Client(hostname=host, port=server.port)
    doer = doing(ask, client, "/a")
    run([doer])
    client.close()
    assert doer.value == ["/a"]


def test_localhost_finds_the_family_that_listens(peer, echo):
    """localhost is tried on both families."""
    server = peer(echo)
    client = Client(hostname="localhost", port=server.port)
    doer = doing(ask, client, "/a")
    run([doer])
    client.close()
    assert doer.value == ["/a"]


def test_many_doers_share_a_client_inside_dodoers(peer, echo):
    """Nested doers share one connection, each with its own answer."""
    server = peer(echo)
    client = Client(hostname="127.0.0.1", port=server.port)
    doers = [doing(ask, client, f"/{n}", f"/{n}/again") for n in range(10)]
    run(
        [DoDoer(doers=doers[:5]), DoDoer(doers=[DoDoer(doers=doers[5:]), ClientDoer(client=client)])],
        limit=1.0,
    )
    assert [doer.value for doer in doers] == [[f"/{n}", f"/{n}/again"] for n in range(10)]
    assert server.accepted == 1


@pytest.mark.parametrize("said", [b"Connection: close\r\n", b""])
def test_server_that_closes_each_time(peer, once, said):
    """A connection that ends after its answer is opened again for the next request, said or not."""
    server = peer(once(b"HTTP/1.1 200 OK\r\n" + said + b"Content-Length: 2\r\n\r\nok"))
    client = Client(hostname="127.0.0.1", port=server.port)
    doer = doing(ask, client, "/a", "/b", "/c")
    run([doer])
    client.close()
    assert doer.value == ["ok"] * 3
    assert server.accepted == 3


def test_tls_with_a_private_authority(peer, echo, server_context, cafile):
    """A certificate that the given authority signed for the name is accepted; the body comes whole."""
    server = peer(echo, context=server_context("localhost"))
    client = Client(hostname="localhost", port=server.port, scheme="https", tls=Tls(cafile=cafile))
    doer = doing(ask, client, "/a", "/b")
    run([doer])
    client.close()
    assert doer.value == ["/a", "/b"]


def test_large_bodies_both_ways(peer, server_context, cafile):
    """Megabytes go up and come down, plain and TLS."""

    def handle(connection):
        received = b""
        while len(received) < 3_000_000:
            received += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"y" * 3_000_000)
        connection.recv(1)

    plain, secure = peer(handle), peer(handle, context=server_context("localhost"))
    clients = [
        Client(hostname="127.0.0.1", port=plain.port),
        Client(hostname="localhost", port=secure.port, scheme="https", tls=Tls(cafile=cafile)),
    ]
    doers = [doing(lambda client=client: client.put("/", body=b"x" * 3_000_000)) for client in clients]
    run(doers)
    for client in clients:
        client.close()
    assert [len(doer.value.body) for doer in doers] == [3_000_000] * 2


def test_bad_certificate(peer, echo, server_context):
    """A certificate nobody vouches for is refused, for this exchange alone."""
    server = peer(echo, context=server_context("localhost"))
    client = Client(hostname="localhost", port=server.port, scheme="https")
    doer = doing(ask, client, "/a")
    run([doer])
    assert isinstance(doer.value, CertificateError)
    assert not doer.value.retryable


def test_certificate_for_another_name(peer, echo, server_context, cafile):
    """A certificate must be for the name that was asked."""
    server = peer(echo, context=server_context("other.test"))
    client = Client(hostname="localhost", port=server.port, scheme="https", tls=Tls(cafile=cafile))
    doer = doing(ask, client, "/a")
    run([doer])
    assert isinstance(doer.value, CertificateError)


def test_plain_peer_on_tls(peer, once):
    """A peer that does not speak TLS is a TlsError or a timeout, never a hang."""
    server = peer(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    client = Client(hostname="127.0.0.1", port=server.port, scheme="https", timeouts=BRIEF)
    doer = doing(ask, client, "/a")
    run([doer])
    assert isinstance(doer.value, TlsError)


def test_silent_peer_on_tls(peer, silent):
    """A handshake that is never answered ends at the connect limit."""
    server = peer(silent)
    timeouts = Timeouts(connect=0.3)
    client = Client(hostname="127.0.0.1", port=server.port, scheme="https", timeouts=timeouts)
    doer = doing(ask, client, "/a")
    run([doer])
    assert isinstance(doer.value, ConnectTimeout)


class Until(Doer):
    """Ends the Doist when a condition holds."""

    def __init__(self, condition):
        super().__init__()
        self.condition = condition

    def recur(self, tyme):
        if self.condition():
            raise KeyboardInterrupt
        return False


def knows_no_name(*args, **kwargs):
    """A getaddrinfo that asks nobody."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def free_port(peer):
    server = peer(lambda connection: None)
    server.close()
    return server.port


def test_bad_peers_harm_nobody(peer, echo, once, silent, server_context):
    """Refused, bad certificate, unknown name, garbage and silence beside ten healthy jobs in one Doist."""
    bad = {
        ConnectError: Client(hostname="127.0.0.1", port=free_port(peer)),
        CertificateError: Client(
            hostname="localhost", port=peer(echo, context=server_context("localhost")).port, scheme="https"
        ),
        NameNotFound: Client(
            hostname="nowhere.test", network=SocketNetwork(Resolver(getaddrinfo=knows_no_name))
        ),
        ProtocolError: Client(hostname="127.0.0.1", port=peer(once(b"\0\1garbage\r\n\r\n")).port),
        ReadTimeout: Client(hostname="127.0.0.1", port=peer(silent).port, timeouts=BRIEF),
        IncompleteRead: Client(
            hostname="127.0.0.1", port=peer(once(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")).port
        ),
        NoResponse: Client(hostname="127.0.0.1", port=peer(once(b"")).port),
    }
    server = JobServer()
    server.open()
    good = [Client(hostname="127.0.0.1", port=server.address[1]) for _ in range(3)]
    bad_jobs = [
        PollingDoer(client, "POST", "/jobs", timeout=client._setup.timeouts) for client in bad.values()
    ]
    bad_doers = [doing(ask, client, "/") for client in bad.values()]
    good_jobs = [PollingDoer(good[n % 3], "POST", "/jobs", json={"seconds": 0.2}) for n in range(10)]
    everybody = Until(
        lambda: (
            all(job.outcome for job in (*bad_jobs, *good_jobs))
            and all(doer.value is not None for doer in bad_doers)
        )
    )
    run([JobServerDoer(server), *bad_doers, *bad_jobs, *good_jobs, everybody])
    for client in (*bad.values(), *good):
        client.close()
    assert [type(doer.value) for doer in bad_doers] == list(bad)
    assert [type(job.outcome.__cause__) for job in bad_jobs] == list(bad)
    assert [job.job.state for job in good_jobs] == [JobState.SUCCEEDED] * 10


def test_deques_under_a_client_doer(peer, echo):
    """hio's request and respond work on real sockets inside a Doist."""
    server = peer(echo)
    client = Client(hostname="127.0.0.1", port=server.port)
    for n in range(5):
        client.request(method="GET", path=f"/{n}")
    Doist(
        real=True,
        tock=0.001,
        limit=10.0,
        doers=[ClientDoer(client=client), Until(lambda: len(client.responses) == 5)],
    ).do()
    assert [bytes(client.respond().body) for _ in range(5)] == [f"/{n}".encode() for n in range(5)]
