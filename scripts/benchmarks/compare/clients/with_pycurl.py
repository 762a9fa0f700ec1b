"""pycurl: CurlMulti with handles that are used again."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import pycurl

from .ordering import CONNECTIONS, Count, Figures, Order, check, check_size, one_by_one


def handle_for(url: str, order: Order) -> pycurl.Curl:
    """Return a handle for the URL; what comes is appended to its attribute `pieces`."""
    handle = pycurl.Curl()
    handle.pieces = []
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.WRITEFUNCTION, handle.pieces.append)
    handle.setopt(pycurl.CAINFO, order.cafile)
    handle.setopt(pycurl.NOSIGNAL, 1)
    return handle


def read_small(handle: pycurl.Curl) -> None:
    """Look at what has come, and make room for what comes next."""
    check(handle.getinfo(pycurl.CONTENT_TYPE), json.loads(b"".join(handle.pieces)))
    handle.pieces.clear()


def small(order: Order) -> Count:
    """As many handles as connections, in one multi."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, CONNECTIONS)
    multi.setopt(pycurl.M_MAXCONNECTS, CONNECTIONS)
    idle = deque(handle_for(order.small, order) for _ in range(CONNECTIONS))

    def run(times: int) -> Figures:
        left = waiting = times
        while left:
            while idle and waiting:
                multi.add_handle(idle.popleft())
                waiting -= 1
            multi.perform()
            ended = finished(multi)
            if not ended:
                multi.select(1.0)
            for handle in ended:
                read_small(handle)
                multi.remove_handle(handle)
                idle.append(handle)
            left -= len(ended)
        return {}

    return run


def finished(multi: pycurl.CurlMulti) -> list[pycurl.Curl]:
    """Return the handles whose answers are whole; raises when one has none."""
    _, ended, failed = multi.info_read()
    if failed:
        raise AssertionError(f"not the answer: {failed[0][1:]}")
    return ended


def latency(order: Order) -> Count:
    """One handle."""
    handle = handle_for(order.small, order)

    def fetch() -> None:
        handle.perform()
        read_small(handle)

    return one_by_one(fetch)


def download(order: Order) -> Count:
    """One handle, with a buffer as large as tymeconn's."""
    handle = handle_for(order.big, order)
    handle.setopt(pycurl.BUFFERSIZE, 262_144)
    size = 0

    def sink(piece: bytes) -> None:
        nonlocal size
        size += len(piece)

    handle.setopt(pycurl.WRITEFUNCTION, sink)

    def run(times: int) -> Figures:
        nonlocal size
        for _ in range(times):
            size = 0
            handle.perform()
            check_size(size)
        return {}

    return run


COUNTED = {"small": small, "latency": latency, "download": download}
TIMED: dict[str, Any] = {}
