"""Chance that can be repeated, in any process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.policy.chance import draws, mints

NAMES = st.text(st.characters(codec="utf-8"))
DRAWN = """
from tymeconn.policy.chance import draws, mints
draw, mint = draws("seed"), mints("seed")
print([draw(name, count) for name in ("job-1", "é") for count in range(5)], [mint(), mint()])
"""


def printed(hashseed):
    """Return what a new process with this hash seed draws."""
    env = {**os.environ, "PYTHONHASHSEED": hashseed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run([sys.executable, "-c", DRAWN], env=env, capture_output=True, check=True).stdout


def test_same_in_every_process():
    """A seed's draws and ids do not depend on the process or its hash seed."""
    draw, mint = draws("seed"), mints("seed")
    here = [draw(name, count) for name in ("job-1", "é") for count in range(5)], [mint(), mint()]
    assert printed("1").decode().strip() == printed("2").decode().strip() == f"{here[0]} {here[1]}"


@given(NAMES, NAMES, st.integers())
def test_a_draw_is_a_fraction(seed, name, count):
    """A draw is in [0, 1) and the same each time."""
    u = draws(seed)(name, count)
    assert 0 <= u < 1
    assert u == draws(seed)(name, count)


def test_draws_are_spread():
    """Many draws fall into each tenth about equally often."""
    draw = draws("spread")
    tenths = [int(10 * draw("job", count)) for count in range(10_000)]
    assert all(850 < tenths.count(tenth) < 1150 for tenth in range(10))


@pytest.mark.parametrize("other", [("seed", "b", 0), ("seed", "a", 1), ("other", "a", 0)])
def test_draws_differ(other):
    """Another seed, name or count is another draw."""
    seed, name, count = other
    assert draws(seed)(name, count) != draws("seed")("a", 0)


def test_seeded_ids_repeat():
    """Makers with the same seed make the same ids in the same order, all different."""
    one, two = mints("seed"), mints("seed")
    ids = [one() for _ in range(100)]
    assert ids == [two() for _ in range(100)]
    assert len(set(ids)) == 100


@pytest.mark.parametrize("seed", [None, "seed"])
def test_ids_are_32_digits(seed):
    """An id is 32 hexadecimal digits."""
    minted = mints(seed)()
    assert len(minted) == 32
    assert set(minted) <= set("0123456789abcdef")


def test_unseeded_ids_never_repeat():
    """Without a seed no two makers make the same id."""
    one, two = mints(), mints()
    assert len({one(), one(), two(), two()}) == 4
