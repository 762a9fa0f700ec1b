"""What the layers above may know of a network. Anything that obeys these protocols will do.

None of these calls blocks. What goes wrong on the way is an OSError.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ..tyming.clocks import Clock
from ..tyming.waiting import Signal

__all__ = ["READ", "WRITE", "Address", "Connector", "Lookup", "Network", "Tls", "Underway"]

# The same numbers as selectors.EVENT_READ and EVENT_WRITE.
READ = 1
WRITE = 2


@dataclass(frozen=True, slots=True)
class Address:
    """One place to connect to, as getaddrinfo gives it; a simulated network gives its own."""

    family: int
    sockaddr: tuple[Any, ...]

    def __str__(self) -> str:
        host, port = self.sockaddr[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """How to speak TLS, checked as far as it can be without looking at files.

    Equal values share one SSLContext.

    Attributes:
        verify: False accepts any certificate, for tests only.
        match_hostname: False accepts a certificate for another name.
        cafile: PEM file of trusted roots; empty is the system's store.
        certfile: PEM file of the client's certificate.
        keyfile: PEM file of the client's key, when not in `certfile`.
        hostname: the name the certificate must have, and the SNI; empty is the origin's host.
        context: a ready ssl.SSLContext, used as it is in place of the files.
    """

    verify: bool = True
    match_hostname: bool = True
    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""
    hostname: str = ""
    context: Any = None

    def __post_init__(self) -> None:
        for name in ("verify", "match_hostname"):
            flag: object = getattr(self, name)
            if not isinstance(flag, bool):
                raise TypeError(f"tls {name} must be True or False, not {flag!r}")
        for name in ("cafile", "certfile", "keyfile", "hostname"):
            value: object = getattr(self, name)
            if not isinstance(value, str):
                raise TypeError(f"tls {name} must be str, not {value!r}")
        if not isinstance(self.context, ssl.SSLContext | None):
            raise TypeError(f"tls context must be an ssl.SSLContext, not {self.context!r}")


class Underway(Protocol):
    """Something that somebody else does meanwhile; it may have ended at once."""

    @property
    def signal(self) -> Signal:
        """Fires when it ended; it may take somebody who reads `ended` for that."""

    @property
    def ended(self) -> bool:
        """It is done, or there is an error."""

    @property
    def error(self) -> OSError | None:
        """Why it is not done."""

    def fileno(self) -> int | None:
        """Return a descriptor that becomes readable when it ended, made at the first call.

        None when it ended, and when its end needs no watching: the signal fires by itself.
        """

    def cancel(self) -> None:
        """Give up waiting and the descriptor; it may go on in the background but nobody is told."""


class Lookup(Underway, Protocol):
    """A name on its way to addresses."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where to connect, in the order to try; empty before the end and after an error."""


class Connector(Protocol):
    """A byte stream in the making and in use.

    One that can tell for less than `recv` that nothing has come has a method ``quiet() -> bool``, too; one
    with a descriptor that tells before it closes has a signal, see Readiness.
    """

    @property
    def wants(self) -> int:
        """READ and WRITE bits that the next call needs; only of use with a descriptor."""

    @property
    def pending(self) -> bool:
        """Bytes are inside that no descriptor will announce."""

    @property
    def clean(self) -> bool:
        """The end of the stream was authenticated; for plain TCP, the peer sent its end."""

    @property
    def protocol(self) -> str | None:
        """What ALPN agreed on, once up."""

    def connect(self) -> bool:
        """Go on connecting; True when up. Raises OSError."""

    def recv(self, size: int) -> bytes | None:
        """Return what has arrived, at most `size` bytes: None for nothing now, empty for ended."""

    def send(self, data: bytes | memoryview) -> int:
        """Return how many bytes were taken; fewer than given when there is no room now.

        Bytes that were taken but are still inside go out with any later `send` or `recv`.
        """

    def shut(self) -> None:
        """Say that no more will be sent."""

    def close(self) -> None:
        """Let go of everything; may be called twice."""

    def fileno(self) -> int | None:
        """Return the descriptor to watch; None when there is none, then `attach`."""

    def attach(self, notify: Callable[[Connector], None]) -> None:
        """Have `notify(connector)` called when a call may succeed that did not before.

        It takes the place of the one that was attached before, and may be called inside any call.
        """


class Network(Protocol):
    """Where connectors come from, and the clock on which their deadlines run."""

    @property
    def clock(self) -> Clock:
        """Seconds on which the deadlines of its connections run."""

    def resolve(self, host: str, port: int) -> Lookup:
        """Begin to look up a name; the look-up may have ended at once."""

    def connector(self, address: Address, tls: Tls | None = None) -> Connector:
        """Begin to connect; with `tls` the stream inside TLS. Raises OSError.

        It does not block once what `prepare` or `ready` did for an equal `tls` is done.
        """

    def prepare(self, tls: Tls) -> None:
        """Do now what `tls` needs, which may block. Raises ValueError for what is wrong with it."""

    def ready(self, tls: Tls) -> Underway:
        """Begin to do what `tls` needs without blocking, unless it is done already."""
