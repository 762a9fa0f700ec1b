"""What hio's users may name, call, read and compare is there, and means what it means in hio."""

from __future__ import annotations

import copy
import inspect
import re
from collections import deque

import pytest
from hio.base import tyming
from hio.core import http, tcp, wiring
from hio.core.http import clienting as theirs
from hio.core.http import httping
from hio.help.hicting import Hict

from tymeconn import clienting as ours

OPEN = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
# hio's Respondent hands these on to its parent by **kwa.
PARENTS = {"msg", "dictable", "method"}
OWN = [name for name, value in vars(theirs).items() if getattr(value, "__module__", "") == theirs.__name__]
METHODS = [
    f"{kind}.{name}"
    for kind in ("Requester", "Respondent", "Client", "ClientDoer")
    for name, value in vars(getattr(theirs, kind)).items()
    if inspect.isfunction(value) or isinstance(value, staticmethod)
]
# The part of hio's tcp.Client that is of use to those who hold an http Client.
CONNECTOR = re.findall(
    r"\w+",
    """accepted connected cutoff opened ca ha hostname host port cs txbs rxbs bs tymth tyme tymer tymeout
    reconnectable wl tx serviceConnect serviceSends serviceReceives service reopen close wind""",
)
FARGS = {"text": "This is one line,\nand this another.\n", "html": "<p>é</p>"}


@pytest.fixture(params=[theirs, ours], ids=["hio", "tymeconn"])
def clienting(request):
    """hio's module and ours: what holds for both is the contract."""
    return request.param


def found(module, dotted):
    for name in dotted.split("."):
        module = getattr(module, name)
    return module


def parameters(module, name):
    return list(inspect.signature(found(module, name)).parameters.values())


def said(parameter):
    return parameter.name, parameter.kind, parameter.default


def test_something_is_compared():
    """The lists below are read from hio and are not empty."""
    assert {"Response", "Requester", "Respondent", "Client", "openClient", "backendRequest"} <= set(OWN)
    assert {"Client.redirect", "Client.attrify", "Requester.rebuild", "ClientDoer.recur"} <= set(METHODS)


@pytest.mark.parametrize("name", OWN)
def test_names(name):
    """Every name that hio's clienting makes is in ours, and what is in a class of it is in ours."""
    assert name in ours.__all__
    assert [each for each in dir(getattr(theirs, name)) if not hasattr(getattr(ours, name), each)] == []


@pytest.mark.parametrize("name", ["openClient", "backendRequest", *METHODS])
def test_signatures(name):
    """Parameters are hio's, in hio's order, with hio's defaults; what comes on top is for keywords only."""
    known = [said(each) for each in parameters(theirs, name) if each.kind not in OPEN]
    mine = [each for each in parameters(ours, name) if each.kind not in OPEN]
    assert [said(each) for each in mine[: len(known)]] == known
    extra = [each for each in mine[len(known) :] if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert [each.name for each in extra if each.name not in PARENTS or "Respondent" not in name] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("Requester.HttpVersionString", "HTTP/1.1"), ("Requester.Port", 80), ("Respondent.Retry", 100)],
)
def test_class_attributes(name, value):
    """The constants of the classes are hio's."""
    assert found(ours, name) == found(theirs, name) == value


def test_doer_is_hio_s():
    """A ClientDoer is a hio Doer, and is made with a client by position or by name."""
    client = ours.Client()
    assert isinstance(ours.ClientDoer(client, tock=0.5), theirs.doing.Doer)
    assert ours.ClientDoer(client=client, tock=0.5).tock == 0.5


@pytest.mark.parametrize("part", ["", "requester", "respondent"])
def test_instance_attributes(part):
    """What a hio client and its parts have, ours have."""
    known, mine = (
        getattr(client, part) if part else client for client in (theirs.Client(port=1), ours.Client(port=1))
    )
    assert [each for each in vars(known) if each[0] != "_" and not hasattr(mine, each)] == []


@pytest.mark.parametrize("name", CONNECTOR)
def test_connector_attributes(clienting, name):
    """The connector of a client has what hio's users touch of it, with hio's values before it is opened."""
    tymth = tyming.Tymist(tyme=3.0).tymen()
    client = clienting.Client(port=1, tymth=tymth, tymeout=2.0, reconnectable=True)
    value = getattr(client.connector, name)
    known = getattr(tcp.Client(port=1, tymth=tymth, tymeout=2.0, reconnectable=True), name)
    assert callable(value) if callable(known) and name != "tymth" else True
    if not callable(known) and name != "tymer":
        assert value == known


def test_wire_log_and_buffers_are_handed_on(clienting):
    """What a client is given for its connector is on the connector."""
    wirelog, rxbs = wiring.WireLog(), bytearray()
    connector = clienting.Client(port=1, wl=wirelog, rxbs=rxbs).connector
    assert connector.wl is wirelog
    assert connector.rxbs is rxbs


def test_deques_are_handed_on(clienting):
    """Requests, responses, events and redirects that are given are used, empty ones too."""
    given = {name: deque() for name in ("requests", "responses", "events")} | {"redirects": []}
    client = clienting.Client(port=1, **given)
    assert all(getattr(client, name) is value for name, value in given.items())
    assert client.respondent.events is given["events"]
    assert client.respondent.redirects is given["redirects"]


def test_parts_are_handed_on(clienting):
    """A requester and a respondent that are given are used, with what else is given."""
    requester, respondent = clienting.Requester(method="PUT"), clienting.Respondent()
    client = clienting.Client(requester=requester, respondent=respondent, port=81, path="/a", method="POST")
    assert (client.requester, client.respondent) == (requester, respondent)
    assert (requester.port, requester.path, requester.method) == (81, "/a", "POST")
    assert respondent.method == "POST"


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("https://localhost:1/a?b=c#d", ("https", "localhost", 1, "/a", True)),
        ("http://localhost/", ("http", "localhost", 80, "/", False)),
        ("/a", ("http", "127.0.0.1", 80, "/a", False)),
    ],
)
def test_path_may_be_a_url(clienting, path, where):
    """Scheme, host and port of a path go before those that are given."""
    client = clienting.Client(path=path)
    client.requester.build()
    requester = client.requester
    parts = (requester.scheme, requester.hostname, requester.port, requester.path, client.secured)
    assert parts == where


def test_response_is_hio_s_tuple():
    """A Response is a tuple of hio's nine fields and equals hio's."""
    fields = dict.fromkeys(theirs.Response._fields, 1)
    assert ours.Response._fields == theirs.Response._fields
    assert ours.Response(**fields) == theirs.Response(**fields) == (1,) * 9
    assert ours.Client.attrify(fields | {"redirects": []}) == theirs.Response(**fields)


def test_httping_is_hio_s():
    """hio's httping is reached by way of ours, as by way of hio's, and is hio's own."""
    assert ours.httping is theirs.httping is httping
    assert ours.httping.HTTPError is http.HTTPError


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"path": "/echo?name=fame", "headers": {"Accept": "application/json"}},
        {"path": "/a", "qargs": {"q": "1", "r": "a b"}, "fragment": "f"},
        {"method": "post", "body": "naïve", "headers": Hict([("CESR-ATTACHMENT", b"x"), ("X-N", 5)])},
        {"method": "PUT", "data": {"first": "John"}, "headers": {"last-event-id": "4"}},
        {"method": "POST", "fargs": {"a": "b", "c": "d"}},
        {"method": "POST", "body": b"0123", "headers": {"content-length": 4, "connection": "close"}},
        {"method": "POST", "body": b"b", "data": {"d": 1}, "fargs": {"f": "a"}},
        {"method": "GET", "body": b"dropped"},
        {"scheme": "https", "port": 443, "portOptional": True, "headers": {"Via": "a"}},
        {"hostname": "a.example:8080", "headers": {"accept-encoding": "gzip"}},
    ],
)
def test_wire_format(parts):
    """Bytes, lines and head of a well-formed request are hio's, byte for byte."""
    known, mine = (kind(**copy.deepcopy(parts)) for kind in (theirs.Requester, ours.Requester))
    assert mine.build() == known.build()
    assert (mine.lines, mine.head, mine.msg) == (known.lines, known.head, known.msg)


def test_multipart_has_hio_s_length():
    """A multipart form is as long as hio's, head and body, though boundaries and line ends differ."""
    parts = {"method": "POST", "headers": {"Content-Type": "multipart/form-data"}, "fargs": FARGS}
    known, mine = (kind(**copy.deepcopy(parts)) for kind in (theirs.Requester, ours.Requester))
    assert len(mine.build()) == len(known.build())
    assert mine.lines[3] == known.lines[3]


def test_build_parts_the_path(clienting):
    """Building leaves path, query and fragment of a path each in its own attribute; qargs are merged."""
    requester = clienting.Requester(path="/a?y=2#frag", qargs={"x": "1"})
    assert requester.build().startswith(b"GET /a?x=1&y=2 HTTP/1.1\r\n")
    assert (requester.path, requester.qargs, requester.fragment) == ("/a", {"x": "1", "y": "2"}, "frag")


@pytest.mark.parametrize("path", ["http://other.example/", "https://127.0.0.1/", "http://127.0.0.1:81/"])
def test_path_of_another_origin(clienting, path):
    """Building refuses a path with another scheme, host or port with a ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        clienting.Requester(path=path).build()


def test_reinit_keeps_and_resets(clienting):
    """None keeps a part; body, data and fargs are reset when they are not given."""
    requester = clienting.Requester(
        method="PUT", path="/a", headers={"A": "b"}, body=b"x", data=1, fargs={}
    )
    requester.reinit("localhost", 81)
    assert (requester.hostname, requester.port, requester.method) == ("localhost", 81, "PUT")
    assert (requester.path, requester.headers) == ("/a", {"A": "b"})
    assert (requester.body, requester.data, requester.fargs) == (b"", None, None)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"method": "post", "body": "é"},
        {"path": "/b", "qargs": {"q": "1"}, "fragment": ""},
        {"headers": {}},
        {"headers": {"X": 1}, "data": {"a": 1}, "fargs": {"b": 2}},
        {"reply": {"rid": 1}, "mid": 5, "nothing": None},
    ],
)
def test_requests_are_differential(parts):
    """A request dict is hio's: what is not given is as the requester has it, but for body, data, fargs."""
    state = {"method": "PUT", "path": "/a", "headers": {"A": "b"}, "qargs": {"z": "0"}, "body": b"x"}
    known, mine = (module.Client(port=1, **copy.deepcopy(state)) for module in (theirs, ours))
    known.request(**copy.deepcopy(parts))
    mine.request(**copy.deepcopy(parts))
    assert mine.requests == known.requests
    assert isinstance(mine.requests[0]["headers"], Hict)


def test_requests_copy_the_state_when_they_are_asked_for(clienting):
    """What a request does not give is taken at the call, not when it is sent."""
    client = clienting.Client(port=1, path="/a", headers={"A": "1"})
    client.request()
    client.requester.reinit(path="/b", headers={"A": "2"})
    assert (client.requests[0]["path"], client.requests[0]["headers"]) == ("/a", {"A": "1"})


def test_given_qargs_are_changed_in_place(clienting):
    """Building merges the path's query into the very dict that was given; the next request has both."""
    qargs = {"x": "1"}
    requester = clienting.Requester()
    requester.rebuild(path="/a?y=2", qargs=qargs)
    assert qargs == {"x": "1", "y": "2"}
    assert requester.rebuild(path="/b?z=3").startswith(b"GET /b?x=1&y=2&z=3 ")


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ({"scheme": "https", "port": 4321}, b"127.0.0.1:4321"),
        ({"scheme": "https", "port": 443}, b"127.0.0.1:443"),
        ({"scheme": "https", "port": 443, "portOptional": True}, b"127.0.0.1"),
        ({"port": 80}, b"127.0.0.1:80"),
        ({"port": 80, "portOptional": True}, b"127.0.0.1"),
        ({"port": 443, "portOptional": True}, b"127.0.0.1:443"),
    ],
)
def test_host_names_the_port(clienting, options, host):
    """Host has the port, unless it is the scheme's own and optional."""
    client = clienting.Client(hostname="127.0.0.1", **options)
    client.requester.build()
    assert client.requester.lines[1] == b"Host: " + host


def test_respondent_starts_as_hio_s(clienting):
    """Before the first answer nothing is known, and the parser waits."""
    respondent = clienting.Respondent(retry=5, method="head")
    assert (respondent.status, respondent.data, respondent.error) == (None, None, None)
    assert (respondent.retry, respondent.leid, respondent.method) == (5, None, "HEAD")
    assert respondent.parser
    assert not respondent.ended


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_connector_of_the_wrong_kind(clienting, scheme):
    """Only hio's own tcp clients may be given as connector, each for its scheme; else a ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        clienting.Client(connector=object())
    kind = tcp.ClientTls if scheme == "http" else tcp.Client
    with pytest.raises(ValueError, match=r"incompatible|scheme"):
        clienting.Client(connector=kind(host="127.0.0.1", port=1), scheme=scheme)
