"""A deck looks like hio's deque of deeds, turned to where the running one is."""

from __future__ import annotations

import pytest

from tymeconn.net.readying import Readiness
from tymeconn.running import ReadyDoist
from tymeconn.running.deck import Deck
from tymeconn.tyming.waiting import Signal, Wait

from .playing import doer_of, noting


def dog():
    yield


def triples(count):
    return [(dog(), float(n), f"doer{n}") for n in range(count)]


@pytest.fixture
def deck():
    return Deck(Readiness())


def test_it_is_read_like_a_deque(deck):
    """Its length, its order and the place of a triple are a deque's."""
    given = triples(3)
    assert not deck
    deck.extend(given)
    assert (list(deck), len(deck), deck.index(given[1])) == (given, 3, 1)
    with pytest.raises(ValueError, match="not in list"):
        deck.index((None, None, None))


def test_it_is_emptied_from_its_end(deck):
    """As hio's exit does, until there is none."""
    given = triples(2)
    deck.extend(given)
    assert [deck.pop(), deck.pop()] == given[::-1]
    with pytest.raises(IndexError):
        deck.pop()


def test_deeds_are_set_anew():
    """Who is in the deck then waits for nothing any more."""
    signal, given = Signal(), triples(2)
    doist = ReadyDoist(doers=[noting([], Wait(signal))])
    doist.enter()
    doist.recur()
    doist.deeds = given
    assert (list(doist.deeds), signal._wakes) == (given, {})


def test_during_a_turn_it_is_turned():
    """Behind the running deed come those not yet served, then those served, then what it adds."""
    seen, doist = [], ReadyDoist()

    def look(tymth):
        doist.extend([noting([], 0.0)])
        doist.deeds.append((dog(), 7.0, named("external")))
        seen.extend(doer.__name__ for _, _, doer in doist.deeds)
        yield

    def named(name):
        return doer_of(lambda tymth: dog(), name=name)

    doist.doers = [named("a"), named("b"), doer_of(look), named("c")]
    doist.enter()
    doist.recur()
    doist.exit()
    assert seen == ["c", "a", "b", "turns", "external"]


def test_places_run_out_and_are_made_anew():
    """However often deeds are put ahead of the same one, they keep their order."""
    doist, seen = ReadyDoist(tock=1.0), []

    def numbered(tymth, number):
        seen.append(number)
        yield

    def extend(tymth):
        for number in range(1200):
            doist.extend([doer_of(numbered, number)])
        yield

    doist.do(doers=[doer_of(extend)])
    assert seen == list(range(1200))


def test_who_was_taken_and_removed_is_not_served():
    """Whoever removes a doer that is due in the same beat, or was woken with it, has it not run."""
    doist, signal, seen = ReadyDoist(tock=1.0), Signal(), []
    gone = [noting(seen, Wait(signal), 0.0), noting(seen, 2.0)]

    def remove(tymth):
        yield Wait(until=2.0)
        signal.fire()
        doist.remove(gone)

    doist.do(doers=[doer_of(remove), *gone])
    assert seen == [0.0, 0.0]


def test_a_deed_that_an_interrupt_left_suspended_is_closed(deck):
    """Where a turn broke off between two steps of the scheduler, the generator still has to exit."""
    suspended = dog()
    next(suspended)
    deck.append((suspended, 0.0, "doer"))
    (deck.running,) = deck.beat(0.0)
    deck.bury()
    assert (suspended.gi_frame, len(deck), deck.running) == (None, 0, None)


def test_a_doer_that_ends_its_own_scheduler_goes_on():
    """It closes all others and is still running, so that it stays."""
    doist, seen = ReadyDoist(tock=1.0), []

    def end(tymth):
        doist.exit()
        yield 0.0
        seen.append(tymth())

    doist.do(doers=[doer_of(end), noting([], 9.0)])
    assert seen == [1.0]
