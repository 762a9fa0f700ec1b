"""tymeconn poll against moto's Athena: polls that are POSTs, and JSON that calls itself text/html."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from importlib.util import find_spec
from itertools import takewhile
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not find_spec("moto"), reason="moto comes with the extra `peers`"),
]

AUTHORIZATION = (
    "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/athena/aws4_request, "
    "SignedHeaders=host, Signature=x"
)
CONTENT_TYPE = "Content-Type: application/x-amz-json-1.1"
LISTENING = re.compile(r"http://127\.0\.0\.1:\d+")
QUERY = {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": "s3://bucket/out"}}
EXECUTION = {"QueryExecutionId": "{QueryExecutionId}"}


def ask(moto: str, path: str, body: Any, *headers: str) -> bytes:
    """POST to moto with the standard library's client."""
    connection = HTTPConnection(urlsplit(moto).netloc, timeout=10)
    try:
        fields = dict(header.split(": ", 1) for header in headers)
        connection.request("POST", path, json.dumps(body), fields)
        answer = connection.getresponse()
        assert answer.status < 300
        return answer.read()
    finally:
        connection.close()


def pass_states_after(moto: str, looks: int) -> None:
    """Have queries change their state after each `looks` looks."""
    transition = {"progression": "manual", "times": looks}
    model = {"model_name": "athena::execution", "transition": transition}
    ask(moto, "/moto-api/state-manager/set-transition", model, "Content-Type: application/json")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of a moto server of our own, on a port that the system chose."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        watchdog = Timer(30.0, process.kill)
        watchdog.start()
        try:
            # Among its first lines is the URL, said once it listens; when it cannot start, its output ends.
            lines = takewhile(bool, (process.stdout.readline() for _ in range(10)))
            found = next(filter(None, map(LISTENING.search, lines)), None)
            assert found, "moto did not say where it listens"
            watchdog.cancel()
            yield found.group()
        finally:
            watchdog.cancel()
            process.terminate()
            process.communicate(timeout=10)


def poll_command(moto: str) -> list[str]:
    """The command that runs QUERY on moto and follows it."""
    start = ["-H", AUTHORIZATION, "-H", CONTENT_TYPE]
    start += ["-H", "X-Amz-Target: AmazonAthena.StartQueryExecution"]
    look = ["--poll-header", AUTHORIZATION, "--poll-header", CONTENT_TYPE]
    look += ["--poll-header", "X-Amz-Target: AmazonAthena.GetQueryExecution"]
    look += ["--poll-url", f"{moto}/", "--poll-method", "POST", "--poll-json", json.dumps(EXECUTION)]
    words = ["--status", "QueryExecution.Status.State", "--pending", "QUEUED RUNNING"]
    words += ["--success", "SUCCEEDED", "--failure", "FAILED", "--canceled", "CANCELLED"]
    pace = ["--interval", "0.05", "--deadline", "60"]
    command = [sys.executable, "-m", "tymeconn", "poll", f"{moto}/", "--json", json.dumps(QUERY)]
    return [*command, *start, *look, *words, *pace]


def test_a_query_is_followed_to_its_result(moto: str) -> None:
    """The states are seen in order, the result is printed, and the exit status is 0."""
    pass_states_after(moto, 2)
    command = [*poll_command(moto), "--result", "QueryExecution.ResultConfiguration.OutputLocation"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert [word for word in ended.stderr.split() if word.isupper()] == ["QUEUED", "RUNNING", "SUCCEEDED"]
    assert json.loads(ended.stdout).startswith("s3://bucket/out/")
    assert ended.returncode == 0


def test_a_query_that_is_stopped_meanwhile_was_canceled(moto: str) -> None:
    """A query that somebody else stops while it is polled ends the command with 3."""
    pass_states_after(moto, 1_000_000)
    with subprocess.Popen(poll_command(moto), stderr=subprocess.PIPE, text=True) as process:
        assert any("QUEUED" in line for line in iter(process.stderr.readline, ""))
        headers = (AUTHORIZATION, CONTENT_TYPE)
        listed = ask(moto, "/", {}, *headers, "X-Amz-Target: AmazonAthena.ListQueryExecutions")
        for query in json.loads(listed)["QueryExecutionIds"]:
            stop = "X-Amz-Target: AmazonAthena.StopQueryExecution"
            ask(moto, "/", {"QueryExecutionId": query}, *headers, stop)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, "CANCELLED" in errors) == (3, True)
