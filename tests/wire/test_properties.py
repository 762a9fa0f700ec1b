"""What holds for every response, whatever its bytes are and however they come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from .answer_files import raw
from .generating import cases
from .oracle import plain
from .playing import bounds, counted, ended, fed, in_parts
from .test_response_cases import outcome

CASES = cases() | cases(noise=True)
CUTS = st.sets(st.integers(0, 400), max_size=20)
SHARES = st.integers(1, 5_000)


@given(CASES, CUTS, st.booleans())
def test_any_parts(case, cuts, clean):
    """However the bytes of a response are split, the outcome is the same, and so it is behind their end."""
    parted, whole = fed(case, in_parts(raw(case), cuts)), fed(case, [raw(case)])
    assert outcome(parted) == outcome(whole)
    assert ended(parted, clean=clean) == ended(whole, clean=clean)


@given(CASES)
def test_byte_by_byte(case):
    """A response that comes byte by byte is the one that comes at once."""
    dripped = fed(case, [raw(case)[at : at + 1] for at in range(len(raw(case)))])
    assert outcome(dripped) == outcome(fed(case, [raw(case)]))


@given(CASES, CUTS, SHARES, st.booleans())
def test_any_shares(case, cuts, share, patient):
    """However small the share of each call, all of them together do what one call does."""
    shared = fed(case, in_parts(raw(case), cuts), share, patient=patient)
    assert outcome(shared) == outcome(fed(case, [raw(case)]))


@given(CASES, SHARES, st.booleans())
def test_end_before_the_work_is_done(case, share, clean):
    """A stream may end before the work on its bytes is done."""
    early = fed(case, [])
    early.feed(raw(case), share)
    assert ended(early, clean=clean) == ended(fed(case, [raw(case)]), clean=clean)


@given(CASES, st.binary(min_size=1, max_size=30), st.booleans())
def test_bytes_behind_the_end(case, more, clean):
    """Bytes and an end behind the end of a response change nothing of it but `extra` and the connection."""
    respondent = fed(case, [raw(case)])
    before = ended(respondent, clean=clean)
    respondent.feed(more)
    after = ended(respondent, clean=True)
    changed = {"extra_b64"} if respondent.error is None else set()
    assert {name for name in before if before[name] != after[name]} == changed


@given(CASES, CUTS)
def test_work_is_linear(case, cuts):
    """Looking for the ends of things and the work on a body grow with its bytes, however they come."""
    data = plain(raw(case))
    for parts in (in_parts(data, cuts), [data[at : at + 1] for at in range(len(data))]):
        scanned, worked = counted(case, parts)
        most_scanned, most_worked = bounds(len(data))
        assert scanned <= most_scanned
        assert worked <= most_worked
