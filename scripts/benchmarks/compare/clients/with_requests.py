"""requests, a session in each thread."""

from __future__ import annotations

from typing import Any

import requests

from .ordering import CONNECTIONS, Count, Figures, Order, check, check_size, one_by_one, share
from .threads import in_threads

_PIECE = 262_144


def ask(session: requests.Session, url: str) -> None:
    """Make one small exchange."""
    response = session.get(url)
    check(response.headers["Content-Type"], response.json())


def small(order: Order) -> Count:
    """As many threads as connections."""
    sessions = [requests.Session() for _ in range(CONNECTIONS)]

    def run(times: int) -> Figures:
        def asking(index: int) -> None:
            for _ in range(share(times, index, CONNECTIONS)):
                ask(sessions[index], order.small)

        in_threads(asking, CONNECTIONS)
        return {}

    return run


def latency(order: Order) -> Count:
    """One session."""
    session = requests.Session()
    return one_by_one(lambda: ask(session, order.small))


def download(order: Order) -> Count:
    """One session."""
    session = requests.Session()

    def run(times: int) -> Figures:
        for _ in range(times):
            with session.get(order.big, stream=True, verify=order.cafile) as response:
                check_size(sum(len(chunk) for chunk in response.iter_content(_PIECE)))
        return {}

    return run


COUNTED = {"small": small, "latency": latency, "download": download}
TIMED: dict[str, Any] = {}
