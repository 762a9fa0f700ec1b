"""ReadyDoist: beats, passes between them, leaps, sleep."""

from __future__ import annotations

import sys
from math import nan

import pytest
from hio.base import doing

from tymeconn.running import Deadlock, ReadyDoist
from tymeconn.tyming.waiting import Signal, Wait

from .playing import Napping, doer_of, noting


@pytest.fixture
def real(napping):
    """A doist on a clock that only sleep moves."""
    return ReadyDoist(real=True, tock=0.25, clock=napping.clock, readiness=napping)


def wait_once(tymth, wait, seen):
    yield wait
    seen.append(tymth())


def fire_at(tymth, tyme, signal):
    yield Wait(until=tyme)
    signal.fire()


class TestTyme:
    def test_numbers_are_served_on_beats_and_waits_at_their_tyme(self):
        """A number waits for the grid of tocks, a Wait does not."""
        plain, waiting = [], []
        ReadyDoist(tock=1.0, doers=[noting(plain, 0.3, 0.3), noting(waiting, Wait(until=0.3))]).do()
        assert (plain, waiting) == ([0.0, 1.0, 2.0], [0.0, 0.3])

    def test_a_wait_until_a_beat_is_served_in_it(self):
        """Who waits for the tyme of a beat has its place among those who yielded numbers."""
        seen, doers = [], []
        for name, yielded in (("a", 1.0), ("b", Wait(until=1.0)), ("c", 1.0)):

            def turns(tymth, name=name, yielded=yielded):
                yield yielded
                seen.append((name, tymth()))

            doers.append(doer_of(turns))
        ReadyDoist(tock=0.5, doers=doers).do()
        assert seen == [("a", 1.0), ("b", 1.0), ("c", 1.0)]

    def test_a_fired_signal_wakes_at_the_same_tyme(self):
        """A chain of wakes takes no tyme, in whichever order the doers stand."""
        first, second, seen = Signal(), Signal(), []

        def between(tymth):
            yield Wait(first)
            second.fire()

        doers = [doer_of(wait_once, Wait(second), seen), doer_of(between), doer_of(fire_at, 0.7, first)]
        ReadyDoist(tock=1.0, doers=doers).do()
        assert seen == [0.7]

    def test_tyme_leaps_to_what_is_due(self):
        """An hour without anybody due is no work, and its beats are where hio's would have been."""
        seen = []
        doist = ReadyDoist(tock=0.1, doers=[noting(seen, 3600.0)])
        doist.do()
        hios = []
        hio = doing.Doist(tock=0.1, doers=[noting(hios, 3600.0)])
        hio.do()
        assert (seen, doist.tyme) == (hios, hio.tyme)

    def test_a_run_ends_at_the_first_beat_at_its_limit(self):
        """Waits before the limit are served, nothing after it is."""
        seen = []
        doist = ReadyDoist(
            tock=1.0, limit=2.5, doers=[noting(seen, *[Wait(until=n * 0.9) for n in range(9)])]
        )
        doist.do()
        assert (max(seen), doist.tyme, doist.done) == (2.7, 3.0, False)

    def test_two_that_wake_each_other_do_not_stop_tyme(self):
        """After a thousand passes at one tyme those who yielded a number are served."""
        signals, seen = (Signal(), Signal()), []

        def volley(tymth, mine, other):
            while tymth() < 2.0:
                other.fire()
                yield Wait(mine, until=tymth())

        doers = [doer_of(volley, *signals), doer_of(volley, *signals[::-1]), noting(seen, 0.0, 0.0)]
        ReadyDoist(tock=1.0, doers=doers).do()
        assert seen == [0.0, 1.0, 2.0]

    def test_without_a_tock_tyme_leaps_to_waits(self):
        """At tock 0.0 the grid is a point, and what is due next is reached all the same."""
        seen = []
        ReadyDoist(tock=0.0, doers=[noting(seen, Wait(until=5.0), 2.5)]).do()
        assert seen == [0.0, 5.0, 7.5]

    def test_a_wait_for_nothing_is_a_plain_zero(self):
        """Who cannot say what it waits for is run in the next beat."""
        seen = []
        ReadyDoist(tock=0.5, doers=[noting(seen, Wait(), Wait())]).do()
        assert seen == [0.0, 0.5, 1.0]

    def test_what_is_yielded_in_enter_is_ignored(self):
        """The first yield of a doer belongs to its enter, also when it is a Wait."""
        seen = []

        def run(tymth=None, tock=0.0, **opts):
            seen.append((yield Wait(until=9.0)))

        ReadyDoist(doers=[doing.doify(run)]).do()
        assert seen == [0.0]

    def test_a_beat_behind_waits_stays_on_the_grid(self):
        """Who yields a number between two beats is run in the next one."""
        seen = []
        ReadyDoist(tock=1.0, doers=[noting(seen, Wait(until=1.3), 0.0, 0.2)]).do()
        assert seen == [0.0, 1.3, 2.0, 3.0]

    def test_a_wait_without_end(self):
        """NaN and infinity are never; what is past is now."""
        signal, seen = Signal(), []
        doers = [noting(seen, Wait(signal, until=nan), Wait(until=-1.0)), doer_of(fire_at, 2.5, signal)]
        ReadyDoist(doers=doers).do()
        assert seen == [0.0, 2.5, 2.5]

    def test_a_doer_cannot_move_the_grid(self):
        """Who sets the doist's tyme has it for the rest of the turn."""
        seen = []
        doist = ReadyDoist(tock=1.0)

        def move(tymth):
            doist.tyme = 50.0
            yield 0.0

        doist.do(doers=[doer_of(move), noting(seen, 0.0, 0.0)])
        assert seen[1:] == [1.0, 2.0]


class TestDeadlock:
    def test_it_names_who_waits_for_what(self):
        """When nobody is left to wake anybody, that is an error, and all doers exit."""
        seen = []

        def stuck(tymth):
            try:
                yield Wait(Signal())
            finally:
                seen.append("exit")

        with pytest.raises(Deadlock, match=r"stuck: Wait\(on=\(<tymeconn.*Signal.*; turns: never due"):
            ReadyDoist(doers=[doer_of(stuck), noting([], nan)]).do()
        assert seen == ["exit"]

    def test_of_many_the_first_are_named(self):
        """A deadlock of a crowd has a short message."""
        with pytest.raises(Deadlock) as raised:
            ReadyDoist(doers=[noting([], Wait(Signal())) for _ in range(50)]).do()
        assert (str(raised.value).count("turns: "), str(raised.value)[-5:]) == (10, " ...]")

    def test_in_real_time_it_is_one_too(self, real):
        """Nobody sleeps for ever."""
        with pytest.raises(Deadlock):
            real.do(doers=[noting([], Wait(Signal()))])

    def test_a_limit_ends_what_would_be_one(self):
        """With a limit there is something left to wait for."""
        doist = ReadyDoist(tock=1.0, limit=7.5, doers=[noting([], Wait(Signal()))])
        doist.do()
        assert (doist.tyme, doist.done) == (8.0, False)


class TestReal:
    def test_a_wait_ends_at_its_tyme_and_nothing_runs_meanwhile(self, real, napping):
        """It is slept through in one piece, whatever the tock."""
        seen = []
        real.do(doers=[noting(seen, Wait(until=10.1))])
        assert seen == [0.0, pytest.approx(10.1)]
        assert [nap for nap in napping.naps if nap] == [pytest.approx(10.1)]

    def test_numbers_are_served_on_beats(self, real):
        """A beat sees the tyme of the grid, not that of the clock."""
        seen = []
        real.do(doers=[noting(seen, 0.0, 0.6, 0.0)])
        assert seen == [0.0, 0.25, 1.0, 1.25]

    def test_between_beats_tyme_is_the_clocks(self, real, napping, pair):
        """Who is woken by a descriptor sees when that was."""
        seen = []

        def speaker(tymth):
            yield Wait(until=1.1)
            pair[0].send(b"x")
            napping.clock.now += 0.01

        real.do(doers=[doer_of(speaker), doer_of(wait_once, Wait(pair[1]), seen)])
        assert seen == [pytest.approx(1.11)]

    def test_a_stall_is_followed_by_no_burst(self, real, napping):
        """Turns that were missed are made up for by one; then all are spaced as before."""
        plain, waiting = [], []

        def stall(tymth):
            yield 1.0
            napping.clock.now += 1.6

        def spaced(tymth):
            due = tymth()
            while due < 4.0:
                waiting.append(tymth())
                due = max(due + 0.5, tymth())
                yield Wait(until=due)

        real.do(doers=[doer_of(stall), noting(plain, *[0.5] * 5), doer_of(spaced)])
        assert plain == [0.0, 0.5, 1.0, 2.5, 2.75, 3.0]
        assert [tyme for tyme in waiting if 1.0 < tyme < 3.2] == pytest.approx([2.5, 2.6, 3.1], abs=0.11)

    def test_zero_is_run_once_a_tock(self, real, napping):
        """Who yields 0.0 costs one sleep a tock."""
        real.do(doers=[noting([], *[0.0] * 8)])
        assert [nap for nap in napping.naps if nap] == [pytest.approx(0.25)] * 8

    def test_without_a_tock_tyme_follows_the_clock(self, napping):
        """At tock 0.0 it spins, but tyme moves."""
        seen = []

        def spin(tymth):
            while tymth() < 1.0:
                seen.append(tymth())
                napping.clock.now += 0.4
                yield 0.0

        ReadyDoist(real=True, tock=0.0, clock=napping.clock, readiness=napping, doers=[doer_of(spin)]).do()
        assert seen == pytest.approx([0.0, 0.4, 0.8])

    def test_a_run_ends_at_its_limit(self, real):
        """Also when all are asleep then, and when a stall has passed it."""
        real.do(doers=[noting([], Wait(until=99.0))], limit=3.1)
        assert (real.tyme, real.done) == (3.25, False)

    def test_a_stall_beyond_the_limit_ends_the_run(self, real, napping):
        """Nobody is served behind the limit."""
        seen = []

        def stall(tymth):
            napping.clock.now += 10.0
            yield 0.0
            seen.append(tymth())

        real.do(doers=[doer_of(stall)], limit=3.0)
        assert seen == []

    def test_descriptors_are_looked_at_between_any_two_passes(self, real, napping, pair):
        """Those that keep waking each other keep nobody from being heard, nor from the next beat."""
        signals, seen = (Signal(), Signal()), []

        def volley(tymth, mine, other):
            for _ in range(50):
                napping.clock.now += 0.001
                other.fire()
                yield Wait(mine, until=tymth())

        pair[0].send(b"x")
        doers = [doer_of(volley, *signals), doer_of(volley, *signals[::-1])]
        real.do(doers=[*doers, doer_of(wait_once, Wait(pair[1]), seen)])
        assert seen[0] < 0.01


class TestPaced:
    """Artificial tyme, and somebody who waits for something real."""

    @pytest.fixture
    def doist(self, napping):
        return ReadyDoist(tock=0.25, clock=napping.clock, readiness=napping)

    def test_tyme_does_not_outrun_the_clock(self, doist, napping, pair):
        """While a descriptor is awaited a tock takes as long as on the clock."""
        seen = []
        doist.do(doers=[noting([], Wait(pair[1], until=2.0)), noting(seen, 0.0, 0.6)])
        assert seen == [0.0, 0.25, 1.0]
        assert napping.clock.now == pytest.approx(1002.0)

    def test_what_is_ready_needs_no_tyme(self, doist, pair):
        """A descriptor that is ready wakes at the same tyme."""
        seen = []
        pair[0].send(b"x")
        doist.do(doers=[doer_of(wait_once, Wait(pair[1]), seen)])
        assert seen == [0.0]

    def test_tyme_leaps_again_when_nobody_waits_any_more(self, doist, napping, pair):
        """The clock is of no interest then."""
        seen = []
        doist.do(doers=[noting(seen, Wait(pair[1], until=1.0), Wait(until=500.0))])
        assert seen == [0.0, 1.0, 500.0]
        assert napping.clock.now == pytest.approx(1001.0)

    def test_a_descriptor_alone_is_slept_for(self, pair):
        """With nothing due the sleep has no end of its own."""
        seen = []

        class Answering(Napping):
            def poll(self, timeout=0.0):
                if timeout is None:
                    pair[0].send(b"x")
                super().poll(timeout)

        doist = ReadyDoist(readiness=Answering())
        doist.do(doers=[doer_of(wait_once, Wait(pair[1]), seen)])
        assert (seen, doist.readiness.naps[-1]) == ([0.0], None)


class TestEnd:
    @pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit])
    def test_all_exit_in_reverse_order(self, error):
        """Whatever ends a run, those parked too exit in hio's order; Ctrl-C ends it quietly."""
        seen = []

        def turns(tymth, name, yielded):
            try:
                yield yielded
            finally:
                seen.append(name)

        def failing(tymth):
            yield 1.0
            raise error("no")

        parts = [("a", Wait(Signal())), ("b", 9.0), ("c", Wait(until=5.0))]
        doers = [doer_of(turns, *part) for part in parts]
        doist = ReadyDoist(doers=[*doers[:2], doer_of(failing), doers[2]])
        if error is KeyboardInterrupt:
            doist.do()
        else:
            with pytest.raises(error):
                doist.do()
        assert (seen, doist.done, len(doist.deeds)) == (["b", "a", "c"], False, 0)

    def test_ctrl_c_in_sleep(self):
        """An interrupt that meets the scheduler asleep has all doers exit."""
        seen = []

        class Interrupted(Napping):
            def poll(self, timeout=0.0):
                raise KeyboardInterrupt

        doist = ReadyDoist(real=True, readiness=Interrupted())
        doist.do(doers=[doer_of(lambda tymth: closing(seen))])
        assert seen == ["closed"]

    def test_nothing_waits_behind_the_end(self, pair):
        """Who was parked when a run ended is known to no signal and no selector any more."""
        signal = Signal()
        doist = ReadyDoist(limit=0.1, doers=[noting([], Wait((signal, pair[1])))])
        doist.do()
        assert (signal._wakes, bool(doist.readiness)) == ({}, False)

    def test_a_doist_runs_again(self):
        """As hio's does, from where tyme is."""
        seen = []
        doist = ReadyDoist(tock=1.0)
        doist.do(doers=[noting(seen, Wait(until=1.5))])
        doist.do(doers=[noting(seen, Wait(until=3.5))])
        doist.do(doers=[noting(seen, 0.0)], tyme=10.0)
        assert seen == [0.0, 1.5, 2.0, 3.5, 10.0, 11.0]

    def test_an_exit_that_raises_leaves_no_selector_open(self, pair):
        """What a doer raises in its exit is raised, as by hio."""

        def failing(tymth):
            try:
                yield Wait(pair[1])
            finally:
                raise KeyError("exit")

        doist = ReadyDoist(limit=0.1, doers=[doer_of(failing)])
        with pytest.raises(KeyError):
            doist.do()
        assert doist.readiness._selector is None


def closing(seen):
    try:
        yield Wait(until=5.0)
    finally:
        seen.append("closed")


class TestRecur:
    def test_one_beat_and_the_passes_before_the_next(self):
        """A recur by hand serves who is woken before the next beat, and moves tyme there."""
        seen, signal = [], Signal()
        waits = [Wait(until=0.25), Wait(until=0.75), Wait(signal)]
        doist = ReadyDoist(tock=1.0, doers=[noting(seen, *waits), doer_of(fire_at, 1.5, signal)])
        doist.enter()
        doist.recur()
        assert (seen, doist.tyme) == ([0.0, 0.25, 0.75], 1.0)
        doist.recur()
        assert (seen[3:], doist.tyme, len(doist.deeds)) == ([1.5], 2.0, 0)

    def test_it_looks_at_descriptors(self, pair):
        """Who is parked on one is served in the beat."""
        seen = []
        doist = ReadyDoist(doers=[doer_of(wait_once, Wait(pair[1]), seen)])
        doist.enter()
        doist.recur()
        pair[0].send(b"x")
        doist.recur()
        doist.readiness.close()
        assert seen == [0.03125]

    def test_deeds_that_are_given_are_hios(self):
        """hio serves them as it always has."""
        seen = []
        doist = ReadyDoist()
        deeds = doist.enter(doers=[noting(seen, Wait(until=9.0), 0.0)])
        doist.recur(deeds=deeds)
        doist.recur(deeds=deeds)
        assert (seen, len(deeds), len(doist.deeds)) == ([0.0, 0.03125], 1, 0)

    def test_after_an_error_all_others_go_on(self):
        """Those that were not served are served at the same tyme by the next recur."""
        seen = []

        def failing(tymth):
            raise KeyError("no")
            yield

        doers = [noting(seen, *[0.0] * 5), doer_of(failing), noting(seen, *[0.0] * 5)]
        doist = ReadyDoist(tock=1.0, doers=doers)
        doist.enter()
        with pytest.raises(KeyError):
            doist.recur()
        doist.recur()
        doist.recur()
        doist.exit()
        assert seen == [0.0, 0.0, 1.0, 1.0]


class TestTymth:
    def test_a_tymth_knows_its_doist(self):
        """Nested code finds its scheduler, whatever the tymth has passed through."""
        doist, seen = ReadyDoist(), []

        def turns(tymth):
            seen.append(tymth.doist)
            yield

        doist.do(doers=[doing.DoDoer(doers=[doer_of(turns)])])
        assert seen == [doist]


def calls_in(act):
    """Return how many functions are called while it acts."""
    calls = []
    sys.setprofile(lambda _frame, event, _arg: calls.append(event))
    try:
        act()
    finally:
        sys.setprofile(None)
    return len(calls)


class TestCost:
    def test_a_tick_visits_only_who_is_due(self):
        """With a hundred thousand parked a tick makes no more calls than with ten."""

        def calls_of(parked):
            doist = ReadyDoist(doers=[noting([], *[0.0] * 10)])
            doist.deeds.extend(doist.enter(doers=[noting([], Wait(Signal(), until=1e6))] * parked))
            doist.enter()
            doist.recur()
            calls = calls_in(doist.recur)
            doist.exit()
            return calls

        assert calls_of(100_000) == calls_of(10)

    def test_a_fire_costs_its_own_waiters(self):
        """Those who wait for another signal are not looked at."""

        def calls_of(idle):
            signal, seen = Signal(), []
            doers = [noting([], Wait(Signal())) for _ in range(idle)]
            doist = ReadyDoist(doers=[*doers, *[noting(seen, Wait(signal)) for _ in range(5)]])
            doist.enter()
            doist.recur()
            calls = calls_in(signal.fire) + calls_in(doist.recur)
            doist.exit()
            assert len(seen) == 10
            return calls

        assert calls_of(1000) == calls_of(1)

    def test_a_woken_waiter_leaves_its_other_signals(self):
        """A signal that lives long holds nobody whom something else has woken."""
        long, short = Signal(), Signal()
        doist = ReadyDoist(doers=[noting([], *[Wait((long, short), until=99.0)] * 3)])
        doist.enter()
        for _ in range(3):
            doist.recur()
            assert len(long._wakes) == 1
            short.fire()
            assert len(long._wakes) == 0
        doist.exit()

    def test_a_flood_of_wakes_is_served_in_shares(self, pair):
        """One pass takes a thousand, and descriptors are heard before the next."""
        signal, seen, heard = Signal(), [], []

        class Hearing(Napping):
            def poll(self, timeout=0.0):
                heard.append(len(seen))
                super().poll(timeout)

        doers = [noting(seen, Wait(signal)) for _ in range(2500)]
        doers += [doer_of(fire_at, 0.5, signal), doer_of(wait_once, Wait(pair[1], until=1.0), [])]
        hearing = Hearing()
        ReadyDoist(doers=doers, clock=hearing.clock, readiness=hearing).do()
        assert {2500, 3500, 4500, 5000} <= set(heard)
