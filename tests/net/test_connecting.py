"""TLS over streams in memory: no sockets, no threads."""

from __future__ import annotations

import errno
import ssl

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from tymeconn.net.connecting import TlsConnector
from tymeconn.net.seams import READ, WRITE, Tls
from tymeconn.net.securing import context

from .scripted import Pipe, TlsPeer, shake

RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
def client(pipe: Pipe, tls: Tls) -> TlsConnector:
    return TlsConnector(pipe, context(tls), "example.test")


@pytest.fixture
def peer(server_context: ssl.SSLContext, pipe: Pipe) -> TlsPeer:
    return TlsPeer(server_context, pipe)


@pytest.fixture
def up(client: TlsConnector, peer: TlsPeer) -> TlsConnector:
    shake(client, peer)
    assert client.recv(100) is None  # session tickets
    return client


class TestHandshake:
    def test_it_waits_for_the_inner_connector(self, tls: Tls) -> None:
        """Nothing is sent before the inner connector is up, and its wishes are passed on."""
        pipe = Pipe(up=False)
        client = TlsConnector(pipe, context(tls), "example.test")
        assert (client.connect(), client.wants, bytes(pipe.outbox)) == (False, WRITE, b"")

    def test_it_is_up_after_the_handshake(self, client: TlsConnector, peer: TlsPeer) -> None:
        """Once up it stays up, knows the protocol agreed on, and waits for reading."""
        shake(client, peer)
        assert (client.connect(), client.protocol, client.wants) == (True, "http/1.1", READ)

    def test_a_handshake_in_single_bytes_comes_up(
        self, pipe: Pipe, client: TlsConnector, peer: TlsPeer
    ) -> None:
        """However the bytes are cut; a call that stops before the bytes do says pending."""
        pipe.piece = 1
        client.connect()
        peer.shake()
        assert (client.connect(), client.pending) == (False, True)
        for _ in range(10_000):
            if client.connect():
                break
        assert client.connect()

    def test_no_room_for_the_hello_is_waited_for(self, tls: Tls, server_context: ssl.SSLContext) -> None:
        """While the inner connector takes nothing, WRITE is wanted; with room the handshake goes on."""
        pipe = Pipe(room=10)
        client = TlsConnector(pipe, context(tls), "example.test")
        assert (client.connect(), client.wants, len(pipe.outbox)) == (False, READ | WRITE, 10)
        pipe.room = 1 << 20
        shake(client, TlsPeer(server_context, pipe))

    @pytest.mark.parametrize("hostname", ["127.0.0.1", "::1", "example.test."])
    def test_addresses_and_final_dots_are_verified(
        self, hostname: str, pipe: Pipe, tls: Tls, peer: TlsPeer
    ) -> None:
        """A certificate for an IP address serves that address; a final dot is no part of a name."""
        shake(TlsConnector(pipe, context(tls), hostname), peer)

    @pytest.mark.parametrize("hostname", ["other.test", "127.0.0.2", "::2"])
    def test_a_certificate_of_another_host_is_refused(
        self, hostname: str, pipe: Pipe, tls: Tls, peer: TlsPeer
    ) -> None:
        """The certificate must be for the hostname; the peer is told by an alert."""
        client = TlsConnector(pipe, context(tls), hostname)
        client.connect()
        peer.shake()
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            client.connect()
        assert pipe.outbox

    def test_a_certificate_of_an_unknown_authority_is_refused(self, pipe: Pipe, peer: TlsPeer) -> None:
        """The system's roots do not know the tests' authority."""
        client = TlsConnector(pipe, context(Tls()), "example.test")
        client.connect()
        peer.shake()
        with pytest.raises(ssl.SSLCertVerificationError):
            client.connect()

    def test_verify_false_takes_any_certificate(self, pipe: Pipe, peer: TlsPeer) -> None:
        """Neither authority nor name matter then."""
        shake(TlsConnector(pipe, context(Tls(verify=False)), "other.test"), peer)

    def test_a_client_shows_its_certificate(
        self, pipe: Pipe, authority: trustme.CA, cafile: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """A server that asks for a certificate gets the one of certfile."""
        path = tmp_path_factory.mktemp("client") / "both.pem"
        authority.issue_cert("client.test").private_key_and_cert_chain_pem.write_to_path(str(path))
        asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("example.test").configure_cert(asking)
        authority.configure_trust(asking)
        asking.verify_mode = ssl.CERT_REQUIRED
        peer = TlsPeer(asking, pipe)
        shake(TlsConnector(pipe, context(Tls(cafile=cafile, certfile=str(path))), "example.test"), peer)
        peer.shake()
        certificate = peer.tls.getpeercert()
        assert certificate
        assert ("DNS", "client.test") in certificate["subjectAltName"]

    def test_a_peer_that_speaks_no_tls_is_a_tls_error(self, pipe: Pipe, client: TlsConnector) -> None:
        """A plain answer raises ssl.SSLError."""
        client.connect()
        pipe.inbox += b"HTTP/1.1 400 Bad Request\r\n\r\n"
        with pytest.raises(ssl.SSLError):
            client.connect()

    def test_an_end_in_the_handshake_is_a_tls_error(self, pipe: Pipe, client: TlsConnector) -> None:
        """A peer that hangs up raises ssl.SSLError."""
        pipe.ended = True
        with pytest.raises(ssl.SSLEOFError):
            client.connect()

    def test_a_reset_in_the_handshake_is_a_tls_error(self, pipe: Pipe, client: TlsConnector) -> None:
        """A peer that resets raises ssl.SSLError, with its errno and reason."""
        client.connect()
        pipe.failure = RESET
        with pytest.raises(ssl.SSLError, match="reset by peer in the TLS handshake") as caught:
            client.connect()
        assert caught.value.errno == errno.ECONNRESET

    def test_an_alert_is_read_though_sending_broke(self, pipe: Pipe, client: TlsConnector) -> None:
        """The peer's alert tells more than the broken pipe that its end causes."""
        pipe.broken = BrokenPipeError(errno.EPIPE, "Broken pipe")
        pipe.inbox += bytes.fromhex("15030100020228")  # fatal alert 40, handshake_failure
        with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
            client.connect()

    def test_a_failure_of_the_inner_connector_is_raised_as_it_is(self, tls: Tls) -> None:
        """A refused connection stays a refused connection."""
        pipe = Pipe(up=False)
        pipe.failure = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        with pytest.raises(ConnectionRefusedError):
            TlsConnector(pipe, context(tls), "example.test").connect()


class TestReceiving:
    def test_nothing_now_is_none(self, up: TlsConnector) -> None:
        """Without bytes recv returns None and nothing is pending."""
        assert (up.recv(100), up.pending) == (None, False)

    def test_decrypted_bytes_are_pending_until_read(self, up: TlsConnector, peer: TlsPeer) -> None:
        """What is left of a record is inside, where no descriptor tells of it."""
        peer.write(b"hello world")
        assert (up.recv(5), up.pending) == (b"hello", True)
        assert (up.recv(100), up.pending) == (b" world", False)

    def test_unread_records_are_pending(self, up: TlsConnector, peer: TlsPeer) -> None:
        """A second record that came with the first is inside too."""
        peer.write(b"one")
        peer.write(b"two")
        assert (up.recv(100), up.pending) == (b"one", True)
        assert (up.recv(100), up.pending) == (b"two", False)

    def test_half_a_record_is_not_pending(self, up: TlsConnector, pipe: Pipe, peer: TlsPeer) -> None:
        """A record whose rest is on the way gives nothing yet, and asking again would not help."""
        peer.write(b"hello")
        rest = bytes(pipe.inbox[-3:])
        del pipe.inbox[-3:]
        assert (up.recv(100), up.pending) == (None, False)
        pipe.inbox += rest
        assert up.recv(100) == b"hello"

    def test_what_is_inside_the_inner_connector_is_pending(self, up: TlsConnector, pipe: Pipe) -> None:
        """TLS in TLS: bytes inside the inner TLS count."""
        pipe.pending = True
        up.recv(100)
        assert up.pending

    def test_one_call_reads_a_bounded_number_of_times(
        self, up: TlsConnector, pipe: Pipe, peer: TlsPeer
    ) -> None:
        """A peer that dribbles cannot keep a call from ending; the call then says pending."""
        peer.write(b"hello")
        pipe.piece = 1
        size = len(pipe.inbox)
        assert (up.recv(100), up.pending, len(pipe.inbox)) == (None, True, size - 4)
        assert next(data for _ in range(size) if (data := up.recv(100))) == b"hello"

    def test_an_end_that_a_bounded_call_stopped_at_is_pending(self, up: TlsConnector, pipe: Pipe) -> None:
        """When the fourth piece is the end, the next call returns it, and pending says so."""
        pipe.inbox += b"\x17\x03\x03"
        pipe.piece, pipe.ended = 1, True
        assert (up.recv(100), up.pending) == (None, True)
        assert (up.recv(100), up.pending) == (b"", False)

    def test_close_notify_is_a_clean_end(self, up: TlsConnector, peer: TlsPeer) -> None:
        """After the peer's close_notify recv returns b"" again and again, and the end is authenticated."""
        peer.write(b"bye")
        peer.say_end()
        assert [up.recv(100) for _ in range(3)] == [b"bye", b"", b""]
        assert up.clean

    def test_the_end_inside_is_pending(self, up: TlsConnector, peer: TlsPeer) -> None:
        """A close_notify that came with the last bytes is announced as pending."""
        peer.write(b"bye")
        peer.say_end()
        assert (up.recv(100), up.pending) == (b"bye", True)

    @pytest.mark.parametrize("half", [b"", b"\x17\x03\x03\x00"])
    def test_an_end_without_close_notify_is_not_clean(
        self, half: bytes, up: TlsConnector, pipe: Pipe
    ) -> None:
        """An end that nobody authenticated, even inside a record, ends the stream but not cleanly."""
        pipe.inbox += half
        pipe.ended = True
        assert [up.recv(100) for _ in range(3)] == [b"", b"", b""]
        assert not up.clean

    def test_a_lenient_context_does_not_make_an_end_clean(
        self, pipe: Pipe, peer: TlsPeer, authority: trustme.CA
    ) -> None:
        """Under OP_IGNORE_UNEXPECTED_EOF an end without close_notify is still not clean."""
        lenient = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(lenient)
        lenient.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
        client = TlsConnector(pipe, context(Tls(context=lenient)), "example.test")
        shake(client, peer)
        pipe.ended = True
        assert (client.recv(100), client.clean) == (b"", False)

    def test_a_reset_is_raised(self, up: TlsConnector, pipe: Pipe) -> None:
        """A reset of the inner connector is a ConnectionResetError of this one."""
        pipe.failure = RESET
        with pytest.raises(ConnectionResetError):
            up.recv(100)

    def test_forged_bytes_are_a_tls_error(self, up: TlsConnector, pipe: Pipe) -> None:
        """A record that was tampered with raises ssl.SSLError."""
        pipe.inbox += b"\x17\x03\x03\x00\x20" + bytes(32)
        with pytest.raises(ssl.SSLError):
            up.recv(100)

    def test_the_answer_is_read_though_sending_broke(
        self, up: TlsConnector, pipe: Pipe, peer: TlsPeer
    ) -> None:
        """After a broken pipe the early answer is read, and the next send tells of the break again."""
        pipe.broken = BrokenPipeError(errno.EPIPE, "Broken pipe")
        with pytest.raises(BrokenPipeError):
            up.send(b"body")
            up.send(b"more")
        peer.write(b"413")
        assert up.recv(100) == b"413"
        with pytest.raises(BrokenPipeError):
            up.send(b"more")


class TestSending:
    def test_what_is_sent_arrives(self, up: TlsConnector, peer: TlsPeer) -> None:
        """Bytes of any length are taken while there is room, and only READ is wanted after."""
        data = bytes(range(256)) * 1000
        assert (up.send(memoryview(data)), up.wants) == (len(data), READ)
        assert peer.read() == data

    def test_no_room_takes_nothing(self, up: TlsConnector, pipe: Pipe, peer: TlsPeer) -> None:
        """While ciphertext is left over, send returns 0 and wants WRITE; memory stays bounded."""
        pipe.room = 0
        first = up.send(b"x" * 1_000_000)
        assert (first, up.send(b"more"), up.wants) == (65_536, 0, READ | WRITE)
        pipe.room = 1 << 20
        assert (up.send(b""), up.wants, peer.read()) == (0, READ, b"x" * 65_536)

    def test_recv_passes_on_what_was_left(self, up: TlsConnector, pipe: Pipe, peer: TlsPeer) -> None:
        """Bytes that send took need no further send: recv passes them on when there is room."""
        pipe.room = 7
        assert (up.send(b"request"), up.wants) == (7, READ | WRITE)
        pipe.room = 1 << 20
        assert (up.recv(100), up.wants, peer.read()) == (None, READ, b"request")

    def test_a_broken_inner_connector_is_raised(self, up: TlsConnector, pipe: Pipe) -> None:
        """What breaks the inner connector is an OSError of the next send."""
        pipe.broken = BrokenPipeError(errno.EPIPE, "Broken pipe")
        up.send(b"request")
        with pytest.raises(BrokenPipeError):
            up.send(b"more")

    def test_what_was_taken_before_it_broke_is_told(self, up: TlsConnector, pipe: Pipe) -> None:
        """Bytes that may have gone out are counted, or their POST could be sent again."""
        pipe.broken = BrokenPipeError(errno.EPIPE, "Broken pipe")
        assert up.send(b"x" * 100_000) == 65_536


class TestEnding:
    def test_shut_sends_close_notify_and_reading_goes_on(self, up: TlsConnector, peer: TlsPeer) -> None:
        """After shut the peer sees the end, and its answer and its own end are still read."""
        up.shut()
        assert (peer.read(), peer.ended) == (b"", True)
        peer.write(b"answer")
        peer.say_end()
        assert [up.recv(100), up.recv(100), up.clean] == [b"answer", b"", True]

    def test_shut_loses_no_byte_that_came_before(self, up: TlsConnector, peer: TlsPeer, pipe: Pipe) -> None:
        """What is inside when shut is called is read first; close_notify goes out then."""
        peer.write(b"one")
        peer.write(b"two")
        up.recv(1)
        up.shut()
        assert (bytes(pipe.outbox), up.recv(100), up.recv(100)) == (b"", b"ne", b"two")
        assert (peer.read(), peer.ended, up.recv(100)) == (b"", True, None)

    def test_nothing_can_be_sent_after_shut(self, up: TlsConnector) -> None:
        """Sending after shut is an OSError."""
        up.shut()
        with pytest.raises(OSError, match=r"(?i)shutdown"):
            up.send(b"more")

    def test_close_says_the_end_and_closes_the_inner_connector(
        self, up: TlsConnector, pipe: Pipe, peer: TlsPeer
    ) -> None:
        """A connection that is up sends close_notify before it is closed (RFC 9112 9.8)."""
        up.close()
        assert (peer.read(), peer.ended, pipe.closes) == (b"", True, 1)

    def test_close_may_be_called_twice(self, up: TlsConnector, pipe: Pipe) -> None:
        """The second close changes nothing; a closed connector is not up."""
        up.close()
        said = bytes(pipe.outbox)
        up.close()
        assert (bytes(pipe.outbox), up.connect(), up.pending) == (said, False, False)

    def test_close_before_the_handshake_sends_nothing(self, client: TlsConnector, pipe: Pipe) -> None:
        """There is no session to end."""
        client.close()
        assert (bytes(pipe.outbox), pipe.closes) == (b"", 1)

    def test_close_never_raises_for_a_broken_peer(self, up: TlsConnector, pipe: Pipe) -> None:
        """close_notify to a peer that is gone is given up."""
        pipe.broken = BrokenPipeError(errno.EPIPE, "Broken pipe")
        up.close()
        assert pipe.closes == 1


class TestWatching:
    def test_its_socket_is_the_inner_ones(self, client: TlsConnector) -> None:
        """A stream in memory has none."""
        assert client.sock is None

    def test_its_descriptor_is_the_inner_one(self, tls: Tls) -> None:
        """A selector watches the socket below."""
        assert TlsConnector(Pipe(descriptor=7), context(tls), "example.test").fileno() == 7

    def test_it_notifies_as_itself(self, client: TlsConnector, pipe: Pipe) -> None:
        """Who attached is told of this connector, not of the inner one."""
        told: list[object] = []
        client.attach(told.append)
        assert pipe.notify
        pipe.notify(pipe)
        assert told == [client]


@settings(max_examples=25, deadline=None)
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=40_000), max_size=5),
    piece=st.integers(1, 20_000),
    size=st.integers(1, 20_000),
)
def test_every_byte_arrives_however_it_is_cut(
    server_context: ssl.SSLContext, cafile: str, pieces: list[bytes], piece: int, size: int
) -> None:
    """Whatever records, inner pieces and read sizes meet, the stream is the same and its end is clean."""
    pipe = Pipe()
    client, peer = (
        TlsConnector(pipe, context(Tls(cafile=cafile)), "example.test"),
        TlsPeer(server_context, pipe),
    )
    shake(client, peer)
    for record in pieces:
        peer.write(record)
    peer.say_end()
    pipe.piece = piece
    got = bytearray()
    while (data := client.recv(size)) != b"":
        assert data or client.pending
        got += data or b""
    assert (bytes(got), client.clean) == (b"".join(pieces), True)
