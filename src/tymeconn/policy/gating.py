"""When the next request may go to an origin: how many at once, how often, and not while it needs rest.

One `Gate` stands before one origin, and all who send there go through it. Nothing waits here: a gate says
when to ask again. What a server says of its limits is read from Retry-After (RFC 9110 10.2.3) and from the
RateLimit fields, in each form that draft-ietf-httpapi-ratelimit-headers has had and servers had before it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from ..errors import ExchangeError, PoolTimeout, StaleConnection
from ..wire.messages import Response
from .chance import Draw
from .checking import check_count, check_number
from .hinting import retry_after

__all__ = ["Circuit", "Gate", "GateLimits", "quota_reset"]

# One request in more than eleven days is no rate.
_SLOWEST = 1e-6
# 2 to this power is near the largest float, and beyond any cap.
_MOST_DOUBLINGS = 1000

_ASKS_FOR_REST = frozenset({429, 503})
# RFC 9110 15.6.2 and 15.6.6: what a server cannot do at all says nothing of how it is.
_CANNOT = frozenset({501, 505})
# The wait for a free connection is on this side; a connection that ended while it was idle is no failure.
_NO_FAILURE = (PoolTimeout, StaleConnection)

# Of all lines of a field, in characters; a longer field says nothing.
_LONGEST = 4096
# RFC 9651 3.3.1: fifteen digits at most. Decimals are seen in the fields from before the draft.
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")
# A reset from here on is a moment (UTC, as GitHub and GitLab say it), not thirty years to wait.
_MOMENT = 1e9
# RFC 9651 3.1 and 3.2: a member of a list or of a dictionary. Possessive, so that it is read once.
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*+"'
_VALUE = rf"(?:{_STRING}|[!#-+\x2d-:<-~]++)"
_KEY = "[a-z*][a-z0-9_.*-]*+"
_MEMBER = re.compile(
    rf"[ \t]*+({_STRING}|[!#-+\x2d-:<>-~]++)(?:=({_VALUE}))?+"
    rf"((?: *+; *+{_KEY}(?:={_VALUE})?+)*+)[ \t]*+(?:,|\Z)"
)
_PARAMETER = re.compile(rf"; *+({_KEY})=({_VALUE})")
_BEFORE_THE_DRAFT = (
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
)


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What one origin is spared, in tyme seconds.

    Attributes:
        concurrency: requests at once; None leaves it to the connections there are.
        rate: requests a second, on average; None is no limit.
        burst: requests that may go at once after a while without any, when there is a rate.
        failures: in a row, after which the origin is left alone for a while.
        rest: the longest first while; it doubles each time that a probe fails, and is drawn from its upper
            half, so that clients that saw the same failure do not come back together.
        rest_cap: the longest while.
        cool_cap: the most seconds of Retry-After or of a RateLimit field that are obeyed; 0 obeys none.
    """

    concurrency: int | None = None
    rate: float | None = None
    burst: int = 1
    failures: int = 10
    rest: float = 1.0
    rest_cap: float = 60.0
    cool_cap: float = 3600.0

    def __post_init__(self) -> None:
        if self.concurrency is not None:
            check_count("gate concurrency", self.concurrency, 1)
        check_count("gate burst", self.burst, 1)
        check_count("gate failures", self.failures, 1)
        if self.rate is not None:
            check_number("gate rate", self.rate, _SLOWEST)
        for name in ("rest", "rest_cap", "cool_cap"):
            check_number(f"gate {name}", getattr(self, name))
        if self.rest_cap < self.rest:
            raise ValueError(f"gate rest_cap {self.rest_cap!r} is less than rest {self.rest!r}")


class Circuit(Enum):
    """What a gate does about the health of its origin."""

    CLOSED = auto()
    """It is well, as far as is known."""
    OPEN = auto()
    """It failed too often, and is left alone until it has rested."""
    HALF_OPEN = auto()
    """It has rested, and one request is there to see how it is."""


class Gate:
    """What stands before one origin, for all who send requests there.

    Who wants to send asks `admit`, then calls `enter`, and `leave` with what came of it, exactly once and
    whatever happens. All numbers of seconds are tyme. When it is before what it was, another scheduler has
    come: what was left to wait is left then, too.

    >>> from tymeconn.policy.chance import draws
    >>> gate = Gate("http://a.example", GateLimits(rate=2.0), draws())
    >>> ticket = gate.enter(0.0)
    >>> gate.admit(0.1)
    0.5

    Attributes:
        inside: how many have entered and not left.
        cool_until: the tyme until which the server asked to be left alone.
    """

    __slots__ = (
        "_breaker",
        "_interval",
        "_limits",
        "_name",
        "_next",
        "_seen",
        "_slack",
        "cool_until",
        "inside",
    )

    def __init__(self, name: str, limits: GateLimits, draw: Draw) -> None:
        """Begin with nobody inside; `name` is the origin's, and what `draw` is asked for."""
        self.inside = 0
        self.cool_until = -math.inf
        self._name = name
        self._limits = limits
        self._breaker = _Breaker(name, limits, draw)
        # A token bucket as one number (GCRA, ITU-T I.371): the tyme from which the next would be on
        # time. It may be ahead of now by what a burst is.
        self._interval = 0.0 if limits.rate is None else 1 / limits.rate
        self._slack = (limits.burst - 1) * self._interval
        self._next = self._seen = -math.inf

    @property
    def circuit(self) -> Circuit:
        """What it does about the origin's health."""
        return self._breaker.circuit

    def admit(self, now: float) -> float | None:
        """Return None when a request may go now, else the tyme at which to ask again.

        Ask sooner when somebody leaves; math.inf says that nothing else will change it.
        """
        self._see(now)
        if self._full:
            return math.inf
        due = max(self.cool_until, self._breaker.due, self._next - self._slack)
        return due if due > now else None

    def why(self, now: float) -> str | None:
        """Return what keeps requests out, and will for the longest; None when one may go now."""
        due = self.admit(now)
        if due is None:
            return None
        if self._full:
            return f"{self.inside} requests at once are on the way"
        if due == self.cool_until:
            return "the server asked to be left alone"
        if due == self._breaker.due:
            return "it failed too often, and rests"
        return f"no more than {self._limits.rate} requests a second may go"

    def enter(self, now: float) -> int:
        """Go in; return the ticket to leave with.

        Raises:
            RuntimeError: `admit` does not let anybody in now.
        """
        if self.admit(now) is not None:
            raise RuntimeError(f"nobody may go to {self._name} now")
        self.inside += 1
        self._next = max(self._next, now) + self._interval
        return self._breaker.enter()

    def leave(self, ticket: int, outcome: Response | ExchangeError, now: float, now_utc: float) -> None:
        """Go out with what came of the request; `now_utc` is now in UTC seconds.

        Raises:
            RuntimeError: nobody is inside.
        """
        if not self.inside:
            raise RuntimeError(f"nobody is on the way to {self._name}")
        self._see(now)
        self.inside -= 1
        if isinstance(outcome, Response):
            self.heed(outcome, now, now_utc)
        self._breaker.leave(ticket, _verdict(outcome), now)

    def heed(self, head: Response, now: float, now_utc: float) -> None:
        """Have all stay away when an answer's head asks for it; the answer may never be read to its end."""
        self._see(now)
        asked = min(_asked(head, now_utc), self._limits.cool_cap)
        self.cool_until = max(self.cool_until, now + asked)

    @property
    def _full(self) -> bool:
        return self._limits.concurrency is not None and self.inside >= self._limits.concurrency

    def _see(self, now: float) -> None:
        if now < self._seen:
            back = self._seen - now
            self.cool_until -= back
            self._next -= back
            self._breaker.due -= back
        self._seen = now


class _Verdict(Enum):
    WELL = auto()
    FAILED = auto()
    UNKNOWN = auto()


def _verdict(outcome: Response | ExchangeError) -> _Verdict:
    """Return what an outcome says of the origin's health.

    An error that is not worth another try is of this side's making, or else says that the origin answers.
    """
    if isinstance(outcome, Response):
        status = outcome.status or 0
        return _Verdict.FAILED if status >= 500 and status not in _CANNOT else _Verdict.WELL
    failed = outcome.retryable and not isinstance(outcome, _NO_FAILURE)
    return _Verdict.FAILED if failed else _Verdict.UNKNOWN


class _Breaker:
    """The circuit, and the tyme `due` from which it lets somebody through."""

    __slots__ = ("_draw", "_failures", "_limits", "_name", "_openings", "_turns", "circuit", "due")

    def __init__(self, name: str, limits: GateLimits, draw: Draw) -> None:
        self.circuit = Circuit.CLOSED
        self.due = -math.inf
        self._name = name
        self._limits = limits
        self._draw = draw
        # Failures and openings in a row.
        self._failures = 0
        self._openings = 0
        # How often the circuit changed. Who entered before the last change has nothing to say after it,
        # or a straggler's success would close what the probe is about to open again.
        self._turns = 0

    def enter(self) -> int:
        """Return the ticket; the first to enter after a rest is the probe."""
        if self.circuit is Circuit.OPEN:
            self.due = math.inf
            self._turn(Circuit.HALF_OPEN)
        return self._turns

    def leave(self, ticket: int, verdict: _Verdict, now: float) -> None:
        if ticket == self._turns:
            circuit = _JUDGED[self.circuit](self, verdict, now)
            if circuit is not self.circuit:
                self._turn(circuit)

    def _turn(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self._turns += 1

    def _closed(self, verdict: _Verdict, now: float) -> Circuit:
        if verdict is _Verdict.WELL:
            self._failures = 0
        elif verdict is _Verdict.FAILED:
            self._failures += 1
        return self._resting(now) if self._failures >= self._limits.failures else Circuit.CLOSED

    def _probed(self, verdict: _Verdict, now: float) -> Circuit:
        if verdict is _Verdict.FAILED:
            return self._resting(now)
        if verdict is _Verdict.UNKNOWN:
            self.due = now
            return Circuit.OPEN
        self._failures = self._openings = 0
        self.due = -math.inf
        return Circuit.CLOSED

    def _resting(self, now: float) -> Circuit:
        doublings = min(self._openings, _MOST_DOUBLINGS)
        longest = min(self._limits.rest * 2.0**doublings, self._limits.rest_cap)
        self.due = now + longest * (1 + self._draw(self._name, self._turns)) / 2
        self._openings += 1
        return Circuit.OPEN


# Nobody holds a ticket of an open circuit: who enters then turns it.
_JUDGED: dict[Circuit, Callable[[_Breaker, _Verdict, float], Circuit]] = {
    Circuit.CLOSED: _Breaker._closed,
    Circuit.HALF_OPEN: _Breaker._probed,
}


def _asked(response: Response, now_utc: float) -> float:
    """Return for how many seconds all who send to the origin are asked to stay away."""
    # Retry-After goes before the RateLimit fields, says the draft. Of other answers than these it is about
    # one resource: when to look at a job again, for one.
    told = retry_after(response.headers, now_utc) if response.status in _ASKS_FOR_REST else None
    return (quota_reset(response.headers, now_utc) or 0.0) if told is None else told


def quota_reset(headers: Mapping[str, str], now_utc: float) -> float | None:
    """Return the seconds until a quota that is used up is filled again; None when there is some left.

    With several such quotas it is the last that counts. The fields are RateLimit, helped by the window of
    RateLimit-Policy; and RateLimit-Remaining with RateLimit-Reset, with or without X- before them, whose
    reset may be a moment, in UTC seconds. What is malformed is ignored.
    """
    resets = [
        max(0.0, reset - now_utc) if reset >= _MOMENT else reset
        for left, when in _quotas(headers)
        if _number(left) == 0 and (reset := _number(when)) is not None
    ]
    return max(resets, default=None)


def _quotas(headers: Mapping[str, str]) -> Iterator[tuple[str | None, str | None]]:
    """Yield what is left of each quota, and when it is filled again, as text."""
    for remaining, reset in _BEFORE_THE_DRAFT:
        yield headers.get(remaining), headers.get(reset)
    if "ratelimit" not in headers:
        return
    windows = {name: said.get("w") for name, _, said in _members(headers, "ratelimit-policy")}
    members = _members(headers, "ratelimit")
    for name, _, said in members:
        yield said.get("r"), said.get("t", windows.get(name))
    # As draft 7 had it: one quota, a dictionary.
    quota = {name: value for name, value, _ in members}
    yield quota.get("remaining"), quota.get("reset")


def _members(headers: Mapping[str, str], field: str) -> list[tuple[str, str, dict[str, str]]]:
    """Return item, value and parameters of each member; none of a field that is malformed anywhere."""
    text = ",".join(value for name, value in headers.items() if name.lower() == field)
    if len(text) > _LONGEST:
        return []
    members, position = [], 0
    while position < len(text):
        member = _MEMBER.match(text, position)
        if member is None:
            return []
        members.append((member[1], member[2], dict(_PARAMETER.findall(member[3]))))
        position = member.end()
    return members


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text) else None
