"""How often one call's request went out, and whether it goes out again. No socket, no waiting."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from math import inf

from ..errors import ExchangeError
from ..policy.chance import Draw
from ..policy.retrying import Attempt, Budget, Retry
from ..tyming.clocks import Calendar, Clock
from ..wire.messages import Request, Response
from ..wire.urls import Origin

__all__ = ["Attempts", "Repeater"]

# Servers can lead to any number of origins.
_MOST_BUDGETS = 1000


class Repeater:
    """What the retries of one sender have in common: chance, the clocks, and each origin's budget.

    Attributes:
        draw: makes the jitter.
        calendar: for moments that servers name.
        clock: the network's, on which a call's total limit runs.
        tyme: on which a call waits until its request goes out again.
    """

    def __init__(self, draw: Draw, calendar: Calendar, clock: Clock, tyme: Clock) -> None:
        """Begin with no budget used."""
        self.draw = draw
        self.calendar = calendar
        self.clock = clock
        self.tyme = tyme
        self._serials = itertools.count()
        self._budgets: OrderedDict[tuple[Retry, Origin], Budget] = OrderedDict()

    def attempts(self, retry: Retry, end: float) -> Attempts:
        """Return the attempts of one call, which is over at `end` on the network's clock."""
        return Attempts(self, retry, end, next(self._serials))

    def budget(self, retry: Retry, origin: Origin) -> Budget:
        """Return what an origin may be asked again by all whose policy is `retry`."""
        budget = self._budgets.pop((retry, origin), None) or Budget(retry, self.tyme())
        self._budgets[retry, origin] = budget
        if len(self._budgets) > _MOST_BUDGETS:
            self._budgets.popitem(last=False)
        return budget


class Attempts:
    """The attempts of one call, wherever redirects lead it.

    Attributes:
        statuses: of answers that may not be the last.
        reached: a server may have acted on an attempt that was not the last.
        delay: seconds of tyme until the next attempt.
    """

    def __init__(self, repeater: Repeater, retry: Retry, end: float, serial: int) -> None:
        """Begin with the first."""
        self.statuses = retry.statuses
        self.reached = False
        self.delay = 0.0
        self._repeater = repeater
        self._retry = retry
        self._end = end
        self._serial = serial
        self._count = 1

    def begin(self, origin: Origin) -> None:
        """Count a request that goes out for the first time."""
        self._repeater.budget(self._retry, origin).deposit()

    def again(self, request: Request, outcome: Response | ExchangeError) -> bool:
        """Tell whether the request is to go out again after `outcome`; then it counts as an attempt."""
        maker = self._repeater
        left = None if self._end == inf else self._end - maker.clock()
        attempt = Attempt(request, outcome, self._count, left, self._serial)
        delay = self._retry.delay(attempt, maker.calendar.now(), maker.draw)
        if delay is None or not maker.budget(self._retry, request.url.origin).spend(maker.tyme()):
            return False
        self._count += 1
        self.delay = delay
        self.reached = self.reached or attempt.reached
        return True
