"""What a small exchange takes of the interpreter, counted: frames that run, and objects that stay."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

import tymeconn
from tymeconn import Pool, PoolLimits, gather, run

from .peers import Telling

HOME = str(Path(tymeconn.__file__).parent)
SCRIPTED = f"{HOME}/testing"
URL = "http://a.test/"
MANY = 200
SIDE_BY_SIDE = 20


@pytest.fixture
def pool():
    """A pool with one idle connection, whose caches are warm."""
    pool = Pool(network=Telling())
    run(asking(pool, 3), real=False)
    return pool


def asking(pool, times, kept=None):
    """Ask one after another, and keep the answers if there is where to."""
    for _ in range(times):
        response = yield from pool.get(URL)
        if kept is not None:
            kept.append(response)


def frames(act):
    """Return how many frames of tymeconn began or went on."""
    count = 0

    def note(frame, event, _):
        nonlocal count
        file = frame.f_code.co_filename
        count += event == "call" and file.startswith(HOME) and not file.startswith(SCRIPTED)

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def objects():
    """Return how many objects there are that may hold others."""
    gc.collect()
    return len(gc.get_objects())


def test_frames(pool):
    """An exchange, with its part of the pool and of the scheduler, runs at most 55 frames."""

    def side_by_side(times):
        return lambda: run(gather([asking(pool, times) for _ in range(SIDE_BY_SIDE)]), real=False)

    few, more = frames(side_by_side(5)), frames(side_by_side(15))
    assert (more - few) / 10 / SIDE_BY_SIDE <= 55


def test_answers_that_are_kept(pool):
    """An answer that is kept holds three objects that may hold others; what else was made is gone."""
    kept = []
    before = objects()
    run(asking(pool, MANY, kept), real=False)
    assert (objects() - before) / MANY <= 3


def test_answers_that_are_not_kept(pool):
    """Nothing stays of an exchange whose answer is let go."""
    before = objects()
    run(asking(pool, MANY), real=False)
    assert objects() - before < MANY / 10


def test_exchanges_that_wait():
    """One that waits for a connection holds eight of them, generators and all."""
    pool = Pool(network=Telling(answering=False), connections=PoolLimits(per_origin=1))
    first, *others = [pool.get(URL) for _ in range(MANY)]
    next(first)
    before = objects()
    for each in others:
        next(each)
    assert (objects() - before) / len(others) <= 8
    for each in (*others, first):
        each.close()
