"""What one reply means: pure functions."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import NoResponse
from tymeconn.policy.pacing import Pace
from tymeconn.polling import presets
from tymeconn.polling.judging import Kind, Verdict, Waiter, due, judge, locate
from tymeconn.wire.headers import make_headers
from tymeconn.wire.messages import Response
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split


@dataclass
class Facts:
    """What judging knows of a job."""

    seen: bool = False
    worded: bool = False
    answered: int = 1
    misses: int = 1
    deadline: float | None = None


def reply(status=200, body=b"", **headers):
    fields = make_headers({name.replace("_", "-"): value for name, value in headers.items()})
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = make_request("GET", split("http://h.test/jobs/7"))
    return Response((1, 1), status, "R", fields, content, None, request, False, None)


WORDS = Waiter(
    "w", status="state", pending={"odd"}, success={"OK"}, failure={"bad"}, canceled={"off"}, error="why"
)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("ok", Kind.SUCCEEDED),
        ("BAD", Kind.FAILED),
        ("Off", Kind.CANCELED),
        ("odd", Kind.PENDING),
        ("never heard of", Kind.BLIND),
    ],
)
def test_words_decide(state, kind):
    """Words are compared without case; with pending words given, an unknown one says nothing."""
    verdict = judge(WORDS, Facts(), reply(body={"state": state}), 0.0)
    assert verdict.kind is kind
    assert verdict.word in (state, "")


def test_unknown_word_goes_on_when_none_is_known_to():
    """Without pending words any word that ends nothing means that it goes on."""
    assert judge(Waiter("w", status="s"), Facts(), reply(body={"s": "odd"}), 0.0).kind is Kind.PENDING


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<html>login</html>", {"content_type": "text/html; charset=utf-8"}),
        (b'{"status": "running"', {"content_type": "application/json"}),
        ({"status": None}, {}),
        ({"status": {"code": 1}}, {}),
        ({"state": 3.5}, {}),
    ],
)
def test_answer_that_should_have_had_a_word_says_nothing(body, headers):
    """A page in place of the status, broken JSON or a status that is no string is never a success."""
    assert judge(presets.standard(), Facts(), reply(body=body, **headers), 0.0).kind is Kind.BLIND


def test_answer_without_a_word_after_one_with_says_nothing():
    """A server that spoke in words is not taken at its HTTP status."""
    assert judge(presets.standard(), Facts(worded=True), reply(body={"x": 1}), 0.0).kind is Kind.BLIND


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1", b"{}", {"state": None}, {"state": {"a": 1}}, b"\xff"]
)
def test_required_word_that_is_missing_is_blind(body):
    """A 200 without the status says nothing of the job."""
    assert judge(WORDS, Facts(), reply(body=body), 0.0).kind is Kind.BLIND


@pytest.mark.parametrize(
    ("status", "seen", "kind"),
    [
        (200, False, Kind.SUCCEEDED),
        (201, False, Kind.SUCCEEDED),
        (204, False, Kind.SUCCEEDED),
        (202, False, Kind.PENDING),
        (404, False, Kind.UNSEEN),
        (404, True, Kind.LOST),
        (410, False, Kind.LOST),
        (400, True, Kind.BLIND),
        (401, True, Kind.BLIND),
        (403, True, Kind.BLIND),
        (408, True, Kind.BLIND),
        (409, True, Kind.BLIND),
        (429, True, Kind.BLIND),
        (500, True, Kind.BLIND),
        (503, True, Kind.BLIND),
        (304, True, Kind.BLIND),
        (302, True, Kind.BLIND),
    ],
)
def test_http_status_decides(status, seen, kind):
    """By the HTTP status alone, where no word is asked for."""
    assert judge(presets.location(), Facts(seen=seen), reply(status), 0.0).kind is kind


def test_error_is_blind():
    """An exchange that failed says nothing of the job, and why is kept."""
    verdict = judge(WORDS, Facts(), NoResponse("gone"), 0.0)
    assert (verdict.kind, verdict.why) == (Kind.BLIND, "NoResponse: gone")


@pytest.mark.parametrize("status", [202, 429, 503, 500])
def test_hint_is_read_from_every_reply(status):
    """Retry-After counts on pending and on failed looks."""
    assert judge(presets.location(), Facts(), reply(status, retry_after=7), 0.0).hint == 7.0


def test_moved():
    """A redirect is a place to look, resolved against the look's own URL."""
    verdict = judge(presets.location(), Facts(), reply(303, location="../r/1"), 0.0)
    assert (verdict.kind, verdict.url, verdict.see_other) == (Kind.MOVED, "http://h.test/r/1", True)


def test_redirect_to_nowhere_is_blind():
    """A Location that is no URL says nothing."""
    assert judge(presets.location(), Facts(), reply(302, location="http://[x"), 0.0).kind is Kind.BLIND


def test_result_and_details():
    """Paths pick the result of a success and the details of a failure."""
    waiter = Waiter("w", status="s", success={"y"}, failure={"n"}, result="r.v", error="e", progress="p")
    success = judge(waiter, Facts(), reply(body={"s": "y", "r": {"v": 1}, "p": 3}), 0.0)
    failure = judge(waiter, Facts(), reply(body={"s": "n", "e": "why"}), 0.0)
    assert (success.result, success.progress, failure.details) == (1, 3, "why")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"status": "Succeeded"}, Kind.SUCCEEDED),
        ({"state": "CANCELLED"}, Kind.CANCELED),
        ({"status": "failed"}, Kind.FAILED),
        ({"status": "Running"}, Kind.PENDING),
        ({"value": 1}, Kind.SUCCEEDED),
    ],
)
def test_standard_words(body, kind):
    """The words most servers use; without one the HTTP status decides."""
    assert judge(presets.standard(), Facts(), reply(body=body), 0.0).kind is kind


@given(st.binary(max_size=200), st.sampled_from([200, 202, 204, 301, 404, 500]), st.booleans())
def test_no_body_makes_judging_raise(body, status, seen):
    """Whatever a peer sends has a verdict."""
    verdict = judge(presets.standard(), Facts(seen=seen), reply(status, body, retry_after="x" * 9), 0.0)
    assert isinstance(verdict.kind, Kind)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"status": ' + b"1" * 5000 + b"}"])
def test_absurd_json_is_borne(body):
    """Depth and digits that Python refuses are no JSON to us."""
    assert judge(WORDS, Facts(), reply(body=body), 0.0).kind is Kind.BLIND


def test_locate_resolves():
    """The first header that is there counts, resolved against the submission's URL."""
    both = reply(202, location="/l", operation_location="https://o.test/x")
    assert locate(presets.standard(), both) == "https://o.test/x"
    assert locate(presets.location(), both) == "http://h.test/l"
    assert locate(presets.location(), reply(202)) is None


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"status": "a..b"}, ValueError),
        ({"result": "["}, ValueError),
        ({"progress": 7}, TypeError),
        ({"success": {"x"}, "failure": {"X"}}, ValueError),
        ({"success": 7}, TypeError),
        ({"success": {1}}, TypeError),
        ({"locate": "location"}, TypeError),
        ({"locate": 7}, TypeError),
        ({"locate": ("a b",)}, ValueError),
        ({"poll": "/x"}, TypeError),
        ({"status": ()}, ValueError),
    ],
)
def test_wrong_waiter_raises_when_made(wrong, error):
    """Paths are checked, and a word has one meaning."""
    with pytest.raises(error):
        Waiter("w", **wrong)


def test_words_may_be_a_string():
    """A string is split at blanks."""
    assert Waiter("w", success="Done finished").success == {"done", "finished"}


def test_due_follows_the_pace():
    """After an answer the growth counts answers; after a miss it counts misses; a hint goes first."""
    pace = Pace(start=4.0, grow=2.0, jitter=0.0)
    facts = Facts(answered=2, misses=3)
    assert due(pace, facts, Verdict(Kind.PENDING), 100.0, 0.5) == 108.0
    assert due(pace, facts, Verdict(Kind.BLIND), 100.0, 0.5) == 116.0
    assert due(pace, facts, Verdict(Kind.PENDING, hint=3.0), 100.0, 0.5) == 103.0


@pytest.mark.parametrize(
    ("deadline", "moment"), [(None, 110.0), (120.0, 110.0), (110.4, 110.4), (105.0, 105.0)]
)
def test_due_is_cut_to_the_deadline(deadline, moment):
    """A look that would leave less than the floor before the deadline moves there."""
    pace = Pace(start=10.0, grow=1.0, jitter=0.0)
    assert due(pace, Facts(deadline=deadline), Verdict(Kind.PENDING), 100.0, 0.5) == moment
