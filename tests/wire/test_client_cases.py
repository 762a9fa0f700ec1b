"""Every case of responses.json through a Client: fetched, and as a stream."""

from __future__ import annotations

import pytest

from tymeconn.clienting import Client
from tymeconn.errors import ExchangeError
from tymeconn.testing.driving import Stuck, drive
from tymeconn.testing.scripting import END, ScriptedNetwork, answer
from tymeconn.wire.messages import Response
from tymeconn.wire.redirecting import Follow

from .answer_files import CASES, SPLIT, b64, fits, kind, limits_of, pairs, pieces, raw
from .case_files import allowed, expected_fields


def is_streamed(case):
    """Tell whether a stream can answer: it has no limits of a kept body, and tunnels are fetched."""
    upgrades = "Upgrade" in case.get("request_headers", {})
    return "limits" not in case and case["method"] != "CONNECT" and not upgrades


STREAMED = [each for each in SPLIT if is_streamed(each.values[0])]
PASSED = [each for each in SPLIT if each.values[0]["expect"].get("upgrade")]


class Heard:
    """What came of a request: some of it is there though the answer is not whole."""

    def __init__(self):
        self.response = None
        self.body = b""
        self.stream = None


def options_of(case):
    """Return the options that make a client ask what the case answers."""
    headers = dict(case.get("request_headers", {}))
    options = {"target": "h.test:443"} if case["method"] == "CONNECT" else {}
    if "Upgrade" in headers:
        options["upgrade"] = headers.pop("Upgrade")
        del headers["Connection"]  # the option says it, too
    return {**options, "headers": headers}


def fetched(client, case, heard):
    heard.response = yield from client.fetch(case["method"], "/", **options_of(case))
    heard.body = heard.response.body


def streamed(client, case, heard):
    heard.stream = yield from client.stream(case["method"], "/", **options_of(case))
    heard.response = heard.stream.response
    while chunk := (yield from heard.stream.read()):
        heard.body += chunk
    heard.response = heard.stream.response


def client_of(case, parts):
    """Return a client whose first peer answers as the case says, and then once more."""
    network = ScriptedNetwork([parts + [END] * case["eof"], answer("more")], [answer("more")])
    client = Client(hostname="h.test", network=network, limits=limits_of(case), follow=Follow(most=0))
    return client, network


def play(case, split, way):
    """Return what could be seen, by the case's names."""
    parts, heard = pieces(raw(case), split), Heard()
    client, network = client_of(case, parts)
    try:
        drive(way(client, case, heard), ticks=500 + len(parts))
        seen = {"outcome": "response"}
    except ExchangeError as error:
        partial = heard.body or getattr(error, "partial", b"")
        seen = {"outcome": "error", "error": kind(error), "partial_body_b64": b64(partial)}
    except Stuck:
        assert network.connectors[0].received == len(raw(case))
        seen = {"outcome": "incomplete"}
        if heard.stream is not None:
            heard.stream.close()
    return seen | described(heard) | {"keepalive": reused(client, network)}


def described(heard):
    response = heard.response
    if response is None:
        return {}
    return {
        "status": response.status,
        "reason": response.reason,
        "version": f"{response.version[0]}.{response.version[1]}",
        "headers": pairs(response.headers),
        "body_b64": b64(heard.body),
        "trailers": pairs(response.meta.trailers),
        "interim": [[status, pairs(headers)] for status, headers in response.meta.interims],
        "upgrade": response.meta.tunnel is not None,
        "extra_b64": b64(passed_on(response.meta.tunnel)),
    }


def passed_on(tunnel):
    """Return what came with the answer, and what can be received behind it."""
    if tunnel is None:
        return b""
    received = tunnel.data
    while piece := tunnel.connector.recv(65_536):
        received += piece
    return received


def reused(client, network):
    """Ask once more; tell whether that went out on the first connection."""
    response, _ = drive(client.get("/"))
    assert response.text == "more"
    return len(network.connectors) == 1


def check(case, seen, wanted):
    assert any(fits(seen, each, case.get("fold_ws")) for each in wanted), (seen, wanted)
    assert seen["outcome"] == "response" or not seen["keepalive"]


def shown(wanted):
    """Return as much as a fetch shows of what is wanted: nothing of an answer that is not whole."""
    return {"outcome": "incomplete"} if wanted["outcome"] == "incomplete" else wanted


@pytest.mark.parametrize(("case", "split"), SPLIT)
def test_fetch(case, split):
    """The outcome is what the case expects, or another that it calls sound."""
    check(case, play(case, split, fetched), [shown(wanted) for wanted in allowed(case)])


@pytest.mark.parametrize(("case", "split"), STREAMED)
def test_stream(case, split):
    """Read piece by piece, an answer has the same outcome."""
    check(case, play(case, split, streamed), allowed(case))


@pytest.mark.parametrize(("case", "split"), PASSED)
def test_passed_connection(case, split):
    """A connection that was handed over is open, and is neither used nor closed by the client."""
    heard = Heard()
    client, network = client_of(case, pieces(raw(case), split))
    drive(fetched(client, case, heard))
    drive(client.get("/"))
    client.close()
    heard.response.meta.tunnel.connector.send(b"over")
    assert network.connectors[0].sent[1:] == [b"over"]
    assert [each.closed for each in network.connectors] == [False, True]


def test_every_field_is_compared():
    """No case expects a thing that is not looked at."""
    heard = Heard()
    heard.response = Response((1, 1), 200, "OK", {}, b"", None, None, False, None)
    seen = {"outcome", "error", "partial_body_b64", "keepalive", *described(heard)}
    assert expected_fields(CASES) <= seen
