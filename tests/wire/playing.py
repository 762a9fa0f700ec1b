"""A response is fed in one of many ways; whichever it is, the outcome is the same."""

from __future__ import annotations

import sys
from itertools import pairwise

from tymeconn.wire.framing import STEP
from tymeconn.wire.whole import whole_answer

from .answer_files import limits_of
from .test_response_cases import outcome, play

# More than any input here makes in steps of decoding and framing, so that a loop without an end is told.
_STEPS = 1_000_000


def in_parts(data, cuts):
    """Return the data cut at these places."""
    cuts = sorted(min(cut, len(data)) for cut in cuts)
    return [data[start:stop] for start, stop in pairwise([0, *cuts, len(data)])]


def fed(case, parts, share=sys.maxsize, *, patient=True):
    """Return the Respondent that got the parts, and whose work was done share by share.

    `case` has the fields of responses.json. When not `patient`, the next part comes before the work on the
    one before is done. The stream does not end.
    """
    respondent = play({**case, "eof": False}, [])
    for part in parts:
        left = respondent.feed(part, share)
        if patient:
            _work(respondent, share, left)
    _work(respondent, share, respondent.feed(b"", share))
    return respondent


def _work(respondent, share, left):
    for _ in range(_STEPS):
        if left > 0:
            return
        left = respondent.feed(b"", share)
    raise AssertionError(f"work goes on after {_STEPS} shares of {share}")


def ended(respondent, *, clean=True):
    """Return what came of a response when its stream ends here, by the names that cases use."""
    respondent.eof(clean)
    assert respondent.ended, "neither whole nor an error behind the end of the stream"
    return outcome(respondent)


def counted(case, parts):
    """Return how many bytes were looked at in a response in these parts, and what work that made."""
    respondent = play({**case, "eof": False}, [])
    incoming, spent = respondent._incoming, 0
    for part in parts:
        spent += sys.maxsize - respondent.feed(part)
    return incoming.scanned, spent


def bounds(size):
    """Return the most that `counted` may say of so many bytes.

    A byte of a head that comes alone is looked at four times, with the seam before it. Until the opening of
    a head has come, all of its seven bytes are looked at each time; a head has fourteen bytes at least.
    """
    return 8 * size + 50, (STEP + 1) * size


def check_whole(case, data):
    """Check that an answer which one look takes for whole is what the Respondent makes of it."""
    found = whole_answer(data, case["method"], limits_of(case))
    if found is None:
        return
    head, body = found
    seen = play({**case, "eof": False}, [data])
    assert (seen.version, seen.status, seen.reason) == head[:3]
    assert (list(seen.headers.items()), seen.body) == (list(head.headers.items()), body)
    assert seen.persisted
    assert not (seen.interims or seen.trailers or seen.tunneled)
