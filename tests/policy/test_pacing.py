"""Paces stay within their bounds, grow, obey hints, and draw no chance of their own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.policy.pacing import Pace

SECONDS = st.floats(0, 1e9)
TURNS = st.integers(1, 10**9)
CHANCES = st.floats(0, 1, exclude_max=True)
HINTS = st.none() | st.floats(-1e9, 1e12)


@st.composite
def paces(draw):
    floor, cap = sorted([draw(SECONDS), draw(SECONDS)])
    grow = draw(st.floats(1, 1e6))
    return Pace(floor=floor, cap=cap, start=draw(SECONDS), grow=grow, jitter=draw(CHANCES))


@given(paces(), TURNS, HINTS, CHANCES)
def test_bounds(pace, turn, hint, u):
    """No delay between two looks is below the floor or above the cap."""
    assert pace.floor <= pace.delay(turn, hint, u) <= pace.cap
    assert pace.floor <= pace.blind(turn, hint, u) <= pace.cap


@given(paces(), st.integers(1, 10_000), CHANCES)
def test_delays_never_shrink(pace, turn, u):
    """With the same draw, a later delay is at least as long."""
    assert pace.delay(turn + 1, None, u) >= pace.delay(turn, None, u)
    assert pace.blind(turn + 1, None, u) >= pace.blind(turn, None, u)


@given(paces(), TURNS, st.floats(-1e9, 1e12), CHANCES, CHANCES)
def test_hint_is_obeyed_within_bounds(pace, turn, hint, u, v):
    """A server's hint goes before growth and jitter, and not beyond floor and cap."""
    wanted = min(max(hint, pace.floor), pace.cap)
    assert pace.delay(turn, hint, u) == pace.blind(turn, hint, v) == pace.initial(hint) == wanted


def test_growth():
    """Delays grow by the factor up to the cap."""
    pace = Pace(start=1.0, grow=2.0, cap=10.0, jitter=0.0)
    assert [pace.delay(look, None, 0.5) for look in range(1, 7)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_failed_looks_double():
    """Failed looks back off by doubling, whatever the growth is."""
    pace = Pace(start=1.0, grow=1.0, cap=10.0, jitter=0.0)
    assert [pace.blind(miss, None, 0.5) for miss in range(1, 6)] == [1.0, 2.0, 4.0, 8.0, 10.0]


def test_whole_numbers():
    """A pace of whole numbers is quick and right after very many looks, too."""
    assert Pace(floor=0, start=1, cap=60, grow=3, jitter=0).delay(10**9, None, 0.0) == 60


def test_smallest_start():
    """No start is too small to grow from."""
    assert Pace(floor=0.0, start=5e-324, grow=1e6, cap=60.0).delay(10_000, None, 0.0) > 0
    assert Pace(floor=0.0, start=0.0, grow=1e6, cap=60.0).delay(10_000, None, 0.0) == 0


@pytest.mark.parametrize(("u", "seconds"), [(0.0, 7.5), (0.5, 10.0), (0.75, 11.25)])
def test_jitter(u, seconds):
    """The draw moves a delay between 1 - jitter and 1 + jitter of it."""
    assert Pace(start=10.0, jitter=0.25).delay(1, None, u) == seconds


@given(paces(), TURNS, CHANCES)
def test_only_the_draw_is_chance(pace, turn, u):
    """The same draw gives the same delay."""
    assert pace.delay(turn, None, u) == pace.delay(turn, None, u)
    assert pace.blind(turn, None, u) == pace.blind(turn, None, u)


def test_first_look():
    """Before the first look, only a hint is held to floor and cap."""
    pace = Pace(first=0.0, floor=2.0, cap=10.0)
    assert pace.initial(None) == 0.0
    assert pace.initial(1.0) == 2.0
    assert pace.initial(3600.0) == 10.0


@pytest.mark.parametrize("name", ["first", "floor", "start", "cap", "grow", "jitter"])
@pytest.mark.parametrize(
    ("value", "error"),
    [("1", TypeError), (None, TypeError), (True, TypeError), (-1, ValueError), (float("inf"), ValueError)],
)
def test_wrong_numbers(name, value, error):
    """A part that is no finite number from 0 on is refused, and the message names part and value."""
    with pytest.raises(error, match=f"pace {name} .*{value!r}"):
        Pace(**{name: value})


@pytest.mark.parametrize("parts", [{"floor": 61.0}, {"grow": 0.9}, {"jitter": 1.0}, {"cap": float("nan")}])
def test_parts_that_do_not_fit(parts):
    """A cap below the floor, a shrinking growth and a jitter of the whole delay are refused."""
    with pytest.raises(ValueError, match="pace"):
        Pace(**parts)
