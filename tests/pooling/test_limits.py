"""How many connections a pool has."""

from __future__ import annotations

import pytest

from tymeconn.pooling import PoolLimits


@pytest.mark.parametrize("name", ["total", "per_origin", "uses"])
@pytest.mark.parametrize("wrong", [0, -1])
def test_too_few(name, wrong):
    """Without a connection, or a request on it, nothing could be sent."""
    with pytest.raises(ValueError, match=name):
        PoolLimits(**{name: wrong})


@pytest.mark.parametrize("name", ["total", "per_origin", "uses", "idle", "age"])
@pytest.mark.parametrize("wrong", ["1", True])
def test_wrong_type(name, wrong):
    """What is no number is named."""
    with pytest.raises(TypeError, match=name):
        PoolLimits(**{name: wrong})


@pytest.mark.parametrize("name", ["idle", "age"])
@pytest.mark.parametrize("wrong", [-1, float("inf"), float("nan")])
def test_seconds_are_finite(name, wrong):
    """No limit is None."""
    with pytest.raises(ValueError, match=name):
        PoolLimits(**{name: wrong})


@pytest.mark.parametrize("name", ["total", "per_origin"])
def test_there_is_a_limit(name):
    """The number of connections is always limited."""
    with pytest.raises(TypeError, match=name):
        PoolLimits(**{name: None})


def test_no_limits():
    """Use and time may be unlimited; no time at all keeps no connection."""
    assert PoolLimits(idle=None, age=None, uses=None).idle is None
    assert PoolLimits(idle=0, age=0).idle == 0
