"""Clients inside a Doist until they have their answers, and a peer that keeps what it was asked."""

from __future__ import annotations

from hio.base.doing import Doer, Doist

from tymeconn.clienting import ClientDoer

from ..stand_ins import request_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Beside(Doer):
    """Waits for so many answers of one client, then for one of a healthy client, and ends the Doist."""

    def __init__(self, client, count, healthy=None):
        super().__init__()
        self.client = client
        self.count = count
        self.healthy = healthy
        self.asked = False

    def recur(self, tyme):
        if len(self.client.responses) < self.count:
            return False
        if self.healthy is not None and not self.asked:
            self.asked = True
            self.healthy.request(method="GET", path="/beside")
        if self.healthy is None or self.healthy.responses:
            raise KeyboardInterrupt  # hio's clean way out of a Doist
        return False


def run(client, count=1, healthy=None, doers=(), limit=10.0):
    """Service the client in a Doist until it has `count` answers, or time is over."""
    clients = [ClientDoer(client=each) for each in (client, healthy) if each is not None]
    everybody = [*clients, *doers, Beside(client, count, healthy)]
    Doist(real=True, tock=0.001, limit=limit, doers=everybody).do()


def answers(client, count=1, **options):
    """Service the client as `run` does, and return the answers it has."""
    run(client, count, **options)
    return [client.respond() for _ in range(len(client.responses))]


class Replies:
    """A peer's handler: answers every request with what `reply(request)` gives, and keeps the requests."""

    def __init__(self, reply=lambda request: OK):
        self.requests = []
        self._reply = reply

    def __call__(self, connection):
        while request := request_of(connection):
            self.requests.append(request)
            connection.sendall(self._reply(request))

    @property
    def targets(self):
        """What was in the request lines, method included."""
        return [request.partition(b" HTTP/1.1\r\n")[0].decode("latin-1") for request in self.requests]

    def fields(self, name, at=-1):
        """Return the values of a field of the request at an index, in order."""
        lines = self.requests[at].partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        pairs = [line.split(": ", 1) for line in lines]
        return [value for key, value in pairs if key.lower() == name.lower()]

    def body(self, at=-1):
        """Return the body of the request at an index."""
        return self.requests[at].partition(b"\r\n\r\n")[2]
