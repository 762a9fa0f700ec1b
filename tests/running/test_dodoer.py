"""ReadyDoDoer: parked while all its doers are."""

from __future__ import annotations

import pytest
from hio.base import doing

from tymeconn.running import Deadlock, ReadyDoDoer, ReadyDoist
from tymeconn.tyming.waiting import Signal, Wait

from .playing import doer_of, noting


class Counting(ReadyDoDoer):
    """Counts how often it is yielded for; its recur is ReadyDoDoer's own."""

    yields = 0

    @property
    def tock(self):
        if self.deeds.running is None:
            self.yields += 1
        return ReadyDoDoer.tock.fget(self)

    @tock.setter
    def tock(self, tock):
        ReadyDoDoer.tock.fset(self, tock)


def nested(depth, *doers):
    for _ in range(depth):
        doers = [ReadyDoDoer(doers=doers)]
    return doers[0]


@pytest.mark.parametrize("depth", [1, 3])
def test_a_wait_ends_at_its_tyme_at_any_depth(depth):
    """A hop from one scheduler to the next costs no tyme."""
    seen = []
    ReadyDoist(tock=1.0, doers=[nested(depth, noting(seen, Wait(until=0.3), Wait(until=2.7)))]).do()
    assert seen == [0.0, 0.3, 2.7]


@pytest.mark.parametrize("depth", [1, 3])
def test_a_signal_wakes_across_schedulers(depth):
    """Who fires and who waits need not have the same parent."""
    signal, seen = Signal(), []

    def fire(tymth):
        yield Wait(until=1.6)
        signal.fire()

    doers = [nested(depth, noting(seen, Wait(signal))), nested(2, doer_of(fire))]
    ReadyDoist(tock=1.0, doers=doers).do()
    assert seen == [0.0, 1.6]


def test_siblings_wake_each_other_at_once():
    """A signal that fires during a turn wakes at the same tyme."""
    signal, seen = Signal(), []

    def fire(tymth):
        yield Wait(until=0.5)
        signal.fire()
        yield Wait(until=0.6)

    ReadyDoist(tock=1.0, doers=[ReadyDoDoer(doers=[noting(seen, Wait(signal)), doer_of(fire)])]).do()
    assert seen == [0.0, 0.5]


def test_while_all_are_parked_it_is():
    """An hour of tyme costs as many turns as there are wakes."""
    dodoer = Counting(doers=[noting([], Wait(until=3600.0)), noting([], Wait(until=7200.0))])
    ReadyDoist(doers=[dodoer]).do()
    assert dodoer.yields < 8


def test_a_plain_doer_is_served_on_beats_beside_parked_ones():
    """Numbers keep hio's tymes, whenever others are woken; waits keep theirs."""
    plain, waiting = [], []
    doers = [noting(plain, 0.0, 0.0, 0.7), noting(waiting, Wait(until=0.3), Wait(until=2.5))]
    ReadyDoist(tock=1.0, doers=[ReadyDoDoer(doers=doers)]).do()
    assert (plain, waiting) == ([0.0, 1.0, 2.0, 3.0], [0.0, 0.3, 2.5])


def test_in_real_time_too(napping):
    """Beats for plain doers are served, and tyme between them is the clock's."""
    plain, waiting = [], []
    doers = [noting(plain, 0.0, 0.0, 0.4), noting(waiting, Wait(until=0.3), Wait(until=1.1))]
    doist = ReadyDoist(real=True, tock=0.25, clock=napping.clock, readiness=napping)
    doist.do(doers=[ReadyDoDoer(doers=doers)])
    assert plain == [0.0, 0.25, 0.5, 0.75]
    assert waiting == pytest.approx([0.0, 0.3, 1.1])


def test_a_doer_that_yields_its_dodoers_tock_yields_a_number():
    """Methods that run as doers of their own object yield self.tock, and mean a number."""
    seen = []

    class Agent(ReadyDoDoer):
        def __init__(self):
            super().__init__(doers=[doing.doify(self.work), noting([], Wait(until=2.0))])

        def work(self, tymth=None, tock=0.0, **opts):
            yield self.tock
            for _ in range(3):
                seen.append(tymth())
                yield self.tock

    ReadyDoist(tock=1.0, doers=[Agent()]).do()
    assert seen == [0.0, 1.0, 2.0]


def test_a_recur_of_its_own_is_called_in_every_beat():
    """A subclass that does something in recur is not parked, and also called when a doer is woken."""
    called, waiting = [], []

    class Agent(ReadyDoDoer):
        def recur(self, tyme, deeds=None):
            called.append(tyme)
            return super().recur(tyme, deeds=deeds)

    ReadyDoist(tock=1.0, doers=[Agent(doers=[noting(waiting, Wait(until=1.5), Wait(until=2.0))])]).do()
    assert (called, waiting) == ([0.0, 1.0, 1.5, 2.0], [0.0, 1.5, 2.0])


class TestUnderHio:
    @pytest.mark.parametrize(
        "build", [lambda doers: ReadyDoDoer(doers=doers), lambda doers: nested(2, *doers)]
    )
    def test_a_wait_is_a_number(self, build):
        """hio's Doist runs it in every tick, and it runs all its doers."""
        seen = []
        doing.Doist(tock=1.0, doers=[build([noting(seen, Wait(until=9.0), Wait(Signal()))])]).do()
        assert seen == [0.0, 1.0, 2.0]

    def test_inside_a_plain_dodoer(self):
        """A plain DoDoer between two ready ones costs a tock, and nothing else."""
        signal, seen = Signal(), []

        def fire(tymth):
            yield Wait(until=0.5)
            signal.fire()

        plain = doing.DoDoer(doers=[ReadyDoDoer(doers=[noting(seen, Wait(signal), Wait(until=3.5))])])
        ReadyDoist(tock=1.0, doers=[plain, doer_of(fire)]).do()
        assert seen == [0.0, 1.0, 4.0]

    def test_a_wait_in_a_plain_dodoer(self):
        """Whoever is in hio's DoDoer is run in every beat."""
        seen = []
        ReadyDoist(tock=1.0, doers=[doing.DoDoer(doers=[noting(seen, Wait(until=9.0))])]).do()
        assert seen == [0.0, 1.0]


class TestChange:
    def test_a_parked_one_is_told_of_new_doers(self):
        """Who is added from outside is served in the next beat."""
        seen = []
        dodoer = ReadyDoDoer(doers=[noting([], Wait(until=9.5))])

        def extend(tymth):
            yield Wait(until=2.5)
            dodoer.extend([noting(seen, 0.0)])

        ReadyDoist(tock=1.0, doers=[dodoer, doer_of(extend)]).do()
        assert seen == [3.0, 4.0]

    def test_a_parked_one_ends_when_its_last_doer_is_removed(self):
        """Nobody is left for whom it could wait."""
        stuck = noting([], Wait(Signal()))
        dodoer = ReadyDoDoer(doers=[stuck])

        def remove(tymth):
            yield Wait(until=2.5)
            dodoer.remove([stuck])

        doist = ReadyDoist(tock=1.0, doers=[dodoer, doer_of(remove)])
        doist.do()
        assert (dodoer.done, dodoer.doers, doist.tyme) == (True, [], 3.0)

    def test_it_keeps_its_tock_over_runs(self):
        """It is entered again with the number that it was given."""
        dodoer = ReadyDoDoer(tock=0.5, doers=[noting([], Wait(until=1.0))])
        doist = ReadyDoist(tock=0.25)
        for _ in range(2):
            doist.do(doers=[dodoer], tyme=0.0)
            assert (dodoer.tock, doist.tyme) == (0.5, 1.25)

    def test_its_own_tock_is_kept_on_beats(self):
        """With nobody parked it runs as often as it was asked to."""
        seen = []
        ReadyDoist(tock=0.25, doers=[ReadyDoDoer(tock=0.5, doers=[noting(seen, 0.0, 0.1)])]).do()
        assert seen == [0.0, 0.5, 1.0]

    def test_deeds_that_are_given_are_hios(self):
        """hio serves them as it always has."""
        seen = []
        dodoer = ReadyDoDoer(tymth=ReadyDoist().tymen())
        deeds = dodoer.enter(doers=[noting(seen, Wait(until=9.0))])
        assert dodoer.recur(0.0, deeds=deeds) is False
        assert dodoer.recur(0.0, deeds=deeds) is True
        assert seen == [0.0, 0.0]

    def test_its_exit_leaves_no_signal_with_a_waiter(self):
        """A run that ends early withdraws who is parked at any depth."""
        signal = Signal()
        ReadyDoist(limit=1.0, doers=[nested(3, noting([], Wait(signal)))]).do()
        assert signal._wakes == {}


def test_a_deadlock_names_those_in_it():
    """The message goes down to the doer that waits."""
    with pytest.raises(Deadlock, match=r"ReadyDoDoer: Wait\(on=\(\[stuck: Wait\("):
        ReadyDoist(doers=[ReadyDoDoer(doers=[doer_of(stuck)])]).do()


def stuck(tymth):
    yield Wait(Signal())
