"""How long an exchange may take, and how long a job is watched."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace

__all__ = ["Patience", "Timeouts"]


def _check_seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be seconds or None, not {value!r}")
    if not 0 < value <= sys.float_info.max:
        raise ValueError(f"{name} must be more than 0 seconds, not {value!r}")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of one exchange, in seconds of the network's clock; None is no limit.

    Attributes:
        connect: from the first address look-up until the connection, TLS included, is up.
        write: between two moments at which the peer takes bytes.
        read: between two moments at which the peer sends bytes; the first counts from the end of sending.
        total: from the call until the answer is whole.
        pool: waiting for a connection to become free.
        idle: of a stream, in place of `read` and `total`: between two moments at which bytes come.
        expect: for a 100 that a request asked for, before its body is sent without (RFC 9110 10.1.1).
    """

    connect: float | None = 5.0
    write: float | None = 10.0
    read: float | None = 30.0
    total: float | None = 300.0
    pool: float | None = 30.0
    idle: float | None = 300.0
    expect: float | None = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                _check_seconds(f"timeout {field.name}", value)

    def streaming(self) -> Timeouts:
        """Return the limits of a stream, which may go on for ever but not in silence."""
        return replace(self, read=self.idle, total=None)

    def draining(self) -> Timeouts:
        """Return the limits of an answer that is read to its end for the connection's sake alone."""
        return replace(self, read=1.0 if self.read is None else min(self.read, 1.0))

    def within(self, seconds: float) -> Timeouts:
        """Return these limits with `total` no longer than `seconds`."""
        return replace(self, total=seconds if self.total is None else min(self.total, seconds))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a job is watched, in tyme seconds, and how many failed looks are borne.

    Attributes:
        deadline: from the submission until the last look starts; None watches for ever.
        look: how long one look may take.
        misses: failed looks in a row that are borne; one more ends the watch.
        unseen: looks answered 404 that are borne before the job was seen for the first time, for servers
            whose reads lag behind their writes.
    """

    deadline: float | None = 3600.0
    look: float = 30.0
    misses: int = 5
    unseen: int = 10

    def __post_init__(self) -> None:
        if self.deadline is not None:
            _check_seconds("deadline", self.deadline)
        _check_seconds("look", self.look)
        for name, count in (("misses", self.misses), ("unseen", self.unseen)):
            if isinstance(count, bool) or not isinstance(count, int):
                raise TypeError(f"{name} must be a count, not {count!r}")
            if count < 0:
                raise ValueError(f"{name} must not be negative: {count!r}")
