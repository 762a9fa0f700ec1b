"""Answers that came whole: what one look finds is what the Respondent finds."""

from __future__ import annotations

import pytest
from hypothesis import given

from tymeconn.wire.messages import Limits
from tymeconn.wire.whole import whole_answer

from .answer_files import CASES, raw
from .generating import cases
from .playing import check_whole

HEAD = b"HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 2\r\n"
ANSWER = HEAD + b"\r\nab"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(case):
    """Every case of responses.json that it takes for whole is whole, and the same."""
    check_whole(case, raw(case))


@given(cases(noise=True))
def test_generated(case):
    """So is whatever is generated, be it right or wrong."""
    check_whole(case, raw(case))


def test_common_answer():
    """It is found, with head and body."""
    head, body = whole_answer(ANSWER, "GET", Limits())
    assert (head.status, head.reason, dict(head.headers)) == (
        200,
        "OK",
        {"Server": "s", "Content-Length": "2"},
    )
    assert body == b"ab"


def test_long_head():
    """A head that is too long to be remembered is found just the same."""
    data = ANSWER.replace(b"Server: s", b"Server: " + b"s" * 5_000)
    assert whole_answer(data, "POST", Limits())[1] == b"ab"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        ANSWER[:-1],
        ANSWER + b"H",
        b"\r\n" + ANSWER,
        ANSWER.replace(b"1.1", b"1.0"),
        ANSWER.replace(b"200", b"100"),
        ANSWER.replace(b"Server: s", b"Server: s\r\n fold"),
        ANSWER.replace(b"Server: s\r\n", b"Server: s\n"),
        ANSWER.replace(b"Server: s", b"Server : s"),
        ANSWER.replace(b"Server: s", b"Content-Length: 3"),
        ANSWER.replace(b"Server: s", b"Connection: close"),
        ANSWER.replace(b"Server: s", b"Content-Encoding: gzip"),
        ANSWER.replace(b"Server: s", b"Transfer-Encoding: chunked"),
        ANSWER.replace(b"Server: s", b"Transfer-Encoding: odd"),
        b"HTTP/1.1 200 OK\r\nServer: s\r\n\r\nab",
    ],
)
def test_uncommon_answer(data):
    """What is not whole, or is unusual in any way, is left to the Respondent."""
    assert whole_answer(data, "GET", Limits()) is None


@pytest.mark.parametrize("method", ["HEAD", "CONNECT"])
def test_method(method):
    """An answer to these may have no body whatever its head says."""
    assert whole_answer(ANSWER, method, Limits()) is None


@pytest.mark.parametrize("limit", [{"head": 48}, {"line": 48}, {"headers": 1}, {"body": 1}])
def test_limits(limit):
    """One that is too much is left to the Respondent, which says so."""
    assert whole_answer(ANSWER, "GET", Limits(**limit)) is None
