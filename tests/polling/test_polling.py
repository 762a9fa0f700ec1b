"""One job, from submission to end, against scripted peers and a tyme that the test advances."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hio.base.doing import DoDoer, Doist

from tymeconn.clienting import Client
from tymeconn.errors import (
    InvalidRequest,
    JobCanceled,
    JobFailed,
    JobLost,
    JudgeError,
    NoHandle,
    SubmitFailed,
    SubmitRefused,
    SubmitUnknown,
    WatchAbandoned,
    WatchBlind,
    WatchExpired,
)
from tymeconn.policy.chance import mints
from tymeconn.policy.pacing import Pace
from tymeconn.policy.patience import Patience, Timeouts
from tymeconn.polling import JobState, PollingDoer, Template, Waiter, Watch, presets
from tymeconn.testing.scripting import END, ScriptedNetwork, answer
from tymeconn.tyming.clocks import Calendar
from tymeconn.wire.redirecting import Follow

STEADY = Pace(start=10.0, grow=1.0, jitter=0.0)
ACCEPTED = answer(status=202, location="/jobs/7")
PENDING = answer('{"status": "running", "progress": 40}')
DONE = answer('{"status": "done", "result": 42}')


class Bench:
    """A job on a Doist whose tyme moves in whole seconds, and what was asked when."""

    def __init__(self, *scripts, limit=1000.0, url="/jobs", **options):
        self.doist = Doist(tock=1.0, limit=limit)
        self.network = ScriptedNetwork(*scripts, clock=self.doist.tymen())
        self.client = Client(hostname="h.test", network=self.network)
        self.asked = []
        options.setdefault("pace", STEADY)
        options.setdefault("mint", mints("test"))
        options.setdefault("waiter", presets.standard())
        options.setdefault("json", {"order": 1})
        self.doer = PollingDoer(self, "POST", url, **options)

    @property
    def timeouts(self):
        return self.client.timeouts

    def fetch(self, method, url, **options):
        return self._noted(method, url, self.client.fetch(method, url, **options))

    def _noted(self, method, url, generator):
        self.asked.append((method, url.removeprefix("http://h.test"), self.doist.tyme))
        return (yield from generator)

    def run(self):
        self.doist.do(doers=[self.doer])
        return self.doer.outcome

    @property
    def times(self):
        return [tyme for _, _, tyme in self.asked]

    @property
    def job(self):
        return self.doer.job


def test_job_succeeds():
    """Submit, look until the status is terminal, end with the last answer and the result."""
    bench = Bench([ACCEPTED, PENDING, DONE])
    outcome = bench.run()
    assert outcome.json()["result"] == 42
    assert [(method, url) for method, url, _ in bench.asked] == [
        ("POST", "/jobs"),
        ("GET", "/jobs/7"),
        ("GET", "/jobs/7"),
    ]
    assert bench.job.state is JobState.SUCCEEDED
    assert bench.doer.done is True


def test_job_record_tells_its_story():
    """The record has id, url, counts, words, progress and result."""
    bench = Bench(
        [ACCEPTED, PENDING, PENDING, DONE],
        waiter=Waiter("w", status="status", success={"done"}, progress="progress", result="result"),
    )
    bench.run()
    job = bench.job
    assert (job.url, job.looks, job.answered, job.statuses) == (
        "http://h.test/jobs/7",
        3,
        3,
        ["running", "done"],
    )
    assert (job.progress, job.result, job.id) == (40, 42, mints("test")())
    assert job.watch is Watch.ENDED


def test_yields_until_terminal():
    """While it waits other doers run; it looks at its own pace, counted from the end of a look."""
    bench = Bench([ACCEPTED, PENDING, PENDING, DONE])
    bench.run()
    first, *rest = bench.times[1:]
    assert [later - earlier for earlier, later in zip([first, *rest], rest, strict=False)] == [11.0, 11.0]


@pytest.mark.parametrize(
    ("word", "error", "state"),
    [("failed", JobFailed, JobState.FAILED), ("Cancelled", JobCanceled, JobState.CANCELED)],
)
def test_job_that_ends_otherwise(word, error, state):
    """Failed and canceled are outcomes of their own, with what the server says."""
    bench = Bench([ACCEPTED, answer(f'{{"status": "{word}", "error": {{"code": "E1"}}}}')])
    outcome = bench.run()
    assert isinstance(outcome, error)
    assert (outcome.details, outcome.job) == ({"code": "E1"}, bench.job)
    assert bench.job.state is state


def test_retry_after_is_obeyed():
    """The server's hint goes before the pace, on the submission's answer and on every look's."""
    hinted = answer('{"status": "running"}', retry_after=30)
    bench = Bench([answer(status=202, location="/jobs/7", retry_after=20), hinted, DONE])
    bench.run()
    submit, first, second = bench.times
    assert first - submit >= 20
    assert 30 <= second - first <= 32


@pytest.mark.parametrize(
    "failed",
    [
        ConnectionResetError("reset"),
        answer("busy", status=503),
        answer("later", status=429, retry_after=7),
        answer("no", status=500),
        answer("who", status=401),
        answer("<html>"),
    ],
)
def test_failed_look_is_not_a_failed_job(failed):
    """A look that tells nothing is borne, and looked again."""
    end = isinstance(failed, OSError)
    scripts = [[ACCEPTED, failed], [DONE]] if end else [[ACCEPTED, failed, DONE]]
    bench = Bench(*scripts, waiter=Waiter("w", status="status", success={"done"}))
    outcome = bench.run()
    assert outcome.json()["result"] == 42
    assert bench.job.misses == 0


def test_look_that_times_out_is_borne():
    """A silent peer costs one look."""
    bench = Bench([ACCEPTED, None], [DONE], timeout=Timeouts(read=5))
    outcome = bench.run()
    assert outcome.json()["result"] == 42
    assert bench.job.looks == 2


def test_watch_goes_blind_after_too_many_misses():
    """The job's state stays what was last known."""
    bench = Bench([ACCEPTED, PENDING, *[answer(status=500)] * 9], patience=Patience(misses=2))
    outcome = bench.run()
    assert isinstance(outcome, WatchBlind)
    assert (bench.job.watch, bench.job.state) == (Watch.BLIND, JobState.PENDING)
    assert bench.job.looks == 4


def test_one_good_look_resets_the_misses():
    """Only misses in a row count."""
    bad = answer(status=500)
    bench = Bench([ACCEPTED, bad, bad, PENDING, bad, bad, DONE], patience=Patience(misses=2))
    assert bench.run().status == 200


def test_404_right_after_submission_is_borne():
    """Servers whose reads lag behind their writes are given time."""
    bench = Bench([ACCEPTED, answer(status=404), answer(status=404), DONE])
    assert bench.run().status == 200


def test_never_seen_is_lost():
    """After too many the job is lost."""
    bench = Bench([ACCEPTED, *[answer(status=404)] * 5], patience=Patience(unseen=2))
    outcome = bench.run()
    assert isinstance(outcome, JobLost)
    assert bench.job.looks == 3
    assert bench.job.state is JobState.LOST


@pytest.mark.parametrize("status", [404, 410])
def test_gone_after_it_was_seen_is_lost_at_once(status):
    """A server that knew the job and no longer does has lost it."""
    bench = Bench([ACCEPTED, PENDING, answer(status=status)])
    assert isinstance(bench.run(), JobLost)
    assert bench.job.looks == 2


def test_last_look_starts_at_the_deadline():
    """A delay that would pass the deadline is cut to it, and one look is made there."""
    bench = Bench([ACCEPTED, *[PENDING] * 9], patience=Patience(deadline=25.0))
    outcome = bench.run()
    assert isinstance(outcome, WatchExpired)
    assert bench.times[-1] == 25.0
    assert (bench.job.watch, bench.job.state) == (Watch.EXPIRED, JobState.PENDING)


def test_last_look_may_succeed():
    """A job that is done at the deadline succeeded."""
    bench = Bench([ACCEPTED, PENDING, DONE], patience=Patience(deadline=9.0))
    assert bench.run().status == 200
    assert bench.times[-1] == 9.0


def test_watch_has_ended_by_deadline_and_look_and_a_tick():
    """A last look that hangs is cut; so is one that began just before."""
    bench = Bench(
        [ACCEPTED, PENDING, None], patience=Patience(deadline=20.0, look=5.0), timeout=Timeouts(read=None)
    )
    outcome = bench.run()
    assert isinstance(outcome, WatchExpired)
    assert 20.0 <= bench.doist.tyme <= 20.0 + 5.0 + 2.0


def test_no_deadline_watches_for_ever():
    """Without a deadline only the job's end ends the watch."""
    bench = Bench([ACCEPTED, *[PENDING] * 500, DONE], limit=1e6, patience=Patience(deadline=None))
    assert bench.run().status == 200


def test_refused_submission_is_no_job():
    """An error status ends it at once, with what the server says."""
    bench = Bench([answer('{"why": "full"}', status=422)])
    outcome = bench.run()
    assert isinstance(outcome, SubmitRefused)
    assert outcome.details == {"why": "full"}
    assert bench.job.state is JobState.UNSENT


def test_submission_that_never_left_is_no_job():
    """Nothing was sent: it is safe to submit again."""
    bench = Bench([ConnectionRefusedError("no")])
    outcome = bench.run()
    assert isinstance(outcome, SubmitFailed)
    assert bench.job.state is JobState.UNSENT


def test_submission_whose_answer_was_lost_is_unknown():
    """There may be a job, and nothing is sent again."""
    bench = Bench([END])
    outcome = bench.run()
    assert isinstance(outcome, SubmitUnknown)
    assert bench.job.state is JobState.UNKNOWN
    assert len(bench.asked) == 1


@pytest.mark.parametrize("location", [None, "http://bad host/", "ftp://h/", "/jobs/7\x01"])
def test_accepted_without_a_usable_handle(location):
    """202 that names no place to look is an error, not a success."""
    fields = {} if location is None else {"location": location}
    bench = Bench([answer(status=202, **fields)])
    assert isinstance(bench.run(), NoHandle)


def test_answer_at_once():
    """A server may answer in place of accepting: no look is made."""
    bench = Bench([answer('{"value": 1}')])
    assert bench.run().json() == {"value": 1}
    assert len(bench.asked) == 1
    assert bench.job.result == {"value": 1}


def test_terminal_word_in_the_first_answer_ends_it():
    """Also beside a Location."""
    bench = Bench([answer('{"status": "failed"}', status=200, location="/jobs/7")])
    assert isinstance(bench.run(), JobFailed)


def test_operation_location_goes_first():
    """The monitor of an operation is preferred to the resource's own place."""
    bench = Bench(
        [answer(status=201, location="/things/1", operation_location="http://h.test/ops/1"), DONE]
    )
    bench.run()
    assert bench.asked[1][1] == "/ops/1"


def test_redirect_moves_the_look():
    """A look that is redirected goes on at the new place (RFC 9110 15.4)."""
    bench = Bench(
        [ACCEPTED, answer(status=303, location="/results/7"), answer("all")], waiter=presets.location()
    )
    assert bench.run().text == "all"
    assert bench.job.url == "http://h.test/results/7"


def test_template_over_the_body():
    """The poll request is a template of method, URL, headers and body."""
    waiter = Waiter(
        "aws",
        locate=(),
        poll=Template(
            "POST", "/poll/{id}", {"X-Target": "Get{kind}"}, {"Id": "{id}", "Text": "no {id}", "N": [1]}
        ),
        status="Query.State",
        success={"SUCCEEDED"},
    )
    states = [answer(f'{{"Query": {{"State": "{word}"}}}}') for word in ("QUEUED", "RUNNING", "SUCCEEDED")]
    bench = Bench([answer('{"id": 7, "kind": "Query"}'), *states], waiter=waiter)
    bench.run()
    sent = bench.network.connectors[0].sent[1]
    assert sent.startswith(b"POST /poll/7 HTTP/1.1\r\n")
    assert b"X-Target: GetQuery\r\n" in sent
    assert sent.endswith(b'{"Id":7,"Text":"no 7","N":[1]}')
    assert bench.job.statuses == ["QUEUED", "RUNNING", "SUCCEEDED"]


def test_functions_find_handle_and_status():
    """locate and status may be functions of the reply."""
    waiter = Waiter(
        "own", locate=lambda reply: reply.json()["at"], status=lambda reply: reply.text, success={"ready"}
    )
    bench = Bench([answer('{"at": "/x"}', status=202), answer("wait"), answer("ready")], waiter=waiter)
    bench.run()
    assert bench.job.statuses == ["wait", "ready"]


def test_status_function_sees_looks_alone():
    """The submission's answer may be of another shape: with a handle in it the function is not asked."""
    seen = []
    waiter = Waiter("own", status=lambda reply: seen.append(reply) or "ready", success={"ready"})
    bench = Bench([answer("made", status=201, location="/x"), DONE], waiter=waiter)
    bench.run()
    assert seen == [bench.doer.outcome]


@pytest.mark.parametrize("where", ["locate", "status"])
def test_function_that_raises_ends_its_job_alone(where):
    """It is the job's outcome; another job in the same Doist goes on."""
    waiter = Waiter("own", **{where: lambda reply: {}["missing"]})
    bench, other = Bench([ACCEPTED, PENDING, PENDING], waiter=waiter), Bench([ACCEPTED, PENDING, DONE])
    Doist(tock=1.0, limit=100.0, doers=[bench.doer, other.doer]).do()
    assert isinstance(bench.doer.outcome, JudgeError)
    assert isinstance(bench.doer.outcome.__cause__, KeyError)
    assert other.doer.outcome.status == 200


def test_hostile_value_in_a_template_is_an_outcome():
    """A server cannot smuggle a header through a template."""
    waiter = Waiter("w", locate=(), poll=Template(url="/x", headers={"X": "{id}"}), status="status")
    bench = Bench([answer('{"id": "a\\r\\nX-Evil: 1"}')], waiter=waiter)
    assert isinstance(bench.run(), NoHandle)


@pytest.mark.parametrize("first", [answer(status=202, location="http://evil.test/x"), ACCEPTED])
def test_what_is_meant_for_home_stays_at_home(first):
    """Neither a Location nor a redirect leads credentials, own headers or Host to another origin."""
    secrets = {
        "Authorization": "Bearer t",
        "Cookie": "c=1",
        "X-Api-Key": "k",
        "Host": "h.test",
        "Accept": "x/y",
    }
    moved = answer(status=302, location="http://evil.test/x")
    scripts = [[first, moved], [answer("all")]]
    bench = Bench(*scripts, waiter=Waiter("w", poll=Template(headers=secrets)))
    bench.run()
    sent = bench.network.connectors[1].sent[0]
    assert b"Accept: x/y" in sent
    assert b"Host: evil.test" in sent
    assert not [name for name in ("Authorization", "Cookie", "X-Api-Key") if name.encode() in sent]


def test_userinfo_goes_along_at_home():
    """Credentials in the submission's URL are for the looks at the same origin, too."""
    bench = Bench([ACCEPTED, answer("all")], waiter=presets.location(), url="http://u:p@h.test/jobs")
    bench.run()
    assert b"Authorization: Basic dTpw" in bench.network.connectors[0].sent[1]


def test_credentials_stay_at_their_origin():
    """A Location elsewhere is followed without the headers of the look's template."""
    waiter = Waiter("w", poll=Template(headers={"Authorization": "Bearer t", "X-Own": "1"}))
    bench = Bench([answer(status=202, location="http://evil.test/x")], [answer("all")], waiter=waiter)
    bench.run()
    sent = bench.network.connectors[1].sent[0]
    assert b"Authorization" not in sent
    assert b"X-Own" not in sent


def test_credentials_go_along_at_home():
    """At the submission's own origin they are sent."""
    waiter = Waiter("w", poll=Template(headers={"Authorization": "Bearer t"}))
    bench = Bench([answer(status=202, location="/x"), answer("all")], waiter=waiter)
    bench.run()
    assert b"Authorization: Bearer t" in bench.network.connectors[0].sent[1]


@pytest.mark.parametrize(
    ("method", "url", "options", "error"),
    [
        ("PO ST", "/", {}, InvalidRequest),
        ("POST", "/\n", {}, InvalidRequest),
        ("POST", "/", {"json": object()}, InvalidRequest),
        ("POST", "/", {"colour": 1}, TypeError),
        ("POST", "/", {"timeout": 3}, TypeError),
        ("POST", "/", {"waiter": "standard"}, TypeError),
        ("POST", "/", {"pace": 1.0}, TypeError),
        ("POST", "/", {"patience": 60}, TypeError),
    ],
)
def test_wrong_submission_raises_at_the_call(method, url, options, error):
    """The doer is not made."""
    client = Client(hostname="h.test", network=ScriptedNetwork())
    with pytest.raises(error):
        PollingDoer(client, method, url, **options)


def test_removed_doer_abandons_the_watch():
    """Its outcome says so, its exchange ends, and the job goes on at the server."""
    bench = Bench([ACCEPTED, None])
    parent = DoDoer(doers=[bench.doer], always=True)
    bench.doist.doers = [parent]
    bench.doist.enter()
    for _ in range(5):
        bench.doist.recur()
    parent.remove([bench.doer])
    assert isinstance(bench.doer.outcome, WatchAbandoned)
    assert (bench.job.watch, bench.job.state) == (Watch.ABANDONED, JobState.PENDING)
    bench.doist.exit()


def test_doist_that_ends_first_abandons_the_watch():
    """Every watch ends exactly once, at exit too."""
    bench = Bench([ACCEPTED, PENDING, PENDING], limit=5.0)
    assert isinstance(bench.run(), WatchAbandoned)


def test_many_jobs_share_a_client():
    """Jobs that share one connection end each with their own answer."""
    doist = Doist(tock=1.0, limit=5000.0)
    jobs = 20
    submitted = [answer(status=202, location=f"/jobs/{n}") for n in range(jobs)]
    client = Client(hostname="h.test", network=Echo(submitted, clock=doist.tymen()))
    doers = [
        PollingDoer(client, "POST", "/jobs", pace=STEADY, waiter=presets.location()) for _ in range(jobs)
    ]
    doist.do(doers=doers)
    assert sorted(doer.outcome.text for doer in doers) == sorted(f"/jobs/{n}" for n in range(jobs))
    assert all(doer.job.url.endswith(doer.outcome.text) for doer in doers)


class Echo(ScriptedNetwork):
    """Answers submissions from a list, and looks with their own target."""

    def __init__(self, submitted, clock):
        super().__init__([], clock=clock)
        self._submitted = submitted

    def connector(self, address, tls=None):
        connector = super().connector(address, tls)
        inner = connector.send

        def send(data):
            method, target, _ = bytes(data).split(b" ", 2)
            connector.say(self._submitted.pop(0) if method == b"POST" else answer(target))
            return inner(data)

        connector.send = send
        return connector


def test_same_seed_same_schedule():
    """Jitter comes from the job's id and the count of looks alone."""

    def times():
        bench = Bench(
            [ACCEPTED, *[PENDING] * 8, DONE],
            pace=Pace(start=50.0, grow=1.5, cap=500.0, jitter=0.5),
            limit=1e5,
        )
        bench.run()
        return bench.times

    assert times() == times()


def test_watch_ends_in_tyme_when_the_network_s_clock_stands_still():
    """A look that hangs on a network whose own deadlines never come is cut by tyme."""
    doist = Doist(tock=1.0, limit=1000.0)
    client = Client(hostname="h.test", network=ScriptedNetwork([ACCEPTED, None]))
    doer = PollingDoer(client, "POST", "/jobs", pace=STEADY, patience=Patience(deadline=20.0, look=5.0))
    doist.do(doers=[doer])
    assert isinstance(doer.outcome, WatchExpired)
    assert 25.0 <= doist.tyme <= 27.0


class Plain:
    """A sender whose generators yield plain tocks, as hio's users write them."""

    def __init__(self, client):
        self.client = client
        self.timeouts = client.timeouts

    def fetch(self, method, url, **options):
        fetch = self.client.fetch(method, url, **options)
        try:
            next(fetch)
            while True:
                fetch.send((yield 0.0))
        except StopIteration as stop:
            return stop.value
        finally:
            fetch.close()


def test_any_sender_will_do():
    """A sender may yield numbers in place of waits."""
    client = Client(hostname="h.test", network=ScriptedNetwork([ACCEPTED, DONE]))
    doer = PollingDoer(Plain(client), "POST", "/jobs")
    Doist(tock=1.0, limit=100.0).do(doers=[doer])
    assert doer.outcome.status == 200


@pytest.mark.parametrize(("options", "first"), [({"retry_after": 50}, 10.0), ({}, 10.0)])
def test_first_look_is_by_the_deadline_too(options, first):
    """A hint or a pace that would begin after the deadline is cut to it."""
    pace = Pace(first=50.0) if not options else STEADY
    accepted = answer(status=202, location="/jobs/7", **options)
    bench = Bench([accepted, PENDING], pace=pace, patience=Patience(deadline=10.0, look=2.0))
    assert isinstance(bench.run(), WatchExpired)
    assert bench.times[-1] == first


def test_submission_that_the_watch_cut_short_is_unknown():
    """What was begun and not answered may have made a job: nobody may take it for unsent."""
    doist = Doist(tock=1.0, limit=100.0)
    client = Client(hostname="h.test", network=ScriptedNetwork([None]))
    doer = PollingDoer(client, "POST", "/jobs", patience=Patience(deadline=5.0, look=2.0))
    doist.do(doers=[doer])
    assert isinstance(doer.outcome, SubmitUnknown)
    assert doer.job.state is JobState.UNKNOWN


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308])
def test_redirected_submission_was_not_taken(status):
    """Only 303 says that the job is elsewhere."""
    bench = Bench([answer(status=status, location="/elsewhere"), answer("fine")])
    assert isinstance(bench.run(), SubmitRefused)
    assert len(bench.asked) == 1


def test_303_to_a_submission_names_the_job():
    """See other: the job is to be looked at there."""
    bench = Bench([answer(status=303, location="/jobs/7"), DONE])
    assert bench.run().status == 200
    assert bench.asked[1][:2] == ("GET", "/jobs/7")


def test_303_to_a_look_is_asked_with_get():
    """And without the look's body (RFC 9110 15.4.4)."""
    waiter = Waiter("w", poll=Template("POST", json={"a": 1}))
    bench = Bench([ACCEPTED, answer(status=303, location="/r"), answer("all")], waiter=waiter)
    bench.run()
    sent = bench.network.connectors[0].sent[2]
    assert sent.startswith(b"GET /r HTTP/1.1\r\n")
    assert sent.endswith(b"\r\n\r\n")


def test_other_redirects_keep_the_look():
    """307 repeats method and body."""
    waiter = Waiter("w", poll=Template("POST", json={"a": 1}))
    bench = Bench([ACCEPTED, answer(status=307, location="/r"), answer("all")], waiter=waiter)
    bench.run()
    assert bench.network.connectors[0].sent[2].endswith(b'{"a":1}')


def test_redirect_loop_blinds_the_watch():
    """A look that is sent round and round tells nothing."""
    bench = Bench(
        [ACCEPTED, *[answer(status=302, location="/jobs/7")] * 40], patience=Patience(deadline=None)
    )
    assert isinstance(bench.run(), WatchBlind)
    assert bench.job.looks == 21
    assert not bench.job.seen


def test_look_is_not_led_from_https_to_http():
    """Nobody asked for the job's status to be read in the clear (http.md's redirect rule)."""
    bench = Bench(
        [answer(status=202, location="https://h.test/x")], [answer(status=302, location="http://h.test/x")]
    )
    assert isinstance(bench.run(), WatchBlind)


@pytest.mark.parametrize("body", ['{"id": "\\ud800"}', '{"id": ' + "[" * 990 + "]" * 990 + "}"])
def test_value_that_no_url_can_hold_is_no_handle(body):
    """It is the job's outcome, whatever the server wrote."""
    bench = Bench(
        [answer(body)], waiter=Waiter("w", locate=(), poll=Template(url="/jobs/{id}"), status="s")
    )
    assert isinstance(bench.run(), NoHandle | WatchBlind | JobLost | WatchAbandoned)


@pytest.mark.parametrize("name", ["draw", "calendar"])
def test_option_that_raises_ends_its_job_alone(name):
    """The caller's own chance and calendar are the caller's code."""

    def fails(*args):
        raise KeyError("own")

    value = fails if name == "draw" else Broken(lambda: 0.0, 0.0)
    bench = Bench([ACCEPTED, PENDING, PENDING], **{name: value})
    assert isinstance(bench.run(), JudgeError)


class Broken(Calendar):
    """A calendar that cannot say."""

    def now(self):
        raise KeyError("own")


def test_sender_that_raises_ends_its_job_alone():
    """An exception of a sender of the caller's own is the job's outcome."""

    class Raising:
        timeouts = Timeouts()

        def fetch(self, method, url, **options):
            yield 0.0
            raise KeyError("own")

    doer = PollingDoer(Raising(), "POST", "/jobs")
    Doist(tock=1.0, limit=10.0).do(doers=[doer])
    assert isinstance(doer.outcome, JudgeError)


def test_job_is_submitted_once():
    """A doer that is run again after its end does nothing."""
    bench = Bench([ACCEPTED, DONE])
    first = bench.run()
    assert bench.run() is first
    assert [method for method, _, _ in bench.asked] == ["POST", "GET"]


def test_iterators_are_sent():
    """What was checked is what is sent, also when it can be read only once."""
    options = {"json": None, "form": iter([("a", "1")]), "headers": iter([("X-A", "1")])}
    bench = Bench([ACCEPTED, DONE], **options)
    bench.run()
    sent = bench.network.connectors[0].sent[0]
    assert sent.endswith(b"\r\n\r\na=1")
    assert b"X-A: 1" in sent


def test_looks_keep_the_sender_s_limits():
    """Without a timeout of its own a look has the client's, and no more than Patience.look in total."""
    seen = []

    class Noting(Bench):
        def fetch(self, method, url, **options):
            seen.append(options.get("timeout"))
            return super().fetch(method, url, **options)

    bench = Noting([ACCEPTED, DONE], patience=Patience(look=7.0))
    bench.client._setup = replace(bench.client._setup, timeouts=Timeouts(connect=1, read=2, total=None))
    bench.run()
    assert seen == [None, Timeouts(connect=1, read=2, total=7.0)]


def test_what_a_server_writes_is_kept_in_bounds():
    """Words are cut, and only the last hundred are kept."""
    words = [answer(f'{{"status": "w{n}{"x" * 1000}"}}') for n in range(150)]
    bench = Bench([ACCEPTED, *words, DONE], limit=1e5)
    bench.run()
    assert len(bench.job.statuses) == 100
    assert max(map(len, bench.job.statuses)) <= 200


@pytest.mark.parametrize(
    "wrong", [{"draw": 5}, {"calendar": 5}, {"mint": 5}, {"waiter": "w"}, {"pace": 1}, {"patience": 60}]
)
def test_wrong_option_raises_at_the_call(wrong):
    """By name, before anything is sent."""
    with pytest.raises(TypeError, match=next(iter(wrong))):
        PollingDoer(Client(hostname="h.test", network=ScriptedNetwork()), "POST", "/", **wrong)


def test_sender_must_be_one():
    """So must who sends."""
    with pytest.raises(TypeError, match="fetch"):
        PollingDoer(5, "POST", "/")


def test_handle_that_is_nested_too_deep_for_str_names_no_job():
    """Python 3.11's json reads deeper than its str writes, at a depth that hangs on who called.

    Without a place to look there is no handle, and with one the watch ends when the script does: no depth
    stops the Doist.
    """
    waiter = Waiter("w", status="status", poll=Template(url="/jobs", json={"id": "{id}x"}))
    outcomes = set()
    for depth in range(900, 1000):
        nested = b"[" * depth + b"]" * depth
        bench = Bench([answer(b'{"id":' + nested + b"}", status=202), DONE], waiter=waiter)
        outcomes.add(type(bench.run()).__name__)
    assert outcomes <= {"NoHandle", "WatchBlind"}


def test_auth_holds_for_looks_at_its_origin():
    """Who submits asks again; another origin is told nothing."""
    there = answer(status=202, location="http://b.test/jobs/7")
    for first, scripts in ((ACCEPTED, [[ACCEPTED, DONE]]), (there, [[there], [DONE]])):
        bench = Bench(*scripts, auth=("u", "p"))
        bench.run()
        sent = b"".join(piece for connector in bench.network.connectors for piece in connector.sent)
        assert sent.count(b"Authorization: Basic") == (2 if first is ACCEPTED else 1)


def test_redirect_of_a_look_is_for_the_waiter():
    """A fetch of a job follows nothing by itself: where an answer leads is judged."""
    moved = answer(status=302, location="/jobs/8")
    bench = Bench([ACCEPTED, moved, DONE])
    bench.run()
    assert [url for _, url, _ in bench.asked] == ["/jobs", "/jobs/7", "/jobs/8"]


def test_auth_stays_where_it_was_asked():
    """A submission that was led elsewhere does not take the credentials of its looks along."""
    led = answer(status=303, location="http://evil.test/jobs")
    elsewhere = answer(status=202, location="/jobs/7")
    bench = Bench([led], [elsewhere, DONE], auth=("u", "p"), follow=Follow())
    bench.run()
    home, evil = (b"".join(connector.sent) for connector in bench.network.connectors)
    assert b"Authorization" in home
    assert b"Authorization" not in evil
    assert evil.count(b"GET ") == 2
