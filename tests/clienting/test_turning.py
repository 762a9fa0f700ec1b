"""Turns of hio's way: what belongs to one of them never reaches another."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import pytest
from hio.base.tyming import Tymist

from tymeconn.clienting import Client, ClientDoer
from tymeconn.errors import InvalidRequest
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import END, ScriptedNetwork, answer

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /moved\r\nContent-Length: 0\r\n\r\n"


class Bench:
    """A client of scripted peers, and the tymist that is its clock."""

    def __init__(self, *scripts, reconnectable=True, **options):
        self.tymist = Tymist(tyme=100.0)
        self.network = ScriptedNetwork(*scripts, clock=self.tymist.tymen())
        options |= {"reconnectable": reconnectable, "tymeout": options.get("tymeout", 0.0)}
        self.client = Client(hostname="h.test", network=self.network, **options)
        self.client.reopen()

    def service(self, passes=10, seconds=0.0):
        for _ in range(passes):
            self.tymist.tyme += seconds
            self.client.service()

    def ask(self, *paths, passes=10):
        for path in paths:
            self.client.request(method="GET", path=path)
        self.service(passes)

    @property
    def sent(self):
        return [message for each in self.network.connectors for message in each.sent]

    @property
    def targets(self):
        return [message.split(b" ")[1].decode() for message in self.sent]

    @property
    def told(self):
        """The Last-Event-ID of each request, or None."""
        lines = [message.split(b"\r\n") for message in self.sent]
        named = [
            [line[15:] for line in each if line.lower().startswith(b"last-event-id: ")] for each in lines
        ]
        return [each[0] if each else None for each in named]

    @property
    def bodies(self):
        return [bytes(response["body"]) for response in self.client.responses]


def stream(*events, retry=100):
    """Return a script: a stream that says its events and then breaks off."""
    return [[STREAM + b"retry: %d\n" % retry + b"".join(events), END]]


@pytest.mark.parametrize(
    ("eid", "told"),
    [
        (b"7", b"7"),
        ("€".encode(), "€".encode()),
        ("é".encode(), "é".encode()),
        (b"\xff", "\N{REPLACEMENT CHARACTER}".encode()),
        (b"a\x01b", None),
        (b"a\x7f", None),
        (b"", None),
    ],
)
def test_last_event_id_is_sent_when_it_can_be(eid, told):
    """In UTF-8 (HTML 9.2.4), and left out when no header can carry it."""
    bench = Bench(stream(b"id: " + eid + b"\ndata: 1\n\n"), [None])
    bench.ask("/s")
    bench.service(seconds=0.1)
    assert bench.told == [None, told]


def test_last_event_id_stays_with_its_stream():
    """Neither the requests behind a stream nor another stream say it."""
    no_content = b"HTTP/1.1 204 No Content\r\n\r\n"
    bench = Bench(
        stream(b"id: 1\ndata: 1\n\n"), [no_content, [STREAM + b"retry: 100\ndata: 2\n\n", END]], [None]
    )
    bench.ask("/s")
    bench.service(seconds=0.1)
    bench.ask("/t")
    bench.service(seconds=0.1)
    assert bench.targets == ["/s", "/s", "/t", "/t"]
    assert bench.told == [None, b"1", None, None]


def test_last_event_id_of_the_caller_is_kept():
    """It goes out with the first request, and with the next until the stream names another."""
    bench = Bench(stream(b"data: 1\n\n"), [None], headers={"Last-Event-ID": "mine"})
    bench.ask("/s")
    bench.service(seconds=0.1)
    assert bench.told == [b"mine", b"mine"]


@pytest.mark.parametrize("how", ["close", "reopen", "give up"])
def test_stream_in_its_pause_can_be_ended(how):
    """Nothing of it is left: the next request goes out, and the stream is not asked for again."""
    bench = Bench(stream(b"data: 1\n\n", retry=400), [answer("b")], [answer("b")])
    bench.ask("/s")
    assert bench.client.waited
    if how == "give up":
        bench.client.events.clear()
        asking = bench.client.serviceWhileGen(tymeout=0.1)
        next(asking)
        bench.tymist.tyme += 0.2
        with pytest.raises(StopIteration):
            next(asking)
    else:
        getattr(bench.client, how)()
    if how == "close":
        assert not bench.client.waited
        bench.client.reopen()
    bench.ask("/b")
    if how != "reopen":
        bench.service(seconds=0.1)
        assert (bench.targets, bench.bodies) == (["/s", "/b"], [b"b"])


def test_alarm_of_an_idle_client_does_not_disturb_a_stream():
    """A request that was launched before the client connected again by itself takes that over."""
    bench = Bench([answer("a"), END], [[STREAM + b"data: 1\n\n"]], tymeout=0.5)
    bench.ask("/a")
    bench.network.connectors[0].say(END)
    bench.service(3)
    bench.ask("/s")
    bench.service(seconds=0.1)
    assert (bench.targets, len(bench.network.connectors)) == (["/a", "/s"], 2)
    assert len(bench.client.events) == 1


def test_retry_of_nothing_is_not_obeyed():
    """A server that asks to be asked at once is asked ten times a second at most."""
    scripts = [stream(b"data: 1\n\n", retry=0) for _ in range(50)]
    bench = Bench(*scripts)
    bench.ask("/s")
    bench.service(1024, seconds=1 / 1024)
    assert 9 <= len(bench.targets) <= 11


def test_stream_that_cannot_be_opened_is_asked_for_ever_more_rarely():
    """The pause doubles with each attempt that failed, up to a minute."""
    bench = Bench(stream(b"data: 1\n\n"))
    bench.ask("/s")
    refusals = []
    made = bench.network.connector

    def connector(address, tls=None):
        refusals.append(bench.tymist.tyme)
        return made(address, tls)

    bench.network.connector = connector
    bench.service(4000, seconds=0.125)
    gaps = [after - before for before, after in pairwise(refusals) if after > before]
    assert gaps[0] < 1.0
    assert sorted(gaps) == gaps
    assert 60.0 <= gaps[-1] <= 61.0


def test_two_transmits_have_two_answers():
    """The second waits until the first has its response."""
    bench = Bench([answer("1"), answer("2")])
    bench.client.transmit(path="/1")
    bench.client.transmit(path="/2")
    bench.service()
    assert (bench.targets, bench.bodies) == (["/1", "/2"], [b"1", b"2"])


def test_close_ends_what_was_transmitted():
    """Each has its errored response."""
    bench = Bench([None])
    bench.client.transmit(path="/1")
    bench.client.transmit(path="/2")
    bench.service(3)
    bench.client.close()
    assert [response["errored"] for response in bench.client.responses] == [True, True]
    assert not bench.client.waited


def given_up(bench, passes=3):
    """Ask with serviceWhileGen and let its time pass."""
    asking = bench.client.serviceWhileGen(tymeout=1.0)
    for _ in range(passes):
        next(asking)
    bench.tymist.tyme += 2.0
    with pytest.raises(StopIteration) as stopped:
        next(asking)
    return stopped.value.value


def test_what_was_given_up_is_never_sent():
    """Not even what waited in `requests` or was queued by `transmit`; its answer is nobody's."""
    bench = Bench([None], [answer("c")])
    bench.client.request(method="GET", path="/a")
    bench.client.request(method="POST", path="/b")
    bench.client.transmit(path="/t")
    assert given_up(bench) is None
    bench.ask("/c")
    assert [path for path in bench.targets if path in {"/a", "/b"}] == []
    assert bench.bodies == [b"c"]


def test_request_that_waits_for_a_handshake_is_given_up():
    """A connection that comes up late carries the next request and not the one before."""
    bench = Bench([answer("2")])
    bench.client.request(method="POST", path="/1")
    assert given_up(bench, passes=1) is None
    bench.ask("/2")
    assert (bench.targets, bench.bodies) == (["/2"], [b"2"])


def test_redirects_that_led_to_a_stream_stay_with_it():
    """The next response has none of them."""
    bench = Bench([MOVED, [STREAM + b"data: 1\n\n", END]], [answer("b")], reconnectable=False)
    bench.ask("/s")
    bench.ask("/b")
    assert [response.get("redirects") for response in bench.client.responses] == [None]


def test_redirects_of_what_was_given_up_stay_with_it():
    """The next response has none of them."""
    bench = Bench([MOVED, None], [answer("b")])
    bench.client.request(method="GET", path="/s")
    assert given_up(bench, passes=6) is None
    assert bench.targets == ["/s", "/moved"]
    bench.ask("/b")
    assert (bench.bodies, "redirects" in bench.client.responses[0]) == ([b"b"], False)


def test_redirected_stream_reconnects_for_ever():
    """Each attempt follows redirects from none."""
    bench = Bench(*[[MOVED, [STREAM + b"retry: 100\ndata: 1\n\n", END]]] * 30, [None])
    bench.ask("/s")
    bench.service(400, seconds=0.01)
    bench.service(400, seconds=0.01)
    assert len(bench.client.events) >= 25
    assert not bench.client.responses


def test_closing_a_stream_from_its_own_event_ends_it_quietly():
    """Like every other way to end a stream."""

    class Closing(list):
        def append(self, item):
            super().append(item)
            bench.client.close()

    bench = Bench([[STREAM + b"data: 1\n\n"]])
    bench.client.respondent.events = Closing()
    bench.ask("/s")
    assert (bench.client.waited, len(bench.client.responses)) == (False, 0)


def test_bytes_given_to_tx_leave_with_the_client_s_service():
    """No call of the connector is needed."""
    bench = Bench([None])
    bench.service(3)
    bench.client.connector.tx(b"raw")
    bench.service(1)
    assert bench.sent == [b"raw"]


def test_end_that_was_received_by_hand_is_seen():
    """A reset does not leave serviceReceives; `cutoff` tells it, and the request ends with an error."""
    bench = Bench([None], reconnectable=False)
    bench.ask("/a", passes=4)
    bench.network.connectors[0].say(ConnectionResetError("reset"))
    bench.client.connector.serviceReceives()
    assert bench.client.connector.cutoff
    bench.service()
    assert [response["errored"] for response in bench.client.responses] == [True]


def test_ha_says_where_to_connect():
    """As in hio, it goes before hostname and port."""
    client = Client(hostname="other.test", ha=("127.0.0.1", 8080), network=ScriptedNetwork())
    assert (client.requester.hostname, client.requester.port) == ("127.0.0.1", 8080)
    assert client.connector.ha == ("127.0.0.1", 8080)


@pytest.mark.parametrize(
    "wrong",
    [
        {"requester": 5},
        {"respondent": "x"},
        {"ha": "h:80"},
        {"ha": ("h",)},
        {"txbs": b""},
        {"rxbs": 5},
        {"redirects": 5},
        {"wl": 5},
        {"fragment": 5},
    ],
)
def test_wrong_type_names_the_argument(wrong):
    """At the call, and with the value."""
    with pytest.raises(TypeError, match=next(iter(wrong))):
        Client(hostname="h.test", network=ScriptedNetwork(), **wrong)


def test_doer_opens_a_client_that_was_begun():
    """A request that was made before the doer entered does not stop it from connecting again."""
    bench = Bench([answer("a")], [answer("b")], tymeout=0.5)
    bench.client.close()
    drive(bench.client.get("/a"))
    assert not bench.client.opened
    ClientDoer(client=bench.client).enter()
    assert (bench.client.opened, bench.client.connector.opened) == (True, True)


def test_transmit_does_not_touch_the_stream_that_is_out():
    """The stream is asked for again as it was, whatever was asked, or refused, in the meantime."""
    bench = Bench([[STREAM + b"retry: 100\nid: 9\ndata: 1\n\n", None, END]], [answer("s"), answer("p")])
    bench.ask("/s", passes=3)
    with pytest.raises(InvalidRequest):
        bench.client.transmit(path="http://other.test/x")
    bench.client.transmit(method="POST", path="/pay", body=b"10")
    bench.service(seconds=0.1)
    bench.service(seconds=0.1)
    assert (bench.targets, bench.told) == (["/s", "/s", "/pay"], [None, b"9", None])
    assert bench.bodies == [b"s", b"p"]


def test_response_describes_its_own_request():
    """Not the one that waits behind it."""
    bench = Bench([answer("1"), answer("2"), answer("3")])
    bench.client.request(method="GET", path="/1", reply="one")
    bench.service(3)
    bench.client.transmit(method="POST", path="/2", body=b"B")
    bench.client.transmit(method="PUT", path="/3", body=b"C")
    bench.service()
    said = [response["request"] for response in bench.client.responses]
    assert [(each["method"], each["path"], each["body"]) for each in said] == [
        ("GET", "/1", b""),
        ("POST", "/2", b"B"),
        ("PUT", "/3", b"C"),
    ]
    assert [each.get("reply") for each in said] == ["one", None, None]


def test_more_may_be_asked_for_where_a_response_is_taken():
    """A client that is closed, opened and asked while it hands a response over answers that, too."""

    class Asking(deque):
        def append(self, item):
            super().append(item)
            if len(self) == 1:
                bench.client.close()
                bench.client.reopen()
                bench.client.transmit(path="/again")

    bench = Bench([answer("1")], [answer("2")], responses=Asking())
    bench.ask("/a", passes=20)
    assert (bench.targets, bench.bodies) == (["/a", "/again"], [b"1", b"2"])


def test_stream_that_was_left_says_nothing_about_the_next():
    """Neither its id, though events of it are still taken, nor its retry."""

    class Leaving(deque):
        def append(self, item):
            super().append(item)
            if len(self) == 1:
                bench.client.reopen()

    old = b"retry: 999999999999\nid: 1\ndata: 1\n\nid: 2\ndata: 2\n\n"
    bench = Bench([[STREAM + old]], [[STREAM + b"retry: 100\ndata: 3\n\n", END]], [None], events=Leaving())
    bench.client.transmit(path="/s")
    bench.client.transmit(path="/t")
    bench.service(30, seconds=0.1)
    assert (bench.targets, bench.told) == (["/s", "/t", "/t"], [None, None, None])


def test_retry_of_a_year_is_a_day():
    """A server cannot keep a client for itself for ever."""
    bench = Bench(stream(b"data: 1\n\n", retry=999_999_999_999), [None])
    bench.ask("/s")
    bench.service(2, seconds=43_000)
    assert bench.targets == ["/s"]
    bench.tymist.tyme += 500
    bench.service()
    assert bench.targets == ["/s", "/s"]


def test_tx_waits_for_the_end_of_a_request_that_leaves():
    """Bytes of one's own go before or behind a request, never into it."""
    bench = Bench([None, None])
    bench.service(3)
    bench.network.connectors[0].window = 40
    bench.client.request(method="POST", path="/p", body=b"A" * 700)
    bench.service(1)
    bench.client.connector.tx(b"raw")
    bench.service(60)
    assert b"".join(bench.sent).endswith(b"A" * 700 + b"raw")


def test_closed_service_while_gen_gives_up_what_it_asked():
    """Its answer is never the next one's."""
    bench = Bench([None], [answer("b")])
    bench.client.request(method="GET", path="/a")
    asking = bench.client.serviceWhileGen()
    for _ in range(4):
        next(asking)
    asking.close()
    assert not bench.client.waited
    bench.ask("/b")
    assert (bench.targets, bench.bodies) == (["/a", "/b"], [b"b"])
