"""From an origin to a connection that is up: its addresses are raced (RFC 8305 5)."""

from __future__ import annotations

import math
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from ..tyming.waiting import Awaitable, Signal
from ..wire.urls import Origin
from .failing import Failure, blame_all
from .seams import Address, Connector, Network, Tls

__all__ = ["Dial"]

# RFC 8305 5: the recommended Connection Attempt Delay, in seconds.
STAGGER = 0.25


class _Phase(Enum):
    RESOLVING = "resolving"
    CONNECTING = "connecting"


class Dial:
    """One connection to `origin` in the making; the look-up begins when it is made.

    Addresses are tried in the look-up's order, the next one 0.25 s of the network's clock after the last
    or as soon as one failed. The first that is up, TLS included, wins and the others are closed. It sets
    no deadline: its owner calls `close` when time is over.
    """

    def __init__(self, network: Network, origin: Origin, tls: Tls | None) -> None:
        """Begin; `tls` must have been prepared by the network, and its empty hostname is the origin's."""
        self._network = network
        self._origin = origin
        self._tls = tls and replace(tls, hostname=tls.hostname or origin.host)
        self._phase = _Phase.RESOLVING
        self._lookup = network.resolve(origin.host, origin.port)
        self._untried: deque[Address] = deque()
        self._racing: list[tuple[Address, Connector]] = []
        self._failures: list[Failure] = []
        self._next = -math.inf
        self._winner: Connector | None = None
        self._notified = Signal()

    @property
    def phase(self) -> str:
        """What it is at, or was at when it failed: resolving or connecting."""
        return self._phase.value

    @property
    def awaited(self) -> tuple[Awaitable, ...]:
        """What may let `step` get further, beside `until`: look-up, descriptors, or own signal."""
        if self._phase is _Phase.RESOLVING:
            return (self._lookup.signal,)
        watched = tuple(connector for _, connector in self._racing if connector.fileno() is not None)
        return watched if len(watched) == len(self._racing) else (*watched, self._notified)

    @property
    def until(self) -> float | None:
        """Second of the network's clock at which `step` acts though nothing of `awaited` is ready."""
        if any(connector.pending for _, connector in self._racing):
            return self._network.clock()
        return self._next if self._untried else None

    def step(self) -> Connector | None:
        """Go on without blocking; return the connector that is up, or None for not yet.

        The connector is the caller's to close. After a connector or an error there is no next step.

        Raises:
            NameNotFound: the name has no address.
            NameTryAgain: the resolver could not say.
            ConnectError: every address failed; the message lists each with its reason.
            TlsError: the same, and a peer failed in the handshake.
            CertificateError: the same, and a certificate was refused.
            LocalResource: the same, and only for want of descriptors, ports or memory here.
        """
        while (phase := _STEPS[self._phase](self)) is not self._phase:
            self._phase = phase
        return self._winner

    def close(self) -> None:
        """Give up the look-up and close what is being tried, not a connector already handed over."""
        self._lookup.cancel()
        self._untried.clear()
        for _, connector in self._racing:
            connector.close()
        self._racing.clear()

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
        self._notified.fire()


_STEPS: dict[_Phase, Callable[[Dial], _Phase]] = {
    _Phase.RESOLVING: Dial._resolve,
    _Phase.CONNECTING: Dial._race,
}
