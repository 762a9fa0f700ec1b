"""Requests that a pool sends again: when, how often, and what is left of those before."""

from __future__ import annotations

import pytest

from tymeconn.errors import (
    Canceled,
    ConnectError,
    HookError,
    IncompleteRead,
    NoResponse,
    SubmitUnknown,
    TotalTimeout,
)
from tymeconn.policy.chance import draws
from tymeconn.policy.gating import GateLimits
from tymeconn.policy.patience import Timeouts
from tymeconn.policy.retrying import Retry
from tymeconn.polling import PollingDoer
from tymeconn.pooling import Pool, PoolLimits
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import END, ScriptedNetwork, answer
from tymeconn.tyming.waiting import Wait

from ..exchanging.parking import Parking
from ..stand_ins import Clock
from .peers import begin, pool_of

A, B = "http://a.test/", "http://b.test/"
BUSY = answer("busy", 503, retry_after="7")
RETRY = Retry()


@pytest.fixture
def parking():
    return Parking()


@pytest.fixture
def pool_with(parking):
    """Make pools that retry, on the parking scheduler's tyme; each delay is half of the longest."""

    def make(*scripts, **options):
        network = ScriptedNetwork(*scripts, clock=parking.clock)
        options = {"retry": RETRY, "draw": lambda name, count: 0.5, **options}
        pool = Pool(network=network, **options)
        pool.wind(parking.clock)
        return pool

    return make


def end(parking, generator):
    """Return the text of the answer or the class of the error, and the tyme of the end."""
    ((outcome, tyme),) = parking.run(generator)
    return getattr(outcome, "text", type(outcome)), tyme


class TestWhether:
    def test_not_unless_it_is_said(self):
        """By default every request goes out once."""
        pool, _ = pool_of([BUSY, answer("a")])
        assert drive(pool.get(A))[0].status == 503

    def test_answer(self, parking, pool_with):
        """Behind a 503 the request goes out again when the server has asked for it, and a little later."""
        assert end(parking, pool_with([BUSY, answer("a")]).get(A)) == ("a", 7.25)

    def test_error(self, parking, pool_with):
        """So it does when there was no answer."""
        assert end(parking, pool_with([END], [answer("a")]).get(A)) == ("a", 0.25)

    def test_attempts_end(self, parking, pool_with):
        """The last answer, or the last error, is what came of it."""
        assert end(parking, pool_with([answer("x", 503)] * 3).get(A)) == ("x", 0.75)
        assert end(parking, pool_with(*[[END]] * 3).get(A)) == (NoResponse, 1.5)

    def test_what_may_have_had_an_effect(self, parking, pool_with):
        """It is not repeated, unless it says that it may be."""
        pool = pool_with([BUSY, BUSY, answer("a")], connections=PoolLimits(idle=None))
        assert end(parking, pool.post(A)) == ("busy", 0.0)
        assert end(parking, pool.post(A, headers={"Idempotency-Key": "1"})) == ("a", 7.25)

    def test_what_never_left(self, parking, pool_with):
        """It may go again whatever it is."""
        pool = pool_with([ConnectionRefusedError("no")], [answer("a")])
        assert end(parking, pool.post(A)) == ("a", 0.25)

    def test_one_request_s_own(self, parking, pool_with):
        """It takes the place of the pool's."""
        pool = pool_with([BUSY, answer("x", 418), answer("a")])
        assert end(parking, pool.get(A, retry=Retry(attempts=1))) == ("busy", 0.0)
        assert end(parking, pool.get(A, retry=Retry(statuses={418}))) == ("a", 0.25)

    def test_looks_of_jobs(self, parking, pool_with):
        """A job is looked at when its pace says, and a look that failed is one that failed."""
        accepted = answer("", 202, location=A)
        done = answer('{"status":"succeeded"}', content_type="application/json")
        pool = pool_with([accepted, answer("", 503), done])
        job = PollingDoer(pool, "POST", A, tymth=parking.clock)
        parking.run(job.recur())
        assert (job.outcome.json()["status"], job.job.looks) == ("succeeded", 2)

    def test_budget(self, parking, pool_with):
        """An origin in trouble is not asked ever more; another one has a budget of its own."""
        retry = Retry(saved=1, spare=0.0, share=0.0)
        pool = pool_with([answer("x", 503)] * 3, [answer("x", 503), answer("b")], retry=retry)
        assert [end(parking, pool.get(url)) for url in (A, B)] == [("x", 0.25), ("b", 0.5)]

    def test_error_after_an_attempt_that_arrived(self, parking, pool_with):
        """It says that something was sent before, though nothing of the last attempt was."""
        pool = pool_with([END])
        ((error, _),) = parking.run(pool.put(A))
        assert (type(error), error.sent, error.replayed) == (ConnectError, 0, True)

    def test_job_that_may_be_there(self, parking, pool_with):
        """So a submission of which an attempt arrived is never taken for one that was not sent."""
        pool = pool_with([END])
        job = PollingDoer(pool, "POST", A, headers={"Idempotency-Key": "1"}, tymth=parking.clock)
        parking.run(job.recur())
        assert type(job.outcome) is SubmitUnknown


class TestWhen:
    def test_no_slot_is_held(self, parking, pool_with):
        """While a request waits to go again others go."""
        pool = pool_with([BUSY, answer("b"), answer("a")], connections=PoolLimits(total=1))
        ends = parking.run(pool.get(A), pool.get(A))
        assert [(outcome.text, tyme) for outcome, tyme in ends] == [("a", 7.25), ("b", 0.0)]

    def test_total(self, parking, pool_with):
        """All attempts share the total limit: what cannot be in time is not begun."""
        pool = pool_with([BUSY])
        assert end(parking, pool.get(A, timeout=Timeouts(total=7))) == ("busy", 0.0)

    def test_no_total(self, parking, pool_with):
        """Without one a server is waited for as long as it asks."""
        pool = pool_with([BUSY, answer("a")], timeouts=Timeouts(total=None))
        assert end(parking, pool.get(A)) == ("a", 7.25)

    def test_total_while_tyme_stands_still(self):
        """It is counted on the network's clock, and ends the wait there, too."""
        clock = Clock()
        pool, network = pool_of([BUSY, answer("a")], clock=clock, retry=RETRY, timeouts=Timeouts(total=20))
        pool.wind(lambda: 3.0)
        generator = pool.get(A)
        for _ in range(5):
            wait = generator.send(None)
        assert 10.0 <= wait.until < 10.5
        clock.now = 20.0
        with pytest.raises(TotalTimeout) as caught:
            generator.send(None)
        assert (caught.value.replayed, str(caught.value.origin)) == (True, "http://a.test")
        assert len(network.connectors[0].sent) == 1

    def test_pool_that_is_not_wound(self):
        """Then the network's clock says when, and the tyme that is sent in is counted from."""
        clock = Clock()
        pool, _ = pool_of([BUSY, answer("a")], clock=clock, retry=Retry(base=0.0))
        generator = begin(pool.get(A))
        for _ in range(5):
            wait = generator.send(100.0)
        assert wait.until == 107.0
        clock.now = 7.0
        assert drive(generator)[0].text == "a"

    def test_nobody_says_tyme(self):
        """Then a waiting call is asked again and again, and knows by itself when it is time."""
        pool, _ = pool_of([BUSY, answer("a")], retry=RETRY)
        generator = begin(pool.get(A))
        waits = [generator.send(None) for _ in range(5)]
        assert (waits[-1].until, waits[-1].on) == (None, ())
        generator.close()

    def test_jitter(self):
        """Equal requests do not come back together; a seed's schedule is the same in each run."""
        runs = [self.schedule(draws("seed")) for _ in range(2)]
        assert runs[0] == runs[1]
        assert len(set(runs[0])) == 3
        assert self.schedule(None) != self.schedule(None)

    def schedule(self, draw):
        parking = Parking()
        script = [answer("", 503)] * 3 + [answer("a")] * 3
        network = ScriptedNetwork(*[script] * 3, clock=parking.clock)
        pool = Pool(network=network, retry=RETRY, draw=draw, connections=PoolLimits(total=1))
        pool.wind(parking.clock)
        return [tyme for _, tyme in parking.run(*[pool.get(A) for _ in range(3)])]

    def test_gate_and_retry(self, parking, pool_with):
        """Who was told to come back later does, and so do all the others, in that order."""
        scripts = [BUSY, answer("b"), answer("a")]
        pool = pool_with(scripts, gate=GateLimits(concurrency=1), connections=PoolLimits(idle=None))
        ends = parking.run(pool.get(A), pool.get(A))
        assert [(outcome.text, tyme) for outcome, tyme in ends] == [("a", 7.25), ("b", 7.0)]


class TestWhat:
    def test_history(self, parking, pool_with):
        """The answers that were tried again are there, in order, between redirects too."""
        moved = answer("", 302, location="/y")
        pool = pool_with([answer("x", 503), moved, answer("y", 429), answer("a")])
        ((response, _),) = parking.run(pool.get(A))
        assert [each.status for each in response.history] == [503, 302, 429]
        assert [each.text for each in response.history] == ["x", "", "y"]

    def test_stream(self, parking, pool_with):
        """It begins with the head of an answer that is the last."""
        pool = pool_with([answer("x", 503), answer("abc")])

        def read():
            with (yield from pool.stream("GET", A)) as stream:
                return (yield from stream.read()), stream.response.history[0].status

        assert parking.run(read()) == [((b"abc", 503), 0.25)]

    def test_stream_that_breaks_off(self, parking, pool_with):
        """What was handed over in part is not begun again."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
        pool = pool_with([[head, END]], [answer("a")])

        def read():
            with (yield from pool.stream("GET", A)) as stream:
                return (yield from stream.read())

        ((error, _),) = parking.run(read())
        assert type(error) is IncompleteRead

    def test_body_goes_again(self, parking, pool_with):
        """With each attempt the whole of it."""
        pool = pool_with([BUSY, answer("a")])
        end(parking, pool.put(A, json=[1]))
        sent = pool._setup.network.connectors[0].sent
        assert len(sent) == 2
        assert sent[0] == sent[1]

    def test_credentials_are_made_anew(self, parking, pool_with):
        """A token may have expired while a request waited."""
        tokens = iter("ab")

        def auth(request):
            return {"Authorization": next(tokens)}

        pool = pool_with([BUSY, answer("a")], base_url=A, auth=auth)
        end(parking, pool.get(A))
        sent = pool._setup.network.connectors[0].sent
        assert [b"Authorization: a" in sent[0], b"Authorization: b" in sent[1]] == [True, True]


class TestEnding:
    def test_generator_is_closed(self, parking, pool_with):
        """A request that waits to go again never goes."""
        pool = pool_with([BUSY, answer("a")])
        generator = pool.get(A)

        def give_up():
            next(generator)
            for _ in range(5):
                generator.send(0.0)
            yield Wait(until=1.0)
            generator.close()

        parking.run(give_up())
        pool.close()
        assert len(pool._setup.network.connectors[0].sent) == 1

    def test_pool_is_closed(self, parking, pool_with):
        """It ends what waits to go again, at once."""
        pool = pool_with([BUSY], [answer("a")])

        def close():
            yield Wait(until=2.0)
            pool.close()

        ((error, tyme), _) = parking.run(pool.get(A), close())
        assert (type(error), tyme, error.replayed) == (Canceled, 2.0, True)

    def test_chance_that_raises(self, parking, pool_with):
        """It ends that request."""
        pool = pool_with([BUSY], [END], draw=moody)
        ends = [end(parking, pool.get(A))[0] for _ in range(2)]
        assert ends == [HookError, HookError]
        assert pool.stats.busy == 0


def moody(name, count):
    """Draw for who tries it, and for nobody else."""
    return 0.0 if not name else 1 / 0


class TestArguments:
    @pytest.mark.parametrize("name", ["gate", "retry", "draw"])
    def test_wrong_type(self, name):
        """What is of the wrong type is named."""
        with pytest.raises(TypeError, match=name):
            Pool(network=ScriptedNetwork(), **{name: 7})

    def test_wrong_draw(self):
        """A chance is a number from 0 to less than 1."""
        with pytest.raises(ValueError, match=r"1\.5"):
            Pool(network=ScriptedNetwork(), draw=lambda name, count: 1.5)

    def test_wrong_retry_of_a_request(self):
        """It is refused at the call."""
        pool, _ = pool_of()
        with pytest.raises(TypeError, match="retry"):
            pool.get(A, retry=3)
