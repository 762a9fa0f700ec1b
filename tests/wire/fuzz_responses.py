"""Responses for the fuzzer: those of responses.json, changed, and fed in several ways."""

from __future__ import annotations

from .answer_files import b64, raw
from .case_files import cases_of
from .mutating import MOST, cuts, mutated
from .oracle import compared, ours, plain, theirs
from .playing import bounds, check_whole, counted, ended, fed, in_parts
from .test_response_cases import outcome

RESPONSES = [case for case in cases_of("responses.json") if len(raw(case)) < MOST]
# Half of what is changed was whole before: what is broken already is seldom mended.
WHOLE = [case for case in RESPONSES if case["expect"]["outcome"] == "response"]
ANSWERS = [raw(case) for case in RESPONSES]
LIMITS = ("head", "headers", "line", "interim", "chunk_line", "trailers", "codings", "body", "decoded")


def make(rng):
    """Return an input: a case of responses.json, and how it comes."""
    case = rng.choice(rng.choice((RESPONSES, WHOLE)))
    data = mutated(rng, raw(case), ANSWERS)
    limits = {"max_decoded": 1_000_000, **case.get("limits", {})}
    if rng.random() < 0.2:
        limits[f"max_{rng.choice(LIMITS)}"] = rng.choice((0, 1, 2, 5, 20, 50, 100, 500))
    return {
        "method": rng.choice((case["method"], case["method"], "GET", "HEAD", "CONNECT", "POST")),
        "request_headers": case.get("request_headers", {}),
        "limits": limits,
        "eof": rng.random() < 0.5,
        "clean": rng.random() < 0.7,
        "raw_b64": b64(data),
        "cuts": cuts(rng, data),
        "share": rng.choice((1, 1_000, 5_000, 100_000)),
        "patient": rng.random() < 0.7,
    }


def check(case):
    """Return what two readers made of a response; AssertionError when it depends on how it came."""
    data = raw(case)
    check_whole(case, data)
    parts = in_parts(data, case["cuts"])
    whole = fed(case, [data])
    others = fed(case, parts), fed(case, parts, case["share"], patient=case["patient"])
    seen = outcome(whole)
    for other in others:
        _same(outcome(other), seen)
    end = ended(whole, clean=case["clean"])
    for other in others:
        _same(ended(other, clean=case["clean"]), end)
    _check_behind(whole, end)
    _check_work(case, plain(data))
    return _compared(case, plain(data))


def _same(one, other):
    differing = {name: (one[name], other[name]) for name in one if one[name] != other[name]}
    if _is_one_of_two_faults(one, differing):
        return
    assert not differing, f"the outcome depends on how the bytes come: {differing}"


def _is_one_of_two_faults(seen, differing):
    """Return whether a body has a fault in its coding and decodes to too much, and either was told.

    A library that finds a fault hands out nothing of what came before it in the same call, and brotli
    hands out what it has by the block: how far the next coding, or the limit, has come by then depends on
    how much came at once.
    """
    codings = ",".join(value for name, value in seen["headers"] if name == "content-encoding").lower()
    kinds = set(differing.get("error", ()))
    told = differing.keys() == {"error"} and kinds == {"too_large", "decode"}
    return told and ("," in codings or "br" in codings)


def _check_behind(respondent, before):
    respondent.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    respondent.eof()
    after = outcome(respondent)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"extra_b64"}, f"bytes behind the end change {changed}"


def _check_work(case, data):
    for parts in ([data], in_parts(data, case["cuts"])):
        scanned, worked = counted(case, [part for part in parts if part])
        most_scanned, most_worked = bounds(len(data))
        assert scanned <= most_scanned, f"{scanned} bytes looked at of {len(data)}"
        assert worked <= most_worked, f"{worked} bytes of work for {len(data)}"


def _compared(case, data):
    here, there = ours(case, data), theirs(case, data)
    known, unknown = compared(here, there)
    fields = {name: (getattr(here, name), getattr(there, name)) for name in unknown}
    assert not unknown, f"h11 differs: {fields}"
    return f"{here.verdict}, to h11 {there.verdict}{': ' * bool(known)}{', '.join(sorted(known))}"
