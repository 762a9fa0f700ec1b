"""What a small exchange costs: in microseconds of CPU without a socket, and in exchanges a second with one.

Without a socket the peer follows a script, and the cost of each stage is shown beside that of the whole. On
loopback the server runs in a process of its own, on a core of its own where there are two; beside a Pool
stand http.client on one connection, and the floor: a loop around epoll that checks next to nothing.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import platform
import select
import socket
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import repeat
from statistics import median
from time import perf_counter, process_time
from typing import Any, TypeAlias, cast

from tymeconn.clienting import Client
from tymeconn.exchanging.connection import Connection
from tymeconn.exchanging.exchange import Exchange
from tymeconn.exchanging.http1 import head_of
from tymeconn.exchanging.setup import Setup
from tymeconn.net.networking import SocketNetwork
from tymeconn.net.seams import Tls
from tymeconn.policy.patience import Timeouts
from tymeconn.pooling import Pool, PoolLimits
from tymeconn.testing.scripting import ScriptedConnector, ScriptedNetwork
from tymeconn.tyming.clocks import monotonic
from tymeconn.tyming.waiting import Signal, Wait
from tymeconn.wire.messages import Limits
from tymeconn.wire.requesting import make_request
from tymeconn.wire.responding import Respondent
from tymeconn.wire.sending import outgoing
from tymeconn.wire.urls import split

Fetching: TypeAlias = Generator[Wait, Any, Any]

ROUNDS = 7
# Exchanges in one measurement: long against a switch of processes.
REPEATS = 1_000
CONNECTIONS = 100

URL = "http://a.test/jobs/7"
BODY = b'{"id":7,"state":"pending","progress":40,"owner":"a@a.test"}'
ANSWER = (
    b"""HTTP/1.1 200 OK
Server: nginx/1.26.2
Date: Thu, 05 Nov 2026 10:21:33 GMT
Content-Type: application/json
Content-Length: %d
Connection: keep-alive
X-Request-Id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301

""".replace(b"\n", b"\r\n")
    % len(BODY)
    + BODY
)
REQUEST = b"GET /jobs/7 HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n\r\n"


class Talkative(ScriptedConnector):
    """The connector to a peer that always answers the same, and remembers nothing."""

    def send(self, data: bytes | memoryview) -> int:
        """Take all of it."""
        self._readable.append(ANSWER)
        self._notify(self)
        return len(data)


class Scripted(ScriptedNetwork):
    """A network of such peers."""

    def __init__(self) -> None:
        super().__init__(clock=monotonic)

    def connector(self, _address: object, _tls: object = None) -> ScriptedConnector:
        """Return another."""
        return Talkative([])


def driven(generator: Fetching) -> Any:
    """Return what the generator returns; its peer answers at once."""
    try:
        next(generator)
        while True:
            generator.send(0.0)
    except StopIteration as stop:
        return stop.value


def through(sender: Client | Pool) -> Callable[[], object]:
    """Return what makes one exchange over a warm connection of the sender."""
    sender.wind(lambda: 0.0)

    def fetch() -> None:
        response = driven(sender.get(URL))
        assert (response.status, response.headers["Content-Type"]) == (200, "application/json")

    fetch()
    return fetch


def bare() -> Callable[[], object]:
    """Return what carries one exchange over a warm connection that nobody shares."""
    queue: list[Exchange] = []
    setup = Setup(Scripted(), Tls(), Limits(), Timeouts())
    connection = Connection(setup, lambda: queue.pop() if queue else None)
    request = make_request("GET", split(URL))

    def carry() -> None:
        exchange = Exchange(request, setup.timeouts, monotonic)
        queue.append(exchange)
        while exchange.outcome is None:
            connection.service()
        exchange.result()

    carry()
    return carry


def answered() -> Respondent:
    """Return the reader of a whole answer."""
    respondent = Respondent("GET")
    respondent.feed(ANSWER)
    return respondent


def stages() -> dict[str, Callable[[], object]]:
    """Return what is to be measured without a socket; the last two hold all that stands above them."""
    request = make_request("GET", split(URL))
    exchange, respondent = Exchange(request, Timeouts(), monotonic), answered()
    return {
        "make_request": lambda: make_request("GET", split(URL)),
        "outgoing": lambda: list(outgoing(request, id)),
        "Respondent": answered,
        "Response": lambda: head_of(exchange, respondent),
        "Connection, with these three": bare(),
        "Client.get": through(Client(path=URL, network=Scripted())),
        "Pool.get": through(Pool(network=Scripted())),
    }


def microseconds() -> dict[str, float]:
    """Return the median of each stage; they take turns, so that a slow moment strikes all."""
    found = stages()
    rounds = [{name: seconds(stage) for name, stage in found.items()} for _ in range(ROUNDS)]
    return {name: round(median(each[name] for each in rounds) * 1e6, 2) for name in found}


def seconds(stage: Callable[[], object]) -> float:
    """Return the seconds of CPU that one call takes."""
    start = process_time()
    for _ in repeat(None, REPEATS):
        stage()
    return (process_time() - start) / REPEATS


class Loop:
    """Runs generators and sleeps until one of them has something to do: no tyme, no order, no check."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, tuple[object, Fetching]] = {}
        self._woken: dict[Fetching, None] = {}

    def run(self, generators: Sequence[Fetching]) -> None:
        """Run all to their ends."""
        waits: dict[Fetching, Wait] = dict.fromkeys(generators, Wait())
        self._woken = dict.fromkeys(generators)
        while waits:
            woken, self._woken = self._woken, {}
            for descriptor, _ in self._epoll.poll(0 if woken else -1):
                woken[self._watched[descriptor][1]] = None
            # A descriptor may wake one that has ended.
            for generator in [each for each in woken if each in waits]:
                self._forget(generator, waits.pop(generator))
                with suppress(StopIteration):
                    waits[generator] = wait = generator.send(None)
                    self._attend(generator, wait)

    def _attend(self, generator: Fetching, wait: Wait) -> None:
        for thing in wait.on:
            if type(thing) is Signal:
                thing.attend(generator, partial(self._wake, generator))
            elif (descriptor := thing.fileno()) is not None:
                if self._watched.get(descriptor, (None,))[0] is not thing:
                    self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
                self._watched[descriptor] = thing, generator
        if wait.until == 0.0:
            self._wake(generator)

    def _wake(self, generator: Fetching) -> None:
        self._woken[generator] = None

    def _forget(self, generator: Fetching, wait: Wait) -> None:
        for thing in wait.on:
            if type(thing) is Signal:
                thing.withdraw(generator)


def fetching(pool: Pool, url: str, times: int) -> Fetching:
    """Fetch again and again."""
    for _ in repeat(None, times):
        response = yield from pool.get(url)
        check(response.headers["Content-Type"], response.body)


def check(kind: str | None, body: bytes) -> None:
    """Look at an answer as its user would."""
    if kind != "application/json" or json.loads(body)["progress"] != 40:
        raise AssertionError(f"not the answer: {kind} {body!r}")


def with_pool(port: int, connections: int) -> Callable[[int], None]:
    """Return what makes so many exchanges by as many generators over as many connections."""
    pool = Pool(network=SocketNetwork(), connections=PoolLimits(per_origin=connections))
    pool.wind(lambda: 0.0)
    url, loop = f"http://127.0.0.1:{port}/jobs/7", Loop()
    return lambda times: loop.run([fetching(pool, url, times // connections) for _ in range(connections)])


def with_http_client(port: int) -> Callable[[int], None]:
    """Return what makes so many exchanges over one connection, one after another."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def run(times: int) -> None:
        for _ in repeat(None, times):
            connection.request("GET", "/jobs/7")
            response = connection.getresponse()
            check(response.headers["Content-Type"], response.read())

    return run


def with_epoll(port: int, connections: int) -> Callable[[int], None]:
    """Return what makes so many exchanges with as little as possible."""
    epoll, sockets = select.epoll(), {}
    for _ in range(connections):
        peer = socket.create_connection(("127.0.0.1", port))
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[peer.fileno()] = peer
        epoll.register(peer.fileno(), select.EPOLLIN)

    def run(times: int) -> None:
        begun = left = times // connections * connections
        for peer in sockets.values():
            peer.send(REQUEST)
            begun -= 1
        while left:
            for descriptor, _ in epoll.poll():
                data = sockets[descriptor].recv(65_536)
                check("application/json", data[data.index(b"\r\n\r\n") :])
                left -= 1
                if begun:
                    begun -= 1
                    sockets[descriptor].send(REQUEST)

    return run


def serve(listener: socket.socket) -> None:
    """Answer whatever comes, until the process is ended."""
    epoll, peers = select.epoll(), {}
    epoll.register(listener.fileno(), select.EPOLLIN)
    while True:
        for descriptor, _ in epoll.poll():
            if descriptor == listener.fileno():
                peer, _ = listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peers[peer.fileno()] = peer
                epoll.register(peer.fileno(), select.EPOLLIN)
            elif count := peers[descriptor].recv(65_536).count(b"\r\n\r\n"):
                peers[descriptor].send(ANSWER * count)
            else:
                epoll.unregister(descriptor)
                peers.pop(descriptor).close()


def served() -> tuple[int, multiprocessing.Process]:
    """Start the server on the last core, keep this process on the first, and return port and process."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = multiprocessing.get_context("fork").Process(target=serve, args=(listener,), daemon=True)
    server.start()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(cast("int", server.pid), {cores[-1]})
    os.sched_setaffinity(0, {cores[0]})
    return listener.getsockname()[1], server


def on_loopback() -> dict[str, dict[str, float]]:
    """Return the medians of each client; they take turns."""
    port, server = served()
    clients = {
        "Pool, 1 generator": with_pool(port, 1),
        "http.client, 1 connection": with_http_client(port),
        "epoll, 1 connection": with_epoll(port, 1),
        f"Pool, {CONNECTIONS} generators": with_pool(port, CONNECTIONS),
        f"epoll, {CONNECTIONS} connections": with_epoll(port, CONNECTIONS),
    }
    try:
        for run in clients.values():
            run(CONNECTIONS)
        rounds = [{name: taken(run) for name, run in clients.items()} for _ in range(ROUNDS)]
    finally:
        server.terminate()
        server.join()
    times = {
        name: [median(each) for each in zip(*(one[name] for one in rounds), strict=True)]
        for name in clients
    }
    return {
        "exchanges a second on loopback": {name: round(1 / wall) for name, (wall, _) in times.items()},
        "microseconds of CPU each": {name: round(cpu * 1e6, 2) for name, (_, cpu) in times.items()},
    }


def taken(run: Callable[[int], None]) -> tuple[float, float]:
    """Return the seconds that an exchange takes, and those of this process's CPU."""
    times = 4 * REPEATS
    start, cpu = perf_counter(), process_time()
    run(times)
    return (perf_counter() - start) / times, (process_time() - cpu) / times


def table(found: dict[str, dict[str, float]]) -> Iterator[str]:
    """Yield the lines of a table."""
    for what, figures in found.items():
        yield what
        for name, figure in figures.items():
            yield f"  {name:<32}{figure:>12,.{1 if figure < 1_000 else 0}f}"


def main() -> None:
    """Measure, print a table, and write the figures as JSON where that is asked for."""
    parser = argparse.ArgumentParser(prog="scripts/bench exchange", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", metavar="FILE", type=argparse.FileType("w", encoding="utf-8"))
    options = parser.parse_args()
    found = {"microseconds without a socket": microseconds(), **on_loopback()}
    sys.stdout.writelines(f"{line}\n" for line in table(found))
    if options.json:
        json.dump({"python": platform.python_version(), "rounds": ROUNDS, **found}, options.json, indent=2)
        options.json.close()


if __name__ == "__main__":
    main()
