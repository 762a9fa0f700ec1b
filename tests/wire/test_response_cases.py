"""Every case of responses.json, split in every way it names; the file's `meta` explains its fields."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import IncompleteRead
from tymeconn.wire.framing import _DATA_PER_OVERHEAD, _OVERHEAD
from tymeconn.wire.messages import Limits
from tymeconn.wire.responding import Respondent

from .answer_files import CASES, SPLIT, b64, fits, kind, limits_of, pairs, pieces, raw
from .case_files import OWN, allowed, expected_fields

SHORT = [(case, data) for case in CASES if len(data := raw(case)) < 10_000]


def play(case, parts):
    upgrade = "Upgrade" in case.get("request_headers", {})
    respondent = Respondent(case["method"], limits_of(case), upgrade=upgrade)
    for part in parts:
        respondent.feed(part)
    if case["eof"]:
        respondent.eof()
    return respondent


def outcome(respondent):
    """Return all that a case may speak of, by the case's names."""
    error, version = respondent.error, respondent.version
    ending = "incomplete" if not respondent.ended else "error" if error else "response"
    return {
        "outcome": ending,
        "error": kind(error) if error else None,
        "partial_body_b64": b64(error.partial) if isinstance(error, IncompleteRead) else None,
        "status": respondent.status,
        "reason": respondent.reason,
        "version": f"{version[0]}.{version[1]}",
        "headers": pairs(respondent.headers),
        "body_b64": b64(respondent.body),
        "trailers": pairs(respondent.trailers),
        "keepalive": respondent.persisted,
        "interim": [[status, pairs(headers)] for status, headers in respondent.interims],
        "upgrade": respondent.tunneled,
        "extra_b64": b64(respondent.extra),
    }


@pytest.mark.parametrize(("case", "split"), SPLIT)
def test_case(case, split):
    """The outcome is what the case expects, or another that it calls sound."""
    seen = outcome(play(case, pieces(raw(case), split)))
    assert any(fits(seen, wanted, case.get("fold_ws")) for wanted in allowed(case)), (seen, allowed(case))


def test_limits_are_those_of_the_cases():
    """What is taken by default is what the file of cases says."""
    said = json.loads(OWN.joinpath("responses.json").read_text(encoding="utf-8"))["meta"]["default_limits"]
    data, extra = _DATA_PER_OVERHEAD, _OVERHEAD // 1024
    assert said.pop("max_chunk_overhead") == f"{extra} KiB + 1 byte per {data} of data"
    assert said == {name: getattr(Limits(), name.removeprefix("max_")) for name in said}


def test_every_field_is_compared():
    """No case expects a thing that is not looked at."""
    assert expected_fields(CASES) <= outcome(Respondent()).keys()


@given(st.data())
def test_any_split(data):
    """However the bytes of a response are split, the outcome is the same."""
    case, whole = data.draw(st.sampled_from(SHORT))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)))
    parts = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert outcome(play(case, parts)) == outcome(play(case, [whole]))
