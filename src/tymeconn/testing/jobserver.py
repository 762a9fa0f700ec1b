"""A server of long-running jobs for tests and demonstrations, in the same scheduler as its clients.

It runs on hio's own WSGI server and counts in tyme alone, so that a run can be repeated exactly.

====== ============ ============================================================================
POST   /jobs        202 with Location and ``{"id", "status"}``; the body may be empty or an order
GET    /jobs/<id>   202 with Retry-After and ``progress`` while pending, then 200 with the outcome
DELETE /jobs/<id>   200 with the job, canceled if it was pending; one that has ended stays as it is
====== ============ ============================================================================

An order is a JSON object: ``seconds`` says how long the job takes, ``fail`` whether it fails. What it does
not say is drawn from `Work`. A pending job is answered 202 and an ended one 200, as cloud providers do for
a Location, so that clients that read only status codes see its end as well as those that read ``status``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from enum import Enum
from http import HTTPStatus
from inspect import GEN_CLOSED, getgeneratorstate
from typing import TYPE_CHECKING, Any

from hio.base import doing
from hio.core.http import serving as web
from hio.core.tcp import serving as tcp

from ..policy.chance import draws
from ..tyming.clocks import Clock

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

__all__ = ["JobApp", "JobRecord", "JobServer", "JobServerDoer", "JobStatus", "Work"]

# Seconds; the least that the integer of RFC 9110 10.2.3 can say beside 0.
_RETRY_AFTER = 1
_COLLECTION = "/jobs"


class JobStatus(Enum):
    """What the server says of a job."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job; how far it is follows from the tyme at which it is asked.

    Attributes:
        id: the last part of its path.
        began: tyme of its submission.
        seconds: how long it takes, in tyme seconds.
        fails: how it ends unless it is canceled.
        canceled: tyme at which it was canceled.
    """

    id: str
    began: float
    seconds: float
    fails: bool = False
    canceled: float | None = None

    def status(self, tyme: float) -> JobStatus:
        """Return what the server says of the job at `tyme`."""
        if self.canceled is not None:
            return JobStatus.CANCELED
        if tyme < self.began + self.seconds:
            return JobStatus.PENDING
        return JobStatus.FAILED if self.fails else JobStatus.DONE

    def progress(self, tyme: float) -> int:
        """Return 0 to 99 while the job is pending; it stops where the job failed or was canceled."""
        status = self.status(tyme)
        if status is JobStatus.DONE:
            return 100
        until = tyme if self.canceled is None else self.canceled
        share = (until - self.began) / self.seconds if self.seconds else 1.0
        return int(min(99.0, 100 * share))

    def document(self, tyme: float) -> dict[str, Any]:
        """Return the job as its resource shows it at `tyme`."""
        status = self.status(tyme)
        document: dict[str, Any] = {"id": self.id, "status": status.value, "progress": self.progress(tyme)}
        if status is JobStatus.DONE:
            document["result"] = {"job": self.id, "seconds": self.seconds}
        if status is JobStatus.FAILED:
            document["error"] = {"code": "job_failed", "message": f"job {self.id} failed"}
        return document


@dataclass(frozen=True, slots=True)
class Work:
    """What jobs are like when their orders do not say.

    Attributes:
        seconds: how long they take on average; each is drawn from half to one and a half times that.
        fail: the share of jobs that fail, from 0 to 1.
        seed: equal seeds give equal jobs, in the order of their submission.
    """

    seconds: float = 2.0
    fail: float = 0.0
    seed: str = ""

    def __post_init__(self) -> None:
        _check_seconds(self.seconds)
        if isinstance(self.fail, bool) or not isinstance(self.fail, int | float):
            raise TypeError(f"fail must be a number, not {self.fail!r}")
        if not 0 <= self.fail <= 1:
            raise ValueError(f"fail must be a share from 0 to 1, not {self.fail!r}")

    def job(self, job_id: str, order: dict[str, Any], tyme: float) -> JobRecord:
        """Return the job that `order` makes at `tyme`.

        Raises:
            TypeError, ValueError, OverflowError: its `seconds` or `fail` cannot be meant.
        """
        draw = draws(self.seed)
        seconds = order.get("seconds", self.seconds * (0.5 + draw(job_id, 0)))
        fails = order.get("fail", draw(job_id, 1) < self.fail)
        _check_seconds(seconds)
        if not isinstance(fails, bool):
            raise TypeError(f"fail must be true or false, not {fails!r}")
        return JobRecord(job_id, tyme, float(seconds), fails)


def _check_seconds(seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"seconds must be a number, not {seconds!r}")
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"seconds must be finite and not negative: {seconds!r}")


@dataclass(frozen=True, slots=True)
class _Reply:
    status: HTTPStatus
    document: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def _refusal(status: HTTPStatus, message: str, **headers: str) -> _Reply:
    return _Reply(status, {"error": {"code": status.name.lower(), "message": message}}, headers)


class JobApp:
    """The job server as a WSGI application, without sockets.

    Attributes:
        jobs: the record of each job by its id, in the order of submission.
        tymth: gives the tyme by which the jobs go on.
    """

    def __init__(self, work: Work | None = None, *, tymth: Clock = lambda: 0.0, epoch: float = 0.0) -> None:
        """Begin without jobs; the Date of answers is `epoch` UTC seconds plus tyme."""
        self.jobs: dict[str, JobRecord] = {}
        self.tymth = tymth
        self._work = work or Work()
        self._epoch = epoch

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer one request."""
        reply = self._answer(environ)
        body = json.dumps(reply.document).encode()
        headers = {
            # hio would ask datetime.utcnow, which is neither tyme nor, since Python 3.12, silent.
            "Date": formatdate(self._epoch + self.tymth(), usegmt=True),
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **reply.headers,
        }
        start_response(f"{reply.status.value} {reply.status.phrase}", list(headers.items()))
        return [body]

    def status(self, job_id: str) -> JobStatus:
        """Return what the server says of a job now.

        Raises:
            KeyError: there is no such job.
        """
        return self.jobs[job_id].status(self.tymth())

    def _answer(self, environ: WSGIEnvironment) -> _Reply:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path == _COLLECTION:
            handlers, job_id = _COLLECTION_HANDLERS, ""
        else:
            collection, _, job_id = path.rpartition("/")
            if collection != _COLLECTION or job_id not in self.jobs:
                return _refusal(HTTPStatus.NOT_FOUND, f"nothing at {path}")
            handlers = _JOB_HANDLERS
        if method not in handlers:
            allowed = ", ".join(handlers)
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} knows {allowed}", Allow=allowed)
        return handlers[method](self, environ, job_id)

    def _submit(self, environ: WSGIEnvironment, _: str) -> _Reply:
        job_id = str(len(self.jobs) + 1)
        try:
            job = self._work.job(job_id, _read_order(environ), self.tymth())
        except (OverflowError, RecursionError, TypeError, ValueError) as error:
            return _refusal(HTTPStatus.BAD_REQUEST, str(error))
        self.jobs[job_id] = job
        document = {"id": job_id, "status": JobStatus.PENDING.value}
        return _Reply(HTTPStatus.ACCEPTED, document, {"Location": f"{_COLLECTION}/{job_id}"})

    def _look(self, _: WSGIEnvironment, job_id: str) -> _Reply:
        document = self.jobs[job_id].document(self.tymth())
        if document["status"] == JobStatus.PENDING.value:
            return _Reply(HTTPStatus.ACCEPTED, document, {"Retry-After": str(_RETRY_AFTER)})
        return _Reply(HTTPStatus.OK, document)

    def _cancel(self, _: WSGIEnvironment, job_id: str) -> _Reply:
        job, tyme = self.jobs[job_id], self.tymth()
        if job.status(tyme) is JobStatus.PENDING:
            job = self.jobs[job_id] = replace(job, canceled=tyme)
        return _Reply(HTTPStatus.OK, job.document(tyme))


_Handler = Callable[[JobApp, "WSGIEnvironment", str], _Reply]
_COLLECTION_HANDLERS: dict[str, _Handler] = {"POST": JobApp._submit}
_JOB_HANDLERS: dict[str, _Handler] = {"GET": JobApp._look, "DELETE": JobApp._cancel}


def _read_order(environ: WSGIEnvironment) -> dict[str, Any]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    order = json.loads(body or b"{}")
    if not isinstance(order, dict):
        raise TypeError(f"an order must be a JSON object, not {order!r}")
    return order


class JobServer:
    """A `JobApp` behind hio's HTTP server on one listening socket.

    Connections are kept open until their clients close them. There is no limit to set for idle ones: hio's
    tcp server hands its tymeout on under a name that nobody reads (0.6.10 to 0.7.20).

    Attributes:
        app: the application, with the jobs.
    """

    def __init__(self, app: JobApp | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Prepare; nothing is opened yet. Port 0 is one that the system chooses."""
        self.app = app or JobApp()
        # hio's http server takes a servant as it is; one that it made itself would turn port 0 into 80.
        self._servant: Any = tcp.Server(host=host, port=port)
        self._server: Any = web.Server(app=self.app, servant=self._servant)

    @property
    def jobs(self) -> dict[str, JobRecord]:
        """The record of each job by its id, in the order of submission."""
        return self.app.jobs

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on; the real port once it is open."""
        host, port = self._servant.ha
        return host, port

    @property
    def connections(self) -> int:
        """How many accepted connections it holds."""
        return len(self._servant.ixes)

    def wind(self, tymth: Clock) -> None:
        """Take tyme from `tymth` from now on."""
        self.app.tymth = tymth
        self._server.wind(tymth)

    def open(self) -> None:
        """Listen; nothing happens when it does already.

        Raises:
            OSError: the address cannot be had.
        """
        if self._servant.opened:
            return
        if not self._server.reopen():
            host, port = self.address
            raise OSError(f"cannot listen on {host}:{port}")
        # hio checks each accepted socket against this port, which was 0 when it took note of it.
        self._servant.eha = (self._servant.eha[0], self._servant.ha[1])

    def service(self) -> None:
        """Accept, answer and send what is due now; a connection that breaks the rules is closed."""
        try:
            self._server.service()
        except (OSError, TypeError, ValueError):
            # hio lets out what a malformed field line or chunk raises, and EPIPE. The parser of such a
            # connection has ended without an answer; a broken pipe is read as an end in the next pass.
            self._drop_broken()

    def close(self) -> None:
        """Close the listening socket and all connections; may be called twice."""
        self._server.close()

    def _drop_broken(self) -> None:
        for peer, requestant in list(self._server.reqs.items()):
            if requestant.parser and getgeneratorstate(requestant.parser) == GEN_CLOSED:
                self._server.closeConnection(peer)


class JobServerDoer(doing.Doer):
    """Runs a `JobServer` in a Doist: open on enter, closed on exit, never done by itself."""

    def __init__(self, server: JobServer, **kwa: Any) -> None:
        """Take the server and what hio's Doer takes."""
        super().__init__(**kwa)  # type: ignore[no-untyped-call]
        self.server = server

    def enter(self, *, temp: bool | None = None) -> None:  # noqa: ARG002 hio 0.6.18 and later pass it
        """Open the server on the scheduler's tyme; raises OSError as `JobServer.open`."""
        self.server.wind(self.tymth)
        self.server.open()

    def recur(self, tyme: float) -> bool:  # noqa: ARG002 the server was wound to it
        """Service the server once."""
        self.server.service()
        return False

    def exit(self) -> None:
        """Close the server."""
        self.server.close()
