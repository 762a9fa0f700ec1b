"""Every case of responses.json, split in every way it names; the file's `meta` explains its fields."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import IncompleteRead, NoResponse
from tymeconn.wire.messages import Limits
from tymeconn.wire.responding import Respondent

from .case_files import DIRECTORY, cases_of

CASES = cases_of("responses.json")
META = json.loads(DIRECTORY.joinpath("responses.json").read_text(encoding="utf-8"))["meta"]
SETTABLE = [each.name for each in fields(Limits)]


def raw(case):
    text = case["raw_b64"]
    if text.startswith("z:"):
        return zlib.decompress(base64.b64decode(text[2:]))
    return base64.b64decode(text)


SHORT = [(case, data) for case in CASES if len(data := raw(case)) < 10_000]


def pieces(data, split):
    size = {"whole": len(data) or 1, "bytes": 1, "blocks": 1000}[split]
    return [data[start : start + size] for start in range(0, len(data), size)]


def limits_of(case):
    """Return the limits of the file under those of the case, as far as a caller can set them."""
    named = META.get("default_limits", {}) | case.get("limits", {})
    return Limits(**{name: named[f"max_{name}"] for name in SETTABLE if f"max_{name}" in named})


def play(case, parts):
    upgrade = "Upgrade" in case.get("request_headers", {})
    respondent = Respondent(case["method"], limits_of(case), upgrade=upgrade)
    for part in parts:
        respondent.feed(part)
    if case["eof"]:
        respondent.eof()
    return respondent


def kind(error):
    if isinstance(error, IncompleteRead):
        return "premature_eof"
    return "no_response" if isinstance(error, NoResponse) else error.kind


def pairs(headers):
    return [[name.lower(), value] for name, value in headers.items()]


def b64(data):
    return base64.b64encode(data).decode()


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


def folded(fields):
    return [[name, " ".join(value.split())] for name, value in fields]


def fits(seen, wanted, fold_ws):
    def same(name):
        if fold_ws and name in ("headers", "trailers"):
            return folded(seen[name]) == folded(wanted[name])
        return seen[name] == wanted[name]

    return all(same(name) for name in wanted)


@pytest.mark.parametrize(
    ("case", "split"),
    [pytest.param(case, split, id=f"{case['id']}-{split}") for case in CASES for split in case["splits"]],
)
def test_case(case, split):
    """The outcome is what the case expects, or another that it calls sound."""
    seen = outcome(play(case, pieces(raw(case), split)))
    allowed = [case["expect"], *case.get("also", ())]
    assert any(fits(seen, wanted, case.get("fold_ws")) for wanted in allowed), (seen, allowed)


def test_every_field_is_compared():
    """No case expects a thing that is not looked at."""
    expected = {
        name for case in CASES for wanted in (case["expect"], *case.get("also", ())) for name in wanted
    }
    assert expected <= outcome(Respondent()).keys()


@given(st.data())
def test_any_split(data):
    """However the bytes of a response are split, the outcome is the same."""
    case, whole = data.draw(st.sampled_from(SHORT))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)))
    parts = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert outcome(play(case, parts)) == outcome(play(case, [whole]))
