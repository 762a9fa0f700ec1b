"""hio's nested scheduler, which is run when one of its doers is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from hio.base import doing

from ..net.readying import Readiness
from ..tyming.waiting import Wait
from .deck import Deck
from .serving import Serving

if TYPE_CHECKING:
    from .doist import ReadyDoist

__all__ = ["ReadyDoDoer"]


class ReadyDoDoer(Serving, doing.DoDoer):
    """A DoDoer that is parked while all its doers are.

    Under a ReadyDoist, at any depth, a doer in it is woken as if it were the doist's own. Under hio's Doist
    it is hio's DoDoer. A subclass with a `recur` of its own is run in every beat, as under hio, and also
    when one of its doers is woken between two beats.
    """

    def __init__(self, *pa: Any, **kwa: Any) -> None:
        """Take what hio's DoDoer takes."""
        self._deck = Deck(Readiness())
        # What it was run by last; None before its first turn and after its exit.
        self._doist: ReadyDoist | None = None
        super().__init__(*pa, **kwa)  # type: ignore[no-untyped-call]

    @property
    def tock(self) -> float:
        """What `do` yields: seconds of tyme, or, when it is to be parked, a Wait for its doers.

        To its doers, which may use it as their own, it is always the number.
        """
        if self._doist is None or self._deck.running is not None:
            return self._tock
        return self._wait(self._doist)

    @tock.setter
    def tock(self, tock: float) -> None:
        self._tock = abs(float(tock))

    def recur(self, tyme: float, deeds: Any = None) -> bool:
        """Serve the doers that are due; True when none is left. Deeds that are given are hio's to serve."""
        if deeds is not None:
            return cast("bool", super().recur(tyme, deeds=deeds))  # type: ignore[no-untyped-call]
        deck, doist = self._deck, getattr(self.tymth, "doist", None)
        if doist is not None:
            deck.readiness = doist.readiness
        beating = doist is None or doist.beating
        self._serve(deck.beat(tyme) if beating else deck.woken(tyme), tyme, doist)
        self._doist = doist
        return not deck

    def exit(self, deeds: Any = None) -> None:
        """Close all deeds, or those that are given, in reverse order."""
        super().exit(deeds=deeds)
        if deeds is None:
            self._doist = None
            self._deck.bury()

    def _wait(self, doist: ReadyDoist) -> float:
        deck = self._deck
        moment = deck.moment
        if moment <= doist.tyme:
            return Wait(until=doist.tyme)
        if not deck.parked:
            return self._tock
        if type(self).recur is ReadyDoDoer.recur and deck.parked == len(deck):
            return Wait(deck.bell, until=moment)
        return Wait(deck.bell, until=min(moment, doist.upcoming))
