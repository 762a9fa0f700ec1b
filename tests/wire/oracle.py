"""h11 reads the same bytes as tymeconn: what both take must mean the same.

Where the two differ on purpose, DIFFERENCES says in what, exactly when, and why. Whatever else differs is a
fault of one of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields

import h11

from .test_response_cases import play

_CONTENT_ENCODING = re.compile(rb"(?i)content-encoding")
# h11 takes no head longer than this; tymeconn's own limits are lower.
_MOST = 1 << 24


@dataclass(frozen=True)
class Told:
    """What a reader says of a response: every field that both have.

    Attributes:
        verdict: "whole", "waiting" for more bytes, or "refused", which includes what was cut short.
        version: of the final head, as (1, 1).
        reason: without blanks around it, as a missing and an empty one are the same.
        heads: status and fields of each head in order, the final one last; names in lower case.
        body: before content decoding.
        persisted: the connection may carry another request.
        tunneled: the connection now speaks something else.
        extra: the bytes behind the response.
    """

    verdict: str
    version: tuple[int, int] = (1, 1)
    reason: str = ""
    heads: tuple = ()
    body: bytes = b""
    trailers: tuple = ()
    persisted: bool = False
    tunneled: bool = False
    extra: bytes = b""


REFUSED, WAITING = Told("refused"), Told("waiting")


def plain(data):
    """Return the bytes with every Content-Encoding renamed, because h11 undoes none."""
    return _CONTENT_ENCODING.sub(b"content-encodin_", data)


def ours(case, data):
    """Return what Respondent makes of a case with these bytes; `case` has the fields of responses.json."""
    respondent = play(case, [data])
    if not respondent.ended:
        return WAITING
    if respondent.error is not None:
        return REFUSED
    heads = [*respondent.interims, (respondent.status, respondent.headers)]
    return Told(
        "whole",
        respondent.version,
        respondent.reason.strip(" \t"),
        tuple((status, _pairs(headers.items())) for status, headers in heads),
        respondent.body,
        _pairs(respondent.trailers.items()),
        respondent.persisted,
        respondent.tunneled,
        respondent.extra,
    )


def theirs(case, data):
    """Return what h11's client side makes of the same."""
    connection = _asked(case)
    connection.receive_data(data)
    if case["eof"] and data:
        connection.receive_data(b"")
    try:
        events, last = _events(connection)
    except h11.RemoteProtocolError:
        return REFUSED
    switched = connection.their_state is h11.SWITCHED_PROTOCOL
    if not switched and type(last) is not h11.EndOfMessage:
        return REFUSED if case["eof"] else WAITING
    return _told(connection, events, switched)


def _asked(case):
    """Return a connection that has sent the request of a case."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST)
    headers = [("Host", "a.example"), *case.get("request_headers", {}).items()]
    connection.send(h11.Request(method=case["method"], target="/", headers=headers))
    connection.send(h11.EndOfMessage())
    return connection


def _events(connection):
    """Return the events up to the end of the response, and the last of them."""
    events = []
    while True:
        event = connection.next_event()
        if event in (h11.NEED_DATA, h11.PAUSED) or type(event) is h11.ConnectionClosed:
            return events, events[-1] if events else None
        events.append(event)
        if type(event) is h11.EndOfMessage:
            return events, event


def _told(connection, events, switched):
    extra = connection.trailing_data[0]
    if connection.their_state is h11.DONE:
        # Whether the stream ended behind the response is known only now.
        connection.next_event()
    heads = [event for event in events if type(event) in (h11.InformationalResponse, h11.Response)]
    final = heads[-1]
    trailers = () if switched else events[-1].headers
    major, minor = final.http_version.decode("ascii").split(".")
    return Told(
        "whole",
        (int(major), int(minor)),
        final.reason.decode("latin-1").strip(" \t"),
        tuple((head.status_code, _pairs(head.headers)) for head in heads),
        b"".join(bytes(event.data) for event in events if type(event) is h11.Data),
        _pairs(trailers),
        connection.our_state is h11.DONE and connection.their_state is h11.DONE,
        switched,
        extra,
    )


def _pairs(headers):
    return tuple((_text(name).lower(), _text(value)) for name, value in headers)


def _text(given):
    return given if isinstance(given, str) else bytes(given).decode("latin-1")


@dataclass(frozen=True)
class Difference:
    """A field in which the two differ for a good reason.

    Attributes:
        field: of Told.
        holds: whether what `ours` and `theirs` say of it is exactly this difference.
        why: with the section that says so.
    """

    field: str
    holds: Callable[[Told, Told], bool]
    why: str


def _options(told):
    values = [value for name, value in told.heads[-1][1] if name == "connection"]
    return [option.strip(" \t").lower() for value in values for option in value.split(",")]


def _names(told):
    return {name for name, _ in told.heads[-1][1]}


def _is_kept_1_0(ours, theirs):
    return (
        ours.persisted
        and ours.version == (1, 0)
        and "keep-alive" in _options(ours)
        and "close" not in _options(ours)
    )


def _is_framed_twice(ours, theirs):
    return theirs.persisted and {"transfer-encoding", "content-length"} <= _names(ours)


def _is_spoilt(ours, theirs):
    return theirs.persisted and bool(ours.extra)


def _is_case_of_coding(ours, theirs):
    lowered = tuple(
        (
            status,
            tuple((name, value.lower() if name == "transfer-encoding" else value) for name, value in pairs),
        )
        for status, pairs in ours.heads
    )
    return lowered == theirs.heads


def _is_filtered(ours, theirs):
    kept = {name for name, _ in ours.trailers}
    return ours.trailers == tuple(pair for pair in theirs.trailers if pair[0] in kept)


DIFFERENCES = {
    "keep-alive of 1.0": Difference(
        "persisted",
        _is_kept_1_0,
        "RFC 9112 9.3 lets a 1.0 connection persist when it says so; h11 never does",
    ),
    "two framings": Difference(
        "persisted",
        _is_framed_twice,
        "RFC 9112 6.3: Transfer-Encoding overrides Content-Length, and it may be an attempt at smuggling; "
        "h11 goes on, tymeconn closes",
    ),
    "bytes nobody asked for": Difference(
        "persisted",
        _is_spoilt,
        "RFC 9112 9.2: whoever gets data without a request should close; h11 leaves it",
    ),
    "case of a transfer coding": Difference(
        "heads",
        _is_case_of_coding,
        "RFC 9112 7: names of codings have no case; h11 lowers them, tymeconn keeps fields as received",
    ),
    "fields that may not be trailers": Difference(
        "trailers", _is_filtered, "RFC 9110 6.5.1: some fields may not stand in trailers; h11 hands all on"
    ),
}


def compared(ours, theirs):
    """Return the names of the known differences between two readings, and the fields that differ otherwise.

    A response that either refuses is not compared: how strict a reader is is its own affair.
    """
    if REFUSED in (ours, theirs):
        return [], []
    if ours.verdict != theirs.verdict:
        return [], ["verdict"]
    known, unknown = [], []
    for field in (each.name for each in fields(Told)):
        if getattr(ours, field) != getattr(theirs, field):
            names = [name for name, each in DIFFERENCES.items() if each.field == field]
            held = [name for name in names if DIFFERENCES[name].holds(ours, theirs)]
            known += held
            unknown += [] if held else [field]
    return known, unknown


def request_told(data):
    """Return method, target, fields, body and trailers of the one request that h11's server side finds.

    Raises:
        h11.RemoteProtocolError: it is no request.
    """
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST)
    connection.receive_data(data)
    request, body = connection.next_event(), b""
    while type(event := connection.next_event()) is h11.Data:
        body += event.data
    assert type(event) is h11.EndOfMessage, event
    assert connection.trailing_data[0] == b""
    method, target = request.method.decode(), request.target.decode()
    return method, target, _pairs(request.headers), body, _pairs(event.headers)


def request_made(request):
    """Return the same of a Request whose body and trailers are no functions."""
    target = request.target or request.url.target
    pieces = [request.body] if request.source is None else request.source.begin()
    # A piece that is no bytes says that there is nothing now.
    body = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    headers, trailers = (_pairs(each.items()) for each in (request.headers, request.trailers or {}))
    # Names of codings have no case (RFC 9112 7), and h11 says them in lower case.
    headers = tuple(
        (name, value.lower() if name == "transfer-encoding" else value) for name, value in headers
    )
    return request.method, target, headers, body, trailers
