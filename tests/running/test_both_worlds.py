"""The same generators under hio's schedulers and under ours: nobody is forgotten, and nobody is late."""

from __future__ import annotations

import pytest
from hio.base import doing
from hypothesis import given, settings
from hypothesis import strategies as st

from tymeconn.running import ReadyDoDoer, ReadyDoist, gather
from tymeconn.tyming.waiting import Signal, Wait

from .playing import doer_of

TYMES = st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.95, 1.0, 2.5])
# Whom each waiter waits for, whether for all at once, how deep it stands, whether in a gather.
WAITERS = st.lists(
    st.tuples(st.lists(st.integers(0, 3), max_size=4), st.booleans(), st.integers(0, 2), st.booleans()),
    min_size=1,
    max_size=6,
)


class Event:
    """Something that happens once."""

    def __init__(self):
        self.signal = Signal()
        self.happened = False

    def happen(self):
        self.happened = True
        self.signal.fire()


def waiter(events, together, alarm):
    """Wait for the events, one after another or for all at once, and a while in between."""
    if together:
        while not all(event.happened for event in events):
            yield Wait(tuple(event.signal for event in events if not event.happened), until=alarm)
            alarm = None
    for event in events:
        while not event.happened:
            yield Wait(event.signal)


def ends_under(doist_class, dodoer_class, tymes, waiters):
    """Return the tyme at which each waiter has ended."""
    events, ends = [Event() for _ in tymes], {}

    def happen(tymth, event, tyme):
        while tymth() < tyme:
            yield Wait(until=tyme)
        event.happen()

    def wait(tymth, number, which, together, gathered):
        waiting = waiter([events[n] for n in which], together, 0.7)
        yield from gather([waiting]) if gathered else waiting
        ends[number] = tymth()

    doers = [doer_of(happen, *each) for each in zip(events, tymes, strict=True)]
    for number, (which, together, depth, gathered) in enumerate(waiters):
        doer = doer_of(wait, number, which, together, gathered)
        for _ in range(depth):
            doer = dodoer_class(doers=[doer])
        doers.insert(number, doer)
    doist_class(tock=0.25, doers=doers, limit=20.0).do()
    return ends


@settings(max_examples=60)
@given(st.lists(TYMES, min_size=4, max_size=4), WAITERS)
def test_all_end_when_what_they_wait_for_has_happened(tymes, waiters):
    """Under ours at that very tyme, under hio's a few ticks later, under a mixture in between."""
    due = [max((tymes[n] for n in which), default=0.0) for which, *_ in waiters]
    ready = ends_under(ReadyDoist, ReadyDoDoer, tymes, waiters)
    assert [ready[n] for n in range(len(waiters))] == due
    for classes in [(doing.Doist, ReadyDoDoer), (ReadyDoist, doing.DoDoer), (doing.Doist, doing.DoDoer)]:
        ends = ends_under(*classes, tymes, waiters)
        assert [ends[n] for n in range(len(waiters))] == [pytest.approx(tyme, abs=0.76) for tyme in due]
