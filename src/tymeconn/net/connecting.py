"""Byte streams: TCP, and TLS over whatever else is a byte stream."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto

from ..tyming.waiting import Signal
from . import securing
from .seams import READ, WRITE, Address, Connector

__all__ = ["TcpConnector", "TlsConnector"]

_UNDERWAY = {0, errno.EINPROGRESS, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS)}
# Of ciphertext at once, and how often in one call: a peer that sends records without content (tickets,
# key updates) as fast as they are read would otherwise keep the call from ending.
_PIECE = 65_536
_ROUNDS = 4
# Bytes of plaintext in the largest (RFC 8446 5.1).
_RECORD = 16_384


class TcpConnector:
    """A TCP connection to one address, over IPv4 or IPv6; it begins when it is made.

    Attributes:
        closing: fires before it closes; see Readiness.

    Raises:
        OSError: no socket can be had, or the address cannot be reached at all.
    """

    def __init__(self, address: Address) -> None:
        self.wants = WRITE
        self.pending = False
        self.clean = False
        self.protocol: str | None = None
        self.closing = Signal()
        self._up = False
        self._inbound = select.poll() if hasattr(select, "poll") else None  # not on Windows
        self._socket = socket.socket(address.family, socket.SOCK_STREAM)  # close-on-exec (PEP 446)
        try:
            self._begin(address)
        except OSError:
            self.close()
            raise

    def _begin(self, address: Address) -> None:
        self._socket.settimeout(0.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        failure = self._socket.connect_ex(address.sockaddr)
        if failure not in _UNDERWAY:
            raise OSError(failure, os.strerror(failure))

    @property
    def sock(self) -> socket.socket:
        """The socket, for those who look at its addresses and options."""
        return self._socket

    def connect(self) -> bool:
        """Tell whether the connection is up; see Connector."""
        if not self._up and self._established():
            self._up = True
            self.wants = READ
            if self._inbound is not None:
                self._inbound.register(self._socket, select.POLLIN)
        return self._up

    def _established(self) -> bool:
        failure = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failure:
            raise OSError(failure, os.strerror(failure))
        # SO_ERROR is also 0 on the way; only a connected socket has a peer.
        with suppress(OSError):
            self._socket.getpeername()
            return True
        return False

    def quiet(self) -> bool:
        """Tell whether `recv` would find nothing now, for a third of its price; False when unknown."""
        return self._up and self._inbound is not None and not self._inbound.poll(0)

    def recv(self, size: int) -> bytes | None:
        """Return what has arrived; see Connector. Raises OSError."""
        try:
            data = self._socket.recv(size)
        except BlockingIOError:
            return None
        self.clean = not data
        return data

    def send(self, data: bytes | memoryview) -> int:
        """Return how many bytes were taken; see Connector. `wants` has WRITE while some were not."""
        try:
            taken = self._socket.send(data)
        except BlockingIOError:
            taken = 0
        self.wants = READ if taken == len(data) else READ | WRITE
        return taken

    def shut(self) -> None:
        """Send FIN; a connection that has ended already needs none."""
        self.wants = READ
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket."""
        self.wants = 0
        self.closing.fire()
        self._socket.close()

    def fileno(self) -> int | None:
        """Return the socket's descriptor; None once closed."""
        descriptor = self._socket.fileno()
        return None if descriptor < 0 else descriptor

    def attach(self, notify: Callable[[Connector], None]) -> None:
        """Do nothing: the descriptor tells."""


class _Phase(Enum):
    CONNECTING = auto()
    SHAKING = auto()
    UP = auto()
    CLOSED = auto()


class TlsConnector:
    """TLS inside any other connector, which it owns from then on.

    `clean` is True only after the peer's close_notify: an end without one may be an attacker's
    (RFC 9112 9.8). Bytes that `send` took and the inner connector did not yet are passed on by any later
    call (`send(b"")` does nothing else), and `wants` has WRITE until then.

    Raises:
        ValueError: `hostname` cannot be one; the inner connector is left as it is.
    """

    def __init__(self, inner: Connector, context: ssl.SSLContext, hostname: str) -> None:
        """Speak TLS as a client; the certificate must be for `hostname`, a name or an IP address."""
        self._tls, self._incoming, self._outgoing = securing.session(context, hostname)
        self._inner = inner
        self._phase = _Phase.CONNECTING
        self._cipher = memoryview(b"")
        self._behind = False
        self._shutting = False
        self.wants = inner.wants
        self.pending = False
        self.clean = False
        self.protocol: str | None = None

    @property
    def sock(self) -> socket.socket | None:
        """The socket that carries it, if it is one."""
        return getattr(self._inner, "sock", None)

    @property
    def closing(self) -> Signal | None:
        """What the inner connector fires before it closes, if it does."""
        return getattr(self._inner, "closing", None)

    def connect(self) -> bool:
        """Go on with connecting and the handshake, whose failures are ssl.SSLError; see Connector."""
        self._behind = False
        while (phase := _CONNECT[self._phase](self)) is not self._phase:
            self._phase = phase
        self._settle()
        return self._phase is _Phase.UP

    def _connect_inner(self) -> _Phase:
        return _Phase.SHAKING if self._inner.connect() else _Phase.CONNECTING

    def _shake_hands(self) -> _Phase:
        for _ in range(_ROUNDS):
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush_for_now()
                if not self._feed_handshake():
                    return _Phase.SHAKING
            except ssl.SSLError:
                self._flush_for_now()  # OpenSSL left an alert that tells the peer why (RFC 8446 6.2)
                raise
            else:
                self._flush_for_now()
                self.protocol = self._tls.selected_alpn_protocol()
                return _Phase.UP
        self._behind = True
        return _Phase.SHAKING

    def _feed_handshake(self) -> bool:
        try:
            return self._feed(_PIECE)
        except ConnectionError as error:
            raise ssl.SSLError(error.errno, f"{error.strerror or error} in the TLS handshake") from error

    def _stay(self) -> _Phase:
        return self._phase

    def quiet(self) -> bool:
        """Tell whether `recv` would find nothing now; False when the inner connector cannot tell."""
        quiet = getattr(self._inner, "quiet", None)
        return quiet is not None and not self.pending and quiet()

    def recv(self, size: int) -> bytes | None:
        """Return what has arrived, of one TLS record or some large ones; see Connector. Raises OSError."""
        self._behind = False
        self._flush_for_now()
        data = self._read(size)
        if self._shutting:
            self._say_end()
        self._settle()
        return data

    def _read(self, size: int) -> bytes | None:
        for _ in range(_ROUNDS):
            try:
                return self._records(size) or self._end()
            except ssl.SSLWantReadError:
                if not self._feed(max(size, _PIECE)):
                    return None
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                return self._end()
        self._behind = True
        return None

    def _records(self, size: int) -> bytes:
        """Return what is in one record or, of large ones, in as many as have come."""
        data = self._tls.read(size)
        if len(data) < _RECORD or not self._incoming.pending:
            return data
        pieces, left = [data], size - len(data)
        # What is wrong with a later one is told again when it is read first.
        with suppress(ssl.SSLError):
            while left >= _RECORD and self._incoming.pending:
                pieces.append(self._tls.read(left))
                left -= len(pieces[-1])
        return b"".join(pieces)

    def _end(self) -> bytes:
        # Not told by the kind of error: under OP_IGNORE_UNEXPECTED_EOF any end looks authenticated.
        self.clean = not self._incoming.eof
        return b""

    def send(self, data: bytes | memoryview) -> int:
        """Return how many bytes were taken; see Connector. Raises OSError."""
        view = memoryview(data)
        taken = 0
        try:
            while self._flush() and taken < len(view):
                taken += self._tls.write(view[taken : taken + _PIECE])
        except OSError:
            # Some of what was taken may have gone out. Who is told of nothing may send it again; the next
            # call fails in the same way.
            if not taken:
                raise
        self._settle()
        return taken

    def shut(self) -> None:
        """Send close_notify, as soon as what has arrived is read. A TLS 1.2 peer then ends as well."""
        self._shutting = True
        self._say_end()
        self._settle()

    def close(self) -> None:
        """Send close_notify if it can go at once (RFC 9112 9.8), and close the inner connector."""
        if self._phase is _Phase.UP:
            self._notify_end()
        self._phase = _Phase.CLOSED
        self._inner.close()
        self.wants, self.pending = 0, False

    def fileno(self) -> int | None:
        """Return the inner connector's descriptor."""
        return self._inner.fileno()

    def attach(self, notify: Callable[[Connector], None]) -> None:
        """Have `notify` called with this connector whenever the inner one notifies."""
        self._inner.attach(lambda _: notify(self))

    def _feed(self, size: int) -> bool:
        """Pass on what the inner connector has, at most `size` bytes; False when it has nothing now."""
        data = self._inner.recv(size)
        if data is None:
            return False
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return True

    def _flush(self) -> bool:
        """Pass on the ciphertext; True when the inner connector has taken all of it."""
        while self._cipher or self._outgoing.pending:
            self._cipher = self._cipher or memoryview(self._outgoing.read())
            taken = self._inner.send(self._cipher)
            if not taken:
                return False
            self._cipher = self._cipher[taken:]
        return True

    def _flush_for_now(self) -> None:
        # The next send tells what broke; meanwhile the peer's last words may be readable: an alert, or
        # the early answer to an upload that it cut off (measured: a 413 was in the same tick).
        if self._cipher or self._outgoing.pending:
            with suppress(OSError):
                self._flush()

    def _say_end(self) -> None:
        # SSL_shutdown throws away the data it comes upon, so it waits until all is read.
        if not self._inside():
            self._shutting = False
            self._notify_end()

    def _notify_end(self) -> None:
        with suppress(ssl.SSLError):  # SSLWantReadError: the peer's close_notify is not here yet
            self._tls.unwrap()
        self._flush_for_now()

    def _inside(self) -> bool:
        return self._tls.pending() > 0 or self._incoming.pending > 0

    def _settle(self) -> None:
        self.wants = self._inner.wants
        self.pending = self._behind or self._inside() or self._inner.pending


_CONNECT: dict[_Phase, Callable[[TlsConnector], _Phase]] = {
    _Phase.CONNECTING: TlsConnector._connect_inner,
    _Phase.SHAKING: TlsConnector._shake_hands,
    _Phase.UP: TlsConnector._stay,
    _Phase.CLOSED: TlsConnector._stay,
}
