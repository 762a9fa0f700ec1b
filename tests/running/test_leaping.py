"""Where hio's ticks are."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tymeconn.running.leaping import leap


def added(tyme, tock, until):
    """Return what hio's addition, one tock after the other, comes to."""
    while tyme < until:
        if tyme + tock <= tyme:
            return until
        tyme += tock
    return tyme


TOCKS = st.one_of(st.sampled_from([0.1, 0.03125, 1 / 3, 1.5]), st.floats(1e-4, 10.0))


@given(st.floats(-10.0, 1e6), TOCKS, st.integers(0, 500), st.floats(0.0, 1.0))
def test_leap_is_repeated_addition(tyme, tock, tocks, part):
    """A leap ends at the float to which adding tocks one by one comes."""
    until = tyme + tocks * tock + part * tock
    assert leap(tyme, tock, until) == added(tyme, tock, until)


@given(st.integers(0, 1000), st.sampled_from([0.5, 0.75, 1.0, 1.5, 2.5, 3.0, 6.0]), st.integers(0, 2000))
def test_leap_rounds_as_addition_does(ulps, tock, further):
    """Where a tock is halfway between two floats, the leap goes to the same one."""
    tyme = 2.0**53 - 500.0 + ulps
    assume(tyme + further < 2.0**55)
    assert leap(tyme, tock, tyme + further) == added(tyme, tock, tyme + further)


@pytest.mark.parametrize(("tyme", "tock"), [(5.0, 0.0), (2.0**60, 0.1)])
def test_leap_where_no_tock_moves_tyme(tyme, tock):
    """A tock that is nothing, or nothing beside tyme, leads straight there."""
    assert leap(tyme, tock, tyme + 4096.0) == tyme + 4096.0


def test_leap_to_never():
    """What is never due has no place on the grid."""
    assert leap(0.0, 0.1, inf) == inf


def test_leap_stays():
    """Nothing is added where tyme is late enough already."""
    assert leap(3.0, 0.1, 2.0) == 3.0
    assert leap(3.0, 0.1, -inf) == 3.0


def test_leap_takes_few_steps():
    """A year of tyme is no further than a second."""
    assert leap(0.0, 0.03125, 3e7) == 3e7
    assert leap(0.0, 0.1, 3e7) == pytest.approx(3e7, abs=1.0)
