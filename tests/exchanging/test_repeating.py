"""How often a call's request goes out, without a socket."""

from __future__ import annotations

import pytest

from tymeconn.errors import ConnectError, NoResponse
from tymeconn.exchanging.repeating import Repeater
from tymeconn.policy.retrying import Retry
from tymeconn.tyming.clocks import Calendar
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split

from ..stand_ins import Clock

GET = make_request("GET", split("http://a.test/"))
REFUSED = ConnectError("refused")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def repeater(clock):
    return Repeater(lambda name, count: 0.5, Calendar.on(clock), clock, clock)


def lost():
    error = NoResponse("ended")
    error.sent = 1
    return error


def test_again_until_the_last(repeater):
    """Each attempt counts, and the delays grow."""
    attempts, delays = repeater.attempts(Retry(), 99.0), []
    while attempts.again(GET, REFUSED):
        delays.append(attempts.delay)
    assert delays == [0.25, 0.5]


def test_reached(repeater):
    """That the server may have acted on an attempt is remembered when there is another."""
    attempts = repeater.attempts(Retry(), 99.0)
    assert attempts.again(GET, REFUSED)
    assert not attempts.reached
    assert attempts.again(GET, lost())
    assert attempts.reached
    assert not attempts.again(GET, REFUSED)


@pytest.mark.parametrize(("end", "again"), [(0.2, False), (0.3, True), (float("inf"), True)])
def test_end(repeater, end, again):
    """Nothing is begun when the call has to be over."""
    assert repeater.attempts(Retry(), end).again(GET, REFUSED) is again


def test_budget_is_an_origin_s(repeater):
    """Calls to one origin share a budget when their policy is equal; each first request adds to it."""
    retry = Retry(attempts=99, saved=1, spare=0.0, share=0.5)
    first, second, other = (repeater.attempts(retry, 99.0) for _ in range(3))
    other_get = make_request("GET", split("http://b.test/"))
    assert [first.again(GET, REFUSED), second.again(GET, REFUSED)] == [True, False]
    assert other.again(other_get, REFUSED)
    for _ in range(2):
        second.begin(GET.url.origin)
    assert second.again(GET, REFUSED)


def test_no_more_budgets_than_many(repeater):
    """Of more origins than can be counted the last are remembered."""
    retry = Retry()
    origins = [split(f"http://a.test:{port}/").origin for port in range(1, 1003)]
    budgets = [repeater.budget(retry, origin) for origin in origins]
    assert repeater.budget(retry, origins[-1]) is budgets[-1]
    assert repeater.budget(retry, origins[0]) is not budgets[0]
