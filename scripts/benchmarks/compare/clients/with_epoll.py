"""A bare loop, as the floor: one kind of request, made beforehand, and next to nothing checked."""

from __future__ import annotations

import json
import re
import select
import socket
import ssl
from collections.abc import Callable
from typing import Any

from .ordering import CONNECTIONS, Count, Figures, Order, check, check_size, one_by_one

_REQUEST = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n\r\n"
_KIND = b"\r\nContent-Type: application/json\r\n"
_SIZE = re.compile(rb"\r\nContent-Length: (\d+)\r\n")


def connected(port: int) -> socket.socket:
    """Return a connection."""
    peer = socket.create_connection(("127.0.0.1", port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def read_small(data: bytes) -> None:
    """Look at an answer, which has come in one piece."""
    end = data.index(b"\r\n\r\n")
    check("application/json" if data.find(_KIND, 0, end + 2) > 0 else None, json.loads(data[end:]))


def small(order: Order) -> Count:
    """As many sockets as connections, in one epoll."""
    request = _REQUEST.format(path="/jobs/7", port=order.port).encode()
    epoll, peers = select.epoll(), {}
    for _ in range(CONNECTIONS):
        peer = connected(order.port)
        peer.settimeout(0.0)
        peers[peer.fileno()] = peer
        epoll.register(peer.fileno(), select.EPOLLIN)

    def run(times: int) -> Figures:
        left, waiting = times, times - CONNECTIONS
        for peer in peers.values():
            peer.send(request)
        while left:
            for descriptor, _ in epoll.poll():
                read_small(peers[descriptor].recv(65_536))
                left -= 1
                if waiting:
                    waiting -= 1
                    peers[descriptor].send(request)
        return {}

    return run


def latency(order: Order) -> Count:
    """One blocking socket."""
    request = _REQUEST.format(path="/jobs/7", port=order.port).encode()
    peer = connected(order.port)

    def fetch() -> None:
        peer.send(request)
        read_small(peer.recv(65_536))

    return one_by_one(fetch)


def download(order: Order) -> Count:
    """One blocking socket, into one buffer."""
    port = order.tls_port if order.tls else order.port
    request = _REQUEST.format(path="/big", port=port).encode()
    peer = connected(port)
    if order.tls:
        context = ssl.create_default_context(cafile=order.cafile)
        peer = context.wrap_socket(peer, server_hostname="127.0.0.1")
    buffer = bytearray(262_144)

    def run(times: int) -> Figures:
        for _ in range(times):
            peer.sendall(request)
            check_size(_drained(peer.recv_into, buffer))
        return {}

    return run


def _drained(receive: Callable[[bytearray], int], buffer: bytearray) -> int:
    """Read one answer, and return the size of its body."""
    head = b""
    while (end := head.find(b"\r\n\r\n")) < 0:
        head += buffer[: receive(buffer)]
    found = _SIZE.search(head[: end + 2])
    size = int(found[1]) if found else 0
    left = size - (len(head) - end - 4)
    while left > 0 and (got := receive(buffer)):
        left -= got
    return size - left


COUNTED = {"small": small, "latency": latency, "download": download}
TIMED: dict[str, Any] = {}
