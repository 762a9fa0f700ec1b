"""What one reply means for a job. Pure: no clock, no socket, no chance.

A failed look is never a failed job: only what the server says of the job moves the job's state.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from ..errors import ExchangeError, InvalidRequest
from ..policy.hinting import retry_after
from ..policy.pacing import Pace
from ..wire.headers import check_header
from ..wire.messages import Response
from ..wire.urls import resolve, split
from .templating import Template, check_path, lookup

__all__ = ["JobFacts", "Kind", "Locate", "Status", "Verdict", "Waiter", "decoded", "due", "judge", "locate"]

Locate: TypeAlias = tuple[str, ...] | Callable[[Response], str | None]
Status: TypeAlias = str | tuple[str, ...] | Callable[[Response], str | None] | None

# RFC 9110 15.5.9 and 15.6, RFC 6585 4: the server speaks of itself or of this request, not of the job.
_NOT_NOW = frozenset({408, 425, 429})


class Kind(enum.Enum):
    """What one reply says."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    LOST = "lost"
    BLIND = "blind"
    UNSEEN = "unseen"
    MOVED = "moved"


ENDED = frozenset({Kind.SUCCEEDED, Kind.FAILED, Kind.CANCELED, Kind.LOST})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one reply.

    Attributes:
        kind: what it says of the job; BLIND says nothing, UNSEEN that the server does not know it yet,
            MOVED that it is to be looked at elsewhere.
        word: the status as the server wrote it.
        why: for people, when there is no word.
        hint: tyme seconds to wait, as the server asks.
        url: where to look from now on, when it was MOVED.
        see_other: the new place is asked with GET and no body (RFC 9110 15.4.4).
        progress: what the server says of it.
        result: what the job gave, when it succeeded.
        details: what the server says of a failure.
    """

    kind: Kind
    word: str = ""
    why: str = ""
    hint: float | None = None
    url: str | None = None
    see_other: bool = False
    progress: Any = None
    result: Any = None
    details: Any = None


def _words(name: str, words: object) -> frozenset[str]:
    found = words.split() if isinstance(words, str) else words
    if not isinstance(found, Set | Sequence) or not all(isinstance(word, str) for word in found):
        raise TypeError(f"{name} must be status words, not {words!r}")
    return frozenset(word.lower() for word in found)


@dataclass(frozen=True, slots=True)
class Waiter:
    """How to follow one kind of job. Status words are compared without regard to case.

    Attributes:
        name: for people.
        locate: names of headers of the submission's answer of which the first that is there holds the URL
            to look at; or a function of that answer.
        poll: the request of one look.
        status: JMESPath of the status in a look's JSON body, which must be there; or several, of which the
            first that is a string counts; or a function of the reply. Without a word the HTTP status
            decides, as it does for None: 202 is pending, any other 2xx is success. But an answer that
            should have had one says nothing: one after a word was seen, HTML, broken JSON, no string.
        pending: words that say it goes on. When none are given, any word that is in no set does; when some
            are, such a word says nothing.
        success: words that say it succeeded.
        failure: words that say it failed.
        canceled: words that say it was canceled.
        result: JMESPath of the result; None takes the whole decoded body.
        progress: JMESPath of the progress.
        error: JMESPath of what is said of a failure; None takes the whole decoded body.
    """

    name: str
    locate: Locate = ("operation-location", "location")
    poll: Template = field(default_factory=Template)
    status: Status = None
    pending: frozenset[str] = frozenset()
    success: frozenset[str] = frozenset()
    failure: frozenset[str] = frozenset()
    canceled: frozenset[str] = frozenset()
    result: str | None = None
    progress: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        self._check_places()
        paths = self.status if isinstance(self.status, tuple) else (self.status,)
        for path in (*paths, self.result, self.progress, self.error):
            if path is not None and not callable(path):
                check_path(path)
        sets = [_words(name, getattr(self, name)) for name in _SETS]
        for name, words in zip(_SETS, sets, strict=True):
            object.__setattr__(self, name, words)
        doubled = {word for i, words in enumerate(sets) for other in sets[:i] for word in words & other}
        if doubled:
            raise ValueError(f"a status word can have one meaning: {sorted(doubled)[0]!r}")

    def _check_places(self) -> None:
        places: object = self.locate
        if not callable(places):
            if not isinstance(places, tuple):
                raise TypeError(f"locate must be a function or a tuple of header names, not {places!r}")
            for name in places:
                check_header(name, "")
        template: object = self.poll
        if not isinstance(template, Template):
            raise TypeError(f"poll must be Template, not {template!r}")
        if self.status == ():
            raise ValueError("status must name a path, or be None: ()")


_SETS = ("pending", "success", "failure", "canceled")
_KINDS = (Kind.PENDING, Kind.SUCCEEDED, Kind.FAILED, Kind.CANCELED)


class JobFacts(Protocol):
    """What judging and pacing know of a job."""

    @property
    def seen(self) -> bool:
        """A look found it."""

    @property
    def worded(self) -> bool:
        """A look had a status word."""

    @property
    def answered(self) -> int:
        """Looks that told of it."""

    @property
    def misses(self) -> int:
        """Looks in a row that failed."""

    @property
    def deadline(self) -> float | None:
        """Absolute tyme of the last look's start; None is never."""


def judge(waiter: Waiter, job: JobFacts, reply: Response | ExchangeError, now: float) -> Verdict:
    """Return what `reply`, a look's outcome, means for `job`; `now` is UTC seconds."""
    if isinstance(reply, ExchangeError):
        return Verdict(Kind.BLIND, why=f"{type(reply).__name__}: {reply}")
    status = reply.status or 0
    hint = retry_after(reply.headers, now)
    if 200 <= status < 300:
        return _judge_body(waiter, job, reply, hint)
    why = f"{status} {reply.reason}"
    if status == 410 or (status == 404 and job.seen):
        return Verdict(Kind.LOST, why=why, details=decoded(reply))
    if status == 404:
        return Verdict(Kind.UNSEEN, why=why, hint=hint)
    moved = _moved(reply) if 300 <= status < 400 else None
    if moved is not None:
        return Verdict(Kind.MOVED, why=why, hint=hint or 0.0, url=moved, see_other=status == 303)
    # ARM's rule for asynchronous calls: a 4xx or 5xx is a failure to read the status, not of the operation.
    return Verdict(Kind.BLIND, why=why, hint=hint if status in _NOT_NOW or status >= 500 else None)


def locate(waiter: Waiter, reply: Response) -> str | None:
    """Return the absolute URL of the job that the answer to a submission names, or None."""
    if callable(waiter.locate):
        found = waiter.locate(reply)
    else:
        found = next((reply.headers[name] for name in waiter.locate if name in reply.headers), None)
    try:
        return None if found is None else str(resolve(split(reply.url), found))
    except InvalidRequest:
        return None


def due(pace: Pace, job: JobFacts, verdict: Verdict, tyme: float, u: float) -> float:
    """Return the absolute tyme of the next look after one that ended at `tyme`; `u` is in [0, 1).

    A delay that would leave less than the pace's floor before the deadline becomes the last look, which
    starts at the deadline.
    """
    if verdict.kind is Kind.BLIND:
        delay = pace.blind(job.misses, verdict.hint, u)
    else:
        delay = pace.delay(max(job.answered, 1), verdict.hint, u)
    if job.deadline is not None and job.deadline - tyme - delay <= pace.floor:
        return job.deadline
    return tyme + delay


def decoded(reply: Response) -> Any:
    """Return the body decoded as JSON; its text when it is none; None when it is empty."""
    if not reply.body:
        return None
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return reply.text


def _judge_body(waiter: Waiter, job: JobFacts, reply: Response, hint: float | None) -> Verdict:
    body = decoded(reply)
    word = _word(waiter, reply, body)
    kind = _kind(waiter, word) if word is not None else _wordless(waiter, job, reply, body)
    if kind is Kind.BLIND:
        return Verdict(kind, why=f"{reply.status} with {word or 'no'} status", hint=hint)
    found = _found(waiter, kind, body)
    progress = lookup(waiter.progress, body) if waiter.progress else None
    return Verdict(kind, word or "", f"{reply.status} {reply.reason}", hint, progress=progress, **found)


def _word(waiter: Waiter, reply: Response, body: Any) -> str | None:
    if waiter.status is None:
        return None
    if callable(waiter.status):
        return waiter.status(reply)
    if isinstance(waiter.status, tuple):
        found = (lookup(path, body) for path in waiter.status)
        return next((value for value in found if isinstance(value, str)), None)
    value = lookup(waiter.status, body)
    return str(value) if isinstance(value, str | int) else None


def _wordless(waiter: Waiter, job: JobFacts, reply: Response, body: Any) -> Kind:
    if waiter.status is not None and not isinstance(waiter.status, tuple):
        return Kind.BLIND
    if reply.status == 202:
        return Kind.PENDING
    if waiter.status is None:
        return Kind.SUCCEEDED
    return Kind.BLIND if job.worded or _unreadable(waiter.status, reply, body) else Kind.SUCCEEDED


def _unreadable(status: tuple[str, ...], reply: Response, body: Any) -> bool:
    """Tell whether the answer should have had a word: a page in its place, broken JSON, or no string."""
    kind = reply.headers.get("content-type", "").lower()
    broken = "json" in kind and isinstance(body, str) and not reply.body.strip().startswith(b'"')
    return (
        broken
        or kind.startswith("text/html")
        or (isinstance(body, dict) and not body.keys().isdisjoint(status))
    )


def _kind(waiter: Waiter, word: str) -> Kind:
    for kind, name in zip(_KINDS, _SETS, strict=True):
        if word.lower() in getattr(waiter, name):
            return kind
    return Kind.BLIND if waiter.pending else Kind.PENDING


def _found(waiter: Waiter, kind: Kind, body: Any) -> dict[str, Any]:
    if kind is Kind.SUCCEEDED:
        return {"result": lookup(waiter.result, body) if waiter.result else body}
    if kind in ENDED:
        return {"details": lookup(waiter.error, body) if waiter.error else body}
    return {}


def _moved(reply: Response) -> str | None:
    try:
        return str(resolve(split(reply.url), reply.headers["location"]))
    except (KeyError, InvalidRequest):
        return None
