"""The standard library's blocking client."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any

from .ordering import Count, Order, check, one_by_one


def latency(order: Order) -> Count:
    """One connection."""
    connection = HTTPConnection("127.0.0.1", order.port)

    def fetch() -> None:
        connection.request("GET", "/jobs/7")
        response = connection.getresponse()
        check(response.headers["Content-Type"], json.loads(response.read()))

    return one_by_one(fetch)


COUNTED = {"latency": latency}
TIMED: dict[str, Any] = {}
