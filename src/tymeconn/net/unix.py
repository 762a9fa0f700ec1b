"""Unix sockets: servers of this machine that have a path in place of host and port, as Docker's has."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass

from .connecting import TcpConnector
from .networking import SocketNetwork
from .resolving import Known
from .seams import Address, Connector, Lookup

__all__ = ["UnixAddress", "UnixConnector", "UnixNetwork"]


@dataclass(frozen=True, slots=True)
class UnixAddress(Address):
    """The path of a socket, alone in `sockaddr`."""

    def __str__(self) -> str:
        return repr(self.sockaddr[0])


class UnixConnector(TcpConnector):
    """A connection to a Unix socket, up or refused when it is made.

    Raises:
        OSError: nobody listens there, or so many wait already that no more are taken.
    """

    def _begin(self, address: Address) -> None:
        self._socket.settimeout(0.0)
        failure = self._socket.connect_ex(address.sockaddr[0])
        if failure == errno.EAGAIN:
            # unix(7): the queue of the listener is full, and no event tells when it is no longer.
            raise ConnectionRefusedError(errno.ECONNREFUSED, "too many wait to be accepted")
        if failure:
            raise OSError(failure, os.strerror(failure))


class UnixNetwork(SocketNetwork):
    """A Network on which every origin is the server at one path; what a URL's host says is Host's alone.

    It is the `network` of a Client or Pool, with a base such as ``http://localhost``. What listens at the
    path is asked for everything, also for what a redirect or an answer's URL says is elsewhere. Linux's
    abstract names begin with NUL.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Take the path; it is looked at when a connection is made.

        Raises:
            ValueError: an empty path, or one that no socket can have.
            TypeError: no path.
        """
        super().__init__()
        path = os.fspath(path)
        if not isinstance(path, str):
            raise TypeError(f"path must be str or os.PathLike, not {path!r}")
        if not path or "\0" in path[1:]:
            raise ValueError(f"path {path!r} is not that of a socket")
        os.fsencode(path)
        self._address = UnixAddress(socket.AF_UNIX, (path,))

    def resolve(self, host: str, port: int) -> Lookup:  # noqa: ARG002 all lead to the path
        """Return the path."""
        return Known(self._address)

    def _plain(self, address: Address) -> Connector:
        return UnixConnector(address)
