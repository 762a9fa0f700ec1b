"""The live record of a job: what is known of it, and of the watching of it."""

from __future__ import annotations

import enum
from typing import Any

from ..errors import JobError
from ..wire.messages import Response
from .judging import Kind, Verdict

__all__ = ["Job", "JobState", "Watch"]


# What a server writes is kept as long as the job is: so many characters of a word, and so many words.
_LONGEST = 200
_KEPT = 100


class JobState(enum.Enum):
    """What is known of the job itself."""

    UNSENT = "unsent"
    UNKNOWN = "unknown"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    LOST = "lost"


class Watch(enum.Enum):
    """What is known of the watching of it."""

    WATCHING = "watching"
    ENDED = "ended"
    BLIND = "blind"
    EXPIRED = "expired"
    ABANDONED = "abandoned"


class Job:
    """The live record of one job.

    Attributes:
        id: made by us; the server never sees it.
        state: the job's.
        watch: the watch's.
        url: where its status is looked up; None until known.
        looks: requests for its status that were begun.
        answered: looks that told of it.
        misses: looks in a row that failed.
        seen: a look found it.
        hops: redirects in a row.
        statuses: the status words in the order in which they changed, the last hundred.
        progress: what the server last said of it.
        result: what it gave, once it succeeded.
        reply: the last answer about it.
        deadline: absolute tyme of the last look's start; None is never.
        outcome: None while it is watched; then the last answer, or the error.
    """

    def __init__(self, id: str) -> None:
        self.id = id
        self.state = JobState.UNSENT
        self.watch = Watch.WATCHING
        self.url: str | None = None
        self.looks = 0
        self.answered = 0
        self.misses = 0
        self.unseen = 0
        self.seen = False
        self.hops = 0
        self.statuses: list[str] = []
        self.progress: Any = None
        self.result: Any = None
        self.reply: Response | None = None
        self.deadline: float | None = None
        self.outcome: Response | JobError | None = None

    def conclude(self, outcome: Response | JobError) -> None:
        """End the watch; a second call changes nothing."""
        if self.outcome is None:
            self.outcome = outcome
            self.watch = Watch.ENDED if self.watch is Watch.WATCHING else self.watch

    @property
    def worded(self) -> bool:
        """A look had a status word."""
        return bool(self.statuses)

    def note(self, verdict: Verdict) -> None:
        """Take what a look told."""
        if verdict.kind is Kind.BLIND:
            self.misses += 1
            return
        self.hops = self.hops + 1 if verdict.kind is Kind.MOVED else 0
        if verdict.kind is Kind.MOVED:
            return
        self.misses = 0
        if verdict.kind is Kind.UNSEEN:
            self.unseen += 1
            return
        self.seen = True
        self.answered += 1
        self.progress = self.progress if verdict.progress is None else verdict.progress
        word = verdict.word[:_LONGEST]
        if word and self.statuses[-1:] != [word]:
            self.statuses.append(word)
            del self.statuses[:-_KEPT]
        self.state = JobState(verdict.kind.value)
        self.result = verdict.result
