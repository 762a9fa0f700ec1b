"""Signals are edges, and a Wait is a tock of nothing."""

from __future__ import annotations

import socket

import pytest
from hio.base import doing

from tymeconn.tyming.waiting import Readable, Signal, Wait


def test_fire_wakes_whoever_waits_in_order():
    """All who wait are woken once, in the order in which they came."""
    signal, woken = Signal(), []
    for name in "abc":
        signal.attend(name, lambda name=name: woken.append(name))
    signal.fire()
    signal.fire()
    assert woken == ["a", "b", "c"]


def test_fire_stores_nothing():
    """Who comes after the edge is not woken by it."""
    signal, woken = Signal(), []
    signal.fire()
    signal.attend("late", lambda: woken.append("late"))
    assert woken == []


def test_same_key_replaces():
    """A second call with the same key takes the place of the first."""
    signal, woken = Signal(), []
    signal.attend("a", lambda: woken.append("first"))
    signal.attend("a", lambda: woken.append("second"))
    signal.fire()
    assert woken == ["second"]


def test_withdraw():
    """Who withdrew is not woken; who is not there may withdraw."""
    signal, woken = Signal(), []
    signal.attend("a", lambda: woken.append("a"))
    signal.withdraw("a")
    signal.withdraw("a")
    signal.fire()
    assert woken == []


def test_woken_waiter_attends_again():
    """A waiter that attends again while it is woken waits for the next edge."""
    signal, woken = Signal(), []

    def wake():
        woken.append("again")
        signal.attend("a", wake)

    signal.attend("a", wake)
    signal.fire()
    assert woken == ["again"]
    signal.fire()
    assert woken == ["again", "again"]


def test_newcomer_during_fire_waits():
    """Who comes during an edge waits for the next one."""
    signal, woken = Signal(), []
    signal.attend("a", lambda: signal.attend("b", lambda: woken.append("b")))
    signal.fire()
    assert woken == []
    signal.fire()
    assert woken == ["b"]


def test_withdraw_during_fire():
    """A waiter whose turn has not come can still withdraw, or be withdrawn by one that was woken."""
    signal, woken = Signal(), []
    signal.attend("a", lambda: signal.withdraw("b"))
    signal.attend("b", lambda: woken.append("b"))
    signal.attend("c", lambda: woken.append("c"))
    signal.fire()
    assert woken == ["c"]


def test_fire_inside_fire():
    """An edge during an edge wakes each waiter once."""
    signal, woken = Signal(), []
    signal.attend("a", signal.fire)
    signal.attend("b", lambda: woken.append("b"))
    signal.fire()
    assert woken == ["b"]


def test_wait_is_a_tock_of_zero():
    """A scheduler that knows nothing of waits sees the number 0.0."""
    wait = Wait(Signal(), until=7.0)
    assert isinstance(wait, float)
    assert wait == 0.0
    assert not wait


@pytest.mark.parametrize("count", [0, 1, 3])
def test_wait_for_any_of_several(count):
    """A wait names what it is for as a tuple, however many there are."""
    signals = tuple(Signal() for _ in range(count))
    assert Wait(signals).on == signals
    assert Wait(signals).until is None


def test_wait_for_one_or_none():
    """One awaited thing needs no tuple."""
    signal = Signal()
    assert Wait(signal, until=2.5).on == (signal,)
    assert Wait(until=2.5).until == 2.5
    assert Wait().on == ()


def test_wait_tells_what_it_waits_for():
    """A wait's repr is more than that of a number."""
    assert repr(Wait(until=2.5)) == "Wait(on=(), until=2.5)"


def test_readable():
    """A socket can be awaited, a signal has no descriptor."""
    with socket.socket() as each:
        assert isinstance(each, Readable)
    assert not isinstance(Signal(), Readable)


def test_hio_runs_a_waiting_doer_every_tick():
    """On hio's own scheduler a doer that yields a Wait runs again in the next tick."""
    tymes = []

    def waiting(tymth=None, tock=0.0, **kwa):
        yield tock
        while tymth() < 3.0:
            tymes.append(tymth())
            yield Wait(until=99.0)
        return True

    doist = doing.Doist(limit=10.0, tock=1.0, real=False, doers=[doing.doify(waiting)])
    doist.do()
    assert tymes == [0.0, 1.0, 2.0]
    assert doist.done
