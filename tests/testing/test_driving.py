"""Running a generator without a scheduler."""

from __future__ import annotations

import pytest

from tymeconn.testing.driving import Stuck, drive


def test_value_and_yields():
    """The generator's value comes with how often it yielded; tyme is sent in, from where it is told."""
    seen = []

    def three():
        for _ in range(3):
            seen.append((yield 0.0))
        return "end"

    assert drive(three(), tyme=5.0, tock=1.0) == ("end", 3)
    assert seen == [5.0, 6.0, 7.0]


def test_endless_generator_is_stuck():
    """One that does not end is closed and reported."""
    closed = []

    def endless():
        try:
            while True:
                yield
        finally:
            closed.append(True)

    with pytest.raises(Stuck):
        drive(endless(), ticks=5)
    assert closed == [True]
