"""Names become addresses on threads of their own, because getaddrinfo blocks (RFC 8305 4 for the order)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from itertools import chain, zip_longest
from typing import Any, TypeAlias

from ..tyming.clocks import Clock, monotonic
from ..tyming.waiting import Signal
from .offloading import Errand, Threads, Ticket
from .seams import Address, Lookup

__all__ = ["Known", "Resolver"]

# So many names may hang in the system's resolver, for up to half a minute each, before others wait.
THREADS = 16
CACHED = 1024
POSITIVE = 60.0
NEGATIVE = 5.0

Getaddrinfo: TypeAlias = Callable[..., list[tuple[Any, ...]]]
_Addresses: TypeAlias = tuple[Address, ...]


class _Question:
    """One name asked for once, however many wait for it."""

    __slots__ = ("asked", "errand")

    def __init__(self, asked: float, errand: Errand[_Addresses]) -> None:
        self.asked = asked
        self.errand = errand

    def fresh(self, now: float) -> bool:
        """Tell whether another look-up may share this one. Age counts from the asking."""
        outcome = self.errand.outcome
        if outcome is None:
            return True
        return now < self.asked + (NEGATIVE if isinstance(outcome, OSError) else POSITIVE)


class _Lookup(Ticket[_Addresses]):
    """A Lookup that reads the addresses where a thread puts them."""

    __slots__ = ()

    @property
    def addresses(self) -> _Addresses:
        outcome = self._errand.outcome
        return () if outcome is None or isinstance(outcome, OSError) else outcome


class Known:
    """The look-up of an address that is known."""

    ended = True
    error: OSError | None = None

    def __init__(self, address: Address) -> None:
        self.signal = Signal()
        self.addresses = (address,)

    def fileno(self) -> int | None:
        """Return None: it has ended."""

    def cancel(self) -> None:
        """Do nothing: it has ended."""


class Resolver:
    """Looks names up on at most 16 daemon threads, which live only while there are names to look up.

    IP literals and "localhost" need no look-up and end at once. Addresses are kept for 60 s and failures
    for 5 s of `clock`, counted from the asking, for at most 1024 names; who asks for a name that is being
    looked up shares that look-up. A look-up that hangs in the system cannot be stopped: it occupies its
    thread, and `cancel` gives up the ticket only.

    One thread calls `resolve` and reads the look-ups.
    """

    def __init__(self, clock: Clock = monotonic, getaddrinfo: Getaddrinfo = socket.getaddrinfo) -> None:
        """Ask `getaddrinfo(host, port, type=SOCK_STREAM)`; it may block and runs on any thread."""
        self._clock = clock
        self._getaddrinfo = getaddrinfo
        self._questions: dict[tuple[str, int], _Question] = {}
        self._threads = Threads(THREADS)

    def resolve(self, host: str, port: int) -> Lookup:
        """Begin to look up `host`; its addresses carry `port`. Failures are the look-up's `error`."""
        return _Lookup(self._errand(host, port))

    def _errand(self, host: str, port: int) -> Errand[_Addresses]:
        ask = partial(self._look_up, host, port)
        if known := _literal(host, port):
            return Errand(ask, known)
        now = self._clock()
        question = self._questions.pop((host, port), None)
        if question is None or not question.fresh(now):
            question = _Question(now, Errand(ask))
            self._threads.run(question.errand)
        self._questions[host, port] = question
        if len(self._questions) > CACHED:
            del self._questions[next(iter(self._questions))]
        return question.errand

    def _look_up(self, host: str, port: int) -> _Addresses:
        try:
            rows = self._getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except ValueError as error:  # UnicodeError, or a NUL: no name of DNS
            raise socket.gaierror(socket.EAI_NONAME, str(error)) from error
        addresses = _interleaved(rows)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no IPv4 or IPv6 address")
        return addresses


def _literal(host: str, port: int) -> tuple[Address, ...]:
    if host == "localhost":  # RFC 6761 6.3: never asked of DNS
        return Address(socket.AF_INET, ("127.0.0.1", port)), Address(socket.AF_INET6, ("::1", port, 0, 0))
    if _parses(socket.AF_INET, host):
        return (Address(socket.AF_INET, (host, port)),)
    if _parses(socket.AF_INET6, host):
        return (Address(socket.AF_INET6, (host, port, 0, 0)),)
    return ()


def _parses(family: int, host: str) -> bool:
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return False
    return True


def _interleaved(rows: list[tuple[Any, ...]]) -> tuple[Address, ...]:
    """Return each address once, families in turn, led by the one the system prefers (RFC 8305 4)."""
    found = dict.fromkeys(
        Address(row[0], row[4]) for row in rows if row[0] in (socket.AF_INET, socket.AF_INET6)
    )
    lead = next((address.family for address in found), None)
    ours = [address for address in found if address.family == lead]
    others = [address for address in found if address.family != lead]
    return tuple(address for address in chain.from_iterable(zip_longest(ours, others)) if address)
