"""The network of real sockets."""

from __future__ import annotations

import ssl
from functools import cache, partial

from ..tyming.clocks import Clock, monotonic
from . import securing
from .connecting import TcpConnector, TlsConnector
from .offloading import Errand, Threads, Ticket
from .resolving import Resolver
from .seams import Address, Connector, Lookup, Tls, Underway

__all__ = ["SocketNetwork", "default_network"]


class SocketNetwork:
    """A Network over this machine's sockets and resolver; its deadlines run on monotonic seconds.

    Networks that share a resolver share its threads and its cache.
    """

    def __init__(self, resolver: Resolver | None = None, clock: Clock = monotonic) -> None:
        self.clock = clock
        self._resolver = resolver or Resolver(clock)
        # One is enough, but none of the resolver's: a name server that is down may occupy all of those.
        self._threads = Threads(1)

    def resolve(self, host: str, port: int) -> Lookup:
        """Begin to look up a name; see Network."""
        return self._resolver.resolve(host, port)

    def connector(self, address: Address, tls: Tls | None = None) -> Connector:
        """Begin to connect; see Network. An empty `tls.hostname` is the address itself.

        Raises:
            OSError: no socket can be had, or the address cannot be reached at all.
            ssl.SSLError: a file of `tls` cannot be loaded, or its hostname cannot be one: a peer may have
                led there.
        """
        plain = self._plain(address)
        if tls is None:
            return plain
        try:
            return TlsConnector(plain, securing.context(tls), tls.hostname or address.sockaddr[0])
        except ValueError as error:
            plain.close()
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, str(error)) from error

    def _plain(self, address: Address) -> Connector:
        return TcpConnector(address)

    def prepare(self, tls: Tls) -> None:
        """Load the files and roots of `tls`, which may block.

        Raises:
            ValueError: a file cannot be loaded or the hostname cannot be one; the message names it.
        """
        securing.session(securing.context(tls), tls.hostname or "localhost")

    def ready(self, tls: Tls) -> Underway:
        """Begin to load the files and roots of `tls` on a thread, unless they are; see Network.

        The error of a load that fails is an ssl.SSLError; whoever asks later has it tried again.
        """
        # Loads wait for one another, so that the second of two for the same finds it done.
        load = Errand(partial(_load, tls), securing.loaded(tls))
        if load.outcome is None:
            self._threads.run(load)
        return Ticket(load)


def _load(tls: Tls) -> ssl.SSLContext:
    try:
        return securing.context(tls)
    except ValueError as error:
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, str(error)) from error


@cache
def default_network() -> SocketNetwork:
    """Return the network that all share who were given none: one resolver, one cache of names."""
    return SocketNetwork()
