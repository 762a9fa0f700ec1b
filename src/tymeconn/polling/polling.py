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
from ..policy.patience import Patience
from ..policy.retrying import Retry
from ..tyming.clocks import Calendar
from ..tyming.waiting import Wait
from ..wire.messages import Request, Response
from ..wire.redirecting import Follow, downgrades
from ..wire.urls import Origin, Url, resolve, split
from . import presets
from .jobs import Job, JobState, Watch
from .judging import ENDED, Kind, Verdict, Waiter, decoded, due, judge, locate
from .templating import Look, MissingValue

__all__ = ["JobOptions", "PollingDoer"]

T = TypeVar("T")

# RFC 9110 15.4.4: see other; after any other redirect the submission was not taken where it went.
_ACCEPTING = frozenset({*range(200, 300), 303})
# A server may lead a look to any origin. What may go there says nothing of who asks, or for what.
_HARMLESS = frozenset({"accept", "accept-charset", "accept-encoding", "accept-language", "user-agent"})
# As many as a client follows (http clients say 20 to 50).
_MOST_HOPS = 20
_NO_REDIRECTS = Follow(most=0)
# A look that failed is counted, and made again when the pace says.
_NO_RETRIES = Retry(attempts=1)
_ERRORS = {Kind.FAILED: JobFailed, Kind.CANCELED: JobCanceled, Kind.LOST: JobLost}


class JobOptions(FetchOptions, total=False):
    """What `PollingDoer` takes beside its own arguments.

    The options of `Client.fetch` go with the submission; `timeout` holds for every look, too, and `auth`
    for every look at the submission's origin.

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

        A doer that is run again after its end does nothing: a job is submitted once.

        Raises:
            InvalidRequest, TypeError: the submission cannot be sent, or an argument is of the wrong type.
        """
        super().__init__(tymth=options.pop("tymth", None), tock=options.pop("tock", 0.0))  # type: ignore[no-untyped-call]
        mint = _called("mint", options.pop("mint", mints()))
        self._draw = _called("draw", options.pop("draw", draws()))
        calendar = options.pop("calendar") if "calendar" in options else None
        self._calendar = _checked("calendar", calendar, Calendar, Calendar.real)
        self._waiter = _checked("waiter", waiter, Waiter, presets.standard)
        self._pace = _checked("pace", pace, Pace, Pace)
        self._patience = _checked("patience", patience, Patience, Patience)
        _called("sender's fetch", getattr(sender, "fetch", None))
        self._sender = sender
        self._timeouts = options.get("timeout")
        self._auth = options.get("auth")
        self._home: Origin | None = None
        # Where an answer leads is for the waiter to judge.
        options.setdefault("follow", _NO_REDIRECTS)
        # It was checked, and holds nothing until it is run.
        self._submission = sender.fetch(method, url, **cast("FetchOptions", options))
        self.job = Job(mint())

    @property
    def outcome(self) -> Response | JobError | None:
        """None while it runs; then the last answer of a job that succeeded, or the error."""
        return self.job.outcome

    def recur(self, tock: float | None = None) -> Generator[Wait, float, bool]:  # noqa: ARG002 hio 0.7
        """Follow the job; True at its end."""
        if self.job.outcome is not None:
            return True
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
        moment = self._by_deadline(self.tyme + self._pace.initial(verdict.hint))
        while look is not None:
            yield from self._sleep(moment)
            last = job.deadline is not None and self.tyme >= job.deadline
            verdict = yield from self._look(look)
            if verdict.kind in ENDED:
                break
            self._bear(verdict, last=last)
            if verdict.url is not None:
                look = self._moved(look, verdict.url, see_other=verdict.see_other)
            moment = self._due(verdict)
        return self._ended(verdict)

    def _by_deadline(self, moment: float) -> float:
        return moment if self.job.deadline is None else min(moment, self.job.deadline)

    def _due(self, verdict: Verdict) -> float:
        with _users_code():
            u = self._draw(self.job.id, self.job.looks)
            return due(self._pace, self.job, verdict, self.tyme, u)

    def _submit(self) -> Generator[Wait, float, tuple[Verdict, Look | None]]:
        """Return what the answer says, and how to look for more; nothing when it says all."""
        job = self.job
        job.state = JobState.UNKNOWN
        reply = yield from self._carried(self._submission)
        if isinstance(reply, ExchangeError):
            if not (reply.sent or reply.replayed):
                job.state = JobState.UNSENT
                raise SubmitFailed(f"nothing was sent: {reply}") from reply
            raise SubmitUnknown(f"sent, but not answered: {reply}") from reply
        job.reply = reply
        if reply.status not in _ACCEPTING:
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
        # Where it was asked, and not where redirects have led.
        self._home = split((*reply.history, reply)[0].url).origin
        with _users_code():
            return Verdict(Kind.PENDING, hint=retry_after(reply.headers, self._calendar.now())), look

    def _found(self, reply: Response) -> Look | None:
        template = self._waiter.poll
        with _users_code():
            location = locate(self._waiter, reply)
        try:
            look = template.fill(location, decoded(reply))
            url = resolve(split(reply.url), look.url)
        except (MissingValue, InvalidRequest, RecursionError):
            return None  # what the server nests too deep for str() names no place either
        look = Look(look.method, look.url, {**_userinfo(reply), **look.headers}, look.json)
        return self._aimed(look, url, split(reply.url) if template.led else url)

    def _aimed(self, look: Look, url: Url, home: Url) -> Look:
        """Return the look at `url`; at another origin than `home`'s without what is meant for `home`."""
        headers = dict(look.headers)
        if url.origin != home.origin:
            headers = {name: headers[name] for name in headers if name.lower() in _HARMLESS}
        return Look(look.method, str(url), headers, look.json)

    def _moved(self, look: Look, url: str, *, see_other: bool) -> Look:
        job = self.job
        job.url = url
        if job.hops > _MOST_HOPS:
            job.watch = Watch.BLIND
            raise WatchBlind(f"redirected {job.hops} times in a row, last to {url}")
        here, there = split(look.url), split(url)
        if downgrades(here.origin, there.origin):
            job.watch = Watch.BLIND
            raise WatchBlind(f"redirected from https to {url}")
        look = self._aimed(look, there, here)
        return Look("GET", look.url, look.headers) if see_other else look

    def _look(self, look: Look) -> Generator[Wait, float, Verdict]:
        self.job.looks += 1
        timeouts = self._timeouts or self._sender.timeouts
        options = FetchOptions(headers=look.headers, json=look.json)
        options["timeout"] = timeouts.within(self._patience.look)
        options["follow"] = _NO_REDIRECTS
        options["retry"] = _NO_RETRIES
        try:
            if split(look.url).origin == self._home:
                options["auth"] = self._auth
            fetch = self._sender.fetch(look.method, look.url, **options)
        except (ValueError, TypeError) as error:
            # The template was checked when it was made: what cannot be asked came from the server.
            raise NoHandle(f"what the answer names cannot be asked: {error}") from error
        reply = yield from self._carried(fetch)
        if isinstance(reply, Response):
            self.job.reply = reply
        verdict = self._judged(reply)
        self.job.note(verdict)
        return verdict

    def _carried(
        self, fetch: Generator[Wait, Any, Response]
    ) -> Generator[Wait, float, Response | ExchangeError]:
        """Return the outcome of one request, which ends with the watch at the latest."""
        end = None if self.job.deadline is None else self.job.deadline + self._patience.look
        try:
            return (yield from self._until(fetch, end))
        except ExchangeError as error:
            return error
        except (
            Exception
        ) as error:  # a sender of the caller's own may raise anything; it ends this job alone
            raise JudgeError(f"the sender raised {type(error).__name__}: {error}") from error

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
        raise _CutShort("the watch ended before the answer came")

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


def _checked(name: str, value: T | None, kind: type[T], default: Callable[[], T]) -> T:
    if value is None:
        return default()
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}, not {value!r}")
    return value


def _called(name: str, value: T) -> T:
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {value!r}")
    return value


class _CutShort(TotalTimeout):
    """A fetch that was closed by the watch: nobody can tell what of it went out, so all of it may have."""

    sent = 1


def _userinfo(reply: Response) -> dict[str, str]:
    """Return the credentials that stood in the submission's URL: they are the user's at that origin."""
    request = reply.request
    if not isinstance(request, Request) or request.url.userinfo is None:
        return {}
    return {"Authorization": request.headers["authorization"]}


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
