"""tymeconn serve as a process: it says where it is, answers, and ends on Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from tymeconn.cli.commands import tymeconn
from tymeconn.testing.jobserver import JobServer

pytestmark = pytest.mark.loopback


@pytest.fixture
def process(interruptible: list[str]) -> Iterator[subprocess.Popen[str]]:
    """The command, serving jobs that fail at once on a port that the system chose; ended by Ctrl-C."""
    command = [*interruptible, "serve", "--port", "0", "--seconds", "0", "--fail", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
            process.send_signal(signal.SIGINT)
            process.wait(timeout=10)
        finally:
            process.kill()


def test_it_says_where_it_is_and_answers(process: subprocess.Popen[str]) -> None:
    """The first line is the URL to submit to, at which jobs are made as the options say."""
    assert process.stdout
    url = process.stdout.readline().strip()
    with urlopen(url, data=b"", timeout=10) as submitted:
        location = submitted.headers["Location"]
    with urlopen(url.removesuffix("/jobs") + location, timeout=10) as answer:
        assert json.load(answer)["status"] == "failed"


def test_ctrl_c_ends_it_well(process: subprocess.Popen[str]) -> None:
    """SIGINT ends the server with 0."""
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0


def test_an_address_in_use_is_one_line(jobserver: JobServer) -> None:
    """A port that is taken ends the command with 1 and a line that names it."""
    port = jobserver.address[1]
    ended = CliRunner().invoke(tymeconn, ["serve", "--port", str(port)])
    assert (ended.exit_code, ended.output) == (1, f"Error: cannot listen on 127.0.0.1:{port}\n")
