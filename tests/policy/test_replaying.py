"""Which requests may be sent twice."""

from __future__ import annotations

import pytest

from tymeconn.policy.replaying import may_replay
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split

URL = split("http://a.example/")


@pytest.mark.parametrize(
    ("method", "sent", "allowed"),
    [
        ("GET", 99, True),
        ("HEAD", 99, True),
        ("OPTIONS", 99, True),
        ("TRACE", 99, True),
        ("PUT", 99, True),
        ("DELETE", 99, True),
        ("POST", 99, False),
        ("PATCH", 1, False),
        ("REPORT", 1, False),
        ("POST", 0, True),
        ("PATCH", 0, True),
    ],
)
def test_methods(method, sent, allowed):
    """What changes nothing, or the same thing twice, may go again; all else only if none of it went out."""
    assert may_replay(make_request(method, URL), sent) is allowed


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key"])
def test_idempotency_key(name):
    """A request with a key of its own may go again, whatever its method."""
    assert may_replay(make_request("POST", URL, headers={name: "k1"}), 99)
