"""hio's root scheduler, which runs who is ready and sleeps when nobody is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Token
from math import inf
from typing import Any

from hio.base import doing

from ..net.readying import Readiness
from ..tyming.clocks import Clock, monotonic
from ..tyming.waiting import TYMTH
from .deck import Deck
from .leaping import leap
from .serving import Serving

__all__ = ["Deadlock", "ReadyDoist"]

# Passes at one tyme, after which those who yielded a number have their turn: two doers that keep waking
# each other would otherwise stop tyme.
_PASSES = 1000


# Further than any tyme that somebody waits for, and not as far as never.
_FAR = sys.float_info.max


class Deadlock(RuntimeError):
    """All doers wait, and nothing is left that could wake one of them; the message names them."""


class ReadyDoist(Serving, doing.Doist):  # type: ignore[misc]  # deeds is a property here
    """A Doist that runs a doer when what it waits for is there.

    Doers that yield numbers are run as by hio's Doist: in its order, at the tymes of its grid, which are
    the beats here. A doer that yields a `Wait` is parked and costs nothing until it is woken; between two
    beats, at the very tyme, if that is when it is woken.

    With ``real=True`` tyme follows the clock. Beats for which nobody is due are slept through, and beats
    that were missed are dropped. With ``real=False`` tyme leaps to whatever is due next; but while somebody
    waits for a descriptor it moves on no faster than the clock.

    Attributes:
        beating: a beat is being served.
        last: the tyme of the last beat.
        deferred: what is to be done behind the present step of a doer.
        readiness: what watches the descriptors of all who are parked.
    """

    def __init__(
        self, *pa: Any, clock: Clock = monotonic, readiness: Readiness | None = None, **kwa: Any
    ) -> None:
        """Take what hio's Doist takes, the clock, and what sleeps until a descriptor is ready."""
        self.readiness = Readiness() if readiness is None else readiness
        self._deck = Deck(self.readiness)
        super().__init__(*pa, **kwa)  # type: ignore[no-untyped-call]
        self.beating = False
        self.last: float = self.tyme
        self._grid: float = self.tyme
        self._clock = clock
        self._passes = 0
        self.deferred: dict[Callable[[], object], None] = {}
        # What to add to tyme for the clock; None when tyme has moved since they were compared.
        self._offset: float | None = None

    @property
    def upcoming(self) -> float:
        """The tyme of the next beat, if somebody is due in it."""
        return self.last + self._tock if self.beating else self._grid

    def tymen(self) -> Callable[[], float]:
        """Return a tymth that has this doist as its attribute `doist`."""

        def tymth() -> float:
            return self._tyme

        tymth.doist = self  # type: ignore[attr-defined]
        return tymth

    def defer(self, act: Callable[[], object]) -> bool:
        """Have `act` called once, behind this step of the doer that is served; False when none is.

        What many generators of one doer do one by one may cost less in a row: to send to a peer that sleeps
        wakes it.
        """
        if self._deck.running is None:
            return False
        self.deferred[act] = None
        return True

    def catch_up(self) -> None:
        """Do what was deferred."""
        deferred, self.deferred = self.deferred, {}
        for act in deferred:
            act()

    def recur(self, deeds: Any = None) -> None:
        """Serve a beat and all who are woken before the next one, whose tyme it is then.

        Deeds that are given are hio's to serve.
        """
        if deeds is not None:
            super().recur(deeds=deeds)  # type: ignore[no-untyped-call]
            return
        if self.readiness:
            self.readiness.poll()
        self._beat(self.tyme)
        end = self._grid
        while (moment := self._deck.moment) < end and self._passes < _PASSES:
            self._pass(max(moment, self.tyme))
        self.tyme = self.last
        self.tick()  # type: ignore[no-untyped-call]

    def do(
        self, doers: Any = None, limit: Any = None, tyme: Any = None, *, temp: bool | None = None
    ) -> None:
        """Run to the end as hio's `do` does, asleep while there is nothing to do.

        Raises:
            Deadlock: all doers are parked and nothing is left that could wake one.
        """
        token = TYMTH.set(self.tymen())
        try:
            self._begin(doers, limit, tyme, temp=temp)
            with suppress(KeyboardInterrupt):
                for timeout in self._turns():
                    if timeout is None and not self.readiness:
                        raise Deadlock(f"nobody is left who could wake any of {self._deck.bell!r}")
                    if timeout != 0.0 or self.readiness:
                        self.readiness.poll(timeout)
        finally:
            self._end(token)

    async def ado(
        self, doers: Any = None, limit: Any = None, tyme: Any = None, *, temp: bool | None = None
    ) -> None:
        """Run to the end inside asyncio, beside its other tasks, which may fire signals and add doers.

        Canceled, it has all doers exit. With everyone parked it waits for those others.
        """
        token = TYMTH.set(self.tymen())
        try:
            self._begin(doers, limit, tyme, temp=temp)
            with suppress(KeyboardInterrupt):
                for timeout in self._turns():
                    await self.readiness.sleep(timeout, self._deck.bell)
                    self.readiness.poll()
        finally:
            self._end(token)

    def _begin(self, doers: Any, limit: Any, tyme: Any, *, temp: bool | None) -> None:
        """Take what hio's `do` takes, and enter all doers."""
        self.done = False
        if doers is not None:
            self.doers = list(doers)
            self.deeds = ()
        if limit is not None:
            self.limit = abs(float(limit))
        if tyme is not None:
            self.tyme = tyme
        # hio before 0.6.18 knows no temp.
        options = {"temp": True} if temp or getattr(self, "temp", False) else {}
        self.enter(**options)  # type: ignore[no-untyped-call]

    def _end(self, token: Token[Any]) -> None:
        """Have all doers exit."""
        try:
            self.deferred.clear()
            self.exit()
            self._deck.bury()
        finally:
            self.readiness.close()
            # Who abandons `ado` closes it in another context, which has none of ours.
            with suppress(ValueError):
                TYMTH.reset(token)

    def _turns(self) -> Iterator[float | None]:
        """Do what is due, again and again; yield for how many seconds nothing is, None for ever.

        After each yield the descriptors are looked at.
        """
        stop = self.tyme + self.limit if self.limit else inf
        self._offset = self._clock() - self.tyme
        self._beat(self.tyme)
        served = True
        while self._deck:
            now = self._now()
            moment, at = self._agenda(stop, now)
            idle = min(moment, at) - now
            if served or idle > 0.0:
                served = False
                yield None if idle == inf else max(idle, 0.0)
                continue
            served = True
            if at > now if self.real else moment < at:
                self._pass(now if self.real else max(moment, self.tyme))
            elif (at := self._newest(at, now)) < stop:
                self._beat(at)
            else:
                self._grid = at
                break
        self.done = not self._deck
        self.tyme = self._grid

    def _agenda(self, stop: float, now: float) -> tuple[float, float]:
        """Return when somebody is to be woken, and the beat in which somebody is due or the run ends."""
        if self._passes >= _PASSES:
            return inf, self._grid
        moment = self._deck.moment
        if moment == -inf:
            return moment, self._grid
        until = min(moment, self._deck.due, stop)
        if self.real and until == moment > now:
            return moment, inf  # no beat comes before, and which one comes then is not of interest yet
        at = leap(self._grid, self._tock, until)
        # Artificial tyme does not run ahead of what is awaited and is not artificial.
        paced = not self.real and at < inf and bool(self.readiness)
        return moment, self._grid if paced else at

    def _now(self) -> float:
        """Return how far tyme may go."""
        if not self.real and not self.readiness:
            return _FAR
        now, tyme = self._clock(), self._tyme
        if self._offset is None:
            self._offset = now - tyme
        return max(now - self._offset, tyme)

    def _newest(self, at: float, now: float) -> float:
        """Return the tyme of the beat to serve of those that are due since `at`: the others were missed."""
        return leap(at, self._tock, now - self._tock) if self.real else at

    def _beat(self, tyme: float) -> None:
        self._move(tyme)
        self._passes = 0
        self.last = tyme
        self.beating = True
        try:
            self._serve(self._deck.beat(tyme), tyme, self)
        finally:
            self.beating = False
        self._grid = tyme + self._tock

    def _pass(self, tyme: float) -> None:
        self._move(tyme)
        self._passes += 1
        self._grid = leap(self._grid, self._tock, tyme)
        self._serve(self._deck.woken(tyme), tyme, self)

    def _move(self, tyme: float) -> None:
        if tyme != self._tyme:
            self._passes = 0
            self.tyme = tyme
            if not self.real:
                self._offset = None
