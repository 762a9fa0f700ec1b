"""Has clients take turns: each in a process of its own on one core, the server on another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from threading import Timer

from .clients.ordering import Figures, Order
from .judging import Round
from .pinning import pinned
from .serving import Server
from .works import Work

# What some clients heed and others do not: everybody asks the server itself and trusts its root alone.
_UNHEARD = ("_PROXY", "_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")

# Seconds, more than any round takes.
_LIMIT = 300.0


@dataclass(slots=True)
class Result:
    """What came of a work.

    Attributes:
        work: which.
        rounds: what was measured.
        failed: the clients that ended with an error, which has gone to stderr.
    """

    work: Work
    rounds: list[Round] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the works are run.

    Attributes:
        server: whom all ask.
        core: on which the clients run.
        rounds: how many.
        quick: they are short.
    """

    server: Server
    core: int
    rounds: int
    quick: bool


class Child:
    """The process of a client; it says first that its libraries are loaded, then that it is ready."""

    def __init__(self, client: str) -> None:
        command = [sys.executable, "-m", f"{__package__}.clients", f"with_{client}"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )

    def hear(self) -> Figures | None:
        """Return what it says next; None when it has ended, as it has to when it says nothing."""
        assert self._process.stdout is not None
        watchdog = Timer(_LIMIT, self._process.kill)
        watchdog.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        return json.loads(line) if line else None

    def prepare(self, order: Order) -> Figures | None:
        """Have it make ready, and wait until it is; None when it cannot."""
        self._tell(json.dumps(asdict(order)))
        return self.hear()

    def round(self) -> Figures | None:
        """Have it do a round."""
        self._tell("")
        return self.hear()

    def end(self) -> None:
        """End it, as well as it can."""
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        # Why it has ended stands on stderr, and that it has is seen when it should speak.
        with suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


def environment() -> dict[str, str]:
    """Return this process's environment without what would make clients differ."""
    return {name: value for name, value in os.environ.items() if not name.upper().endswith(_UNHEARD)}


@contextmanager
def ready(work: Work, clients: Sequence[str], plan: Plan) -> Iterator[dict[str, Child]]:
    """Have the clients that can be made ready."""
    with ExitStack() as stack:
        children = {}
        with pinned(plan.core):
            for client in clients:
                children[client] = Child(client)
                stack.callback(children[client].end)
        loaded = {client: child for client, child in children.items() if child.hear() is not None}
        orders = {client: work.order(client, plan.server, quick=plan.quick) for client in loaded}
        yield {
            client: child for client, child in loaded.items() if child.prepare(orders[client]) is not None
        }


def turned(clients: Sequence[str], number: int) -> list[str]:
    """Return the clients in another order each round, so that nobody always comes behind the same one."""
    start = number % max(1, len(clients))
    return [*clients[start:], *clients[:start]]


def perform(work: Work, plan: Plan, say: Callable[[str], None]) -> Result:
    """Have the clients do the work, round by round; who fails once is not asked again."""
    result = Result(work)
    with ExitStack() as stack:
        children: dict[str, Child] = {}
        for number in range(plan.rounds):
            if work.fresh or not number:
                stack.close()
                clients = [client for client in work.clients if client not in result.failed]
                children = stack.enter_context(ready(work, clients, plan))
                result.failed.update(set(clients) - set(children))
            say(f"{work.name}: round {number + 1} of {plan.rounds}")
            result.rounds.append(_round(turned(list(children), number), children, result.failed))
    return result


def _round(order: Sequence[str], children: dict[str, Child], failed: set[str]) -> Round:
    measured = {}
    for client in order:
        figures = children[client].round()
        if figures is None:
            failed.add(client)
            del children[client]
        else:
            measured[client] = figures
    return measured
