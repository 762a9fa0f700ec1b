"""Peers for the tests of this room: streams in memory, TLS servers over them, scripted networks."""

from __future__ import annotations

import gc
import os
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from tymeconn.net.seams import READ, WRITE, Address, Connector, Lookup, Tls, Underway
from tymeconn.tyming.clocks import Clock
from tymeconn.tyming.waiting import Readable, Signal

V4 = Address(socket.AF_INET, ("192.0.2.1", 80))
V6 = Address(socket.AF_INET6, ("2001:db8::1", 80, 0, 0))
PATIENCE = 10.0


class Pipe:
    """A connector in memory: `inbox` is what the peer sent, `outbox` what it was sent."""

    def __init__(self, *, up: bool = True, room: int = 1 << 30, descriptor: int | None = None) -> None:
        self.up = up
        self.room = room
        self.descriptor = descriptor
        self.piece = 1 << 30
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.ended = False
        self.failure: OSError | None = None
        self.broken: OSError | None = None
        self.shuts = 0
        self.closes = 0
        self.notify: Callable[[Connector], None] | None = None
        self.wants = READ if up else WRITE
        self.pending = False
        self.clean = False
        self.protocol: str | None = None

    def connect(self) -> bool:
        if self.failure:
            raise self.failure
        return self.up

    def recv(self, size: int) -> bytes | None:
        if self.inbox:
            data = bytes(self.inbox[: min(size, self.piece)])
            del self.inbox[: len(data)]
            return data
        if self.failure:
            raise self.failure
        return b"" if self.ended else None

    def send(self, data: bytes | memoryview) -> int:
        if self.broken:
            raise self.broken
        taken = min(self.room, len(data))
        self.room -= taken
        self.outbox += data[:taken]
        self.wants = READ if taken == len(data) else READ | WRITE
        return taken

    def shut(self) -> None:
        self.shuts += 1

    def close(self) -> None:
        self.closes += 1

    def fileno(self) -> int | None:
        return self.descriptor

    def attach(self, notify: Callable[[Connector], None]) -> None:
        self.notify = notify


class TlsPeer:
    """A TLS server at the other end of a Pipe."""

    def __init__(self, context: ssl.SSLContext, pipe: Pipe) -> None:
        self.pipe = pipe
        self.ended = False
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def shake(self) -> None:
        """Take what came and answer it; a failed handshake leaves an alert."""
        self._take()
        with suppress(ssl.SSLError):
            self.tls.do_handshake()
        self._give()

    def write(self, data: bytes) -> None:
        self.tls.write(data)
        self._give()

    def read(self) -> bytes:
        """Return all that came so far; `ended` tells whether close_notify was the last of it."""
        self._take()
        data = bytearray()
        with suppress(ssl.SSLWantReadError):
            while piece := self.tls.read(65536):
                data += piece
            self.ended = True
        return bytes(data)

    def say_end(self) -> None:
        with suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self._give()

    def _take(self) -> None:
        self.incoming.write(bytes(self.pipe.outbox))
        self.pipe.outbox.clear()

    def _give(self) -> None:
        self.pipe.inbox += self.outgoing.read()


def shake(connector: Connector, peer: TlsPeer) -> None:
    """Bring both ends through the handshake."""
    for _ in range(10):
        up = connector.connect()
        peer.shake()
        if up:
            return
    raise AssertionError("no handshake in 10 rounds")


class ScriptedLookup:
    """A look-up whose end is set by the test."""

    def __init__(self, addresses: tuple[Address, ...] = (), *, error: OSError | None = None) -> None:
        self.signal = Signal()
        self.ended = bool(addresses or error)
        self.addresses = addresses
        self.error: OSError | None = error
        self.canceled = False

    def fileno(self) -> int | None:
        return None

    def cancel(self) -> None:
        self.canceled = True


class ScriptedNetwork:
    """Hands out the given connectors, or raises the given errors; `now` is its clock."""

    def __init__(
        self, lookup: ScriptedLookup, connectors: Mapping[Address, Pipe | OSError] | None = None
    ) -> None:
        self.lookup = lookup
        self.connectors = connectors or {}
        self.now = 0.0
        self.readying = ScriptedLookup()
        self.readying.ended = True
        self.clock: Clock = lambda: self.now
        self.asked: list[tuple[str, int]] = []
        self.tried: list[tuple[Address, Tls | None]] = []

    def resolve(self, host: str, port: int) -> Lookup:
        self.asked.append((host, port))
        return self.lookup

    def connector(self, address: Address, tls: Tls | None = None) -> Connector:
        self.tried.append((address, tls))
        made = self.connectors[address]
        if isinstance(made, OSError):
            raise made
        return made

    def prepare(self, tls: Tls) -> None:
        """Nothing here blocks."""

    def ready(self, tls: Tls) -> Underway:
        return self.readying


def descriptors() -> int:
    """Return how many descriptors this process holds, garbage not counted."""
    gc.collect()
    return len(os.listdir("/dev/fd"))


def address_of(listener: socket.socket) -> Address:
    return Address(listener.family, listener.getsockname())


@contextmanager
def bound_on_both() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Sockets bound to one port of 127.0.0.1 and ::1; neither listens, so that both refuse."""
    for _ in range(20):
        with socket.socket() as v4, socket.socket(socket.AF_INET6) as v6:
            v4.bind(("127.0.0.1", 0))
            try:
                v6.bind(("::1", v4.getsockname()[1]))
            except OSError:
                continue
            yield v4, v6
            return
    raise AssertionError("no port is free on both")


def join_threads() -> None:
    """Wait until everything that runs on a thread of ours has ended."""
    for thread in threading.enumerate():
        if thread.name == "tymeconn-offload":
            thread.join(PATIENCE)


def wait_for(attempt: Callable[[], object], connector: Connector) -> object:
    """Return what `attempt` gives other than None, False and 0, watching the connector's descriptor."""
    for _ in range(1000):
        result = attempt()
        if result or isinstance(result, bytes):
            return result
        watch(connector)
    raise AssertionError("nothing came in 1000 attempts")


def watch(thing: Readable) -> None:
    """Return once something may have happened there, as a selector sees it."""
    descriptor = thing.fileno()
    assert descriptor is not None
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, getattr(thing, "wants", READ))
        assert getattr(thing, "pending", False) or selector.select(PATIENCE), "nothing happens"


@contextmanager
def serving(handle: Callable[[socket.socket], None], *, host: str = "127.0.0.1") -> Iterator[Address]:
    """Serve one connection on an ephemeral port, in a thread that has ended when the block ends."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        listener.settimeout(PATIENCE)
        thread = threading.Thread(target=_serve, args=(listener, handle))
        thread.start()
        try:
            yield address_of(listener)
        finally:
            thread.join(PATIENCE)


def _serve(listener: socket.socket, handle: Callable[[socket.socket], None]) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(PATIENCE)
        handle(connection)
