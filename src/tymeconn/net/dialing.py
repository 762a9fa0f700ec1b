"""From an origin to a connection that is up: its addresses are raced (RFC 8305 5)."""

from __future__ import annotations

import math
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto

from ..tyming.waiting import Awaitable, Signal
from ..wire.urls import Origin
from .failing import Failure, blame_all
from .seams import Address, Connector, Network, Tls, Underway

__all__ = ["Dial"]

# RFC 8305 5: the recommended Connection Attempt Delay, in seconds.
STAGGER = 0.25


class _Phase(Enum):
    READYING = auto()
    RESOLVING = auto()
    CONNECTING = auto()


class Dial:
    """One connection to `origin` in the making; the look-up, and loading what TLS needs, begin at once.

    Addresses are tried in the look-up's order, the next one 0.25 s of the network's clock after the last
    or as soon as one failed. The first that is up, TLS included, wins and the others are closed. It sets
    no deadline: its owner calls `close` when time is over.
    """

    def __init__(self, network: Network, origin: Origin, tls: Tls | None) -> None:
        """Begin; an empty hostname of `tls` is the origin's."""
        self._network = network
        self._origin = origin
        self._tls = tls and replace(tls, hostname=tls.hostname or origin.host)
        self._phase = _Phase.RESOLVING if self._tls is None else _Phase.READYING
        self._readying = None if self._tls is None else network.ready(self._tls)
        self._lookup = network.resolve(origin.host, origin.port)
        self._untried: deque[Address] = deque()
        self._racing: list[tuple[Address, Connector]] = []
        self._failures: list[Failure] = []
        self._next = -math.inf
        self._winner: Connector | None = None
        self._notified = Signal()
        # A connector has notified since it was last asked.
        self._news = False

    @property
    def phase(self) -> str:
        """What it is at, or was at when it failed: resolving, or connecting, of which TLS is a part."""
        return "resolving" if self._phase is _Phase.RESOLVING else "connecting"

    @property
    def awaited(self) -> tuple[Awaitable, ...]:
        """What may let `step` get further, beside `until`: descriptors, and signals."""
        underway = self._underway
        if underway is not None:
            return (underway, underway.signal)
        watched = tuple(connector for _, connector in self._racing if connector.fileno() is not None)
        return watched if len(watched) == len(self._racing) else (*watched, self._notified)

    @property
    def until(self) -> float | None:
        """Second of the network's clock at which `step` acts though nothing of `awaited` is ready."""
        if self._news or any(connector.pending for _, connector in self._racing):
            return self._network.clock()
        return self._next if self._untried else None

    @property
    def _underway(self) -> Underway | None:
        """What is awaited before there is anything to race."""
        return {_Phase.READYING: self._readying, _Phase.RESOLVING: self._lookup}.get(self._phase)

    def step(self) -> Connector | None:
        """Go on without blocking; return the connector that is up, or None for not yet.

        The connector is the caller's to close. After a connector or an error there is no next step.

        Raises:
            NameNotFound: the name has no address.
            NameTryAgain: the resolver could not say.
            ConnectError: every address failed; the message lists each with its reason.
            TlsError: the same, and a peer failed in the handshake; or TLS cannot be spoken at all.
            CertificateError: the same, and a certificate was refused.
            LocalResource: the same, and only for want of descriptors, ports or memory here.
        """
        self._news = False
        while (phase := _STEPS[self._phase](self)) is not self._phase:
            self._phase = phase
        return self._winner

    def close(self) -> None:
        """Give up waiting and close what is being tried, not a connector already handed over."""
        if self._readying is not None:
            self._readying.cancel()
        self._lookup.cancel()
        self._untried.clear()
        for _, connector in self._racing:
            connector.close()
        self._racing.clear()

    def _get_ready(self) -> _Phase:
        assert self._readying is not None
        if not self._readying.ended:
            return _Phase.READYING
        if self._readying.error is not None:
            raise blame_all("cannot speak TLS with", [(self._origin, self._readying.error)])
        return _Phase.RESOLVING

    def _resolve(self) -> _Phase:
        if not self._lookup.ended:
            return _Phase.RESOLVING
        if not self._lookup.addresses:
            error = self._lookup.error or socket.gaierror(socket.EAI_NONAME, "no address")
            raise blame_all("cannot resolve", [(self._origin.host, error)])
        self._untried.extend(self._lookup.addresses)
        return _Phase.CONNECTING

    def _race(self) -> _Phase:
        for address, connector in tuple(self._racing):
            self._advance(address, connector)
        while self._due():
            self._begin(self._untried.popleft())
        if not self._racing and self._winner is None:
            raise blame_all(f"cannot connect to {self._origin} at", self._failures)
        return _Phase.CONNECTING

    def _due(self) -> bool:
        return bool(self._untried) and (not self._racing or self._network.clock() >= self._next)

    def _begin(self, address: Address) -> None:
        self._next = self._network.clock() + STAGGER
        try:
            connector = self._network.connector(address, self._tls)
        except OSError as error:
            self._fail(address, error)
            return
        self._racing.append((address, connector))
        connector.attach(self._notify)
        self._advance(address, connector)

    def _advance(self, address: Address, connector: Connector) -> None:
        if self._winner is not None:
            return
        try:
            up = connector.connect()
        except OSError as error:
            self._racing.remove((address, connector))
            connector.close()
            self._fail(address, error)
            return
        if up:
            self._racing.remove((address, connector))
            self._winner = connector
            self.close()

    def _fail(self, address: Address, error: OSError) -> None:
        self._failures.append((address, error))
        self._next = -math.inf

    def _notify(self, _connector: Connector) -> None:
        # In the middle of a step nobody waits for the signal yet.
        self._news = True
        self._notified.fire()


_STEPS: dict[_Phase, Callable[[Dial], _Phase]] = {
    _Phase.READYING: Dial._get_ready,
    _Phase.RESOLVING: Dial._resolve,
    _Phase.CONNECTING: Dial._race,
}
