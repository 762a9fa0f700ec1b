"""The network of real sockets."""

from __future__ import annotations

from functools import cache

from ..tyming.clocks import Clock, monotonic
from . import securing
from .connecting import TcpConnector, TlsConnector
from .resolving import Resolver
from .seams import Address, Connector, Lookup, Tls

__all__ = ["SocketNetwork", "default_network"]


class SocketNetwork:
    """A Network over this machine's sockets and resolver; its deadlines run on monotonic seconds.

    Networks that share a resolver share its threads and its cache.
    """

    def __init__(self, resolver: Resolver | None = None, clock: Clock = monotonic) -> None:
        self.clock = clock
        self._resolver = resolver or Resolver(clock)

    def resolve(self, host: str, port: int) -> Lookup:
        """Begin to look up a name; see Network."""
        return self._resolver.resolve(host, port)

    def connector(self, address: Address, tls: Tls | None = None) -> Connector:
        """Begin to connect; see Network. An empty `tls.hostname` is the address itself.

        Raises:
            OSError: no socket can be had, or the address cannot be reached at all.
            ValueError: what `prepare` raises, when it was not called.
        """
        if tls is None:
            return TcpConnector(address)
        context = securing.context(tls)
        plain = TcpConnector(address)
        try:
            return TlsConnector(plain, context, tls.hostname or address.sockaddr[0])
        except ValueError:
            plain.close()
            raise

    def prepare(self, tls: Tls) -> None:
        """Load the files and roots of `tls`, which may block.

        Raises:
            ValueError: a file cannot be loaded or the hostname cannot be one; the message names it.
            TypeError: `tls.context` is not an ssl.SSLContext.
        """
        securing.session(securing.context(tls), tls.hostname or "localhost")


@cache
def default_network() -> SocketNetwork:
    """Return the network that all share who were given none: one resolver, one cache of names."""
    return SocketNetwork()
