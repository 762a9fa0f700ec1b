"""A gate keeps its limits, obeys the server, spares a sick one, and never shuts for ever."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from tymeconn import errors
from tymeconn.policy.chance import draws
from tymeconn.policy.gating import Circuit, Gate, GateLimits, quota_reset
from tymeconn.wire.headers import make_headers
from tymeconn.wire.messages import Response

NOON = 946_728_000.0
NAME = "http://a.example"
FAILURES = [
    errors.NameTryAgain("dns"),
    errors.ConnectError("refused"),
    errors.TlsError("eof"),
    errors.ConnectTimeout("late"),
    errors.ReadTimeout("late"),
    errors.WriteTimeout("late"),
    errors.TotalTimeout("late"),
    errors.WriteError("broken"),
    errors.NoResponse("ended"),
    errors.IncompleteRead("cut"),
]
NO_FAILURES = [
    errors.PoolTimeout("late"),
    errors.StaleConnection("ended"),
    errors.Canceled("closed"),
    errors.BodyError("broke"),
    errors.LocalResource("descriptors"),
    errors.CertificateError("expired"),
    errors.ProtocolError("header", "bad"),
]
REFUSED = errors.ConnectError("refused")
OPENINGS = """
from tymeconn.errors import ConnectError
from tymeconn.policy.chance import draws
from tymeconn.policy.gating import Gate, GateLimits
gate, now, dues = Gate("http://a.example", GateLimits(failures=1), draws("seed")), 0.0, []
for _ in range(9):
    gate.leave(gate.enter(now), ConnectError("refused"), now, 0.0)
    now = gate.admit(now)
    dues.append(now)
print(dues)
"""


def answer(status=200, *fields):
    return Response((1, 1), status, "", make_headers(fields), b"", None, None, False, None)


def gate(u=0.5, **limits):
    """Return a gate whose every draw is `u`."""
    return Gate(NAME, GateLimits(**limits), lambda name, count: u)


def send(gate, outcome, now=0.0):
    gate.leave(gate.enter(now), outcome, now, NOON + now)


def broken(u=0.5, **limits):
    """Return a gate that has just opened its circuit at tyme 0."""
    gated = gate(u, failures=1, **limits)
    send(gated, REFUSED)
    return gated


def test_no_limits():
    """By default nobody is kept waiting."""
    gated = gate()
    for _ in range(1000):
        assert gated.admit(0.0) is None
        gated.enter(0.0)
    assert (gated.inside, gated.circuit) == (1000, Circuit.CLOSED)


def test_concurrency():
    """Who finds it full goes when somebody leaves."""
    gated = gate(concurrency=2)
    first, _ = gated.enter(0.0), gated.enter(0.0)
    assert gated.admit(1e9) == math.inf
    gated.leave(first, answer(), 0.0, NOON)
    assert gated.admit(0.0) is None


def test_rate():
    """After a burst, requests go one after another at the rate, and a pause earns the burst anew."""
    gated, now, gone = gate(rate=2.0, burst=3), 10.0, []
    for _ in range(5):
        now = gated.admit(now) or now
        gone.append(now)
        gated.enter(now)
    assert gone == [10.0, 10.0, 10.0, 10.5, 11.0]
    assert [gated.enter(100.0) for _ in range(3)] == [0, 0, 0]
    assert gated.admit(100.0) == 100.5


def test_entering_unasked():
    """Nobody goes in past the limits."""
    gated = gate(concurrency=1)
    gated.enter(0.0)
    with pytest.raises(RuntimeError, match=NAME):
        gated.enter(0.0)
    assert gated.inside == 1


def test_leaving_twice():
    """Who leaves has been inside."""
    gated = gate()
    ticket = gated.enter(0.0)
    gated.leave(ticket, answer(), 0.0, NOON)
    with pytest.raises(RuntimeError, match=NAME):
        gated.leave(ticket, answer(), 0.0, NOON)


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        ({"rate": 0.1}, answer()),
        ({}, answer(503, ("Retry-After", "10"))),
        ({"failures": 1, "rest": 10.0}, answer(500)),
    ],
)
def test_another_tyme(limits, outcome):
    """When tyme begins anew, what was left to wait is left, and no more."""
    gated = gate(1.0, **limits)
    send(gated, outcome, 1000.0)
    assert gated.admit(1004.0) == 1010.0
    assert gated.admit(3.0) == 9.0
    assert gated.admit(9.0) is None


def test_leaving_in_another_tyme():
    """Who entered before tyme began anew leaves as everybody does."""
    gated = gate(concurrency=1)
    ticket = gated.enter(1000.0)
    assert gated.admit(0.0) == math.inf
    gated.leave(ticket, answer(429, ("Retry-After", "5")), 1.0, NOON)
    assert gated.admit(1.0) == 6.0


@pytest.mark.parametrize(
    ("limits", "outcome", "why"),
    [
        ({}, answer(), None),
        ({"rate": 0.1}, answer(), "0.1 requests a second"),
        ({"rate": 0.1}, answer(503, ("Retry-After", "60")), "asked to be left alone"),
        ({"failures": 1}, answer(500), "failed too often"),
    ],
)
def test_why(limits, outcome, why):
    """A gate that is shut says what keeps it so for the longest."""
    gated = gate(**limits)
    send(gated, outcome)
    reason = gated.why(0.0)
    assert why in reason if why else reason is None


@pytest.mark.parametrize(
    ("limits", "why"), [({"concurrency": 1}, "on the way"), ({"failures": 1}, "rests")]
)
def test_why_there_is_no_tyme(limits, why):
    """It says so, too, when only somebody who leaves can open it."""
    gated = broken() if "failures" in limits else gate(**limits)
    gated.enter(5.0)
    assert (gated.admit(5.0), why in gated.why(5.0)) == (math.inf, True)


def test_head():
    """What an answer's head asks for holds before its end has come, and does not end its exchange."""
    gated = gate()
    ticket = gated.enter(0.0)
    gated.heed(answer(503, ("Retry-After", "60")), 5.0, NOON)
    assert (gated.admit(5.0), gated.inside) == (65.0, 1)
    gated.leave(ticket, errors.Canceled("closed"), 6.0, NOON)
    assert gated.admit(6.0) == 65.0


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("value", ["60", "Sat, 01 Jan 2000 12:01:05 GMT"])
def test_cool_off(status, value):
    """Everybody stays away for as long as a server asks with Retry-After, in either form."""
    gated = gate()
    send(gated, answer(status, ("Retry-After", value)), 5.0)
    assert gated.admit(5.0) == gated.admit(64.9) == gated.cool_until == 65.0
    assert gated.admit(65.0) is None


def test_cool_off_is_not_called_back():
    """A server that asks for less than before is left alone for as long as it first said."""
    gated = gate()
    first, second = gated.enter(0.0), gated.enter(0.0)
    gated.leave(first, answer(503, ("Retry-After", "60")), 1.0, NOON)
    gated.leave(second, answer(429, ("Retry-After", "5")), 2.0, NOON)
    assert gated.admit(2.0) == 61.0


@pytest.mark.parametrize("status", [200, 202, 302, 404, 500, None])
def test_retry_after_of_one_resource(status):
    """Retry-After on another answer is not about the origin: it may say when to look at a job again."""
    gated = gate()
    send(gated, answer(status, ("Retry-After", "60")))
    assert gated.admit(0.0) is None


def test_cool_off_without_a_time():
    """A 429 that says no time keeps nobody away, nor does an error."""
    gated = gate()
    send(gated, answer(429))
    send(gated, REFUSED)
    assert gated.admit(0.0) is None


@pytest.mark.parametrize(("cap", "until"), [(3600.0, 3600.0), (9.0, 9.0), (0.0, None)])
def test_absurd_cool_off(cap, until):
    """No server shuts its own gate for longer than the cap."""
    gated = gate(cool_cap=cap)
    send(gated, answer(429, ("Retry-After", "999999999")))
    assert gated.admit(0.0) == until


def test_quota_that_is_used_up():
    """With the last of a quota everybody waits until there is more, whatever the answer was."""
    gated = gate()
    send(gated, answer(200, ("RateLimit", '"day";r=0;t=30')))
    assert gated.admit(0.0) == 30.0


def test_retry_after_goes_first():
    """With both, Retry-After counts."""
    gated = gate()
    send(gated, answer(429, ("RateLimit", '"day";r=0;t=30'), ("Retry-After", "7")))
    assert gated.admit(0.0) == 7.0


@pytest.mark.parametrize("outcome", [*FAILURES, *map(answer, (500, 502, 503, 504, 599))], ids=repr)
def test_failures_open(outcome):
    """When a server fails some times in a row, by its answers or by giving none, it is left alone."""
    gated = gate(failures=3, rest=8.0)
    for _ in range(3):
        assert gated.circuit is Circuit.CLOSED
        send(gated, outcome)
    assert (gated.circuit, gated.admit(0.0)) == (Circuit.OPEN, 6.0)


@pytest.mark.parametrize("outcome", [*NO_FAILURES, *map(answer, (None, 200, 404, 429, 501, 505))], ids=repr)
def test_what_is_no_failure(outcome):
    """What this side did, what is asked in vain, and 429, 501 and 505 say nothing against a server."""
    gated = gate(failures=1)
    send(gated, outcome)
    assert (gated.circuit, gated.admit(0.0)) == (Circuit.CLOSED, None)


@pytest.mark.parametrize(
    ("between", "circuit"), [(answer(404), Circuit.CLOSED), (errors.Canceled("closed"), Circuit.OPEN)]
)
def test_in_a_row(between, circuit):
    """An answer ends a row of failures; what says nothing does not."""
    gated = gate(failures=2)
    for outcome in (REFUSED, between, REFUSED):
        send(gated, outcome)
    assert gated.circuit is circuit


def test_one_probe():
    """After the rest one request goes to see, and the others wait for what it finds."""
    gated = broken()
    assert gated.admit(0.5) == 0.75
    gated.enter(0.75)
    assert (gated.circuit, gated.admit(1e9)) == (Circuit.HALF_OPEN, math.inf)


def test_probe_that_is_well():
    """When the probe is answered all go as before, and the next rest is a first one again."""
    gated = broken()
    send(gated, answer(), 0.75)
    assert (gated.circuit, gated.admit(0.75)) == (Circuit.CLOSED, None)
    send(gated, REFUSED, 1.0)
    assert gated.admit(1.0) == 1.75


def test_failures_before_a_rest():
    """After a rest that did it good, a server has as many failures before it as at first."""
    gated = gate(failures=2)
    for _ in range(2):
        send(gated, REFUSED)
    send(gated, answer(), 0.75)
    send(gated, REFUSED, 0.75)
    assert gated.circuit is Circuit.CLOSED


def test_probe_that_fails():
    """When the probe fails the rest doubles, up to the cap."""
    gated, now, rests = broken(rest_cap=6.0), 0.0, []
    for _ in range(5):
        due = gated.admit(now)
        rests.append(due - now)
        now = due
        send(gated, REFUSED, now)
    assert rests == [0.75, 1.5, 3.0, 4.5, 4.5]


def test_probe_that_says_nothing():
    """When the probe is given up the next one goes at once."""
    gated = broken()
    send(gated, errors.Canceled("closed"), 5.0)
    assert (gated.circuit, gated.admit(5.0)) == (Circuit.OPEN, None)
    send(gated, answer(), 5.0)
    assert gated.circuit is Circuit.CLOSED


@pytest.mark.parametrize("outcome", [answer(), REFUSED, errors.Canceled("closed")], ids=repr)
def test_stragglers(outcome):
    """Who set out before the circuit opened does not speak for the probe."""
    gated = gate(failures=1)
    early = [gated.enter(0.0), gated.enter(0.0)]
    send(gated, REFUSED)
    gated.leave(early[0], outcome, 0.1, NOON)
    assert (gated.circuit, gated.admit(0.1)) == (Circuit.OPEN, 0.75)
    gated.enter(0.75)
    gated.leave(early[1], outcome, 0.8, NOON)
    assert (gated.circuit, gated.admit(0.8)) == (Circuit.HALF_OPEN, math.inf)


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 100), st.floats(0, 100), st.integers(1, 40))
def test_rests_are_bounded(u, one, other, probes):
    """Each rest is between a half and the whole of what doubling and the cap make of it."""
    rest, cap = sorted([one, other])
    gated, now = broken(u, rest=rest, rest_cap=cap), 0.0
    for probe in range(probes):
        due = gated.admit(now) or now
        longest = min(rest * 2**probe, cap)
        assert longest / 2 - 1e-9 <= due - now <= longest + 1e-9
        now = due
        send(gated, REFUSED, now)


def test_many_openings():
    """However often a probe fails, the rest stays at its cap."""
    gated, now = broken(rest=1e-300, rest_cap=1.0), 0.0
    for _ in range(2000):
        now = gated.admit(now) or now
        send(gated, REFUSED, now)
    assert gated.admit(now) == now + 0.75


def test_rests_are_drawn():
    """No two rests are alike, of one server or of two."""
    draw, rests = draws(), []
    for name in ("http://a.example", "http://b.example"):
        gated = Gate(name, GateLimits(failures=1, rest_cap=1.0), draw)
        for now in range(5):
            send(gated, REFUSED, now)
            rests.append(gated.admit(now) - now)
    assert len({round(rest, 9) for rest in rests}) == 10


def dues(draw):
    """Return when the first nine probes go to a server that is down."""
    gated, now, found = Gate(NAME, GateLimits(failures=1), draw), 0.0, []
    for _ in range(9):
        send(gated, REFUSED, now)
        now = gated.admit(now)
        found.append(now)
    return found


def test_same_in_every_process():
    """A seed's rests do not depend on the process or its hash seed."""
    printed = []
    for hashseed in ("1", "2"):
        path = os.pathsep.join(filter(None, sys.path))
        env = {**os.environ, "PYTHONHASHSEED": hashseed, "PYTHONPATH": path}
        run = subprocess.run([sys.executable, "-c", OPENINGS], env=env, capture_output=True, check=True)
        printed.append(run.stdout.decode().strip())
    assert printed == [str(dues(draws("seed")))] * 2
    assert dues(draws("other")) != dues(draws("seed"))


OUTCOMES = [
    answer(),
    answer(500),
    answer(503, ("Retry-After", "5")),
    answer(429, ("Retry-After", "1")),
    answer(200, ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "3")),
    REFUSED,
    errors.Canceled("closed"),
]
STEPS = st.lists(
    st.tuples(st.floats(0, 4), st.none() | st.tuples(st.integers(0, 99), st.sampled_from(OUTCOMES))),
    max_size=80,
)
LIMITS = st.builds(
    GateLimits,
    concurrency=st.none() | st.integers(1, 4),
    rate=st.none() | st.floats(0.1, 10),
    burst=st.integers(1, 4),
    failures=st.integers(1, 3),
    cool_cap=st.sampled_from([0.0, 2.0, 60.0]),
)


def walk(gated, steps):
    """Send and answer at random, as far as the gate lets; yield (now, entered, inside) after each step.

    A step is a pause, and an answer to one of those inside, or None to send.
    """
    now, inside = 0.0, []
    for pause, left in steps:
        now += pause
        entered = left is None and gated.admit(now) is None
        if entered:
            inside.append(gated.enter(now))
        elif left is not None and inside:
            number, outcome = left
            gated.leave(inside.pop(number % len(inside)), outcome, now, NOON + now)
        yield now, entered, inside


@given(LIMITS, STEPS)
def test_never_too_many_at_once(limits, steps):
    """There are never more inside than may be, and the gate counts them."""
    gated = Gate(NAME, limits, draws())
    for _, _, inside in walk(gated, steps):
        assert gated.inside == len(inside) <= (limits.concurrency or math.inf)


@given(LIMITS, STEPS)
def test_never_too_many_in_any_window(limits, steps):
    """In no stretch of time do more enter than the burst and what the rate makes of it."""
    entered = [now for now, entered, _ in walk(Gate(NAME, limits, draws()), steps) if entered]
    for start, begun in enumerate(entered):
        for end, ended in enumerate(entered[start:], 1):
            assert end <= limits.burst + (limits.rate or math.inf) * (ended - begun + 1e-9)


@given(LIMITS, STEPS)
def test_never_a_second_probe(limits, steps):
    """From an opened circuit one request goes, and none beside it until it is known what came of it."""
    gated = Gate(NAME, limits, draws())
    before = gated.circuit
    for _, entered, _ in walk(gated, steps):
        if entered:
            assert before is not Circuit.HALF_OPEN
            assert gated.circuit is (Circuit.HALF_OPEN if before is Circuit.OPEN else Circuit.CLOSED)
        before = gated.circuit


@given(LIMITS, STEPS)
def test_cool_off_only_grows(limits, steps):
    """No answer calls back what another asked for, and none asks for more than the cap."""
    gated, until = Gate(NAME, limits, draws()), -math.inf
    for now, entered, _ in walk(gated, steps):
        assert until <= gated.cool_until <= max(until, now + limits.cool_cap)
        assert not (entered and now < until)
        until = gated.cool_until


@given(LIMITS, STEPS, st.sampled_from(OUTCOMES))
def test_never_shut_for_ever(limits, steps, outcome):
    """When all have left, whatever happened, somebody may go at a tyme that is known and not far."""
    gated, now, inside = Gate(NAME, limits, draws()), 0.0, []
    for now, _, inside in walk(gated, steps):  # noqa: B007 what is left of the walk is what is looked at
        pass
    for ticket in inside:
        gated.leave(ticket, outcome, now, NOON + now)
    due = gated.admit(now) or now
    assert due <= now + max(limits.cool_cap, limits.rest_cap, limits.burst / (limits.rate or 1.0))
    assert gated.admit(due) is None


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"RateLimit": '"day";r=0;t=30'}, 30.0),
        ({"RateLimit": "day;r=0;t=30"}, 30.0),
        ({"RateLimit": ' "a, b; r=9" ; r=0; x="; r=5" ;y; pk=:cHk=:;t=30 '}, 30.0),
        ({"RateLimit": '"min";r=0;t=20, "day";r=0;t=900, "year";r=1;t=9999'}, 900.0),
        ({"RateLimit": '"day";r=0', "RateLimit-Policy": '"min";q=1;w=60,"day";q=9;w=86400'}, 86400.0),
        ({"RateLimit": '"day";r=0;t=5', "RateLimit-Policy": '"day";q=9;w=86400'}, 5.0),
        ({"RateLimit": "limit=10, remaining=0, reset=7"}, 7.0),
        ({"RateLimit-Limit": "10", "RateLimit-Remaining": "0", "RateLimit-Reset": "7"}, 7.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "7"}, 7.0),
        ({"X-RateLimit-Remaining": "0.0", "X-RateLimit-Reset": "7.5"}, 7.5),
    ],
)
def test_quota_fields(fields, seconds):
    """A quota that is used up is seen in each form, and the last to be filled again counts."""
    assert quota_reset(make_headers(fields), NOON) == seconds


@pytest.mark.parametrize(("ahead", "seconds"), [(60, 60.0), (-60, 0.0)])
@pytest.mark.parametrize("name", ["RateLimit", "X-RateLimit"])
def test_reset_as_a_moment(name, ahead, seconds):
    """A reset of billions is a moment in UTC seconds; one that has passed is now."""
    now = 1.7e9
    headers = make_headers({f"{name}-Remaining": "0", f"{name}-Reset": f"{now + ahead:.0f}"})
    assert quota_reset(headers, now) == seconds


def test_quota_in_several_lines():
    """Lines of one field are one list (RFC 9110 5.3)."""
    lines = CIMultiDict([("RateLimit", '"min";r=5;t=20'), ("ratelimit", '"day";r=0;t=900')])
    assert quota_reset(CIMultiDictProxy(lines), NOON) == 900.0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"RateLimit": '"day";r=1;t=30'},
        {"RateLimit": '"day";r=0'},
        {"RateLimit": '"day";t=30'},
        {"RateLimit": '"day";r;t=30'},
        {"RateLimit": "remaining=0"},
        {"RateLimit": "remaining=1, reset=9"},
        {"RateLimit-Policy": '"day";q=0;w=30'},
        {"RateLimit-Remaining": "0"},
        {"RateLimit-Reset": "30"},
        {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "30"},
    ],
)
def test_quota_that_is_left(fields):
    """As long as there is some, or nobody says when there will be, nobody waits."""
    assert quota_reset(make_headers(fields), NOON) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-0",
        "+0",
        "\u0660",
        "0x0",
        "0e0",
        "0 0",
        "0, 0",
        "0000000000000000",
        "0" * 5000,
        "0." + "0" * 5000,
        "nan",
        '"0"',
    ],
)
def test_malformed_numbers(value):
    """What is no number of at most fifteen digits says nothing."""
    member = f'"day";r={value};t=30'
    assert quota_reset({"ratelimit": member}, NOON) is None
    assert quota_reset({"x-ratelimit-remaining": value, "x-ratelimit-reset": "30"}, NOON) is None
    assert quota_reset({"x-ratelimit-remaining": "0", "x-ratelimit-reset": value}, NOON) is None


@pytest.mark.parametrize(
    "value",
    [
        '"day;r=0;t=30',
        '"day";r=0;t=30,;',
        '"day";r=0;t=30, ,',
        '"day";r=0;t=30;',
        '"day";R=0;t=30',
        '"d\\x";r=0;t=30',
        '"day";r=0;t=30 x',
        '"day";r=0;t=30' + " " * 5000,
        "\x00" * 100,
    ],
)
def test_malformed_fields(value):
    """A field that is malformed anywhere, or too long, says nothing (RFC 9651 4.2)."""
    assert quota_reset({"ratelimit": value}, NOON) is None


FIELDS = st.text() | st.text('"ab;,=\\ 05rtw', max_size=30)


@given(FIELDS, FIELDS, FIELDS, FIELDS)
def test_no_field_breaks_it(limit, policy, remaining, reset):
    """Whatever a server sends, it is answered with seconds or None."""
    fields = {
        "ratelimit": limit,
        "ratelimit-policy": policy,
        "ratelimit-remaining": remaining,
        "ratelimit-reset": reset,
    }
    seconds = quota_reset(fields, NOON)
    assert seconds is None or 0 <= seconds < 1e15


@pytest.mark.parametrize(("length", "seconds"), [(4096, 30.0), (4097, None)])
def test_longest_field(length, seconds):
    """A field is read up to 4096 characters, in all its lines together."""
    member = '"day";r=0;t=30,'
    assert quota_reset({"ratelimit": member + "a" * (length - len(member))}, NOON) == seconds


@pytest.mark.parametrize("name", ["concurrency", "burst", "failures"])
@pytest.mark.parametrize(
    ("value", "error"),
    [("3", TypeError), (True, TypeError), (1.5, TypeError), (0, ValueError), (10**400, ValueError)],
)
def test_counts(name, value, error):
    """A count is a whole number from 1 on; the message names it."""
    with pytest.raises(error, match=f"gate {name} "):
        GateLimits(**{name: value})


@pytest.mark.parametrize("name", ["rate", "rest", "rest_cap", "cool_cap"])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("3", TypeError),
        (True, TypeError),
        (-1, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (10**400, ValueError),
    ],
)
def test_numbers(name, value, error):
    """A number is finite and not negative; the message names it."""
    with pytest.raises(error, match=f"gate {name} "):
        GateLimits(**{name: value})


@pytest.mark.parametrize("parts", [{"rate": 0}, {"rate": 1e-300}, {"rest_cap": 0.5}])
def test_parts_that_do_not_fit(parts):
    """A rate of nothing and a cap below the rest are refused."""
    with pytest.raises(ValueError, match="gate"):
        GateLimits(**parts)


def test_frozen():
    """Limits never change."""
    with pytest.raises(FrozenInstanceError):
        GateLimits().rate = 5.0
