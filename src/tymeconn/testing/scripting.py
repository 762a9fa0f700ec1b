"""Peers that follow a script: connectors and networks without a socket, on whatever clock the test has.

A script is what one connection's peer does: a list with one entry for each piece that goes out whole, each
entry what becomes readable then. A request with a body in `body` or `json` is one piece; of a body that is
streamed each piece counts, and an empty list is the entry for one behind which the peer says nothing.

- bytes: the answer, read in one piece;
- a list of bytes and None: pieces, each handed over by one `recv`; None is a `recv` that finds nothing;
- ``END``: the peer closes; may stand in a list, too;
- an OSError: `recv` raises it; may stand in a list, too. A ConnectionRefusedError at the start of a script
  refuses the connection.

After the last entry the peer is silent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

from ..net.seams import READ, Address, Connector, Tls
from ..tyming.clocks import Clock
from ..tyming.waiting import Signal

__all__ = ["END", "Piece", "Script", "ScriptedConnector", "ScriptedLookup", "ScriptedNetwork", "answer"]

END = b""

Piece: TypeAlias = bytes | OSError | None
Script: TypeAlias = Iterable[Piece | list[Piece]]


def answer(body: bytes | str = b"", status: int = 200, **headers: str | int) -> bytes:
    """Return a whole HTTP/1.1 answer; underscores in header names become hyphens."""
    content = body.encode() if isinstance(body, str) else body
    fields = {"content_length": len(content), **headers}
    names = (f"{name.replace('_', '-')}: {value}" for name, value in fields.items())
    lines = [f"HTTP/1.1 {status} Scripted", *names]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1") + content


class ScriptedConnector:
    """The connector to a peer that follows a script; it is up at the second `connect`.

    Whoever attaches is told at once, and again whenever the next call may succeed.

    Attributes:
        sent: what each `send` took.
        window: bytes that one `send` takes at most.
        closed: it was closed.
    """

    def __init__(self, script: Script, window: int = 1 << 30) -> None:
        self.sent: list[bytes] = []
        self.received = 0
        self.window = window
        self.closed = False
        self.wants = READ
        self.pending = False
        self.clean = True
        self.protocol: str | None = None
        self._script = deque(script)
        self._readable: deque[Piece] = deque()
        self._connects = 0
        self._notify: Callable[[Connector], None] = _ignore

    def connect(self) -> bool:
        """Be up at the second call, as a socket is at best, or be refused."""
        self._connects += 1
        if self._script and isinstance(self._script[0], ConnectionRefusedError):
            raise self._script[0]
        self._notify(self)
        return self._connects > 1

    def send(self, data: bytes | memoryview) -> int:
        """Take at most `window` bytes; a whole request makes the script's next entry readable."""
        taken = bytes(data[: self.window])
        self.sent.append(taken)
        if len(taken) == len(data) and self._script:
            entry = self._script.popleft()
            self.say(*(entry if isinstance(entry, list) else [entry]))
        return len(taken)

    def recv(self, size: int) -> bytes | None:
        """Hand over the next piece."""
        if not self._readable:
            return None
        piece = self._readable.popleft()
        if isinstance(piece, OSError):
            raise piece
        if piece is None:
            self._announce()
            return None
        if piece == END:
            self._readable.appendleft(END)
        if len(piece) > size:
            self._readable.appendleft(piece[size:])
        self.received += len(piece[:size])
        return piece[:size]

    def say(self, *pieces: Piece) -> None:
        """Make pieces readable that no request asked for."""
        self._readable.extend(pieces)
        self._announce()

    def _announce(self) -> None:
        if self._readable:
            self._notify(self)

    def shut(self) -> None:
        """Change nothing: the script does not listen."""

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def fileno(self) -> int | None:
        """Return None: there is no descriptor."""
        return None

    def attach(self, notify: Callable[[Connector], None]) -> None:
        """Tell at once, and from now on."""
        self._notify = notify
        notify(self)


def _ignore(_connector: Connector) -> None:
    """Stand in for whoever will attach."""


class ScriptedLookup:
    """A look-up that ended before it began."""

    def __init__(self, addresses: tuple[Address, ...], error: OSError | None = None) -> None:
        self.signal = Signal()
        self.ended = True
        self.addresses = addresses
        self.error = error

    def fileno(self) -> int | None:
        """Return None: it has ended."""

    def cancel(self) -> None:
        """Do nothing: it has ended."""


class ScriptedNetwork:
    """A network whose connections follow the given scripts, one each, in order.

    Attributes:
        connectors: those handed out so far.
        clock: seconds of the deadlines; pass ``doist.tymen()`` to drive them by tyme.
    """

    def __init__(self, *scripts: Script, clock: Clock = lambda: 0.0) -> None:
        self.connectors: list[ScriptedConnector] = []
        self.clock = clock
        self._scripts = deque(scripts)

    def resolve(self, host: str, port: int) -> ScriptedLookup:
        """Return one made-up address; a name that ends in .invalid has none (RFC 6761 6.4)."""
        if host.endswith(".invalid"):
            return ScriptedLookup((), OSError(f"no address for {host}"))
        return ScriptedLookup((Address(0, (host, port)),))

    def connector(self, address: Address, tls: Tls | None = None) -> ScriptedConnector:  # noqa: ARG002
        """Return the connector of the next script; ConnectionRefusedError when there is none."""
        if not self._scripts:
            raise ConnectionRefusedError(f"no script is left for {address}")
        connector = ScriptedConnector(self._scripts.popleft())
        self.connectors.append(connector)
        return connector

    def prepare(self, tls: Tls) -> None:
        """Do nothing: a scripted connection is never encrypted."""

    def ready(self, tls: Tls) -> ScriptedLookup:  # noqa: ARG002
        """Be ready: a scripted connection is never encrypted."""
        return ScriptedLookup(())
