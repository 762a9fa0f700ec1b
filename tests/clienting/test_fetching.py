"""The generator methods of Client, against scripted peers."""

from __future__ import annotations

import pytest

from tymeconn.clienting import Client
from tymeconn.errors import (
    BodyError,
    Canceled,
    HookError,
    InvalidRequest,
    NoResponse,
    PoolTimeout,
    ReadTimeout,
    TooManyRedirects,
    TotalTimeout,
)
from tymeconn.exchanging.exchange import Progress, Tunnel
from tymeconn.net.seams import Tls
from tymeconn.policy.authorizing import Digest
from tymeconn.policy.patience import Timeouts
from tymeconn.policy.retrying import Retry
from tymeconn.testing.driving import drive
from tymeconn.testing.scripting import END, ScriptedConnector, ScriptedNetwork, answer
from tymeconn.tyming.waiting import Wait
from tymeconn.wire.cookies import CookieJar
from tymeconn.wire.redirecting import Follow

from ..stand_ins import Clock


def client_of(*scripts, clock=lambda: 0.0, **options):
    network = ScriptedNetwork(*scripts, clock=clock)
    return Client(hostname="h.test", network=network, **options), network


def test_fetch_returns_the_response():
    """The generator's value is the answer."""
    client, network = client_of([answer("hello", content_type="text/plain")])
    response, _ = drive(client.get("/a"))
    assert (response.status, response.text, response.url) == (200, "hello", "http://h.test/a")
    assert network.connectors[0].sent[0].startswith(b"GET /a HTTP/1.1\r\nHost: h.test\r\n")


def test_fetch_yields_waits():
    """What is yielded is worth 0.0 to hio and says what is awaited."""
    client, _ = client_of([None])
    generator = client.get("/")
    first = next(generator)
    later = generator.send(1.0)
    assert first == later == 0.0
    assert isinstance(first, Wait)
    assert later.on
    generator.close()


def test_wait_ends_at_the_deadline_in_tyme():
    """The wait's end is the tyme that was sent in plus what is left on the network's clock."""
    clock = Clock()
    client, _ = client_of([None], clock=clock, timeouts=Timeouts(read=3))
    generator = client.get("/")
    next(generator)
    for tyme in (50.0, 51.0, 52.0):
        wait = generator.send(tyme)
    assert wait.until == 55.0
    generator.close()


def test_wound_client_knows_tyme_before_the_first_resume():
    """A wound client's first wait has an end."""
    client, _ = client_of(timeouts=Timeouts(connect=5))
    client._setup.network._network.connector = lambda address, tls=None: NeverUp([])
    client.wind(lambda: 7.0)
    generator = client.get("/")
    assert next(generator).until == 12.0
    generator.close()


class NeverUp(ScriptedConnector):
    """A connector that is never up, and never says that it may be."""

    def connect(self):
        return False

    def attach(self, notify):
        pass


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
def test_methods_are_named_for_what_they_send(method):
    """Each method of the client sends its own."""
    client, network = client_of([answer("x")])
    drive(getattr(client, method)("/"))
    assert network.connectors[0].sent[0].startswith(method.upper().encode() + b" / ")


def test_head_has_no_body():
    """An answer to HEAD ends with its head."""
    client, _ = client_of([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"])
    response, _ = drive(client.head("/"))
    assert response.body == b""


def test_json_goes_out_and_comes_back():
    """A JSON body is compact UTF-8; the answer's is decoded on demand."""
    client, network = client_of([answer('{"id":7}', content_type="application/json")])
    response, _ = drive(client.post("/jobs", json={"n": "é"}))
    assert network.connectors[0].sent[0].endswith('{"n":"é"}'.encode())
    assert response.json() == {"id": 7}


@pytest.mark.parametrize(
    ("method", "url", "options", "error"),
    [
        ("GE T", "/", {}, InvalidRequest),
        ("GET\r\nX: y", "/", {}, InvalidRequest),
        (7, "/", {}, TypeError),
        ("GET", "/\r\nX: y", {}, InvalidRequest),
        ("GET", "http://h:99999/", {}, InvalidRequest),
        ("GET", "ftp://h/", {}, InvalidRequest),
        ("GET", None, {}, TypeError),
        ("GET", "/", {"headers": {"X": "a\nb"}}, InvalidRequest),
        ("GET", "/", {"headers": {"X\0": "a"}}, InvalidRequest),
        ("GET", "/", {"headers": {"X": None}}, TypeError),
        ("POST", "/", {"json": object()}, InvalidRequest),
        ("POST", "/", {"json": 1, "body": b"x"}, TypeError),
        ("POST", "/", {"body": 7}, TypeError),
        ("GET", "/", {"params": "a=1"}, TypeError),
        ("GET", "/", {"timeout": 5}, TypeError),
        ("GET", "/", {"colour": "red"}, TypeError),
    ],
)
def test_wrong_arguments_raise_at_the_call(method, url, options, error):
    """Before any step of the generator, and without harm to the client."""
    client, network = client_of([answer("fine")])
    with pytest.raises(error):
        client.fetch(method, url, **options)
    assert drive(client.get("/"))[0].text == "fine"
    assert len(network.connectors) == 1


def test_unstarted_generator_holds_nothing():
    """Nothing is sent for a generator that was never run."""
    client, network = client_of([answer("second")])
    client.get("/first")
    response, _ = drive(client.get("/second"))
    assert response.text == "second"
    assert b"first" not in b"".join(network.connectors[0].sent)


def test_error_is_raised_by_the_generator():
    """What the peer did is raised at the yield from."""
    client, _ = client_of([END])
    with pytest.raises(NoResponse):
        drive(client.get("/"))


def test_answers_belong_to_their_requests():
    """Generators that share a client get their own answers, in the order in which they began."""
    client, network = client_of([answer(f"{n}") for n in range(5)])
    generators = [client.get(f"/{n}") for n in range(5)]
    for generator in generators:
        next(generator)
    values = [drive(resumed(generator))[0].text for generator in reversed(generators)]
    assert values == ["4", "3", "2", "1", "0"]
    assert [sent.split()[1] for sent in network.connectors[0].sent] == [f"/{n}".encode() for n in range(5)]


def resumed(generator):
    """Go on with a generator that was begun."""
    try:
        wait = generator.send(0.0)
        while True:
            wait = generator.send((yield wait))
    except StopIteration as stop:
        return stop.value


def test_one_waiter_a_tick_moves_the_connection():
    """However many wait, the connection is serviced once a tick."""
    client, _ = client_of([None])
    generators = [client.get("/") for _ in range(50)]
    for generator in generators:
        next(generator)
    for generator in generators:
        generator.send(0.0)
    counted = count_services(client)
    for generator in generators:
        generator.send(1.0)
    assert counted == [1]
    for generator in generators:
        generator.close()


def count_services(client):
    counted = [0]
    inner = client._connection.service

    def service():
        counted[0] += 1
        inner()

    client._connection.service = service
    return counted


def test_waiters_go_on_when_the_first_is_left_alone():
    """A generator that nobody resumes any more does not stop those behind it."""
    client, _ = client_of([answer("1"), answer("2")])
    left = client.get("/left")
    next(left)
    assert drive(client.get("/"))[0].text == "2"
    left.close()


def test_closing_a_generator_frees_the_client():
    """The exchange ends with the generator; the next request is on a new connection."""
    client, network = client_of([None], [answer("b")])
    generator = client.get("/a")
    next(generator)
    generator.send(0.0)
    generator.close()
    assert drive(client.get("/b"))[0].text == "b"
    assert network.connectors[0].closed


def test_closing_a_queued_generator_takes_it_out():
    """A request that had not left never leaves."""
    client, network = client_of([answer("a"), answer("c")])
    first, queued = client.get("/a"), client.get("/b")
    next(first)
    next(queued)
    queued.close()
    assert drive(resumed(first))[0].text == "a"
    assert drive(client.get("/c"))[0].text == "c"
    assert b"/b" not in b"".join(network.connectors[0].sent)


def test_queued_generator_is_told_of_its_turn():
    """What it was told of when to look, while it had no connection, is over."""
    client, _ = client_of([None])
    client.wind(lambda: 0.0)
    first, queued = client.get("/a"), client.get("/b")
    next(first)
    told = []
    next(queued).on[0].attend("test", lambda: told.append(True))
    first.close()
    client.service()
    assert told == [True]
    queued.close()


def test_queued_request_has_a_pool_timeout():
    """Waiting for the one connection is limited, too; nothing was sent."""
    clock = Clock()
    client, _ = client_of([None], clock=clock, timeouts=Timeouts(read=None, pool=10))
    first, queued = client.get("/a"), client.get("/b")
    next(first)
    next(queued)
    clock.now = 10.0
    with pytest.raises(PoolTimeout) as caught:
        queued.send(0.0)
    assert caught.value.sent == 0
    first.close()


def test_queued_request_has_a_total_timeout():
    """The total counts from the call's first step, in the queue as well."""
    clock = Clock()
    client, _ = client_of([None], clock=clock, timeouts=Timeouts(read=None, pool=None))
    first, queued = client.get("/a"), client.get("/b", timeout=Timeouts(total=2))
    next(first)
    next(queued)
    clock.now = 2.0
    with pytest.raises(TotalTimeout):
        queued.send(0.0)
    first.close()


def test_timeout_of_one_request():
    """An exchange's own limits go before the client's."""
    clock = Clock()
    client, _ = client_of([None], clock=clock)
    generator = client.get("/", timeout=Timeouts(read=1))
    next(generator)
    generator.send(0.0)
    generator.send(0.0)
    clock.now = 1.0
    with pytest.raises(ReadTimeout):
        generator.send(0.0)


def test_close_ends_every_exchange_once():
    """Closing the client ends what is out and what waits, with Canceled."""
    client, _ = client_of([None])
    generators = [client.get("/") for _ in range(3)]
    for generator in generators:
        next(generator)
    client.close()
    for generator in generators:
        with pytest.raises(Canceled):
            generator.send(0.0)


def test_closed_client_opens_again_when_asked():
    """A fetch after close dials again."""
    client, network = client_of([answer("a")], [answer("b")])
    drive(client.get("/"))
    client.close()
    assert drive(client.get("/"))[0].text == "b"
    assert len(network.connectors) == 2


def test_absolute_url_goes_elsewhere():
    """A client follows its requests to another origin, one connection at a time."""
    client, network = client_of([answer("a")], [answer("b")], [answer("c")])
    drive(client.get("/"))
    response, _ = drive(client.get("http://other.test:81/x"))
    assert (response.text, response.url) == ("b", "http://other.test:81/x")
    assert drive(client.get("/"))[0].text == "c"
    assert [connector.closed for connector in network.connectors] == [True, True, False]


def test_double_slash_stays_on_the_origin():
    """A path that starts with // is a path and is sent as it is."""
    client, network = client_of([answer()])
    drive(client.get("//aids"))
    assert network.connectors[0].sent[0].startswith(b"GET //aids HTTP/1.1\r\nHost: h.test\r\n")


@pytest.mark.parametrize(
    "wrong",
    [
        {"hostname": "a b"},
        {"port": 70000},
        {"scheme": "gopher"},
        {"path": "ftp://h/"},
        {"hostname": "h\r\n"},
    ],
)
def test_client_that_leads_nowhere_is_refused(wrong):
    """A client whose base cannot be an origin is not made."""
    with pytest.raises(InvalidRequest):
        Client(network=ScriptedNetwork(), **wrong)


@pytest.mark.parametrize("wrong", [{"colour": "red"}, {"timeouts": 5}, {"limits": 5}, {"tls": True}])
def test_client_refuses_other_arguments(wrong):
    """An unknown argument and one of the wrong type are TypeErrors that name it."""
    with pytest.raises(TypeError, match=next(iter(wrong))):
        Client(network=ScriptedNetwork(), **wrong)


def test_whole_url_as_path_gives_the_base():
    """As in hio, scheme, host and port of a URL given as path win."""
    network = ScriptedNetwork([answer()])
    client = Client(hostname="x.test", path="http://h.test:81/base?q=1#f", network=network)
    drive(client.get("/a"))
    assert b"Host: h.test:81\r\n" in network.connectors[0].sent[0]
    assert client.requester.path == "/base?q=1#f"


def test_tls_is_prepared_when_the_client_is_made():
    """What TLS needs from the disk is loaded before anything is serviced, and a wrong file told at once."""
    network = ScriptedNetwork([answer()])
    prepared = []
    network.prepare = prepared.append
    Client(hostname="h.test", network=network)
    assert prepared == []
    Client(hostname="h.test", scheme="https", network=network)
    Client(hostname="h.test", tls=Tls(cafile="/nowhere.pem"), network=network)
    assert prepared == [Tls(), Tls(cafile="/nowhere.pem")]


def test_redirects_are_followed():
    """The answer is the last one, over the same connection, and knows those before it."""
    client, network = client_of([answer("moved", 302, location="/b"), answer("here")])
    response, _ = drive(client.get("/a"))
    assert (response.text, response.url) == ("here", "http://h.test/b")
    assert [(each.status, each.body) for each in response.history] == [(302, b"moved")]
    assert len(network.connectors) == 1


def test_redirects_are_handed_over_on_demand():
    """Follow says how many are followed, for the client or for one request."""
    client, _ = client_of([answer("", 302, location="/b")] * 3, follow=Follow(most=0))
    assert drive(client.get("/a"))[0].status == 302
    with pytest.raises(TooManyRedirects):
        drive(client.get("/a", follow=Follow(most=1)))


@pytest.mark.parametrize("ending", [END, ConnectionResetError(), b"garbage\r\n"])
def test_redirect_is_followed_however_it_ends(ending):
    """Where to go on is known from the head."""
    broken = b"HTTP/1.1 302 X\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n"
    client, _ = client_of([[broken, ending]], [answer("here")])
    assert drive(client.get("/a"))[0].text == "here"


def test_large_redirect_costs_the_connection():
    """The body of a redirect is read up to 64 KiB, for the connection's sake."""
    large = answer("x" * 10_000_000, 302, location="/b")
    client, network = client_of([[large]], [answer("here")])
    response, _ = drive(client.get("/a"))
    assert (response.text, len(network.connectors)) == ("here", 2)
    assert network.connectors[0].received < 200_000


def test_redirects_share_one_total():
    """The total limit is of the call, not of each request that it leads to."""
    clock = Clock()
    client, network = client_of([[], []], clock=clock, timeouts=Timeouts(total=10, read=None))
    fetch = client.get("/a")
    next(fetch)
    next(fetch)
    clock.now += 6
    network.connectors[0].say(answer("", 302, location="/b"))
    next(fetch)
    clock.now += 5
    with pytest.raises(TotalTimeout):
        drive(fetch)


def test_elapsed_counts_from_the_call():
    """Redirects and challenges are part of how long it took."""
    clock = Clock()
    client, network = client_of([[], []], clock=clock)
    fetch = client.get("/a")
    drive_until(fetch, lambda: network.connectors and network.connectors[0].sent)
    clock.now += 2
    network.connectors[0].say(answer("", 302, location="/b"))
    drive_until(fetch, lambda: len(network.connectors[0].sent) > 1)
    clock.now += 3
    network.connectors[0].say(answer("x"))
    assert drive(fetch)[0].elapsed == 5


def drive_until(generator, condition):
    for _ in range(10):
        if condition():
            return
        next(generator)


def test_canceled_on_the_way():
    """A client that is closed while a redirect is read sends nothing more."""
    client, network = client_of(
        [[b"HTTP/1.1 302 X\r\nLocation: /b\r\nContent-Length: 9\r\n\r\n"]], [answer("x")]
    )
    fetch = client.get("/a")
    drive_until(fetch, lambda: network.connectors and network.connectors[0].received)
    client.close()
    with pytest.raises(Canceled):
        drive(fetch)
    assert len(network.connectors) == 1


def sent_to(network):
    return [b"".join(connector.sent) for connector in network.connectors]


def test_auth_of_the_client_is_for_its_own_origin():
    """Another origin gets none, unless the call says so."""
    client, network = client_of([answer()], [answer()], [answer()], auth=("u", "p"))
    drive(client.get("/"))
    drive(client.get("http://b.test/"))
    drive(client.get("http://c.test/", auth=("v", "p")))
    assert [b"Authorization: Basic" in sent for sent in sent_to(network)] == [True, False, True]


def test_digest():
    """A challenge is answered on the same connection, with a body that goes again."""
    challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
    client, network = client_of([answer("", 401, www_authenticate=challenge), answer("in")])
    response, _ = drive(client.post("/", body=b"x", auth=Digest("u", "p")))
    assert (response.text, [each.status for each in response.history]) == ("in", [401])
    assert network.connectors[0].sent[1].count(b"Authorization: Digest") == 1
    assert network.connectors[0].sent[1].endswith(b"\r\n\r\nx")


def test_cookies():
    """What an answer sets goes with the next request to whom it is for."""
    client, network = client_of([answer("", set_cookie="a=1")] * 2, [answer()], cookies=CookieJar())
    drive(client.get("/"))
    drive(client.get("/"))
    drive(client.get("http://b.test/"))
    assert [sent.count(b"Cookie: a=1\r\n") for sent in sent_to(network)] == [1, 0]


def test_upgrade_brings_the_connection():
    """A 101 has the connector and the bytes behind it; closing it is the caller's."""
    upgraded = b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello"
    client, network = client_of([[upgraded]])
    response, _ = drive(client.get("/", upgrade="x"))
    client.close()
    assert response.meta.tunnel == Tunnel(network.connectors[0], b"hello")
    assert not network.connectors[0].closed


def test_tunnel_that_nobody_takes_is_closed():
    """Who has given up when the 101 comes leaves no connection behind."""
    upgraded = b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    client, network = client_of([[upgraded]])
    fetch = client.get("/", upgrade="x")
    next(fetch)
    for _ in range(5):
        client.service()
    fetch.close()
    assert network.connectors[0].closed


def test_progress():
    """The hook is told of both directions."""
    client, _ = client_of([answer("hello")])
    drive(client.post("/", body=b"abc", progress=(told := []).append))
    assert told[-1] == Progress(3, 3, 5, 5)


@pytest.mark.parametrize(
    "options",
    [{"auth": 7}, {"follow": True}, {"progress": 7}, {"timeout": 7}, {"cookies": 7}, {"files": 7}],
)
def test_wrong_options(options):
    """What is of the wrong type is refused at the call."""
    client, _ = client_of()
    with pytest.raises(TypeError):
        client.post("/", **options)


def test_body_of_another_answer():
    """A generator may give to one request what it reads from the answer of another."""
    source, _ = client_of([[b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", None, b"world"]])
    target, network = client_of([[], answer("thanks")])

    def relayed():
        with (yield from source.stream("GET", "/")) as stream:
            while data := (yield from stream.read()):
                yield data

    response, _ = drive(target.put("/", body=relayed(), headers={"Content-Length": "10"}))
    assert response.text == "thanks"
    assert sent_to(network)[0].endswith(b"helloworld")


@pytest.mark.parametrize("name", ["limits", "timeouts", "follow", "cookies", "auth"])
def test_wrong_arguments_of_a_client(name):
    """What is of the wrong type is refused when the client is made, also when it is false."""
    for wrong in (0, "x"):
        with pytest.raises(TypeError, match=name):
            Client(hostname="h.test", network=ScriptedNetwork(), **{name: wrong})


def test_redirect_that_stalls_is_followed():
    """An answer that leads on has a second of silence, and then the connection is given up."""
    clock = Clock()
    stalled = b"HTTP/1.1 302 X\r\nLocation: /b\r\nContent-Length: 9\r\n\r\n"
    client, network = client_of([[stalled]], [answer("here")], clock=clock)
    fetch = client.get("/a")
    drive_until(fetch, lambda: network.connectors and network.connectors[0].received)
    clock.now += 1.5
    response, _ = drive(fetch)
    assert (response.text, response.history[0].status) == ("here", 302)


def test_history_knows_as_much_as_any_answer():
    """What is known beside status and headers is kept of an answer that led on."""
    clock = Clock()
    hinted = b"HTTP/1.1 103 X\r\nLink: </x>\r\n\r\n" + answer("moved", 302, location="/b")
    client, network = client_of([[]], clock=clock)
    fetch = client.get("/a")
    drive_until(fetch, lambda: network.connectors and network.connectors[0].sent)
    clock.now += 2
    network.connectors[0].say(hinted)
    drive_until(fetch, lambda: len(network.connectors[0].sent) > 1)
    network.connectors[0].say(answer("x"))
    (moved,) = drive(fetch)[0].history
    assert (moved.elapsed, moved.meta.interims[0][0]) == (2, 103)


def test_waiting_for_the_connection_counts_from_each_request():
    """What a redirect leads to has the whole of Timeouts.pool, however long the redirect took."""
    clock = Clock()
    client, network = client_of([[], []], clock=clock, timeouts=Timeouts(pool=10, read=None))
    fetch, other = client.get("/a"), client.get("/other")
    drive_until(fetch, lambda: network.connectors and network.connectors[0].sent)
    clock.now += 20
    next(other)
    network.connectors[0].say(answer("", 302, location="/b"))
    for _ in range(5):
        next(fetch)
    clock.now += 11
    with pytest.raises(PoolTimeout):
        drive(fetch)


def test_jar_that_raises_harms_its_exchange_alone():
    """What the caller's own list of suffixes raises is the outcome of the exchange whose answer it was."""

    def broken(domain):
        raise RuntimeError("list")

    client, _ = client_of(
        [answer("", set_cookie="a=1; Domain=test")], [answer("x")], cookies=CookieJar(broken)
    )
    with pytest.raises(HookError) as caught:
        drive(client.get("/"))
    assert isinstance(caught.value.__cause__, RuntimeError)


class Hostile:
    """What a caller may hand in by mistake: it raises wherever it can."""

    def __repr__(self):
        raise RuntimeError("repr")


class Raising(Exception):
    def __str__(self):
        raise RuntimeError("str")

    __repr__ = __str__


def broken_source():
    yield b"x"
    raise Raising


@pytest.mark.parametrize("body", [[b"x", Hostile()], broken_source(), [memoryview(b"x")]])
def test_sources_harm_their_exchange_alone(body):
    """Nothing that a source does is raised by whoever services the client, nor reuses its connection."""
    if isinstance(body, list) and isinstance(body[0], memoryview):
        body[0].release()
    client, network = client_of([[], answer("?")], [answer("fine")])
    fetch = client.post("/", body=body, headers={"Content-Length": "40"})
    next(fetch)
    for _ in range(5):
        client.service()
    with pytest.raises(BodyError):
        drive(fetch)
    assert drive(client.get("/"))[0].text == "fine"
    assert len(network.connectors) == 2


def test_wait_of_a_source_is_the_wait_of_its_fetch():
    """Until what a body's generator waits for has come, nobody need look."""
    clock = Clock()
    client, _ = client_of([[]], clock=clock)
    client.wind(clock)
    fetch = client.put("/", body=iter([Wait(until=3.0), *[Wait(until=7.0)] * 20]))
    waits = [next(fetch) for _ in range(8)]
    assert waits[-1].until == 7.0
    fetch.close()


def test_retry_of_one_request():
    """It is sent again when its own `retry` says so, and else it is not."""
    clock = Clock()
    client, _ = client_of([answer("", 503)] * 2 + [answer("a")], clock=clock)
    assert drive(client.get("/"))[0].status == 503
    generator = client.get("/", retry=Retry())
    for _ in range(5):
        generator.send(None)
    clock.now = 0.5
    assert drive(generator)[0].text == "a"


def test_close_ends_what_waits_to_go_again():
    """Nothing is sent for it any more."""
    client, network = client_of([answer("", 503, retry_after="7"), answer("a")])
    generator = client.get("/", retry=Retry())
    for _ in range(5):
        generator.send(None)
    client.close()
    with pytest.raises(Canceled):
        generator.send(None)
    assert len(network.connectors[0].sent) == 1
