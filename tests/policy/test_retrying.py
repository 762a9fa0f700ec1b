"""Requests come back only when they may, when they are let, and not all at once."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn import errors
from tymeconn.policy.chance import draws
from tymeconn.policy.retrying import Attempt, Budget, Retry
from tymeconn.wire.headers import make_headers
from tymeconn.wire.messages import Response
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split

NOON = 946_728_000.0
URL = split("http://a.example/x")
GET = make_request("GET", URL)
POST = make_request("POST", URL)
KEYED = make_request("POST", URL, headers={"Idempotency-Key": "k1"})
COUNTS = st.integers(1, 10**9)
CHANCES = st.floats(0, 1, exclude_max=True)
SPENT = [errors.PoolTimeout("late"), errors.TotalTimeout("late")]
TRANSIENT = [
    errors.NameTryAgain("dns"),
    errors.ConnectError("refused"),
    errors.TlsError("eof"),
    errors.ConnectTimeout("late"),
    errors.ReadTimeout("late"),
    errors.WriteTimeout("late"),
    errors.WriteError("broken"),
    errors.StaleConnection("ended"),
    errors.NoResponse("ended"),
    errors.IncompleteRead("cut"),
]
LASTING = [
    errors.NameNotFound("nobody"),
    errors.CertificateError("expired"),
    errors.LocalResource("descriptors"),
    errors.ProtocolError("header", "bad"),
    errors.BodyError("broke"),
    errors.Canceled("closed"),
]
SCHEDULE = """
from tymeconn.policy.chance import draws
from tymeconn.policy.retrying import Attempt, Retry
from tymeconn.wire.messages import Response
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split
busy = Response((1, 1), 503, "", {}, b"", None, None, False, None)
request = make_request("GET", split("http://a.example/x"))
print([Retry(attempts=9).delay(Attempt(request, busy, count), 0.0, draws("seed")) for count in range(1, 9)])
"""


def answer(status=503, **fields):
    headers = make_headers({name.replace("_", "-"): value for name, value in fields.items()})
    return Response((1, 1), status, "", headers, b"", None, None, False, None)


def lost(sent=0, received=0, replayed=False):
    error = errors.NoResponse("ended")
    error.sent, error.received, error.replayed = sent, received, replayed
    return error


def delay(attempt, retry=None, u=0.5):
    """Return the delay that a draw of `u` makes."""
    return (retry or Retry()).delay(attempt, NOON, lambda name, count: u)


@pytest.mark.parametrize("outcome", [*TRANSIENT, answer(429), answer(503)], ids=repr)
def test_what_may_pass_is_tried_again(outcome):
    """Failures that may be over next time, 429 and 503 are tried again."""
    assert delay(Attempt(GET, outcome)) == 0.25


@pytest.mark.parametrize(
    "outcome",
    [*LASTING, *SPENT, answer(200), answer(202), answer(404), answer(502), answer(None)],
    ids=repr,
)
def test_what_would_not_help_is_not_tried(outcome):
    """An answer stands, and so does an error that would come again or a limit on the whole."""
    assert delay(Attempt(GET, outcome)) is None


def test_statuses_are_chosen():
    """Other errors of servers are tried again when they are named, and only those that are."""
    retry = Retry(statuses={502, 504})
    assert [delay(Attempt(GET, answer(status)), retry) for status in (502, 503, 504)] == [0.25, None, 0.25]


@pytest.mark.parametrize("outcome", [answer(429), lost(sent=1), lost(received=1), lost(replayed=True)])
def test_what_reached_the_server_is_not_repeated(outcome):
    """What may have been acted on is sent again only if twice does no harm (RFC 9110 9.2.2)."""
    assert delay(Attempt(POST, outcome)) is None
    assert delay(Attempt(KEYED, outcome)) == delay(Attempt(GET, outcome)) == 0.25


def test_what_never_left_is_sent():
    """A request of which nothing went out may go, whatever its method."""
    assert delay(Attempt(POST, lost())) == 0.25


def test_a_body_that_is_spent():
    """A request whose body cannot be had again is not sent again."""
    request = make_request("PUT", URL, body=iter([b"once"]))
    assert delay(Attempt(request, lost())) == 0.25
    list(request.source.begin())
    assert delay(Attempt(request, lost())) is None


def test_attempts():
    """A request is sent no more often than allowed, the first time included."""
    assert delay(Attempt(GET, answer(), count=2)) is not None
    assert delay(Attempt(GET, answer(), count=3)) is None
    assert delay(Attempt(GET, answer()), Retry(attempts=1)) is None


def test_backoff_doubles():
    """The longest delay doubles with each attempt, up to the cap."""
    retry = Retry(attempts=9, base=1.0, cap=5.0)
    assert [delay(Attempt(GET, lost(), n), retry, 0.5) for n in range(1, 6)] == [0.5, 1.0, 2.0, 2.5, 2.5]


@given(
    COUNTS,
    CHANCES,
    st.integers(0, 10**9 - 1),
    st.sampled_from([(0.0, 60.0), (1e-300, 60.0), (1.0, 60.0), (1e300, 1e301)]),
)
def test_bounds(count, u, asked, backoff):
    """A delay is what the server asks for, within the cap, and a backoff at most."""
    base, cap = backoff
    retry = Retry(attempts=sys.maxsize, base=base, cap=cap, hint_cap=100.0)
    seconds = delay(Attempt(GET, answer(Retry_After=str(asked)), count), retry, u)
    assert min(asked, 100.0) <= seconds <= min(asked, 100.0) + cap


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.25), ("Sat, 01 Jan 2000 12:01:30 GMT", 90.25), ("9999", 3600.25), ("soon", 0.25), ("0", 0.25)],
)
def test_retry_after(value, seconds):
    """The server is left alone for as long as it asks, in either form, up to the cap; then comes jitter."""
    assert delay(Attempt(GET, answer(429, Retry_After=value))) == seconds


@pytest.mark.parametrize(
    ("left", "seconds"), [(None, 7.25), (7.5, 7.25), (7.25, None), (0.0, None), (-1.0, None)]
)
def test_deadline(left, seconds):
    """No retry begins when all has to be over."""
    assert delay(Attempt(GET, answer(Retry_After="7"), left=left)) == seconds


def test_same_in_every_process():
    """A seed's schedule does not depend on the process or its hash seed."""
    drawn, draw, busy = [], draws("seed"), answer()
    for hashseed in ("1", "2"):
        path = os.pathsep.join(filter(None, sys.path))
        env = {**os.environ, "PYTHONHASHSEED": hashseed, "PYTHONPATH": path}
        run = subprocess.run([sys.executable, "-c", SCHEDULE], env=env, capture_output=True, check=True)
        drawn.append(run.stdout.decode().strip())
    here = [Retry(attempts=9).delay(Attempt(GET, busy, count), 0.0, draw) for count in range(1, 9)]
    assert drawn == [str(here), str(here)]


@pytest.mark.parametrize(
    "other",
    [
        {"serial": 1},
        {"request": make_request("HEAD", URL)},
        {"request": make_request("GET", split("http://b/x"))},
    ],
)
def test_requests_come_back_apart(other):
    """Different requests, and equal ones of different serials, have delays of their own."""
    attempt = Attempt(GET, answer())
    one, two = (Retry().delay(each, NOON, draws()) for each in (attempt, replace(attempt, **other)))
    assert one != two


def test_attempts_come_back_apart():
    """Each attempt of a request has a delay of its own."""
    retry = Retry(attempts=9, base=1.0, cap=1.0)
    delays = {retry.delay(Attempt(GET, answer(), count), NOON, draws()) for count in range(1, 9)}
    assert len(delays) == 8


@given(st.text(), st.text(), CHANCES)
def test_no_answer_breaks_it(value, date, u):
    """Whatever a server sends, there is a delay, and one that ends."""
    busy = Response((1, 1), 503, "", {"retry-after": value, "date": date}, b"", None, None, False, None)
    assert 0 <= delay(Attempt(GET, busy), u=u) <= 3620


def test_a_new_budget():
    """A budget begins with what may be saved, and is then used up."""
    budget = Budget(Retry(saved=2, spare=0.0), 0.0)
    assert [budget.spend(0.0) for _ in range(3)] == [True, True, False]


def test_share_of_requests():
    """Requests earn retries by the share."""
    budget = Budget(Retry(share=0.25, spare=0.0, saved=1), 0.0)
    assert budget.spend(0.0)
    for _ in range(3):
        budget.deposit()
    assert not budget.spend(9.0)
    budget.deposit()
    assert budget.spend(9.0)


def test_spare():
    """Time earns retries too, so that who sends little may retry."""
    budget = Budget(Retry(spare=0.5, saved=1), 10.0)
    assert [budget.spend(now) for now in (10.0, 11.0, 12.0, 13.0, 14.0)] == [True, False, True, False, True]


def test_another_tyme():
    """When tyme begins anew nothing is lost, and time earns as before."""
    budget = Budget(Retry(spare=0.5, saved=1), 1000.0)
    assert [budget.spend(now) for now in (1000.0, 1.0, 3.0, 3.0)] == [True, False, True, False]


@pytest.mark.parametrize("earn", [{"share": 1.0, "spare": 0.0}, {"share": 0.0, "spare": 1.0}])
def test_saving_ends(earn):
    """No more is kept than may be saved, however long nothing went wrong."""
    budget = Budget(Retry(saved=2, **earn), 0.0)
    for _ in range(100):
        budget.deposit()
    assert [budget.spend(1000.0) for _ in range(4)] == [True, True, False, False]


@given(
    st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=60),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from([0.0, 0.3, 5.0]),
    st.integers(0, 5),
)
def test_retries_in_any_window(steps, share, spare, saved):
    """From any moment on there are no more retries than were saved, plus what time and requests earn."""
    budget, now = Budget(Retry(share=share, spare=spare, saved=saved), 0.0), 0.0
    allowed = [saved]
    for pause, first in steps:
        now += pause
        if first:
            budget.deposit()
        spent = not first and budget.spend(now)
        # What may still be spent, for each moment at which the window may have begun.
        earned = pause * spare + share * first - spent
        allowed = [each + earned for each in allowed] + [saved]
        assert min(allowed) > -1e-6


@pytest.mark.parametrize("name", ["attempts", "saved"])
@pytest.mark.parametrize(
    ("value", "error"),
    [("3", TypeError), (True, TypeError), (1.5, TypeError), (-1, ValueError), (10**400, ValueError)],
)
def test_counts(name, value, error):
    """A count is a whole number that may be counted to; the message names it."""
    with pytest.raises(error, match=f"retry {name} .*"):
        Retry(**{name: value})


@pytest.mark.parametrize("name", ["base", "cap", "hint_cap", "share", "spare"])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("3", TypeError),
        (True, TypeError),
        (None, TypeError),
        (-1, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (10**400, ValueError),
    ],
)
def test_numbers(name, value, error):
    """A number is finite and not negative; the message names it."""
    with pytest.raises(error, match=f"retry {name} "):
        Retry(**{name: value})


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"attempts": 0}, ValueError),
        ({"cap": 0.1}, ValueError),
        ({"share": 1.1}, ValueError),
        ({"statuses": [503]}, TypeError),
        ({"statuses": {"503"}}, TypeError),
        ({"statuses": {True}}, TypeError),
        ({"statuses": {399}}, ValueError),
        ({"statuses": {600}}, ValueError),
    ],
)
def test_parts_that_do_not_fit(parts, error):
    """No attempt, a cap below the base, more retries than requests and other statuses are refused."""
    with pytest.raises(error, match="retry"):
        Retry(**parts)


def test_frozen():
    """A policy never changes, nor does the set that it was made of."""
    statuses = {503}
    retry = Retry(statuses=statuses)
    statuses.add(500)
    assert retry.statuses == {503}
    with pytest.raises(FrozenInstanceError):
        retry.attempts = 5
