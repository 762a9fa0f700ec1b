"""Whether a request is sent again after a failure, when, and how many of all requests may be.

RFC 9110 9.2.2 says which requests may be repeated unasked, 10.2.3 how long a server wants to be left alone.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from ..errors import ExchangeError, PoolTimeout, TotalTimeout
from ..wire.messages import Request, Response
from .chance import Draw
from .checking import check_count, check_number
from .hinting import retry_after
from .replaying import may_replay

__all__ = ["Attempt", "Budget", "Retry"]

# Limits that the caller put on all attempts together: to go on would be to ignore them.
_FINAL = (PoolTimeout, TotalTimeout)
# 2 to this power is near the largest float, and beyond any cap.
_MOST_DOUBLINGS = 1000


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that was sent, and what came of it.

    Attributes:
        request: what was sent.
        outcome: the answer, or the error that ended the exchange.
        count: how often it was sent, this time included.
        left: seconds until the whole of it has to be over; None is no limit.
        serial: tells apart equal requests of one sender, so that they do not come back all at once.
    """

    request: Request
    outcome: Response | ExchangeError
    count: int = 1
    left: float | None = None
    serial: int = 0

    @property
    def reached(self) -> bool:
        """The server may have acted on what it was sent, on any connection."""
        outcome = self.outcome
        return isinstance(outcome, Response) or bool(outcome.sent or outcome.received or outcome.replayed)


@dataclass(frozen=True, slots=True)
class Retry:
    """When a request is sent again, and how often.

    Only a request that is idempotent, has an Idempotency-Key or never reached the server is sent again (RFC
    9110 9.2.2), and only if its body can be had again. The delay is drawn from 0 to a backoff that begins
    at `base` and doubles with each attempt up to `cap` ("full jitter"). A Retry-After, cut to `hint_cap`,
    comes before it: the server is left alone for as long as it asks, and those who were told the same
    moment come back one after another.

    Three attempts, and one retry for ten requests, are what Google's clients keep to (Site Reliability
    Engineering, chapter 21). Beside that share there are `spare` retries, as with Finagle's RetryBudget, so
    that a client with few requests has some.

    Attributes:
        attempts: how often a request is sent at most, the first time included.
        base: the longest delay after the first attempt, in seconds.
        cap: the longest backoff, in seconds.
        hint_cap: the most seconds of a Retry-After that are obeyed.
        statuses: answers of 4xx and 5xx that are tried again.
        share: retries for each request, on average.
        spare: retries a second beside them.
        saved: how many retries that were not used are kept at most; a budget begins with as many.
    """

    attempts: int = 3
    base: float = 0.5
    cap: float = 20.0
    hint_cap: float = 3600.0
    statuses: Set[int] = frozenset({429, 503})
    share: float = 0.1
    spare: float = 3.0
    saved: int = 100

    def __post_init__(self) -> None:
        for name, least in (("attempts", 1), ("saved", 0)):
            check_count(f"retry {name}", getattr(self, name), least)
        for name in ("base", "cap", "hint_cap", "share", "spare"):
            check_number(f"retry {name}", getattr(self, name))
        if self.cap < self.base:
            raise ValueError(f"retry cap {self.cap!r} is less than base {self.base!r}")
        if self.share > 1:
            raise ValueError(f"retry share must be at most 1: {self.share!r}")
        statuses: object = self.statuses
        if not isinstance(statuses, Set) or not all(type(status) is int for status in statuses):
            raise TypeError(f"retry statuses must be a set of numbers, not {statuses!r}")
        if not all(400 <= status < 600 for status in self.statuses):
            raise ValueError(f"retry statuses must be from 400 to 599: {statuses!r}")
        object.__setattr__(self, "statuses", frozenset(self.statuses))

    def delay(self, attempt: Attempt, now_utc: float, draw: Draw) -> float | None:
        """Return the seconds to wait before the request is sent again; None: what came of it stands.

        No retry begins when the time that is `left` is over.
        """
        if attempt.count >= self.attempts or not self._curable(attempt.outcome):
            return None
        if not may_replay(attempt.request, attempt.reached):
            return None
        u = draw(f"{attempt.request.method} {attempt.request.url} {attempt.serial}", attempt.count)
        doublings = min(attempt.count - 1, _MOST_DOUBLINGS)
        backoff = u * min(self.base * 2.0**doublings, self.cap)
        delay = self._asked(attempt.outcome, now_utc) + backoff
        return delay if attempt.left is None or delay < attempt.left else None

    def _curable(self, outcome: Response | ExchangeError) -> bool:
        if isinstance(outcome, ExchangeError):
            return outcome.retryable and not isinstance(outcome, _FINAL)
        return outcome.status in self.statuses

    def _asked(self, outcome: Response | ExchangeError, now_utc: float) -> float:
        if isinstance(outcome, ExchangeError):
            return 0.0
        return min(retry_after(outcome.headers, now_utc) or 0.0, self.hint_cap)


class Budget:
    """How many retries there may be now, so that a server in trouble is not asked ever more.

    In any stretch of time there are no more than `saved`, plus `spare` for each second, plus `share` for
    each request. All that is kept is one number. Tyme that is before what it was earns nothing.
    """

    __slots__ = ("_level", "_retry", "_seen")

    def __init__(self, retry: Retry, now: float) -> None:
        """Begin at tyme `now`, with all that may be saved."""
        self._retry = retry
        self._level = float(retry.saved)
        self._seen = now

    def deposit(self) -> None:
        """Count a request that is sent for the first time."""
        self._level += self._retry.share

    def spend(self, now: float) -> bool:
        """Return whether one retry may be made at tyme `now`; if so, it is counted."""
        earned = max(0.0, now - self._seen) * self._retry.spare
        self._level = min(self._level + earned, self._retry.saved)
        self._seen = now
        if self._level < 1:
            return False
        self._level -= 1
        return True
