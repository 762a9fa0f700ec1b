"""tymeconn demo: a job server and the followers of its jobs in one scheduler."""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hio.base.doing import Doer

from ..policy.chance import Mint, mints
from ..policy.patience import Patience, Timeouts
from ..polling.jobs import Job, JobState
from ..polling.polling import JobOptions, PollingDoer
from ..pooling import Pool, PoolLimits
from ..running import ReadyDoist
from ..testing.jobserver import JobApp, JobServer, JobServerDoer, JobStatus, Work
from ..tyming.clocks import Calendar, monotonic
from .serving import TOCK

__all__ = ["MOST_CONNECTIONS", "Demo", "Report", "Show", "Tally", "compare", "count_sockets", "demonstrate"]

# A connection is two sockets of this process; with the listening one they stay below a hundred.
MOST_CONNECTIONS = 49

# Seconds of tyme: when a job whose end was not seen becomes a mismatch; between two counts.
_DEADLINE = 120.0
_COUNTING = 0.1

_SAME = {
    JobState.SUCCEEDED: JobStatus.DONE,
    JobState.FAILED: JobStatus.FAILED,
    JobState.CANCELED: JobStatus.CANCELED,
}


@dataclass(frozen=True, slots=True)
class Demo:
    """How many jobs over how many connections, and what the jobs are like."""

    jobs: int
    connections: int
    work: Work


@dataclass(frozen=True, slots=True)
class Tally:
    """How far the jobs are, and how many looks that took; `seconds` are of tyme."""

    seconds: float
    jobs: int
    succeeded: int
    failed: int
    ended: int
    looks: int


Show = Callable[[Tally], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it.

    Attributes:
        tally: the jobs at the end.
        seconds: how long it took.
        sockets: the most that this process held at a time.
        memory: the most that this process held, in bytes.
        mismatches: a line for each job that was not seen to end as the server says.
    """

    tally: Tally
    seconds: float
    sockets: int
    memory: int
    mismatches: Sequence[str]

    @property
    def rate(self) -> float:
        """Requests per second, submissions and looks together."""
        return (self.tally.jobs + self.tally.looks) / self.seconds


class _Counting(Doer):
    """Counts now and then; when all followers are done it counts once more and ends the server's doer."""

    def __init__(
        self, doist: ReadyDoist, server: Doer, followers: Sequence[PollingDoer], show: Show
    ) -> None:
        super().__init__(tock=_COUNTING)  # type: ignore[no-untyped-call]
        self._doist = doist
        self._server = server
        self._followers = followers
        self._show = show
        self.sockets = 0

    def recur(self, tyme: float) -> bool:
        self.sockets = max(self.sockets, count_sockets())
        tally = self.tally(tyme)
        self._show(tally)
        if tally.ended < tally.jobs:
            return False
        self._doist.remove([self._server])
        return True

    def tally(self, tyme: float) -> Tally:
        states = Counter(follower.job.state for follower in self._followers)
        return Tally(
            seconds=tyme,
            jobs=len(self._followers),
            succeeded=states[JobState.SUCCEEDED],
            failed=states[JobState.FAILED],
            ended=sum(follower.outcome is not None for follower in self._followers),
            looks=sum(follower.job.looks for follower in self._followers),
        )


def demonstrate(demo: Demo, show: Show) -> Report:
    """Run server, pool and followers until every job has ended; `show` is called now and then.

    Raises:
        OSError: no port can be listened on.
    """
    start = monotonic()
    server = JobServer(JobApp(demo.work, epoch=Calendar.real().now()))
    server.open()
    host, port = server.address
    pool = Pool(base_url=f"http://{host}:{port}", connections=PoolLimits(total=demo.connections))
    mint = mints(demo.work.seed)
    followers = [_follower(pool, mint) for _ in range(demo.jobs)]
    doist = ReadyDoist(real=True, tock=TOCK)
    serving = JobServerDoer(server)
    counting = _Counting(doist, serving, followers, show)
    try:
        doist.do(doers=[serving, *followers, counting])
    finally:
        pool.close()
    jobs = [follower.job for follower in followers]
    return Report(
        tally=counting.tally(doist.tyme),
        seconds=monotonic() - start,
        sockets=counting.sockets,
        memory=_peak_memory(),
        mismatches=list(compare(jobs, server.app)),
    )


def compare(jobs: Sequence[Job], app: JobApp) -> Iterator[str]:
    """Yield a line for each job that was not seen to end as the server says, or not seen at all."""
    unseen = dict(app.jobs)
    for number, job in enumerate(jobs, 1):
        job_id = str(job.url).rpartition("/")[2]
        if unseen.pop(job_id, None) is None:
            yield f"follower {number}: {job.url or 'nowhere'} is no job of its own: {job.outcome}"
        elif _SAME.get(job.state) is not app.status(job_id):
            yield f"{job.url}: seen as {job.state.name.lower()}, the server says {app.status(job_id).value}"
    for job_id in unseen:
        yield f"job {job_id}: nobody saw it"


def count_sockets() -> int:
    """Return how many sockets this process holds now."""
    return sum(_is_socket(int(name)) for name in os.listdir("/dev/fd"))


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        # The listing names the descriptor that listed it, too.
        return False


def _follower(pool: Pool, mint: Mint) -> PollingDoer:
    # Jobs beyond the connections wait for their turn; that is what the demo shows, not a failure.
    options = JobOptions(mint=mint, timeout=Timeouts(pool=None, total=None))
    return PollingDoer(pool, "POST", "/jobs", patience=Patience(deadline=_DEADLINE), **options)


def _peak_memory() -> int:
    try:
        import resource
    except ModuleNotFoundError:  # Windows keeps no such account
        return 0
    # getrusage counts KiB, on macOS bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
