"""The job server: jobs that are functions of tyme, and a server that outlives its clients' mistakes."""

from __future__ import annotations

import io
import json
import socket
from typing import Any

import pytest
from hio.base.doing import Doist
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.testing.jobserver import JobApp, JobRecord, JobServer, JobServerDoer, JobStatus, Work


class Tyme:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def call(app: JobApp, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], Any]:
    """Ask the application without a socket: status code, headers, decoded body."""
    started: list[Any] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    answer = b"".join(app(environ, lambda *start: started.extend(start)))  # type: ignore[arg-type]
    return int(started[0].split()[0]), dict(started[1]), json.loads(answer)


def order(**wishes: Any) -> bytes:
    return json.dumps(wishes).encode()


def post(body: bytes) -> bytes:
    return b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def exchange(server: JobServer, request: bytes) -> bytes:
    """Send bytes on a new connection and return what came back once nothing more came."""
    with socket.create_connection(server.address, timeout=5) as sock:
        sock.sendall(request)
        sock.settimeout(0)
        answer = b""
        for _ in range(1000):
            server.service()
            try:
                data = sock.recv(65536)
            except BlockingIOError:
                if answer:
                    return answer
                continue
            if not data:
                return answer
            answer += data
    raise AssertionError("no answer in 1000 passes")


@pytest.fixture
def server() -> Any:
    server = JobServer(JobApp())
    server.wind(lambda: 0.0)
    server.open()
    yield server
    server.close()


def test_a_submission_says_where_the_job_is() -> None:
    """POST answers 202 with the job's path in Location."""
    status, headers, document = call(JobApp(), "POST", "/jobs")
    assert (status, headers["Location"]) == (202, "/jobs/1")
    assert document == {"id": "1", "status": "pending"}


def test_a_pending_job_is_202_with_a_hint() -> None:
    """A look before the end is answered 202, with Retry-After and the progress in percent."""
    app = JobApp(tymth=(tyme := Tyme()))
    call(app, "POST", "/jobs", order(seconds=4))
    tyme.now = 1.0
    status, headers, document = call(app, "GET", "/jobs/1")
    assert (status, headers["Retry-After"]) == (202, "1")
    assert document == {"id": "1", "status": "pending", "progress": 25}


@pytest.mark.parametrize(
    ("fail", "status", "key"),
    [(False, "done", "result"), (True, "failed", "error")],
    ids=["done", "failed"],
)
def test_a_job_ends_as_its_order_says(fail: bool, status: str, key: str) -> None:
    """After its seconds a job is 200 with its result or with its error."""
    app = JobApp(tymth=(tyme := Tyme()))
    call(app, "POST", "/jobs", order(seconds=1.5, fail=fail))
    tyme.now = 1.5
    code, headers, document = call(app, "GET", "/jobs/1")
    assert (code, document["status"], "Retry-After" in headers) == (200, status, False)
    assert key in document
    assert app.status("1").value == status


def test_a_canceled_job_never_ends_otherwise() -> None:
    """DELETE cancels a pending job, and its progress stops."""
    app = JobApp(tymth=(tyme := Tyme()))
    call(app, "POST", "/jobs", order(seconds=2))
    tyme.now = 1.0
    assert call(app, "DELETE", "/jobs/1")[0] == 200
    tyme.now = 9.0
    assert call(app, "GET", "/jobs/1")[2] == {"id": "1", "status": "canceled", "progress": 50}


def test_a_job_that_has_ended_cannot_be_canceled() -> None:
    """DELETE leaves an ended job as it is."""
    app = JobApp()
    call(app, "POST", "/jobs", order(seconds=0))
    assert call(app, "DELETE", "/jobs/1")[2]["status"] == "done"
    assert app.status("1") is JobStatus.DONE


@pytest.mark.parametrize("path", ["/", "/job", "/jobs/", "/jobs/2", "/jobs/1/", "/jobs/1/x", "/x/1", "1"])
def test_what_is_not_there_is_404(path: str) -> None:
    """A path that is neither the collection nor a known job is not found."""
    app = JobApp()
    call(app, "POST", "/jobs")
    assert call(app, "GET", path)[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "allow"), [("GET", "/jobs", "POST"), ("POST", "/jobs/1", "GET, DELETE")]
)
def test_a_wrong_method_is_405(method: str, path: str, allow: str) -> None:
    """A method that a resource does not know is refused with those that it does (RFC 9110 15.5.6)."""
    app = JobApp()
    call(app, "POST", "/jobs")
    status, headers, _ = call(app, method, path)
    assert (status, headers["Allow"]) == (405, allow)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"[1]",
        b"null",
        b"[" * 100_000,
        b'{"seconds": "1"}',
        b'{"seconds": true}',
        b'{"seconds": -1}',
        b'{"seconds": NaN}',
        b'{"seconds": 1e999}',
        b'{"seconds": 1' + b"0" * 400 + b"}",
        b'{"fail": 1}',
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)
def test_a_bad_order_is_400_and_makes_no_job(body: bytes) -> None:
    """An order that is no JSON object, or whose wishes cannot be meant, is refused."""
    app = JobApp()
    status, _, document = call(app, "POST", "/jobs", body)
    assert (status, document["error"]["code"], app.jobs) == (400, "bad_request", {})


@given(
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.booleans(),
    st.lists(st.floats(0, 3e6), max_size=20).map(sorted),
)
def test_progress_never_falls(began: float, seconds: float, fails: bool, tymes: list[float]) -> None:
    """Progress is within 0 and 100, never falls, and is 100 exactly for what is done."""
    job = JobRecord("1", began, seconds, fails)
    seen = [began + tyme for tyme in tymes]
    progress = [job.progress(tyme) for tyme in seen]
    assert progress == sorted(progress)
    assert all(0 <= percent <= 100 for percent in progress)
    assert [percent == 100 for percent in progress] == [job.status(tyme) is JobStatus.DONE for tyme in seen]


def test_equal_seeds_make_equal_jobs() -> None:
    """What an order does not say is drawn from the seed and the job's number alone."""
    jobs = [[Work(2.0, 0.3, seed).job(str(n), {}, 0.0) for n in range(50)] for seed in ("a", "a", "b")]
    assert jobs[0] == jobs[1]
    assert jobs[0] != jobs[2]


def test_drawn_jobs_are_as_the_work_says() -> None:
    """Drawn durations lie around the mean, and about the share that was asked for fails."""
    jobs = [Work(2.0, 0.25, "seed").job(str(n), {}, 0.0) for n in range(2000)]
    assert all(1.0 <= job.seconds < 3.0 for job in jobs)
    assert 400 < sum(job.fails for job in jobs) < 600


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"seconds": -1}, ValueError),
        ({"seconds": "2"}, TypeError),
        ({"fail": 1.5}, ValueError),
        ({"fail": True}, TypeError),
    ],
)
def test_wrong_work_is_refused_where_it_is_made(wrong: dict[str, Any], error: type[Exception]) -> None:
    """Work that cannot be meant raises, naming the value."""
    with pytest.raises(error, match=str(next(iter(wrong.values())))):
        Work(**wrong)


def test_date_is_the_epoch_plus_tyme() -> None:
    """The Date of an answer follows tyme, not the machine's clock."""
    app = JobApp(tymth=lambda: 60.0, epoch=784111717.0)
    assert call(app, "GET", "/jobs/1")[1]["Date"] == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.loopback
def test_port_0_becomes_a_real_one(server: JobServer) -> None:
    """A server on port 0 answers on the port that the system chose."""
    assert server.address[1] > 0
    assert exchange(server, b"GET /jobs/1 HTTP/1.1\r\nHost: x\r\n\r\n").startswith(
        b"HTTP/1.1 404 Not Found\r\n"
    )


@pytest.mark.loopback
def test_a_connection_carries_many_exchanges(server: JobServer) -> None:
    """Requests on one connection are all answered, and it stays open however much tyme passes."""
    with socket.create_connection(server.address, timeout=5) as sock:
        for turn in range(1, 4):
            server.wind(lambda turn=turn: 1000.0 * turn)
            sock.sendall(post(b"{}"))
            for _ in range(5):
                server.service()
            assert b"Location: /jobs/%d\r\n" % turn in sock.recv(65536)
        assert server.connections == 1


@pytest.mark.loopback
@pytest.mark.parametrize(
    "broken",
    [
        b"GET / HTTP/1.1\r\nX-Empty:\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"POST /jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
    ],
    ids=["empty field", "bad target", "bad chunk", "not http"],
)
def test_a_malformed_request_ends_its_own_connection_alone(server: JobServer, broken: bytes) -> None:
    """What hio's parser chokes on closes that connection; another that was open before is served."""
    with socket.create_connection(server.address, timeout=5) as other:
        server.service()
        assert exchange(server, broken) == b""
        other.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(5):
            server.service()
        assert b" 404 " in other.recv(65536)


@pytest.mark.loopback
def test_a_client_that_vanishes_is_forgotten(server: JobServer) -> None:
    """A connection that its client reset is closed and no longer counted."""
    with socket.create_connection(server.address, timeout=5) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        server.service()
        assert server.connections == 1
    for _ in range(5):
        server.service()
    assert server.connections == 0


@pytest.mark.loopback
def test_an_address_in_use_is_an_error(server: JobServer) -> None:
    """A server that cannot listen says so, naming the address."""
    second = JobServer(port=server.address[1])
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{server.address[1]}"):
        second.open()


@pytest.mark.loopback
def test_a_doist_opens_runs_and_closes_the_server() -> None:
    """In a Doist the server is open between enter and exit, and its jobs go on with the doist's tyme."""
    server = JobServer()
    doist = Doist(real=False, tock=0.25, doers=[JobServerDoer(server)])
    doist.enter()
    try:
        with socket.create_connection(server.address, timeout=5) as sock:
            sock.sendall(post(order(seconds=0.5)))
            states = [(doist.recur(), [server.app.status(job) for job in server.jobs])[1] for _ in range(6)]
    finally:
        doist.exit()
    assert states[-1] == [JobStatus.DONE]
    assert [JobStatus.PENDING] in states
    assert server.connections == 0
