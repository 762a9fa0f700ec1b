"""The gates of a pool: one for each origin, or none, and the time they go by."""

from __future__ import annotations

from collections import OrderedDict

from ..policy.chance import Draw
from ..policy.gating import Gate, GateLimits
from ..tyming.clocks import Calendar, Clock
from ..wire.urls import Origin

__all__ = ["Gates"]

# Servers can lead to any number of origins, and each would leave a gate behind.
_MOST_KEPT = 1000


class Gates:
    """Where gates come from, and where those go whose origin nobody asks at the moment.

    Attributes:
        tyme: on which they run.
        calendar: for moments that servers name.
    """

    def __init__(self, limits: GateLimits | None, draw: Draw, tyme: Clock, calendar: Calendar) -> None:
        """Begin with none; each has the same limits, and without limits there will be none."""
        self.tyme = tyme
        self.calendar = calendar
        self._limits = limits
        self._draw = draw
        self._kept: OrderedDict[Origin, Gate] = OrderedDict()

    def take(self, origin: Origin) -> Gate | None:
        """Return the origin's gate as it was put away, else a new one."""
        if self._limits is None:
            return None
        return self._kept.pop(origin, None) or Gate(str(origin), self._limits, self._draw)

    def put_away(self, origin: Origin, gate: Gate | None) -> None:
        """Keep a gate, if it is one, for the next who asks its origin; of very many only the last."""
        if gate is None:
            return
        self._kept[origin] = gate
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
