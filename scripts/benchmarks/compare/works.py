"""The rows of the bench: who does what for how long, and what tymeconn is to reach in each."""

from __future__ import annotations

from dataclasses import dataclass

from .clients.ordering import CONNECTIONS, Order
from .serving import Server

OURS = "tymeconn"

# Module and name of each, in the order of the tables.
CLIENTS = {
    OURS: "tymeconn",
    "hio": "hio",
    "aiohttp": "aiohttp",
    "aiohttp_uvloop": "aiohttp on uvloop",
    "httpx": "httpx",
    "pycurl": "pycurl",
    "requests": "requests in threads",
    "libcloud": "libcloud in threads",
    "http_client": "http.client",
    "epoll": "bare loop",
}

# Who stands in no target of a long work gets this part of its time: it is there to be looked at.
_GLANCE = 0.2


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of the table: it is multiplied by `scale` and shown with so many digits behind the point."""

    figure: str
    title: str
    scale: float = 1.0
    digits: int = 1


@dataclass(frozen=True, slots=True)
class Target:
    """What tymeconn's figure, divided by a peer's if there is one, is to be at least or at most.

    Attributes:
        figure: which.
        bound: the limit, which holds.
        least: it is a lower limit.
        peer: the module of the client that is compared with.
        text: what it says in a table.
        scale: what is found is multiplied by it there.
        unit: and has this behind it.
    """

    figure: str
    bound: float
    text: str
    peer: str | None = None
    least: bool = False
    scale: float = 1.0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """One row.

    Attributes:
        name: what `--only` takes.
        title: what it is.
        kind: under which the clients have it.
        clients: the modules that do it.
        columns: what is shown of it; the first is in the chart.
        targets: what is to be reached.
        seconds: about how long a round is.
        quick: the same with `--quick`; None leaves it out.
        size: see Order.
        tls: see Order.
        fresh: every round is in a process of its own, because memory is measured.
        long: a round takes its time whatever is measured in it.
        busy: a client has something to do all the time, unless the server is slower.
        note: what has to be known to read it.
    """

    name: str
    title: str
    kind: str
    clients: tuple[str, ...]
    columns: tuple[Column, ...]
    targets: tuple[Target, ...]
    seconds: float
    quick: float | None
    size: int = 0
    tls: bool = False
    fresh: bool = False
    long: bool = False
    busy: bool = False
    note: str = ""

    def order(self, client: str, server: Server, *, quick: bool) -> Order:
        """Return what the client is told; raises ValueError when the work is left out."""
        seconds = self.quick if quick else self.seconds
        if seconds is None:
            raise ValueError(f"{self.name} is no part of a quick run")
        if self.long and client != OURS and client not in {target.peer for target in self.targets}:
            seconds *= _GLANCE
        return Order(
            self.kind, server.port, server.tls_port, server.cafile, seconds, size=self.size, tls=self.tls
        )


_CPU_EACH = Column("cpu_each", "CPU each, µs", 1e6)
_LATENESS = (
    "Lateness is from the moment when a poll was due until its answer is in hand. uvloop's timers are "
    "rounded to a millisecond, also down."
)
_THREADS = (
    " libcloud has as many threads, jobs and connections as jobs up to 1,000; its polls are due when the "
    "interval has passed since the last answer."
)


def _jobs(name: str, size: int, clients: tuple[str, ...], quick: float | None) -> Work:
    return Work(
        name,
        f"{size:,} jobs waiting, 1,000 polls a second over 50 connections",
        "jobs",
        clients,
        columns=(
            Column("cpu_share", "CPU, % of a core", 100),
            Column("lateness", "lateness, median, ms", 1e3, 2),
            Column("lateness_p99", "lateness, p99, ms", 1e3, 2),
            Column("memory", "bytes a job", digits=0),
            Column("polls", "polls", digits=0),
        ),
        targets=(
            Target("cpu_share", 0.6, "CPU ≤ 0.6x aiohttp", "aiohttp"),
            Target("lateness_p99", 0.2, "p99 lateness ≤ 0.2x aiohttp", "aiohttp"),
            Target("memory", 2048, "memory ≤ 2 KiB a waiting generator", unit=" bytes"),
        ),
        seconds=60.0,
        quick=quick,
        size=size,
        fresh=True,
        long=True,
        note=_LATENESS + (_THREADS if "libcloud" in clients else ""),
    )


def _download(name: str, title: str, *, tls: bool) -> Work:
    return Work(
        name,
        title,
        "download",
        (OURS, "aiohttp", "aiohttp_uvloop", "httpx", "pycurl", "requests", "epoll"),
        columns=(Column("rate", "MB/s", 100, 0), Column("cpu_each", "CPU each, ms", 1e3)),
        targets=(
            Target("rate", 0.9, "≥ 0.9x pycurl", "pycurl", least=True),
            Target("rate", 1.0, "≥ 1x aiohttp", "aiohttp", least=True),
        ),
        seconds=1.0,
        quick=0.15,
        tls=tls,
        busy=True,
    )


WORKS = (
    Work(
        "small",
        "small JSON, 100 at a time over 100 connections",
        "small",
        tuple(client for client in CLIENTS if client != "http_client"),
        columns=(Column("rate", "exchanges/s", digits=0), _CPU_EACH),
        targets=(
            Target("rate", 4.0, "≥ 4x aiohttp", "aiohttp", least=True),
            Target("rate", 1.8, "≥ 1.8x hio at tock 0", "hio", least=True),
            Target("rate", 0.6, "≥ 0.6x pycurl multi", "pycurl", least=True),
            Target("rate", 0.25, "≥ 0.25x the bare loop", "epoll", least=True),
        ),
        seconds=2.0,
        quick=0.25,
        size=CONNECTIONS,
        busy=True,
        note="hio runs at tock 0. libcloud makes two exchanges for a job: to begin it and to look at it.",
    ),
    Work(
        "latency",
        "small JSON, one after another on one connection",
        "latency",
        tuple(client for client in CLIENTS if client != "libcloud"),
        columns=(Column("latency", "median, µs", 1e6), Column("latency_p99", "p99, µs", 1e6), _CPU_EACH),
        targets=(
            Target("latency", 2.0, "median ≤ 2x http.client", "http_client"),
            Target("latency_p99", 1 / 32, "p99 less than a tock of 31 ms", scale=1e3, unit=" ms"),
        ),
        seconds=1.0,
        quick=0.1,
        note="hio runs at tock 0.",
    ),
    _jobs("jobs-10k", 10_000, (OURS, "aiohttp", "aiohttp_uvloop", "libcloud"), 1.0),
    _jobs("jobs-100k", 100_000, (OURS, "aiohttp", "aiohttp_uvloop"), None),
    Work(
        "parked",
        "one doer ready, 100,000 parked",
        "parked",
        (OURS, "hio"),
        columns=(
            Column("growth", "times a tick with 100", digits=2),
            Column("tick_few", "tick with 100, µs", 1e6, 2),
            Column("tick_many", "tick with 100,000, µs", 1e6, 2),
        ),
        targets=(Target("growth", 3.0, "≤ 3x a tick with 100 parked"),),
        seconds=1.0,
        quick=0.2,
        size=100_000,
        note="Under hio's own Doist nobody is parked: it runs all doers in every tick.",
    ),
    _download("download", "100 MB to a sink", tls=False),
    _download("download-tls", "100 MB to a sink, TLS", tls=True),
    Work(
        "idle",
        "1,000 connections open and idle, one doer that ticks 32 times a second",
        "idle",
        (OURS, "aiohttp"),
        columns=(Column("cpu_share", "CPU, % of a core", 100, 2),),
        targets=(Target("cpu_share", 0.01, "under 1 % of a core", scale=100, unit=" %"),),
        seconds=10.0,
        quick=1.0,
        size=1_000,
        long=True,
    ),
)
