"""Every case of requests.json that takes a connection to be played, through a Client."""

from __future__ import annotations

import pytest

from tymeconn.clienting import Client
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import ScriptedConnector, ScriptedNetwork, answer

from ..stand_ins import Clock
from .case_files import cases_of, is_carried, request_of

CASES = [case for case in cases_of("requests.json") if is_carried(case)]
# Which case's which expectation a test below looks at.
LOOKED_AT = set()
PIECE = b"x" * 65_536
MANY = 64


def expecting(name, *values):
    """Have a test play the cases that expect `name`; of one of the values, if any are given."""
    cases = [case for case in CASES if name in case["expect"]]
    cases = [case for case in cases if not values or case["expect"][name] in values]
    LOOKED_AT.update((case["id"], name) for case in cases)
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in cases])


class Bench:
    """A client whose peers follow scripts, the last of which is silent, and the request of a case."""

    def __init__(self, case, *scripts):
        self.clock = Clock()
        self.network = ScriptedNetwork(*scripts, [], clock=self.clock)
        self.client = Client(hostname="h.test", network=self.network)
        self.drawn = 0
        method, self.url, options = request_of(case["in"].get("request", case["in"]))
        options.pop("response", None)  # what the peer is to say is in the script
        if "body_iter" in case["in"]:
            options["body"] = self.pieces()
        self.fetching = self.client.fetch(method, self.url, **options)

    def pieces(self):
        """Yield a body of many MB."""
        for _ in range(MANY):
            self.drawn += 1
            yield PIECE

    def step(self):
        """Go on with the request, which has no answer yet."""
        for _ in range(5):
            self.fetching.send(None)

    def answer(self):
        return drive(self.fetching)[0]

    @property
    def sent(self):
        """What each connection was sent, in pieces."""
        return [connector.sent for connector in self.network.connectors]

    def reuses(self):
        """Ask once more; tell whether that goes out on a connection that was there."""
        before, asking = len(self.sent), self.client.get(self.url)
        for _ in range(5):
            next(asking)
        assert self.sent[-1][-1].startswith(b"GET ")
        return len(self.sent) == before


@expecting("header")
def test_header(case):
    """The head has the field."""
    bench = Bench(case)
    bench.step()
    assert ": ".join(case["expect"]["header"]) in bench.sent[0][0].decode("latin-1").split("\r\n")


@expecting("sends_body_after")
def test_body_goes_out_after_100(case):
    """The body that waits for a 100 goes out when that has come."""
    bench = Bench(case, [None, answer(status=201)])
    bench.step()
    assert [len(bench.sent[0]), bench.sent[0][0][-4:]] == [1, b"\r\n\r\n"]
    bench.network.connectors[0].say(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert bench.answer().status == 201
    assert bench.sent[0][1:] == [case["in"]["body"].encode()]


@expecting("sends_body_after")
def test_body_goes_out_after_a_second(case):
    """A peer that says nothing gets the body after about a second."""
    bench = Bench(case, [None, answer(status=201)])
    bench.step()
    bench.clock.now = 0.9
    bench.step()
    assert len(bench.sent[0]) == 1
    bench.clock.now = 1.1
    assert bench.answer().status == 201
    assert bench.sent[0][1:] == [case["in"]["body"].encode()]


@pytest.mark.parametrize("status", [200, 413])
@expecting("sends_body_after")
def test_body_stays_behind_a_final_answer(case, status):
    """After a final status the body never goes out, and without it the connection is of no use."""
    bench = Bench(case, [answer(status=status)])
    assert bench.answer().status == status
    bench.clock.now = 2.0
    assert not bench.reuses()
    assert len(bench.sent[0]) == 1


@expecting("retry_without")
def test_sent_again_without(case):
    """The request is sent again, whole, but for the field that was refused."""
    bench = Bench(case, [answer(status=case["in"]["response"])], [answer("fine")])
    response = bench.answer()
    assert len(bench.sent[0]) == 1
    again = b"".join(bench.sent[1])
    assert (response.text, [each.status for each in response.history]) == ("fine", [case["in"]["response"]])
    assert f"\r\n{case['expect']['retry_without']}:".encode() not in again.lower()
    assert again.endswith(b"\r\n\r\n" + case["in"]["body"].encode())


@expecting("returned")
def test_early_answer_is_returned(case):
    """An answer that comes while the body goes out is the answer."""
    bench = Bench(case, [answer("early", status=case["expect"]["returned"])])
    response = bench.answer()
    assert (response.status, response.text) == (case["expect"]["returned"], "early")


@expecting("stops_sending", True)
def test_sending_stops(case):
    """Of a body that was refused no more is drawn from its source, and none is sent."""
    bench = Bench(case, [answer("no", status=case["expect"]["returned"])[:-2]])
    bench.step()
    before = (bench.drawn, len(bench.sent[0]))
    bench.network.connectors[0].say(b"no")
    assert bench.answer().text == "no"
    assert (bench.drawn, len(bench.sent[0])) == before
    assert 0 < bench.drawn <= 8


@expecting("stops_sending", True)
def test_answer_is_read_behind_a_broken_pipe(case):
    """A peer that takes no more may have said why."""
    bench = Bench(case)
    bench.network.connector = lambda address, tls: Breaking([answer(status=case["expect"]["returned"])])
    assert bench.answer().status == case["expect"]["returned"]


class Breaking(ScriptedConnector):
    """A connector to a peer that takes one piece."""

    def send(self, data):
        if self.sent:
            raise BrokenPipeError("Broken pipe")
        return super().send(data)


@expecting("reuse_after", False)
def test_connection_is_not_reused(case):
    """The next request is on a connection of its own."""
    bench = Bench(case, [answer(status=case["expect"].get("returned", 200))])
    bench.answer()
    assert not bench.reuses()
    assert bench.network.connectors[0].closed


@expecting("reuse_after", "only when the whole body was sent")
def test_connection_is_reused_behind_a_whole_body(case):
    """An answer that comes when all was sent leaves a connection that can be used."""
    bench = Bench(case, [])
    for _ in range(4):
        bench.step()
    assert bench.sent[0][-1] == b"0\r\n\r\n"
    bench.network.connectors[0].say(answer(status=case["expect"]["returned"]))
    bench.answer()
    assert bench.reuses()


@expecting("reuse_after", "only when the whole body was sent")
def test_connection_is_not_reused_behind_half_a_body(case):
    """The rest of the body would be taken for the next request."""
    bench = Bench(case, [answer(status=case["expect"]["returned"])])
    bench.answer()
    assert bench.drawn < MANY
    assert not bench.reuses()


@pytest.mark.parametrize(("size", "connections"), [(0, 1), (65_536, 1), (65_537, 2)])
@expecting("reuse")
def test_body_of_a_redirect(case, size, connections):
    """A small one is read, and the connection used again; for a large one another is opened."""
    given = case["in"]["response"]
    leading, there = answer(b"x" * size, given["status"], location=given["location"]), answer("there")
    bench = Bench(case, [leading, there], [there])
    assert bench.answer().text == "there"
    assert len(bench.sent) == connections


PLAYED = [case for case in CASES if all((case["id"], name) in LOOKED_AT for name in case["expect"])]
