"""One generator to its end, with doers beside it."""

from __future__ import annotations

import pytest

from tymeconn.running import Deadlock, run
from tymeconn.tyming.waiting import Signal, Wait

from .playing import doer_of


def returning(value):
    yield Wait(until=1.5)
    return value


def service(tymth, seen, name):
    try:
        while True:
            yield 0.0
    finally:
        seen.append(name)


def seven():
    return (yield from returning(7))


def test_a_generator_or_its_function():
    """Both are run to the value."""
    assert run(seven, real=False) == 7
    assert run(seven(), real=False) == 7


def test_the_doers_end_with_it():
    """In reverse order; they would go on for ever."""
    seen = []
    assert run(returning(7), doer_of(service, seen, "a"), doer_of(service, seen, "b"), real=False) == 7
    assert seen == ["b", "a"]


def test_its_error_is_raised_after_their_exits():
    """Who catches it finds all ended."""
    seen = []

    def main():
        yield 1.0
        raise KeyError("no")

    with pytest.raises(KeyError):
        run(main, doer_of(service, seen, "a"), doer_of(service, seen, "b"), real=False)
    assert seen == ["b", "a"]


def test_an_error_of_a_doer_ends_it():
    """And is raised."""
    seen = []

    def failing(tymth):
        yield 1.0
        raise KeyError("no")

    def main():
        try:
            yield Wait(Signal())
        finally:
            seen.append("main")

    with pytest.raises(KeyError):
        run(main, doer_of(failing), real=False)
    assert seen == ["main"]


def test_ctrl_c_is_raised():
    """There is no value to return."""

    def main():
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        run(main, real=False)


def test_main_that_is_taken_out_has_no_value():
    """A doer that removes it is told where it is noticed."""

    def remove(tymth):
        yield 0.0
        tymth.doist.remove(list(tymth.doist.doers))

    with pytest.raises(RuntimeError, match="taken out"):
        run(returning(7), doer_of(remove), real=False)


def test_a_wait_without_end_is_an_error():
    """In real time, too."""
    with pytest.raises(Deadlock, match="main: Wait"):
        run(lambda: (yield Wait(Signal())))


@pytest.mark.parametrize("main", [7, None, lambda: 7, [7]])
def test_what_is_no_generator_is_refused(main):
    """By the call."""
    with pytest.raises(TypeError, match="main must be"):
        run(main)


def test_tyme_is_the_clocks_unless_it_is_said_otherwise():
    """What runs in artificial tyme for an hour takes no time."""
    assert run(lambda: (yield Wait(until=0.001))) >= 0.001
    assert run(lambda: (yield Wait(until=3600.0)), real=False) == 3600.0
