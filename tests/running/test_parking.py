"""Who is parked, what wakes it, and what is left behind: nothing."""

from __future__ import annotations

import pytest

from tymeconn.net.readying import Readiness
from tymeconn.running.parking import Alarms, Lot, Sleeper
from tymeconn.tyming.waiting import Signal, Wait


@pytest.fixture
def lot():
    return Lot(Readiness())


def sleeper_of(lot, **wait):
    sleeper = Sleeper(lot, 0.0)
    lot.park(sleeper, Wait(**wait))
    return sleeper


class TestLot:
    def test_the_bell_rings_once_for_all_who_are_woken(self, lot):
        """Until they are taken, its owner knows."""
        signal, rung = Signal(), []
        sleepers = [sleeper_of(lot, on=signal) for _ in range(3)]
        lot.bell.attend("owner", lambda: rung.append("woken"))
        signal.fire()
        assert (rung, lot.moment, lot.roused(5.0)) == (["woken"], float("-inf"), sleepers)

    def test_who_is_due_is_roused_with_who_is_woken(self, lot):
        """What wakes one does not matter to the other."""
        signal = Signal()
        due, woken, _ = sleeper_of(lot, until=1.0), sleeper_of(lot, on=signal), sleeper_of(lot, until=2.0)
        signal.fire()
        assert (lot.roused(1.5), lot.moment, lot.parked) == ([woken, due], 2.0, 1)

    def test_who_left_is_not_roused(self, lot):
        """Neither by a signal nor by tyme, also when it was woken before."""
        signal = Signal()
        gone = [sleeper_of(lot, on=signal, until=1.0) for _ in range(2)]
        lot.leave(gone[0])
        signal.fire()
        lot.leave(gone[1])
        assert (lot.roused(9.0), lot.parked, signal._wakes) == ([], 0, {})

    def test_who_was_woken_early_is_roused_once(self, lot):
        """The tyme until which it would have waited is over for it."""
        signal = Signal()
        woken = sleeper_of(lot, on=signal, until=1.0)
        signal.fire()
        assert (lot.roused(2.0), lot.roused(2.0), lot.moment) == ([woken], [], float("inf"))

    def test_a_lot_of_anybody_names_nobody(self, lot):
        """Who is in a lot, and under what name, is for its kinds to say."""
        with pytest.raises(NotImplementedError):
            lot.sleepers()
        with pytest.raises(NotImplementedError):
            str(sleeper_of(lot).name)


class TestAlarms:
    def test_a_later_tyme_costs_nothing(self):
        """Who moves its tyme on has one entry, which is looked at when it comes up."""
        alarms, sleeper = Alarms(), Sleeper(None, 1.0)
        for tyme in range(1, 1000):
            sleeper.retyme = float(tyme)
            alarms.set(sleeper)
        assert (len(alarms), alarms.due(998.0), alarms.next, alarms.due(999.0)) == (1, [], 999.0, [sleeper])

    def test_an_earlier_tyme_counts(self):
        """Who is due earlier than it was comes up once, then."""
        alarms, sleeper = Alarms(), Sleeper(None, 9.0)
        alarms.set(sleeper)
        sleeper.retyme = 1.0
        alarms.set(sleeper)
        assert (alarms.due(1.0), alarms.next, alarms.due(9.0)) == ([sleeper], float("inf"), [])

    def test_never_is_never(self):
        """A tyme that is infinite from the start, or has become so, does not come up."""
        alarms, sleepers = Alarms(), [Sleeper(None, tyme) for tyme in (float("inf"), float("nan"), 1.0)]
        for sleeper in sleepers:
            alarms.set(sleeper)
        sleepers[2].retyme = float("inf")
        assert (alarms.next, len(alarms)) == (float("inf"), 0)

    def test_what_counts_no_more_is_cleared_away(self):
        """However often tymes are moved back and forth, a heap stays as small as what counts."""
        alarms, sleeper = Alarms(), Sleeper(None, 0.0)
        for tyme in range(5000, 0, -1):
            sleeper.retyme = float(tyme)
            alarms.set(sleeper)
        assert len(alarms) < 200
        assert (alarms.due(1.0), alarms.next) == ([sleeper], float("inf"))

    def test_a_sleeper_counts_in_one_of_several(self):
        """In the alarms in which it was set last."""
        first, second, sleeper = Alarms(), Alarms(), Sleeper(None, 1.0)
        first.set(sleeper)
        second.set(sleeper)
        assert (first.due(1.0), second.due(1.0)) == ([], [sleeper])
