"""tymeconn poll: one job, from its submission to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hio.base.doing import Doer

from ..clienting import Client
from ..errors import JobCanceled, JobError, JobFailed, SubmitFailed, SubmitRefused, WatchAbandoned
from ..policy.pacing import Pace
from ..policy.patience import Patience
from ..polling import presets
from ..polling.jobs import Job
from ..polling.judging import Waiter
from ..polling.polling import PollingDoer
from ..polling.templating import Template
from ..wire.urls import split
from .serving import run

__all__ = ["End", "Following", "Submission"]

_STATUSES: dict[type[JobError], int] = {
    JobFailed: 1,
    SubmitRefused: 1,
    SubmitFailed: 1,
    JobCanceled: 3,
    # What shells report for a process that Ctrl-C ended.
    WatchAbandoned: 130,
}
# How the job ended, or whether there is one.
_UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class Submission:
    """A job to start, and how to follow it: the options of the command, named as there."""

    url: str
    method: str = "POST"
    headers: Sequence[tuple[str, str]] = ()
    body_json: Any = None
    data: str | None = None
    poll_url: str = "{location}"
    poll_method: str = "GET"
    poll_headers: Mapping[str, str] = field(default_factory=dict)
    poll_json: Any = None
    status: str | None = None
    pending: frozenset[str] = frozenset()
    success: frozenset[str] = frozenset()
    failure: frozenset[str] = frozenset()
    canceled: frozenset[str] = frozenset()
    result: str | None = None
    interval: float | None = None
    deadline: float | None = None

    def waiter(self) -> Waiter:
        """Return how to read the answers to looks; what is not said is as in the standard preset."""
        names = ("status", "pending", "success", "failure", "canceled", "result")
        said = {name: value for name in names if (value := getattr(self, name))}
        poll = Template(self.poll_method, self.poll_url, self.poll_headers, self.poll_json)
        return replace(presets.standard(), name="poll", poll=poll, **said)

    def pace(self) -> Pace:
        """Return the pace: a steady one when an interval is given; a server's hint is obeyed."""
        if self.interval is None:
            return Pace()
        default = Pace()
        floor, cap = min(default.floor, self.interval), max(default.cap, self.interval)
        return Pace(floor=floor, start=self.interval, cap=cap, grow=1.0, jitter=0.0)

    def patience(self) -> Patience:
        """Return the patience: the usual one but for the deadline."""
        return Patience() if self.deadline is None else Patience(deadline=self.deadline)

    def options(self) -> dict[str, Any]:
        """Return what the submission sends beside method and URL."""
        body = {"json": self.body_json} if self.body_json is not None else {"body": self.data}
        return {"headers": self.headers, **body}


@dataclass(frozen=True, slots=True)
class End:
    """How it ended: the process's status, the result when it succeeded, else one line that says why."""

    status: int
    result: Any = None
    error: str = ""


class _Noting(Doer):
    """Notes what is new of a job until its follower is done."""

    def __init__(self, follower: PollingDoer, note: Callable[[str], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._follower = follower
        self._note = note
        self._url: str | None = None
        self._statuses = 0
        self._progress: Any = None

    def recur(self, tyme: float) -> bool:  # noqa: ARG002 the job knows
        job = self._follower.job
        if job.url != self._url:
            self._url = job.url
            self._note(f"looking at {job.url}")
        for status in job.statuses[self._statuses :]:
            self._note(status)
        self._statuses = len(job.statuses)
        if job.progress != self._progress:
            self._progress = job.progress
            self._note(f"progress {job.progress}")
        return job.outcome is not None


class Following:
    """One job and what follows it, ready to run.

    Raises:
        TypeError, ValueError: when it is made, for a submission that cannot be sent or followed.
    """

    def __init__(self, submission: Submission) -> None:
        """Check everything; nothing is sent yet."""
        origin = split(submission.url).origin
        self._client = Client(scheme=origin.scheme, hostname=origin.host, port=origin.port)
        self._follower = PollingDoer(
            self._client,
            submission.method,
            submission.url,
            waiter=submission.waiter(),
            pace=submission.pace(),
            patience=submission.patience(),
            **submission.options(),
        )

    def run(self, note: Callable[[str], None]) -> End:
        """Submit and look until the job has ended; `note` is told each state and progress that is seen."""
        try:
            run(self._follower, _Noting(self._follower, note))
        finally:
            self._client.close()
        return _end(self._follower.job)


def _end(job: Job) -> End:
    if not isinstance(job.outcome, JobError):
        return End(0, result=job.result)
    message = " ".join(f"{type(job.outcome).__name__}: {job.outcome}".split())
    return End(_STATUSES.get(type(job.outcome), _UNKNOWN), error=message)
