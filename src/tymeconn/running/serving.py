"""What ReadyDoist and ReadyDoDoer have in common: a deck of deeds in place of hio's deque."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from math import floor
from typing import TYPE_CHECKING, Any

from hio.base import doing

from ..tyming.waiting import Wait
from .deck import Deck, Deed

if TYPE_CHECKING:
    from .doist import ReadyDoist

__all__ = ["Serving"]


class Serving:
    """Serves deeds as hio does, and parks those that yield a Wait.

    It stands ahead of hio's Doist or DoDoer, whose `enter`, `exit` and `extend` work on `deeds`.
    """

    doers: list[Any]
    exit: Any
    _tock: float
    _deck: Deck

    @property
    def deeds(self) -> Deck:
        """The deeds, to be used like hio's deque of triples; setting it puts others in their place."""
        return self._deck

    @deeds.setter
    def deeds(self, triples: Iterable[Any]) -> None:
        while self._deck:
            self._deck.pop()
        self._deck.extend(triples)

    def remove(self, doers: Iterable[Any]) -> None:
        """Take the doers and their deeds out, and close the deeds in reverse order."""
        gone = [doer for doer in doers if doer in self.doers]
        deeds = self._deck.take(gone)
        for doer in gone:
            self.doers.remove(doer)
        self.exit(deeds=deeds)

    def _serve(self, deeds: Iterable[Deed], tyme: float, doist: ReadyDoist | None) -> None:
        """Run the deeds once each, as far as they are due; without a `doist` nobody is parked."""
        deck, last = self._deck, tyme if doist is None else doist.last
        deck.bury()
        rest = iter(deeds)
        try:
            for deed in rest:
                if not deed.retyme <= tyme:
                    deck.plain.set(deed)
                    continue
                deck.running = deed
                try:
                    tock = deed.dog.send(tyme)
                except StopIteration as stop:
                    deck.running = None
                    _, _, doer = deck.drop(deed)
                    _conclude(doer, stop.value)
                    continue
                if doist is not None and doist.deferred:
                    doist.catch_up()
                if tock or isinstance(tock, Wait):
                    self._delay(deed, tock, tyme, doist)
                else:
                    deed.retyme = last + self._tock
                    deck.asap.append(deed)
            deck.running = None
        finally:
            deck.put_back(list(rest))

    def _delay(self, deed: Deed, tock: Any, tyme: float, doist: ReadyDoist | None) -> None:
        if tock:
            deed.retyme += tock
            if doist is not None and doist.real:
                deed.retyme = _caught_up(deed.retyme, tock, tyme)
            self._deck.plain.set(deed)
        elif doist is not None and (tock.on or tock.until is not None):
            self._deck.park(deed, tock)
        else:
            deed.retyme = tyme + self._tock
            self._deck.asap.append(deed)


def _caught_up(retyme: float, tock: float, tyme: float) -> float:
    """Return the last of the retymes, `tock` apart, that are not after `tyme`, or the one that is given."""
    return retyme + floor((tyme - retyme) / tock) * tock if retyme < tyme and tock > 0.0 else retyme


def _probed() -> bool:
    """Tell whether hio leaves `done` as it was when a doer returns None, as from 0.7 on.

    Before that it says False.
    """

    def run(**_: Any) -> Generator[None, None, None]:
        probe.done = True
        yield from ()

    probe = doing.doify(run)
    doing.Doist().enter(doers=[probe])
    return bool(probe.done)


_KEEPS_DONE = _probed()


def _conclude(doer: Any, value: Any) -> None:
    """Say that the doer is done, in the way of the hio that is there."""
    kept = doer.done if value is None else value
    done = kept if _KEEPS_DONE else value or False
    try:
        doer.done = done
    except AttributeError:  # a bound method
        doer.__func__.done = done
