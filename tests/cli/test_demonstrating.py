"""The demo: server and followers in one scheduler, and a comparison that would notice."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tymeconn.cli.commands import tymeconn
from tymeconn.cli.demonstrating import MOST_CONNECTIONS, Demo, Tally, compare, count_sockets, demonstrate
from tymeconn.polling.jobs import Job, JobState
from tymeconn.testing.jobserver import JobApp, JobRecord, Work


def seen(number: int, state: JobState) -> Job:
    job = Job("seen")
    job.url, job.state = f"http://127.0.0.1:1/jobs/{number}", state
    return job


def app(*fails: bool) -> JobApp:
    """An application whose jobs have all ended, failing as given."""
    app = JobApp(tymth=lambda: 10.0)
    app.jobs.update({str(n): JobRecord(str(n), 0.0, 1.0, fail) for n, fail in enumerate(fails, 1)})
    return app


def test_ends_as_the_server_says_are_no_mismatch() -> None:
    """A job that failed there and was seen to fail is right."""
    assert list(compare([seen(2, JobState.FAILED), seen(1, JobState.SUCCEEDED)], app(False, True))) == []


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.SUCCEEDED])
def test_any_other_end_is_a_mismatch(state: JobState) -> None:
    """A job that is done at the server and was seen as anything else is listed, by its URL."""
    (line,) = compare([seen(1, state)], app(False))
    assert line == f"http://127.0.0.1:1/jobs/1: seen as {state.value}, the server says done"


def test_jobs_are_compared_one_by_one() -> None:
    """Counts that agree do not hide jobs that were exchanged, seen twice or not seen."""
    done = JobState.SUCCEEDED
    assert len(list(compare([seen(1, done), seen(2, JobState.FAILED)], app(True, False)))) == 2
    lines = list(compare([seen(1, done), seen(1, done), seen(9, done)], app(False, False)))
    assert [line.partition(":")[0] for line in lines] == ["follower 2", "follower 3", "job 2"]


@pytest.mark.loopback
def test_every_job_is_seen_to_end_within_a_hundred_sockets() -> None:
    """Over as many connections as may be, more jobs than connections end as the server says."""
    tallies: list[Tally] = []
    before = count_sockets()
    report = demonstrate(Demo(120, MOST_CONNECTIONS, Work(0.2, 0.2, "seed")), tallies.append)
    assert list(report.mismatches) == []
    assert before + MOST_CONNECTIONS < report.sockets <= before + 100
    assert (tallies[-1].ended, tallies[-1].succeeded + tallies[-1].failed) == (120, 120)
    assert 0 < tallies[-1].failed < 60
    assert count_sockets() == before


@pytest.mark.loopback
def test_equal_seeds_fail_equally_often() -> None:
    """What is counted at the end depends on the seed, not on the order of arrival."""
    tallies = [demonstrate(Demo(60, 7, Work(0.1, 0.3, "a")), lambda _: None).tally for _ in range(2)]
    assert tallies[0].failed == tallies[1].failed


@pytest.mark.loopback
def test_the_command_ends_with_0_and_a_table() -> None:
    """A demo that went right says so, and how much it did."""
    ended = CliRunner().invoke(tymeconn, ["demo", "--jobs", "20", "--connections", "4"])
    assert (ended.exit_code, "every job ended as the server says: 20 of 20" in ended.output) == (0, True)


@pytest.mark.loopback
def test_an_interrupted_demo_is_no_success(interruptible: list[str]) -> None:
    """Ctrl-C ends the demo with 1: jobs whose end was not seen are mismatches."""
    command = [*interruptible, "demo", "--jobs", "20", "--connections", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        # All jobs are submitted when the second line comes, which is a second after the first.
        lines = [process.stdout.readline(), process.stdout.readline()]
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert "20 jobs" in lines[1]
    assert (process.returncode, errors, "seen as pending" in output) == (1, "", True)


@pytest.mark.parametrize(
    "wrong", [("--jobs", "0"), ("--jobs", "x"), ("--connections", "0"), ("--connections", "50")]
)
def test_wrong_numbers_are_usage_errors(wrong: tuple[str, str]) -> None:
    """Numbers that cannot be meant end the command with 2 before anything is opened."""
    assert CliRunner().invoke(tymeconn, ["demo", *wrong]).exit_code == 2


@pytest.mark.loopback
def test_where_memory_is_not_accounted_it_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no module resource; the demo goes on without."""
    monkeypatch.setitem(sys.modules, "resource", None)
    assert demonstrate(Demo(2, 1, Work(0.0)), lambda _: None).memory == 0


@pytest.mark.loopback
def test_a_thousand_jobs_need_no_more_than_a_thousand_descriptors() -> None:
    """The demo as it is, under a limit that many systems have."""
    command = ["bash", "-c", f'ulimit -n 1024; exec "{sys.executable}" -m tymeconn demo']
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "every job ended as the server says: 1000 of 1000" in ended.stdout
