"""Who waits for what, and until when: shared by all that run generators."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count, islice
from math import inf, isnan, nan
from typing import Any, Generic, TypeAlias, TypeVar

from ..net.readying import Readiness
from ..tyming.waiting import Signal, Wait

__all__ = ["Alarms", "Bell", "Lot", "Sleeper"]

# So few entries that no longer count are not worth a clearance.
_FEW = 64
# Woken in one pass; the others come in the next, behind a look at the descriptors: a flood of wakes keeps
# nobody from being heard.
_MOST = 1000
# Who is named when all wait for ever.
_TOLD = 10


class Sleeper:
    """Something that may be parked. Called, it wakes: it is its own key and waker wherever it waits.

    Attributes:
        retyme: the tyme at which it is due again; infinite when only something awaited wakes it, NaN when
            it is not to be run any more.
        wait: what it is parked for; None when it is not parked.
        entry: what counts of it in a heap of alarms.
    """

    __slots__ = ("_lot", "entry", "retyme", "wait")

    def __init__(self, lot: Lot[Any], retyme: float) -> None:
        self._lot = lot
        self.retyme = retyme
        self.wait: Wait | None = None
        self.entry: _Entry | None = None

    def __call__(self) -> None:
        """Take it out of all that it waits for, to be run soon."""
        self._lot.wake(self)

    @property
    def name(self) -> str:
        """What its owner calls it."""
        raise NotImplementedError


S = TypeVar("S", bound=Sleeper)
# When, a serial number so that no two are equal, who, and in whose heap.
_Entry: TypeAlias = "tuple[float, int, Any, Alarms[Any]]"


class Alarms(Generic[S]):
    """Sleepers by their retyme: a heap in which at most one entry counts for each.

    An entry may come too early: a retyme that moves on costs nothing before its entry is looked at.
    """

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._serial = count()
        self._void = 0

    def __len__(self) -> int:
        return len(self._heap)

    def set(self, sleeper: S) -> None:
        """Have the sleeper come up at its retyme; one that is infinite or NaN never comes."""
        entry = sleeper.entry
        if entry is not None:
            if entry[0] <= sleeper.retyme and entry[3] is self:
                return
            self.clear(sleeper)
        if sleeper.retyme < inf:
            sleeper.entry = entry = (sleeper.retyme, next(self._serial), sleeper, self)
            heappush(self._heap, entry)

    @staticmethod
    def clear(sleeper: S) -> None:
        """Have the sleeper not come up, in whichever alarms it is."""
        if sleeper.entry is not None:
            alarms, sleeper.entry = sleeper.entry[3], None
            alarms._forget()

    def _forget(self) -> None:
        self._void += 1
        if self._void > _FEW and self._void * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry is entry[2].entry]
            self._void = 0
            heapify(self._heap)

    @property
    def next(self) -> float:
        """The least retyme; infinite when there is none."""
        while self._heap:
            entry = self._heap[0]
            tyme, serial, sleeper, _ = entry
            if entry is not sleeper.entry:
                self._void -= 1
                heappop(self._heap)
            elif sleeper.retyme <= tyme:
                return tyme
            elif sleeper.retyme < inf:
                sleeper.entry = entry = (sleeper.retyme, serial, sleeper, self)
                heapreplace(self._heap, entry)
            else:
                sleeper.entry = None
                heappop(self._heap)
        return inf

    @property
    def bound(self) -> float:
        """No retyme is less; it may be that none is as small any more."""
        return self._heap[0][0] if self._heap else inf

    def due(self, tyme: float) -> list[S]:
        """Take out all whose retyme is not after `tyme`, in its order."""
        due: list[S] = []
        if self.bound > tyme:
            return due
        while self.next <= tyme:
            sleeper = heappop(self._heap)[2]
            sleeper.entry = None
            due.append(sleeper)
        return due


class Bell(Signal):
    """What a lot rings; its repr says who is in the lot, and what each waits for."""

    __slots__ = ("_lot",)

    def __init__(self, lot: Lot[Any]) -> None:
        super().__init__()
        self._lot = lot

    def __repr__(self) -> str:
        told = [
            f"{sleeper.name}: {'never due' if sleeper.wait is None else sleeper.wait}"
            for sleeper in islice(self._lot.sleepers(), _TOLD + 1)
        ]
        return f"[{'; '.join(told[:_TOLD])}{', ...' if len(told) > _TOLD else ''}]"


class Lot(Generic[S]):
    """Where sleepers are parked until what they wait for wakes them.

    Attributes:
        bell: fires when somebody is woken, once until they are all taken.
        readiness: where their descriptors are watched.
        parked: how many are parked.
    """

    def __init__(self, readiness: Readiness) -> None:
        self.bell = Bell(self)
        self.readiness = readiness
        self.parked = 0
        self._alarms: Alarms[S] = Alarms()
        self._woken: list[S] = []

    @property
    def moment(self) -> float:
        """The tyme at which somebody is to be taken: minus infinity for now, infinity for never yet."""
        return -inf if self._woken else self._alarms.next

    @property
    def earliest(self) -> float:
        """No later than `moment`, and cheaper to know."""
        return -inf if self._woken else self._alarms.bound

    def sleepers(self) -> Iterator[S]:
        """All who are in the lot, parked or not."""
        raise NotImplementedError

    def park(self, sleeper: S, wait: Wait) -> None:
        """Leave the sleeper until something of the wait wakes it."""
        sleeper.wait = wait
        self.parked += 1
        for thing in wait.on:
            if isinstance(thing, Signal):
                thing.attend(sleeper, sleeper)
            else:
                self.readiness.attend(thing, sleeper, sleeper)
        # In this order a NaN is infinite, too.
        sleeper.retyme = inf if wait.until is None else min(inf, wait.until)
        self._alarms.set(sleeper)

    def wake(self, sleeper: S) -> None:
        """Take the sleeper out of all that it waits for, to be run soon."""
        self._unpark(sleeper)
        self._woken.append(sleeper)
        if len(self._woken) == 1:
            self.bell.fire()

    def leave(self, sleeper: S) -> None:
        """Forget the sleeper: nothing that it was parked for knows it any more."""
        if sleeper.wait is not None:
            self._unpark(sleeper)
        Alarms.clear(sleeper)
        sleeper.retyme = nan

    def roused(self, tyme: float) -> list[S]:
        """Take those who are woken, up to a share, with `tyme` as their retyme."""
        for sleeper in self._alarms.due(tyme):
            if sleeper.wait is not None:
                self._unpark(sleeper)
                self._woken.append(sleeper)
        # The garbage collector closes generators when it likes, and that may wake one more meanwhile.
        share = min(len(self._woken), _MOST)
        roused = [sleeper for sleeper in self._woken[:share] if not isnan(sleeper.retyme)]
        del self._woken[:share]
        for sleeper in roused:
            sleeper.retyme = tyme
        return roused

    def _unpark(self, sleeper: S) -> None:
        wait, sleeper.wait = sleeper.wait, None
        assert wait is not None
        self.parked -= 1
        for thing in wait.on:
            if isinstance(thing, Signal):
                thing.withdraw(sleeper)
            else:
                self.readiness.withdraw(thing, sleeper)
