"""What both tymeconn and h11 take means the same to both, but for what oracle.DIFFERENCES names."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given

from tymeconn.wire.requesting import make_request
from tymeconn.wire.sending import outgoing
from tymeconn.wire.urls import split

from .answer_files import CASES, raw
from .case_files import of_our_own, request_of
from .generating import cases
from .oracle import (
    DIFFERENCES,
    REFUSED,
    WAITING,
    Told,
    compared,
    ours,
    plain,
    request_made,
    request_told,
    theirs,
)
from .test_request_cases import PLAYED

# Cases (a name that ends in a dash or a slash: all that begin so) that one of the two refuses, and why.
TAKEN_BY_H11_ALONE = {
    "status-line/http-": "another major version is another protocol (RFC 9110 2.5)",
    "chunk/ext-": "an extension has a grammar (RFC 9112 7.1.1), and a limit",
    "chunk/size-": "64 bits hold a size (RFC 9112 7.1 has overflow expected), and its line has a limit",
    "chunk/last-lf": "LF may end a line (RFC 9112 2.2), but behind the head it does not here",
    "content-length/u64over": "64 bits hold a length (RFC 9110 8.6 has overflow expected)",
    "content-length/dup-same": "equal lengths may be taken as one or refused (RFC 9110 8.6)",
    "content-length/list-same": "equal lengths may be taken as one or refused (RFC 9110 8.6)",
    "trailer/endless": "limit",
    "trailer/flood": "limit",
    "interim/flood": "limit",
    "interim/101-no-upgrade-header": "a 101 names the protocol (RFC 9110 15.2.2)",
    "limit/": "limit",
}
TAKEN_HERE_ALONE = {
    "status-line/leading-crlf": "servers that miscount a body send an empty line too many (RFC 9112 2.2)",
    "header-line/value-vt-ff": "of the control bytes only CR, LF and NUL are dangerous (RFC 9110 5.5)",
    "chunk/leading-zeroes-100": "any number of digits is a size (RFC 9112 7.1)",
    "chunk/ext-bws": "blanks round ; and = must be read (RFC 9112 7.1.1)",
    "trailer/forbidden": "a Content-Length in trailers is dropped (RFC 9110 6.5.1), so it cannot be wrong",
}


IDS = {case["id"]: case for case in CASES}
SENT = [
    case
    for case in PLAYED
    if "url" in case["in"] and not any("error" in each for each in [case["expect"], *case.get("also", ())])
]


def read_by_both(case):
    data = plain(raw(case))
    return ours(case, data), theirs(case, data)


@cache
def read(case_id):
    return read_by_both(IDS[case_id])


def names(table, case_id):
    return any(case_id == name or (name[-1] in "/-" and case_id.startswith(name)) for name in table)


@pytest.mark.parametrize("case_id", IDS)
def test_case(case_id):
    """What both take of a case means the same."""
    assert compared(*read(case_id))[1] == []


@of_our_own
@pytest.mark.parametrize(
    ("alone", "table"), [(0, TAKEN_HERE_ALONE), (1, TAKEN_BY_H11_ALONE)], ids=["here", "by-h11"]
)
def test_taken_by_one_alone(alone, table):
    """What only one of the two takes is named, with the reason, and nothing else is."""
    taken = [name for name in IDS if read(name)[1 - alone] == REFUSED != read(name)[alone]]
    assert [name for name in taken if not names(table, name)] == []
    assert [name for name in table if not any(names([name], each) for each in taken)] == []


@given(cases())
def test_any_response(case):
    """What both take of a response that a server may send means the same."""
    assert compared(*read_by_both(case))[1] == []


@given(cases(noise=True))
def test_any_bytes(case):
    """What both take of a response with bytes that do not belong there means the same."""
    assert compared(*read_by_both(case))[1] == []


@of_our_own
@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences_exist(name):
    """Each difference that is known is seen in some case."""
    assert any(name in compared(*read(case_id))[0] for case_id in IDS)


WHOLE = Told("whole", heads=((200, (("transfer-encoding", "Chunked"), ("content-length", "1"))),))
LOWER = Told("whole", heads=((200, (("transfer-encoding", "chunked"), ("content-length", "1"))),))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (WHOLE, WHOLE, ([], [])),
        (WHOLE, REFUSED, ([], [])),
        (WHOLE, LOWER, (["case of a transfer coding"], [])),
        (LOWER, WHOLE, ([], ["heads"])),
        (WHOLE, replace(WHOLE, persisted=True), (["two framings"], [])),
        (replace(WHOLE, persisted=True), WHOLE, ([], ["persisted"])),
        (WHOLE, replace(WHOLE, body=b"x"), ([], ["body"])),
        (replace(WHOLE, trailers=(("a", "b"),)), WHOLE, ([], ["trailers"])),
        (WAITING, Told("whole"), ([], ["verdict"])),
    ],
)
def test_compared(left, right, expected):
    """A difference that is known is named; any other is a field that differs."""
    assert compared(left, right) == expected


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in SENT])
def test_request(case):
    """What is sent of a case is to h11 the request that was made."""
    method, url, options = request_of(case["in"])
    if "body_iter" in case["in"]:
        options["body"] = list(options["body"])  # it is read twice here
    request = make_request(method, split(url), **options)
    pieces = (piece for piece in outgoing(request, [].append) if not isinstance(piece, float))
    assert request_told(b"".join(pieces)) == request_made(request)
