"""An exchange ends exactly once."""

from __future__ import annotations

import gc
import weakref

import pytest

from tymeconn.errors import Canceled, NoResponse
from tymeconn.exchanging.exchange import Exchange
from tymeconn.policy.patience import Timeouts
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split


def exchange(settle=None, clock=lambda: 0.0, sink=None):
    return Exchange(make_request("GET", split("http://h.test/a")), Timeouts(), clock, settle, sink)


def test_first_outcome_stays():
    """A second conclusion changes nothing and tells nobody."""
    told = []
    one = exchange(told.append)
    one.conclude(NoResponse("first"))
    one.conclude(Canceled("second"))
    assert isinstance(one.outcome, NoResponse)
    assert told == [one]


def test_end_fires_the_signal_after_the_outcome_is_there():
    """Whoever is woken finds the outcome."""
    seen = []
    one = exchange()
    one.done.attend("me", lambda: seen.append(one.outcome))
    one.conclude(NoResponse("x"))
    assert seen == [one.outcome]


def test_end_lets_go_of_the_sink():
    """Whoever gave the sink and keeps the exchange goes with the last name for it, without a collector."""

    class Listener:
        def listen(self, respondent):
            return None

    gc.disable()
    try:
        listener = Listener()
        listener.exchange = exchange(sink=listener.listen)
        listener.exchange.conclude(NoResponse("x"))
        gone = weakref.ref(listener)
        del listener
        assert gone() is None
    finally:
        gc.enable()


def test_error_knows_where_it_happened():
    """An error is stamped with phase, origin, byte counts and reuse."""
    one = exchange()
    one.sent, one.received, one.reused = 10, 3, True
    one.conclude(NoResponse("x"), "receiving")
    error = one.outcome
    assert (error.phase, str(error.origin), error.sent, error.received, error.reused) == (
        "receiving",
        "http://h.test",
        10,
        3,
        True,
    )


def test_result_raises_the_error():
    """At the edge the error is raised."""
    one = exchange()
    one.conclude(NoResponse("x"))
    with pytest.raises(NoResponse):
        one.result()


def test_result_before_the_end_is_a_mistake():
    """There is no result before the end."""
    with pytest.raises(RuntimeError):
        exchange().result()


def test_elapsed_runs_on_the_given_clock():
    """Age is counted from the making."""
    now = [5.0]
    one = exchange(clock=lambda: now[0])
    now[0] = 7.5
    assert one.elapsed == 2.5
