"""What hio's users see as ``client.connector``, in front of the engine's connection.

Names and meanings are those of ``hio.core.tcp.clienting.Client``. hio's shared buffers are a view: what was
received and not yet taken by the engine is in `rxbs`, what is still to be sent is in `txbs`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypedDict

from hio.base import tyming

from ..exchanging.connection import Connection, Phase
from ..exchanging.exchange import Tunnel
from ..exchanging.setup import READS, RECV_SIZE
from ..net.seams import Address, Connector, Lookup, Network, Tls, Underway
from ..tyming.clocks import Clock
from ..wire.messages import Response
from ..wire.urls import Origin
from .describing import given_or_new

__all__ = ["ConnectorOptions", "HioConnector", "Tap", "TappedNetwork"]


class ConnectorOptions(TypedDict, total=False):
    """What hio hands on from its Client to the connector, beside the address.

    Attributes:
        name: for people.
        uid: for programs.
        tymth: hio's tyme.
        tymeout: tyme seconds between two attempts to reconnect; 0 waits for the next request.
        reconnectable: reconnect without a request when the peer has closed.
        bufsize: hio's size of one recv; the engine chooses its own.
        bs: the same.
        txbs: a bytearray of bytes to send before all others.
        rxbs: a bytearray that takes what `serviceReceives` reads.
        wl: an open WireLog that logs what goes over the wire.
        ha: (host, port), in place of hostname and port.
    """

    name: str
    uid: Any
    tymth: Any
    tymeout: float | None
    reconnectable: bool | None
    bufsize: int
    bs: int
    txbs: bytearray | None
    rxbs: bytearray | None
    wl: Any
    ha: tuple[str, int] | None


class HioConnector(tyming.Tymee):
    """The connector of a Client, for those who look at it or drive it by hand.

    Attributes:
        hostname: where it leads.
        rxbs: bytes that `serviceReceives` read and nobody took.
        tymer: measures `tymeout`.
        reconnectable: it is opened again, after `tymeout`, when the peer has closed.
        wl: the WireLog, if any.
        bs: size of one recv in hio; of no effect.
    """

    Tymeout = 0.0
    Reconnectable = False

    def __init__(self, origin: Origin, options: ConnectorOptions) -> None:
        super().__init__(tymth=options.get("tymth"))  # type: ignore[no-untyped-call]
        self.name = options.get("name", "")
        self.uid = options.get("uid", 0)
        self.tymeout = options.get("tymeout") or self.Tymeout
        self.reconnectable = bool(options.get("reconnectable", self.Reconnectable))
        self.bs = options.get("bs") or options.get("bufsize") or 8096
        self.wl = _wire_log(options.get("wl"))
        self.hostname = origin.host
        self._opened = False
        self.rxbs = given_or_new("rxbs", bytearray, options.get("rxbs"))
        self.raw = given_or_new("txbs", bytearray, options.get("txbs"))
        self.tymer = tyming.Tymer(tymth=self.tymth, duration=self.tymeout)
        self._origin = origin
        self._ha: tuple[Any, ...] = options.get("ha") or (origin.host, origin.port)
        self._connection: Connection
        self._waiting: Callable[[], bytes]

    def attach(self, connection: Connection, waiting: Callable[[], bytes]) -> None:
        """Stand in front of `connection`; `waiting()` is what will be sent as soon as it is up."""
        self._connection = connection
        self._waiting = waiting

    def wind(self, tymth: Any) -> None:
        """Take hio's tyme for connector and tymer."""
        super().wind(tymth)  # type: ignore[no-untyped-call]
        self.tymer.wind(tymth)

    @property
    def opened(self) -> bool:
        """It was opened, by hand or for a request, and not closed since."""
        return self._opened or self._connection.phase is not Phase.CLOSED

    @opened.setter
    def opened(self, opened: bool) -> None:
        self._opened = opened

    @property
    def connected(self) -> bool:
        """It is up, TLS included; or it was, and the peer has closed, as `cutoff` says."""
        return self._connection.connector is not None or (self.cutoff and self.opened)

    accepted = connected

    @property
    def cutoff(self) -> bool:
        """The peer has closed; False again once the next request, or `reopen`, begins to connect."""
        tap = self._connection.connector
        return self._connection.cutoff or (isinstance(tap, Tap) and tap.ended)

    @property
    def cs(self) -> Any:
        """The connected socket, or None."""
        return getattr(self._connection.connector, "sock", None)

    @property
    def ca(self) -> tuple[Any, ...]:
        """(host, port) of this side while connected."""
        return (None, None) if self.cs is None else tuple(self.cs.getsockname())

    @property
    def ha(self) -> tuple[Any, ...]:
        """(host, port) of the other side: as given, and as the socket says while connected."""
        with suppress(OSError):
            if self.cs is not None:
                return tuple(self.cs.getpeername())
        return self._ha

    @property
    def host(self) -> Any:
        """The host of `ha`."""
        return self.ha[0]

    @property
    def port(self) -> Any:
        """The port of `ha`."""
        return self.ha[1]

    @property
    def txbs(self) -> bytearray:
        """What is still to be sent; a copy."""
        return bytearray(b"".join((self.raw, self._connection.unsent, self._waiting())))

    def tx(self, data: bytes) -> None:
        """Send `data` before anything that was not begun yet."""
        self.raw.extend(data)

    def reopen(self) -> bool:
        """Close, and begin to connect. An exchange that is under way ends with an error."""
        self._connection.close("the connector was reopened")
        self.opened = True
        self._connection.open(self._origin)
        return True

    def close(self) -> None:
        """Close; an exchange that is under way ends with an error."""
        self.opened = False
        self._connection.close("the connector was closed")

    def serviceConnect(self) -> bool:  # noqa: N802 hio's name
        """Go on connecting; True when up."""
        if not self.connected:
            self.opened = True
            self._connection.open(self._origin)
            self._connection.service()
        return self.connected

    def serviceSends(self) -> None:  # noqa: N802 hio's name
        """Send what there is to send."""
        self.send_raw()
        if self._connection.phase is Phase.READY and self._waiting():
            self._connection.service()
        self._connection.flush()

    def serviceReceives(self) -> None:  # noqa: N802 hio's name
        """Take what has arrived into `rxbs`, whence the engine takes it first."""
        tap = self._connection.connector
        if isinstance(tap, Tap):
            tap.pull()

    def service(self) -> None:
        """Connect, receive into `rxbs`, send."""
        if self.serviceConnect():
            self.serviceReceives()
            self.serviceSends()

    def send_raw(self) -> None:
        """Send what `tx` was given, as far as the connection takes it; never into a request that leaves."""
        connector = self._connection.connector
        if self.raw and connector is not None and not self._connection.unsent:
            with suppress(OSError):
                del self.raw[: connector.send(bytes(self.raw))]


class Tap:
    """A connector that logs what passes, and whose received bytes may be taken into `rxbs` first.

    Attributes:
        ended: the end was taken by `pull`, and is kept for `recv`.
    """

    def __init__(self, inner: Connector, outer: HioConnector) -> None:
        self._inner = inner
        self._outer = outer
        self.ended = False
        self._broken: OSError | None = None
        outer.rxbs.clear()

    @property
    def wants(self) -> int:
        """As the inner connector's."""
        return self._inner.wants

    @property
    def pending(self) -> bool:
        """As the inner connector's, or bytes are in `rxbs`."""
        return bool(self._outer.rxbs) or self.ended or self._inner.pending

    @property
    def clean(self) -> bool:
        """As the inner connector's."""
        return self._inner.clean

    @property
    def protocol(self) -> str | None:
        """As the inner connector's."""
        return self._inner.protocol

    @property
    def sock(self) -> Any:
        """The inner connector's socket, if it has one."""
        return getattr(self._inner, "sock", None)

    def connect(self) -> bool:
        """Go on connecting."""
        return self._inner.connect()

    def recv(self, size: int) -> bytes | None:
        """Return what was taken into `rxbs`, then what has arrived."""
        rxbs = self._outer.rxbs
        if rxbs:
            data = bytes(rxbs[:size])
            del rxbs[:size]
            return data
        if self._broken is not None:
            raise self._broken
        return b"" if self.ended else self._received(size)

    def pull(self) -> None:
        """Take what has arrived into `rxbs`, in as many reads as a pass has; the end is kept for `recv`."""
        for _ in range(READS):
            data = None if self.ended else self._pulled()
            if not data:
                self.ended = self.ended or data is not None
                return
            self._outer.rxbs.extend(data)

    def _pulled(self) -> bytes | None:
        try:
            return self._received(RECV_SIZE)
        except OSError as error:
            self._broken = error
            return b""

    def send(self, data: bytes | memoryview) -> int:
        """Send, and log what was taken."""
        taken = self._inner.send(data)
        if taken and self._outer.wl:
            self._outer.wl.writeTx(bytes(data[:taken]), self._outer.ha)
        return taken

    def shut(self) -> None:
        """Say that no more will be sent."""
        self._inner.shut()

    def close(self) -> None:
        """Close the inner connector."""
        self._inner.close()

    def fileno(self) -> int | None:
        """Return the inner connector's descriptor."""
        return self._inner.fileno()

    def attach(self, notify: Callable[[Connector], None]) -> None:
        """Have the inner connector notify."""
        self._inner.attach(lambda _: notify(self))

    def withdraw(self) -> tuple[Connector, bytes]:
        """Return the inner connector, and what was taken from it into `rxbs`."""
        rxbs = self._outer.rxbs
        taken = bytes(rxbs)
        rxbs.clear()
        return self._inner, taken

    def _received(self, size: int) -> bytes | None:
        data = self._inner.recv(size)
        if data and self._outer.wl:
            self._outer.wl.writeRx(data, self._outer.ha)
        return data


class TappedNetwork:
    """A network whose connectors are tapped for a `HioConnector`."""

    def __init__(self, network: Network, outer: HioConnector) -> None:
        self._network = network
        self._outer = outer

    @property
    def clock(self) -> Clock:
        """As the network's."""
        return self._network.clock

    def resolve(self, host: str, port: int) -> Lookup:
        """Begin to look up a name."""
        return self._network.resolve(host, port)

    def connector(self, address: Address, tls: Tls | None = None) -> Connector:
        """Begin to connect, with a tap."""
        return Tap(self._network.connector(address, tls), self._outer)

    def prepare(self, tls: Tls) -> None:
        """Do now what `tls` needs."""
        self._network.prepare(tls)

    def ready(self, tls: Tls) -> Underway:
        """Begin to do what `tls` needs."""
        return self._network.ready(tls)


def untapped(response: Response) -> Response:
    """Return a response whose tunnel, if it has one, no longer passes a `HioConnector`."""
    tunnel = response.meta.tunnel
    if tunnel is None or not isinstance(tunnel.connector, Tap):
        return response
    inner, taken = tunnel.connector.withdraw()
    return response.with_meta(response.meta._replace(tunnel=Tunnel(inner, tunnel.data + taken)))


def _wire_log(wl: Any) -> Any:
    if wl and not (hasattr(wl, "writeRx") and hasattr(wl, "writeTx")):
        raise TypeError(f"wl must be a WireLog, not {wl!r}")
    return wl
