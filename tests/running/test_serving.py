"""What hio's users may do to a scheduler and its doers."""

from __future__ import annotations

import pytest
from hio.base import doing

from tymeconn.running import ReadyDoist
from tymeconn.tyming.waiting import Signal, Wait

from .playing import doer_of, noting


def returning(value):
    def run(tymth=None, tock=0.0, **opts):
        yield tock
        return value

    return run


@pytest.mark.parametrize("value", [None, True, False, 0, "done"])
def test_done_is_what_hio_makes_of_a_value(value):
    """Whatever a doer returns, `done` is the same under both."""
    dones = []
    for scheduler in (doing.Doist, ReadyDoist):
        doer = doing.doify(returning(value))
        scheduler(doers=[doer]).do()
        dones.append(doer.done)
    assert dones[0] is dones[1]


@pytest.mark.parametrize("value", [None, True])
def test_done_of_a_method(value):
    """A method that runs as a doer has its `done` on its function."""

    class Holder:
        def run(self, tymth=None, tock=0.0, **opts):
            yield tock
            return value

    dones = []
    for scheduler in (doing.Doist, ReadyDoist):
        doer = doing.doify(Holder().run)
        scheduler(doers=[doer]).do()
        dones.append(doer.done)
    assert dones[0] is dones[1]


def test_remove_closes_in_reverse_order():
    """Those that are parked too."""
    seen = []

    def turns(tymth, name, wait):
        try:
            yield wait
        finally:
            seen.append(name)

    parts = [("a", Wait(Signal())), ("b", 9.0), ("c", Wait(until=99.0))]
    doers = [doer_of(turns, *part) for part in parts]
    doist = ReadyDoist()

    def remove(tymth):
        yield Wait(until=1.0)
        doist.remove(doers)

    last = doer_of(remove)
    doist.do(doers=[*doers, last])
    assert (seen, doist.doers) == (["c", "b", "a"], [last])


def test_a_wrong_yield_is_an_error_as_under_hio():
    """What is neither a number nor a Wait cannot be added to a tyme; all exit."""
    seen = []

    def turns(tymth):
        try:
            yield "soon"
        finally:
            seen.append("exit")

    with pytest.raises(TypeError):
        ReadyDoist(doers=[doer_of(turns)]).do()
    assert seen == ["exit"]


def test_a_tock_that_is_changed_holds_from_then_on():
    """As under hio, also for those that were served before in the same beat."""

    def run(scheduler):
        seen = []
        doist = scheduler(tock=1.0)

        def change(tymth):
            yield 0.0
            doist.tock = 0.25

        doist.do(doers=[noting(seen, *[0.0] * 4), doer_of(change)])
        return seen, doist.tyme

    assert run(ReadyDoist) == run(doing.Doist)


def test_options_of_hio_are_taken():
    """Limit, tyme and resources of a run are given as to hio's Doist."""
    doist = ReadyDoist(tyme=5.0, tock=0.5, limit=-2.0)
    assert (doist.tyme, doist.tock, doist.limit, doist.real) == (5.0, 0.5, 2.0, False)
