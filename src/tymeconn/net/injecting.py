"""Connectors that a caller made: objects with the surface of hio's tcp clients."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Callable
from typing import Any

from ..tyming.clocks import Clock
from .resolving import Known
from .seams import READ, WRITE, Address, Connector, Lookup, Network, Tls, Underway

__all__ = ["HioTcpConnector", "InjectedNetwork"]


class HioTcpConnector:
    """A `hio.core.tcp.Client` or `ClientTls` that a caller made; it begins to connect when this is made.

    hio connects; receiving and sending go to its socket, because hio takes a reset for a good end.
    """

    def __init__(self, tcp: Any) -> None:
        self._tcp = tcp
        self.clean = False
        self.protocol: str | None = None
        if not tcp.connected or tcp.cutoff:
            tcp.reopen()

    @property
    def pending(self) -> bool:
        """Decrypted bytes are inside the TLS socket."""
        return isinstance(self._tcp.cs, ssl.SSLSocket) and self._tcp.cs.pending() > 0

    @property
    def sock(self) -> Any:
        """The socket that hio opened."""
        return self._tcp.cs

    @property
    def wants(self) -> int:
        """Both, until connected: hio does not say which."""
        return READ if self._tcp.connected else READ | WRITE

    def _socket(self) -> Any:
        if self._tcp.cs is None:
            raise OSError(errno.ENOTCONN, "the connector was closed by its owner")
        return self._tcp.cs

    def connect(self) -> bool:
        """Go on connecting; hio opens a new socket when it was refused, which is the only sign of it."""
        before = self._tcp.cs
        connected = bool(self._tcp.connect())
        if not connected and not self._tcp.accepted and self._tcp.cs is not before:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        return connected

    def recv(self, size: int) -> bytes | None:
        """Return what has arrived."""
        try:
            data: bytes = self._socket().recv(size)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError:
            self._tcp.cutoff = True
            raise
        if data and self._tcp.wl:
            self._tcp.wl.writeRx(data, self._tcp.ha)
        self._tcp.cutoff = not data
        # hio's TLS socket does not tell an end that the peer signed from one that it did not.
        self.clean = not data and not isinstance(self._tcp.cs, ssl.SSLSocket)
        return data

    def send(self, data: bytes | memoryview) -> int:
        """Return how many bytes were taken."""
        try:
            taken: int = self._socket().send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        if self._tcp.wl:
            self._tcp.wl.writeTx(bytes(data[:taken]), self._tcp.ha)
        return taken

    def shut(self) -> None:
        """Say that no more will be sent."""
        self._tcp.shutdownSend()

    def close(self) -> None:
        """Close hio's socket."""
        self._tcp.close()

    def fileno(self) -> int | None:
        """Return the descriptor of hio's socket."""
        return None if self._tcp.cs is None else self._tcp.cs.fileno()

    def attach(self, notify: Callable[[Connector], None]) -> None:
        """Do nothing: the descriptor tells."""


class InjectedNetwork:
    """A network whose way to one origin is a connector of hio's; all others are as in `network`."""

    def __init__(self, network: Network, tcp: Any) -> None:
        self._network = network
        self._tcp = tcp
        self._address = Address(0, (tcp.hostname.lower(), tcp.port))

    @property
    def clock(self) -> Clock:
        """As the network's."""
        return self._network.clock

    def resolve(self, host: str, port: int) -> Lookup:
        """Begin to look up a name."""
        known = (host, port) == self._address.sockaddr
        return Known(self._address) if known else self._network.resolve(host, port)

    def connector(self, address: Address, tls: Tls | None = None) -> Connector:
        """Begin to connect."""
        if address is self._address and (tls is not None) != hasattr(self._tcp, "context"):
            # An https request must never leave in the clear because both go to one port.
            told = "https" if tls is not None else "http"
            raise OSError(errno.EPROTONOSUPPORT, f"the connector that was given does not speak {told}")
        if address is self._address:
            return HioTcpConnector(self._tcp)
        return self._network.connector(address, tls)

    def prepare(self, tls: Tls) -> None:
        """Do now what `tls` needs."""
        self._network.prepare(tls)

    def ready(self, tls: Tls) -> Underway:
        """Begin to do what `tls` needs."""
        return self._network.ready(tls)
