"""hio's Requester, with hio's type of headers."""

from __future__ import annotations

from copy import copy
from typing import Any

from hio.help.hicting import Hict

from ..wire import rebuilding

__all__ = ["Requester", "built"]


class Requester(rebuilding.Requester):
    """What the next request is built from; see `wire.rebuilding.Requester`."""

    Fields = Hict


def built(requester: Requester | None, parts: dict[str, Any]) -> Requester:
    """Return the requester with `parts` taken in, or a new one; what it describes could be sent.

    Raises as `Requester.build` does.
    """
    if requester is None:
        requester = Requester(**parts)
    else:
        requester.reinit(**parts)
    trial = copy(requester)
    trial.qargs = dict(requester.qargs)
    trial.make()
    return requester
