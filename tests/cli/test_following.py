"""tymeconn poll: a job from its submission to an exit status."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tymeconn.cli.commands import tymeconn
from tymeconn.testing.jobserver import JobServer, JobStatus

QUICK = ("--interval", "0.02")


def poll(*arguments: str) -> Result:
    return CliRunner().invoke(tymeconn, ["poll", *arguments])


def order(**wishes: Any) -> tuple[str, str]:
    return "--json", json.dumps(wishes)


@pytest.mark.loopback
def test_the_result_goes_to_stdout_alone(jobs_url: str) -> None:
    """The result is all of stdout, as JSON; what was seen on the way is on stderr, in order."""
    ended = poll(jobs_url, *order(seconds=0.2), *QUICK, "--result", "result.seconds")
    assert (ended.exit_code, ended.stdout) == (0, "0.2\n")
    notes = ended.stderr.splitlines()
    assert notes[0] == f"looking at {jobs_url}/1"
    assert [note for note in notes if "progress" not in note][1:] == ["pending", "done"]
    assert notes[-1] == "progress 100"


@pytest.mark.loopback
def test_the_whole_answer_is_the_result_without_a_path(jobs_url: str) -> None:
    """Without --result the last answer is printed whole."""
    ended = poll(jobs_url, *order(seconds=0))
    assert (ended.exit_code, json.loads(ended.stdout)["status"]) == (0, "done")


ENDS = {
    "failed": (["--json", '{"seconds": 0, "fail": true}'], 1, "Error: JobFailed: failed"),
    "refused": (["--json", "[1]"], 1, "Error: SubmitRefused: the submission was refused: 400 Bad Request"),
    "canceled": (["--poll-method", "DELETE"], 3, "Error: JobCanceled: canceled"),
    "canceled by a word": (
        ["--json", '{"seconds": 0}', "--success", "never", "--canceled", "done"],
        3,
        "Error: JobCanceled: done",
    ),
    "never seen": (
        ["--poll-url", "/jobs/none"],
        4,
        "Error: JobLost: never seen in 11 looks: 404 Not Found",
    ),
    "no handle": (
        ["--poll-url", "/jobs/{job.id}"],
        4,
        "Error: NoHandle: 202 Accepted names no place to look",
    ),
    "expired": (["--deadline", "0.1"], 4, "Error: WatchExpired: pending at the deadline after 2 looks"),
}


@pytest.mark.loopback
@pytest.mark.parametrize(("arguments", "status", "line"), ENDS.values(), ids=ENDS)
def test_any_other_end_is_a_status_and_a_line(
    jobs_url: str, arguments: list[str], status: int, line: str
) -> None:
    """A job that did not succeed leaves stdout empty, one line that says why, and its own exit status."""
    ended = poll(jobs_url, *QUICK, *arguments)
    assert (ended.exit_code, ended.stdout) == (status, "")
    assert [note for note in ended.stderr.splitlines() if "Error" in note] == [line]


@pytest.mark.loopback
def test_nobody_there_is_a_failure() -> None:
    """A submission that could not be sent made no job: the exit status is 1."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        ended = poll(f"http://127.0.0.1:{bound.getsockname()[1]}/")
    assert ended.exit_code == 1
    assert ended.stderr.startswith("Error: SubmitFailed: nothing was sent: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.loopback
def test_the_requests_are_as_the_options_say(jobserver: Any, jobs_url: str) -> None:
    """Method, body, headers and the poll's template are sent as they were given."""
    given = ["-X", "POST", "--data", '{"seconds": 0}', "-H", "X-One: 1", "-H", "X-One: 2"]
    look = ["--poll-url", "/jobs/{id}", "--poll-header", "X-Job: {id}"]
    words = [
        "--status",
        "status",
        "--pending",
        "pending",
        "--success",
        "done, finished",
        "--failure",
        "failed",
    ]
    ended = poll(jobs_url, *given, *look, *words, "--canceled", "canceled", *QUICK)
    assert (ended.exit_code, json.loads(ended.stdout)["result"]["seconds"]) == (0, 0.0)
    submission, look = jobserver.app.seen[0], jobserver.app.seen[-1]
    assert (submission["REQUEST_METHOD"], submission["body"]) == ("POST", b'{"seconds": 0}')
    assert (look["REQUEST_METHOD"], look["PATH_INFO"], look["HTTP_X_JOB"]) == ("GET", "/jobs/1", "1")


@pytest.mark.loopback
def test_a_look_may_be_a_post_with_json(jobserver: Any, jobs_url: str) -> None:
    """The poll's method and JSON are sent, with what the submission's answer says in it."""
    look = ["--poll-method", "POST", "--poll-url", "/jobs", "--poll-json", '{"seconds": 0, "of": "{id}"}']
    poll(jobs_url, *order(seconds=0), *look, "--deadline", "0.1", *QUICK)
    assert json.loads(jobserver.app.seen[1]["body"]) == {"seconds": 0, "of": "1"}


@pytest.mark.loopback
def test_what_a_server_says_cannot_move_the_cursor(jobs_url: str) -> None:
    """Control characters of a status are shown as what they are not; a result is plain ASCII."""
    ended = poll(
        jobs_url, *order(seconds=0), "--status", "result.job", "--success", "1", "--result", "`\\u001b[2J`"
    )
    assert "\x1b" not in ended.stderr + ended.stdout


@pytest.mark.loopback
def test_ctrl_c_leaves_the_job_alone(jobserver: JobServer, jobs_url: str, interruptible: list[str]) -> None:
    """Ctrl-C ends the watch, not the job, with the status of an interrupted process."""
    command = [*interruptible, "poll", jobs_url, *order(seconds=60)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors.splitlines()[-1].startswith("Error: WatchAbandoned")) == (130, True)
    assert jobserver.app.status("1") is JobStatus.PENDING


WRONG = {
    "no url": ["nonsense"],
    "scheme": ["ftp://127.0.0.1/"],
    "header without colon": ["http://127.0.0.1:1/", "-H", "nonsense"],
    "header name": ["http://127.0.0.1:1/", "-H", "a b: c"],
    "json": ["http://127.0.0.1:1/", "--json", "{"],
    "two bodies": ["http://127.0.0.1:1/", "--json", "1", "--data", "x"],
    "path": ["http://127.0.0.1:1/", "--status", "[["],
    "header twice": ["http://127.0.0.1:1/", "--poll-header", "a: 1", "--poll-header", "a: 2"],
    "template": ["http://127.0.0.1:1/", "--poll-url", "/{[[}"],
    "word with two meanings": ["http://127.0.0.1:1/", "--success", "x", "--failure", "x"],
    "interval": ["http://127.0.0.1:1/", "--interval", "-1"],
    "deadline": ["http://127.0.0.1:1/", "--deadline", "0"],
    "not a number": ["http://127.0.0.1:1/", "--deadline", "nan"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_wrong_usage_is_said_before_anything_is_sent(arguments: list[str]) -> None:
    """What cannot be meant ends the command with 2 and an error, never with a traceback."""
    ended = poll(*arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1].startswith("Error: ")
