"""tymeconn serve: the job server in a scheduler of its own."""

from __future__ import annotations

from collections.abc import Callable

from hio.base.doing import Doer, Doist

from ..testing.jobserver import JobServer, JobServerDoer

__all__ = ["TOCK", "run", "serve"]

# Seconds. A smaller tock answers sooner and costs more: 1,000 jobs over 40 connections, their server in
# the same scheduler, took 3.3 s (2.2 s of CPU) at 0.002, 3.4 s (1.7 s) at 0.005, 3.7 s (1.4 s) at 0.01 and
# 4.8 s (1.2 s) at hio's own 0.03125; hio 0.6.10, one core.
TOCK = 0.005


class _Announcing(Doer):
    """Says once where the server listens.

    On its first run, not on enter: hio's Doist ends well on a Ctrl-C only once all doers were entered.
    """

    def __init__(self, server: JobServer, say: Callable[[str], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._server = server
        self._say = say

    def recur(self, tyme: float) -> bool:  # noqa: ARG002 hio's signature
        host, port = self._server.address
        self._say(f"http://{host}:{port}/jobs")
        return True


def serve(server: JobServer, say: Callable[[str], None]) -> None:
    """Serve jobs until Ctrl-C; `say` is told the URL to submit to once it is open.

    Raises:
        OSError: the address cannot be had.
    """
    run(JobServerDoer(server), _Announcing(server, say))


def run(*doers: Doer) -> None:
    """Run the doers in real time until all are done, or Ctrl-C."""
    doist = Doist(real=True, tock=TOCK, doers=doers)
    doist.do()
