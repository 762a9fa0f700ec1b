"""The deeds of one scheduler: in hio's order, and by when they are due."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator
from math import inf
from operator import attrgetter
from typing import Any, TypeAlias

from ..net.readying import Readiness
from .parking import Alarms, Lot, Sleeper

__all__ = ["Deck", "Deed"]

# hio's own deed: a generator, its retyme and its doer.
_Triple: TypeAlias = tuple[Generator[Any, Any, Any], float, Any]

# Between two labels: so often can a place between two neighbours be halved before all are labeled anew.
_GAP = 1 << 512
_LABEL = attrgetter("label")


class Deed(Sleeper):
    """One doer's generator and its place in hio's order.

    Attributes:
        dog: the generator.
        doer: whose it is.
        label: grows along the deck.
        after: the deed behind it.
        before: the deed ahead of it.
    """

    __slots__ = ("after", "before", "doer", "dog", "label")

    before: Deed
    after: Deed

    def __init__(self, lot: Lot[Any], dog: Any, retyme: float, doer: Any) -> None:
        super().__init__(lot, retyme)
        self.dog = dog
        self.doer = doer
        self.label = 0

    @property
    def name(self) -> str:
        """The doer's."""
        return str(getattr(self.doer, "__name__", type(self.doer).__name__))


class Deck(Lot[Deed]):
    """All deeds of a scheduler. To those who know hio's deque of triples it looks like that deque.

    hio turns its deque while it serves it; here a ring stays as it is and `running` moves along. Where hio
    appends to the deque, a deed is put ahead of the running one, or at the end when none runs; and the
    running one is in neither. hio's marker, a triple of None, is never seen. The bell also rings for every
    change from outside: a deck that has become empty is news to its scheduler.

    Attributes:
        running: the deed that is being served.
        asap: deeds for the next beat, as far as their retyme has come by then.
        plain: the other deeds that yielded a number, by retyme.
    """

    def __init__(self, readiness: Readiness) -> None:
        super().__init__(readiness)
        self._root = Deed(self, None, inf, None)
        self._root.before = self._root.after = self._root
        self._count = 0
        self.running: Deed | None = None
        self.asap: list[Deed] = []
        self.plain: Alarms[Deed] = Alarms()
        # The asap list is in the order of the deck.
        self._ordered = True

    @property
    def due(self) -> float:
        """The least retyme of those who yielded a number; minus infinity for as soon as there is a beat."""
        return -inf if self.asap else self.plain.next

    def __len__(self) -> int:
        return self._count - (self.running is not None)

    def __iter__(self) -> Iterator[_Triple]:
        return ((deed.dog, deed.retyme, deed.doer) for deed in self._turned())

    def index(self, triple: _Triple) -> int:
        """Return the place of the triple; raises ValueError when it is not there."""
        return list(self).index(triple)

    def append(self, triple: _Triple) -> None:
        """Put a deed at the end: it is served first in the next beat that its retyme allows."""
        deed = Deed(self, triple[0], triple[1], triple[2])
        self._link(deed)
        self.asap.append(deed)
        self.bell.fire()

    def extend(self, triples: Iterable[_Triple]) -> None:
        """Append all, in their order."""
        for triple in triples:
            self.append(triple)

    def pop(self) -> _Triple:
        """Take out the last; raises IndexError when there is none."""
        start = self.running or self._root
        deed = start.before
        if deed is self._root:
            deed = deed.before
        if deed is start:
            raise IndexError("pop from an empty deck")
        self.bell.fire()
        return self.drop(deed)

    def take(self, doers: Collection[Any]) -> deque[_Triple]:
        """Take out and return the deeds of the doers, in order."""
        taken = [deed for deed in self._turned() if deed.doer in doers]
        self.bell.fire()
        return deque(self.drop(deed) for deed in taken)

    def drop(self, deed: Deed) -> _Triple:
        """Take out the deed, for good: lists that still have it pass it over and keep nothing alive."""
        triple = (deed.dog, deed.retyme, deed.doer)
        self.leave(deed)
        deed.dog = deed.doer = None
        deed.before.after, deed.after.before = deed.after, deed.before
        self._count -= 1
        return triple

    def bury(self) -> None:
        """Take out the deed at which the last turn broke off, if it did.

        Its generator has ended, unless an interrupt came between two steps of the scheduler.
        """
        deed = self.running
        # It is still at work when it is its own code that has come here.
        if deed is not None and not getattr(deed.dog, "gi_running", False):
            self.running = None
            self.drop(deed)[0].close()

    def beat(self, tyme: float) -> list[Deed]:
        """Take all who are to be served in a beat, in order."""
        due, self.asap = self.asap, []
        late = [*self.plain.due(tyme), *self.roused(tyme)]
        if late or not self._ordered:
            due = sorted((*due, *late), key=_LABEL)
        self._ordered = True
        return due

    def woken(self, tyme: float) -> list[Deed]:
        """Take those who are to be served between two beats, in order."""
        # Who yields a number then is behind others who did so in the beat.
        self._ordered = False
        return sorted(self.roused(tyme), key=_LABEL)

    def put_back(self, deeds: list[Deed]) -> None:
        """Have those served in the next beat who were taken and not served."""
        if deeds:
            self.asap.extend(deeds)
            self._ordered = False

    def _turned(self) -> Iterator[Deed]:
        """Go round the ring, from behind the running deed."""
        start = self.running or self._root
        deed = start.after
        while deed is not start:
            if deed is not self._root:
                yield deed
            deed = deed.after

    def sleepers(self) -> Iterator[Deed]:
        """All deeds but the running one, in order."""
        return self._turned()

    def _link(self, deed: Deed) -> None:
        after = self.running or self._root
        before = after.before
        deed.before, deed.after = before, after
        before.after = after.before = deed
        self._count += 1
        deed.label = before.label + _GAP if after is self._root else (before.label + after.label) >> 1
        if deed.label == before.label:
            self._relabel()

    def _relabel(self) -> None:
        label, deed = 0, self._root.after
        while deed is not self._root:
            label += _GAP
            deed.label = label
            deed = deed.after
