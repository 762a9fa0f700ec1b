"""Limits that cannot be meant are refused when they are made."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from tymeconn.policy.patience import Patience, Timeouts

NOT_SECONDS = [
    ("5", TypeError),
    (True, TypeError),
    (0, ValueError),
    (-1.0, ValueError),
    (float("nan"), ValueError),
]
NOT_A_COUNT = [("5", TypeError), (True, TypeError), (1.5, TypeError), (None, TypeError), (-1, ValueError)]


@pytest.mark.parametrize("name", [field.name for field in fields(Timeouts)])
@pytest.mark.parametrize(("value", "error"), NOT_SECONDS)
def test_timeouts_are_seconds(name, value, error):
    """A limit is more than 0 seconds or None; the message names the limit and the value."""
    with pytest.raises(error, match=f"timeout {name} .*{value!r}"):
        Timeouts(**{name: value})


def test_short_limits():
    """Less than a second is a limit, too."""
    assert Timeouts(read=0.001).read == Patience(look=0.001).look


def test_no_timeout():
    """None is no limit."""
    unlimited = Timeouts(connect=None, write=None, read=None, total=None, pool=None)
    assert unlimited.total is None


@pytest.mark.parametrize(("total", "within"), [(None, 7.0), (300.0, 7.0), (5.0, 5.0)])
def test_within(total, within):
    """A total is cut to the seconds that are left, never stretched."""
    cut = Timeouts(total=total, read=3.0).within(7.0)
    assert cut == Timeouts(total=within, read=3.0)


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
def test_within_nothing(seconds):
    """Nothing can be done within no time."""
    with pytest.raises(ValueError, match="0 seconds"):
        Timeouts(total=None).within(seconds)


def test_within_wrong_type():
    """What is no number of seconds is named."""
    with pytest.raises(TypeError, match="'soon'"):
        Timeouts(total=None).within("soon")


@pytest.mark.parametrize("name", ["deadline", "look"])
@pytest.mark.parametrize(("value", "error"), NOT_SECONDS)
def test_patience_is_seconds(name, value, error):
    """A deadline and a look take more than 0 seconds; the message names the value."""
    with pytest.raises(error, match=f"{name} .*{value!r}"):
        Patience(**{name: value})


@pytest.mark.parametrize("name", ["misses", "unseen"])
@pytest.mark.parametrize(("value", "error"), NOT_A_COUNT)
def test_patience_counts(name, value, error):
    """What is borne is counted in whole numbers from 0 on."""
    with pytest.raises(error, match=f"{name} .*{value!r}"):
        Patience(**{name: value})


def test_endless_patience():
    """A watch may have no deadline and bear no miss, but each look has its limit."""
    assert Patience(deadline=None, misses=0, unseen=0).deadline is None
    with pytest.raises(TypeError, match="look"):
        Patience(look=None)


@pytest.mark.parametrize("value", [Timeouts(), Patience()])
def test_frozen(value):
    """Limits never change."""
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, 1.0)
