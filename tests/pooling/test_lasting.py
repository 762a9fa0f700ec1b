"""How long an idle connection may be used again."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.pooling.lasting import KeepAlive, expiry, keep_alive
from tymeconn.pooling.limits import PoolLimits


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("timeout=5, max=100", KeepAlive(5, 100)),
        ("max=0", KeepAlive(uses=0)),
        (" Timeout=5 ,MAX=7,x=1", KeepAlive(5, 7)),
        ("", KeepAlive()),
        ("5", KeepAlive()),
        ("timeout=-5, max=1.5", KeepAlive()),
        ("timeout=1234567890", KeepAlive()),
        ("timeout=\u0665", KeepAlive()),
        ("x" * 10_000_000 + ", max=1", KeepAlive()),
    ],
)
def test_keep_alive(value, said):
    """Seconds and requests, each if it is there; what is no number of at most nine digits is not."""
    assert keep_alive({"keep-alive": value}) == said


@given(st.text(max_size=300))
def test_any_text(value):
    """Nothing that a server sends raises."""
    said = keep_alive({"keep-alive": value})
    assert said.seconds >= 0
    assert said.uses >= 0


@pytest.mark.parametrize(
    ("limits", "said", "until"),
    [
        (PoolLimits(idle=50, age=600), KeepAlive(), 150),
        (PoolLimits(idle=50, age=120), KeepAlive(), 130),
        (PoolLimits(idle=50, age=600), KeepAlive(seconds=5), 104),
        (PoolLimits(idle=None, age=None), KeepAlive(seconds=60), 159),
        (PoolLimits(idle=None, age=None), KeepAlive(), inf),
    ],
)
def test_expiry(limits, said, until):
    """The least of what is ours, and of what the server says less one second."""
    assert expiry(limits, said, born=10, now=100) == until
