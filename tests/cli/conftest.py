"""What the tests of the command line share: a job server that answers while they block."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tymeconn.testing.jobserver import JobApp, JobServer
from tymeconn.tyming.clocks import monotonic


class SeeingApp(JobApp):
    """A job server's application that keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, Any]] = []

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"].seek(0)
        self.seen.append({**environ, "body": body})
        return super().__call__(environ, start_response)


@pytest.fixture
def jobserver() -> Iterator[JobServer]:
    """A job server in real time, serviced by a thread of its own."""
    server = JobServer(SeeingApp())
    server.wind(monotonic)
    server.open()
    stop = threading.Event()

    def serve() -> None:
        while not stop.wait(0.001):
            server.service()

    thread = threading.Thread(target=serve)
    thread.start()
    yield server
    stop.set()
    thread.join()
    server.close()


@pytest.fixture
def jobs_url(jobserver: JobServer) -> str:
    """Where jobs are submitted to it."""
    host, port = jobserver.address
    return f"http://{host}:{port}/jobs"


@pytest.fixture
def interruptible() -> list[str]:
    """The command as a process that obeys SIGINT, also where a shell has told this one not to."""
    script = "from signal import *; signal(SIGINT, default_int_handler); import tymeconn.cli as c; c.main()"
    return [sys.executable, "-c", script]
