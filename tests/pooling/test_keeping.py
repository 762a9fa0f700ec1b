"""Slots are kept in order though anything may happen in the middle of it."""

from __future__ import annotations

import pytest

from tymeconn.pooling import Pool, PoolLimits

from .peers import Peers, begin

A, B = "http://a.test/", "http://b.test/"


class Interrupting:
    """A clock at one of whose next readings something happens, as a collection of garbage may anywhere."""

    def __init__(self):
        self._left = 0
        self._happen = None

    def interrupt(self, reading, happen):
        self._left, self._happen = reading, happen

    def __call__(self):
        self._left -= 1
        if self._left == 0:
            self._happen()
        return 0.0


def busy_pool():
    """Return a pool of one slot, its peers and clock, and generators of which the first has the slot."""
    clock = Interrupting()
    peers = Peers(clock)
    pool = Pool(network=peers, connections=PoolLimits(total=1))
    return pool, peers, clock, [begin(pool.get(url)) for url in (A, A, B, B)]


@pytest.mark.parametrize("reading", range(1, 6))
@pytest.mark.parametrize("victim", range(1, 4))
def test_generator_closed_in_the_middle(reading, victim):
    """Whoever it is, those who are left share the slots that are there, and give them back."""
    pool, peers, clock, asked = busy_pool()
    clock.interrupt(reading, asked[victim].close)
    asked[0].close()
    pool.service()
    assert (pool.stats.open, pool.stats.waiting) == (1, 1)
    for generator in asked:
        generator.close()
    assert (pool.stats.open, pool.stats.waiting, peers.open) == (0, 0, [])


@pytest.mark.parametrize("reading", range(1, 6))
def test_pool_closed_in_the_middle(reading):
    """Then nothing is left of all that was asked before."""
    pool, peers, clock, asked = busy_pool()
    clock.interrupt(reading, pool.close)
    asked[0].close()
    pool.service()
    assert (pool.stats.open, pool.stats.waiting, peers.open) == (0, 0, [])
