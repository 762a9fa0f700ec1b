"""Many generators as one, under our schedulers and under hio's."""

from __future__ import annotations

import sys
import tracemalloc

import pytest
from hio.base import doing

from tymeconn.running import Deadlock, ReadyDoist, as_completed, gather, run
from tymeconn.testing.driving import drive
from tymeconn.tyming.waiting import Signal, Wait

from .playing import doer_of, noting


def after(*yields, value=None, error=None, seen=None):
    """Yield, then return the value or raise the error; say when it was closed."""
    try:
        for each in yields:  # noqa: UP028 a tuple takes no send
            yield each
    except GeneratorExit:
        if seen is not None:
            seen.append(value)
        raise
    if error is not None:
        raise error
    return value


def simulated(main):
    """Return what the generator returns, and at what tyme it does."""

    def timed(tymth):
        ends.append((yield from main))
        ends.append(tymth())

    ends = []
    ReadyDoist(tock=1.0, doers=[doer_of(timed)]).do()
    return tuple(ends)


class TestGather:
    def test_values_are_in_the_order_of_the_generators(self):
        """Whichever ends first, at the tyme at which the last one ends."""
        tymes = [3.5, 1.25, 2.0]
        assert simulated(gather(after(Wait(until=t), value=t) for t in tymes)) == (tymes, 3.5)

    def test_of_none_there_is_no_value(self):
        """Nothing is waited for."""
        assert simulated(gather([])) == ([], 0.0)

    def test_one_that_ends_at_once(self):
        """Who yields nothing needs no turn."""
        assert simulated(gather([after(value=1), after(value=2)])) == ([1, 2], 0.0)

    def test_all_that_may_be_awaited_is_forwarded(self, pair):
        """Signals, descriptors and tymes of all are waited for at once."""
        signal = Signal()

        def fire(tymth):
            yield Wait(until=0.5)
            signal.fire()
            pair[0].send(b"x")

        waits = [Wait(signal), Wait(pair[1]), Wait(until=0.25), Wait((signal, pair[1]), until=9.0)]
        doers = [noting([], 0.0), doer_of(fire)]
        assert run(gather(after(wait, value=n) for n, wait in enumerate(waits)), *doers, real=False) == [
            0,
            1,
            2,
            3,
        ]

    def test_one_that_cannot_be_watched_is_asked_again(self, tmp_path):
        """A plain file is always ready, as it is to a scheduler."""
        with (tmp_path / "file").open("wb") as file:
            assert simulated(gather([after(Wait(file), value=1)])) == ([1], 0.0)

    def test_numbers_are_seconds_of_tyme(self):
        """Who yields numbers is run in turns, and not before its tyme."""
        seen = []

        def turns():
            for each in (0.0, 2.5, None, -1.0):
                seen.append((yield each))

        assert simulated(gather([turns()]))[1] == 6.0
        assert seen == [1.0, 3.5, 5.0, 6.0]

    def test_seconds_from_the_start_count_from_the_first_turn(self):
        """Before that no tyme is known."""
        assert simulated(gather([after(2.5, value=1)])) == ([1], 3.5)

    def test_a_wait_for_nothing_is_a_plain_zero(self):
        """Beside it the others are woken in turns."""
        others = [after(Wait(until=1.5), value=2)]
        assert simulated(gather([after(Wait(), Wait(), value=1), *others])) == ([1, 2], 2.0)

    def test_the_first_error_closes_the_others(self):
        """In reverse order, those too that did not begin to wait again."""
        seen = []
        others = [after(Wait(until=9.0), value=n, seen=seen) for n in range(3)]
        with pytest.raises(KeyError):
            simulated(gather([*others[:2], after(Wait(until=1.0), error=KeyError("no")), others[2]]))
        assert seen == [2, 1, 0]

    def test_closed_it_closes_all(self):
        """And all signals forget them."""
        signal, seen = Signal(), []
        gathered = gather(after(Wait(signal), value=n, seen=seen) for n in range(3))
        next(gathered)
        assert len(signal._wakes) == 3
        gathered.close()
        assert (seen, signal._wakes) == ([2, 1, 0], {})

    def test_one_that_fails_to_close_keeps_no_other_open(self):
        """All are closed, then its error is raised."""

        def stubborn():
            try:
                yield Wait(until=9.0)
            finally:
                raise KeyError("no")

        seen = []
        others = [after(Wait(until=9.0), value=n, seen=seen) for n in range(2)]
        gathered = gather([others[0], stubborn(), others[1]])
        next(gathered)
        with pytest.raises(KeyError):
            gathered.close()
        assert seen == [1, 0]

    def test_unstarted_it_holds_nothing(self):
        """The generators have not begun."""
        seen = []
        gather([after(Wait(), value=1, seen=seen)]).close()
        assert seen == []

    @pytest.mark.parametrize(
        ("given", "error"), [([7], TypeError), ([[]], TypeError), ([(x for x in ())] * 2, ValueError)]
    )
    def test_what_cannot_be_gathered_is_refused_at_once(self, given, error):
        """Not when it is run."""
        with pytest.raises(error):
            gather(given)
        with pytest.raises(error):
            as_completed(given)

    def test_gathers_may_be_nested(self, pair):
        """The inner one's descriptors are heard through both."""
        pair[0].send(b"x")
        inner = gather([after(Wait(pair[1]), value=1), after(Wait(until=2.5), value=2)])
        assert simulated(gather([inner, after(Wait(until=1.5), value=3)]))[0] == [[1, 2], 3]

    def test_a_deadlock_names_those_in_it(self):
        """The message goes down to the generator that waits."""
        with pytest.raises(Deadlock, match=r"main: Wait\(on=\(\[after: Wait\("):
            run(gather([after(Wait(Signal())), after(Wait(until=1.0))]), real=False)


class TestUnderHio:
    def test_each_tick_is_a_turn(self):
        """hio's Doist runs it in every tick; those who are due or woken are run."""
        signal, ends = Signal(), []
        waits = [Wait(until=2.5), Wait(signal), Wait(until=9.0)]

        def fire(tymth):
            yield 4.0
            signal.fire()

        def main(tymth):
            ends.append((yield from gather(after(wait, value=n) for n, wait in enumerate(waits[:2]))))
            ends.append(tymth())

        doing.Doist(tock=1.0, doers=[doer_of(fire), doer_of(main)]).do()
        assert ends == [[0, 1], 4.0]

    def test_descriptors_are_looked_at_in_each_turn(self, pair):
        """Nobody else would."""
        pair[0].send(b"x")
        value, yielded = drive(gather([after(Wait(pair[1]), value=1)]))
        assert (value, yielded) == ([1], 1)

    def test_a_turn_without_tyme_runs_who_is_woken(self):
        """Who runs it need not have a tyme to tell."""
        signal = Signal()
        gathered = gather([after(Wait(signal), value=1), after(Wait(until=5.0), value=2)])
        next(gathered)
        signal.fire()
        next(gathered)
        assert drive(gathered, tyme=5.0)[0] == [1, 2]


class TestAsCompleted:
    def test_values_come_in_the_order_of_their_ends(self):
        """Each as soon as it is there."""

        def main():
            got = []
            for each in as_completed(after(Wait(until=t), value=t) for t in (3.5, 1.25, 2.0)):
                got.append((yield from each))
            return got

        assert simulated(main()) == ([1.25, 2.0, 3.5], 3.5)

    def test_an_error_is_one_of_them(self):
        """The others go on."""

        def main():
            got = []
            generators = [after(Wait(until=2.0), value=1), after(Wait(until=1.0), error=KeyError("no"))]
            for each in as_completed(generators):
                try:
                    got.append((yield from each))
                except KeyError:
                    got.append("error")
            return got

        assert simulated(main())[0] == ["error", 1]

    def test_who_leaves_early_closes_the_rest(self):
        """An iteration that ends closes those that have not."""
        seen = []

        def main():
            for each in as_completed(after(Wait(until=t), value=t, seen=seen) for t in (3.5, 1.25, 2.0)):
                return (yield from each)

        assert simulated(main()) == (1.25, 1.25)
        assert seen == [2.0, 3.5]

    def test_those_that_ended_meanwhile_are_there_at_once(self):
        """They need no turn of their own."""

        def main():
            got = []
            for each in as_completed(after(Wait(until=1.0), value=n) for n in range(3)):
                got.append((yield from each))
                yield Wait(until=5.0)
            return got

        assert simulated(main()) == ([0, 1, 2], 5.0)

    def test_what_is_left_of_a_closed_one_raises(self):
        """It would wait for nobody."""
        (first,) = list(as_completed([after(Wait(until=1.0), seen=[])]))
        with pytest.raises(RuntimeError):
            next(first)


class TestCost:
    def test_a_wake_costs_nothing_for_the_others(self):
        """Of ten thousand one is woken: as many calls as of ten."""

        def calls_of(count):
            signals = [Signal() for _ in range(count)]
            gathered = gather(after(Wait(signal, until=1e6)) for signal in signals)
            next(gathered)
            gathered.send(0.0)
            calls = []
            sys.setprofile(lambda _frame, event, _arg: calls.append(event))
            signals[count // 2].fire()
            gathered.send(1.0)
            sys.setprofile(None)
            gathered.close()
            return len(calls)

        assert calls_of(10_000) == calls_of(10)

    def test_a_waiting_generator_is_small(self):
        """Its frame and what it waits for included: at most 1.2 KB."""

        def waiting(tyme):
            yield Wait(Signal(), until=tyme)

        tracemalloc.start()
        gathered = gather(waiting(1e6 + n) for n in range(2000))
        next(gathered)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        gathered.close()
        assert held / 2000 < 1200

    def test_a_flood_is_served_in_shares(self):
        """One turn takes a thousand, and asks to be run again at once."""
        signal = Signal()
        gathered = gather(after(Wait(signal), value=n) for n in range(2500))
        next(gathered)
        signal.fire()
        waits = [gathered.send(1.0), gathered.send(1.0)]
        assert [wait.until for wait in waits] == [float("-inf")] * 2
        with pytest.raises(StopIteration):
            gathered.send(1.0)
