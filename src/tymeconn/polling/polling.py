"""The doer that follows one job to its end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, Unpack, cast

from hio.base import doing

from ..errors import (
    ExchangeError,
    InvalidRequest,
    JobCanceled,
    JobError,
    JobFailed,
    JobLost,
    JudgeError,
    NoHandle,
    SubmitFailed,
    SubmitRefused,
    SubmitUnknown,
    TotalTimeout,
    WatchAbandoned,
    WatchBlind,
    WatchExpired,
)
from ..exchanging.exchange import FetchOptions, Sender
from ..policy.chance import Draw, Mint, draws, mints
from ..policy.hinting import retry_after
from ..policy.pacing import Pace
from ..policy.patience import Patience, Timeouts
from ..tyming.clocks import Calendar
from ..tyming.waiting import Wait
from ..wire.messages import Response
from ..wire.urls import resolve, split
from . import presets
from .jobs import Job, JobState, Watch
from .judging import ENDED, Kind, Verdict, Waiter, decoded, due, judge, locate
from .templating import Look, MissingValue

__all__ = ["JobOptions", "PollingDoer"]

T = TypeVar("T")

_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
_ERRORS = {Kind.FAILED: JobFailed, Kind.CANCELED: JobCanceled, Kind.LOST: JobLost}


class JobOptions(FetchOptions, total=False):
    """What `PollingDoer` takes beside its own arguments.

    The options of `Client.fetch` go with the submission; `timeout` holds for every look, too.

    Attributes:
        mint: makes the job's id.
        draw: makes the jitter of its pace.
        calendar: gives UTC for Retry-After dates of answers that have no Date.
        tymth: hio's; tyme before the doer is wound.
        tock: hio's; seconds of tyme between two runs.
    """

    mint: Mint
    draw: Draw
    calendar: Calendar
    tymth: Any
    tock: float


class PollingDoer(doing.Doer):
    """One job as a doer: submits a request, looks until the job has ended, and ends with the outcome.

    It yields a `Wait` while there is nothing to do, so that any number of them share one tyme with other
    doers. hio's `done` is True when it ends by itself, however the job ended: read `outcome`.

    Attributes:
        job: the live record; ``job.outcome`` is this doer's.
    """

    def __init__(
        self,
        sender: Sender,
        method: str,
        url: str,
        *,
        waiter: Waiter | None = None,
        pace: Pace | None = None,
        patience: Patience | None = None,
        **options: Unpack[JobOptions],
    ) -> None:
        """Check the submission now; send it when the doer runs.

        Raises:
            InvalidRequest, TypeError: the submission cannot be sent.
        """
        super().__init__(tymth=options.pop("tymth", None), tock=options.pop("tock", 0.0))  # type: ignore[no-untyped-call]
        self.job = Job(options.pop("mint", mints())())
        self._draw = options.pop("draw", draws())
        self._calendar = options.pop("calendar") if "calendar" in options else Calendar.real()
        self._waiter = _checked(waiter, Waiter, presets.standard)
        self._pace = _checked(pace, Pace, Pace)
        self._patience = _checked(patience, Patience, Patience)
        self._sender = sender
        self._timeouts = options.get("timeout") or Timeouts()
        submission = cast("FetchOptions", options)
        self._submission = (method, url, submission)
        # An unstarted generator holds nothing: this is the check alone.
        sender.fetch(method, url, **submission).close()

    @property
    def outcome(self) -> Response | JobError | None:
        """None while it runs; then the last answer of a job that succeeded, or the error."""
        return self.job.outcome

    def recur(self, tock: float | None = None) -> Generator[Wait, float, bool]:  # noqa: ARG002 hio 0.7
        """Follow the job; True at its end."""
        try:
            reply = yield from self._follow()
        except JobError as error:
            error.job = self.job
            self.job.conclude(error)
        else:
            self.job.conclude(reply)
        return True

    def exit(self) -> None:
        """End the watch when it did not end by itself."""
        if self.job.outcome is None:
            self.job.watch = Watch.ABANDONED
            self.job.conclude(WatchAbandoned("the doer was ended before the job", self.job))

    def _follow(self) -> Generator[Wait, float, Response]:
        job = self.job
        if self._patience.deadline is not None:
            job.deadline = self.tyme + self._patience.deadline
        verdict, look = yield from self._submit()
        moment = self.tyme + self._pace.initial(verdict.hint)
        while look is not None:
            yield from self._sleep(moment)
            last = job.deadline is not None and self.tyme >= job.deadline
            verdict = yield from self._look(look)
            if verdict.kind in ENDED:
                break
            self._bear(verdict, last=last)
            if verdict.url is not None:
                look = _aimed(look, verdict.url, look.url)
                job.url = look.url
            moment = due(self._pace, job, verdict, self.tyme, self._draw(job.id, job.looks))
        return self._ended(verdict)

    def _submit(self) -> Generator[Wait, float, tuple[Verdict, Look | None]]:
        """Return what the answer says, and how to look for more; nothing when it says all."""
        job = self.job
        method, url, options = self._submission
        job.state = JobState.UNKNOWN
        reply = yield from self._fetched(method, url, options)
        if isinstance(reply, ExchangeError):
            if not reply.sent:
                job.state = JobState.UNSENT
                raise SubmitFailed(f"nothing was sent: {reply}") from reply
            raise SubmitUnknown(f"sent, but not answered: {reply}") from reply
        job.reply = reply
        if reply.status is None or reply.status >= 400:
            job.state = JobState.UNSENT
            raise SubmitRefused(
                f"the submission was refused: {reply.status} {reply.reason}", details=decoded(reply)
            )
        return self._understood(reply)

    def _understood(self, reply: Response) -> tuple[Verdict, Look | None]:
        look = self._found(reply)
        if look is None or (reply.status != 202 and not callable(self._waiter.status)):
            verdict = self._judged(reply)
            if verdict.kind in ENDED and (verdict.word or look is None):
                self.job.note(verdict)
                return verdict, None
        if look is None:
            raise NoHandle(f"{reply.status} {reply.reason} names no place to look", details=decoded(reply))
        self.job.state = JobState.PENDING
        self.job.url = look.url
        return Verdict(Kind.PENDING, hint=retry_after(reply.headers, self._calendar.now())), look

    def _found(self, reply: Response) -> Look | None:
        template = self._waiter.poll
        with _users_code():
            location = locate(self._waiter, reply)
        try:
            look = template.fill(location, decoded(reply))
            url = str(resolve(split(reply.url), look.url))
        except (MissingValue, InvalidRequest):
            return None
        return _aimed(look, url, reply.url if "{location}" in template.url else url)

    def _look(self, look: Look) -> Generator[Wait, float, Verdict]:
        self.job.looks += 1
        timeout = self._timeouts.within(self._patience.look)
        options = FetchOptions(headers=look.headers, json=look.json, timeout=timeout)
        reply = yield from self._fetched(look.method, look.url, options)
        if isinstance(reply, Response):
            self.job.reply = reply
        verdict = self._judged(reply)
        self.job.note(verdict)
        return verdict

    def _fetched(
        self, method: str, url: str, options: FetchOptions
    ) -> Generator[Wait, float, Response | ExchangeError]:
        """Return the outcome of one request, which ends with the watch at the latest."""
        end = None if self.job.deadline is None else self.job.deadline + self._patience.look
        try:
            fetch = self._sender.fetch(method, url, **options)
            return (yield from self._until(fetch, end))
        except ExchangeError as error:
            return error
        except InvalidRequest as error:
            # The submission was checked when it was made: what cannot be sent came from the server.
            raise NoHandle(f"what the answer names cannot be asked: {error}") from error

    def _until(
        self, fetch: Generator[Wait, Any, Response], end: float | None
    ) -> Generator[Wait, float, Response]:
        try:
            wait = next(fetch)
            while end is None or self.tyme < end:
                wait = fetch.send((yield _shortened(wait, end)))
        except StopIteration as stop:
            response: Response = stop.value
            return response
        finally:
            fetch.close()
        raise TotalTimeout("the watch ended before the answer came")

    def _sleep(self, moment: float) -> Generator[Wait, float, None]:
        while self.tyme < moment:
            yield Wait(until=moment)

    def _judged(self, reply: Response | ExchangeError) -> Verdict:
        with _users_code():
            return judge(self._waiter, self.job, reply, self._calendar.now())

    def _bear(self, verdict: Verdict, *, last: bool) -> None:
        """Raise when the watch ends with this look."""
        job, patience = self.job, self._patience
        if verdict.kind is Kind.UNSEEN and job.unseen > patience.unseen:
            job.state = JobState.LOST
            raise JobLost(f"never seen in {job.unseen} looks: {verdict.why}")
        if last:
            job.watch = Watch.EXPIRED
            raise WatchExpired(f"{verdict.word or verdict.why} at the deadline after {job.looks} looks")
        if job.misses > patience.misses:
            job.watch = Watch.BLIND
            raise WatchBlind(f"{job.misses} looks in a row failed, the last: {verdict.why}")

    def _ended(self, verdict: Verdict) -> Response:
        job = self.job
        if verdict.kind is not Kind.SUCCEEDED or job.reply is None:
            raise _ERRORS[verdict.kind](verdict.word or verdict.why, details=verdict.details)
        return job.reply


def _checked(value: T | None, kind: type[T], default: Callable[[], T]) -> T:
    if value is None:
        return default()
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__.lower()} must be {kind.__name__}, not {value!r}")
    return value


@contextmanager
def _users_code() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever the caller's function raises ends this job alone
        raise JudgeError(f"judging raised {type(error).__name__}: {error}") from error


def _shortened(wait: Wait | float, end: float | None) -> Wait:
    if not isinstance(wait, Wait):
        return Wait()
    if end is None or (wait.until is not None and wait.until <= end):
        return wait
    return Wait(wait.on, until=end)


def _aimed(look: Look, url: str, home: str) -> Look:
    """Return the look at `url`, without credentials when that is another origin than `home`'s."""
    headers = look.headers
    if split(url).origin != split(home).origin:
        headers = {name: value for name, value in headers.items() if name.lower() not in _CREDENTIALS}
    return Look(look.method, url, headers, look.json)
