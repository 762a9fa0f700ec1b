"""How long an idle connection may be used again: pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from .limits import PoolLimits

__all__ = ["SILENT", "KeepAlive", "expiry", "keep_alive"]

# Nine digits are thirty years; what is longer, or not of this form, says nothing.
_PARAMETER = re.compile(r"[ \t]*(timeout|max)=([0-9]{1,9})[ \t]*", re.IGNORECASE | re.ASCII)
_LONGEST = 256
# The server counts from another moment than we do, and a request is some time on its way.
_MARGIN = 1.0


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """What a server says of a connection, in the field Keep-Alive of RFC 2068 19.7.1.1.

    Attributes:
        seconds: for how long it keeps the connection when nothing is sent.
        uses: requests that it still takes.
    """

    seconds: float = inf
    uses: float = inf


SILENT = KeepAlive()


def keep_alive(headers: Mapping[str, str]) -> KeepAlive:
    """Return what an answer's Keep-Alive, which is there, says; what is malformed says nothing."""
    parameters = (_PARAMETER.fullmatch(part) for part in headers["keep-alive"][:_LONGEST].split(","))
    said = {found[1].lower(): float(found[2]) for found in parameters if found}
    return KeepAlive(said.get("timeout", inf), said.get("max", inf))


def expiry(limits: PoolLimits, said: KeepAlive, born: float, now: float) -> float:
    """Return until when a connection that was opened at `born`, and is idle since `now`, may be used."""
    idle = inf if limits.idle is None else limits.idle
    age = inf if limits.age is None else limits.age
    return min(now + idle, born + age, now + said.seconds - _MARGIN)
