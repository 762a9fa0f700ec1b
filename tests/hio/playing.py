"""What the tests of answers and of hangs share: a client, or any doer, beside a story in a Doist."""

from __future__ import annotations

from hio.base.doing import Doer, Doist

from tymeconn.clienting import Client, ClientDoer
from tymeconn.tyming.clocks import countdown, monotonic

# Real seconds: no story that goes well comes near it, and one that hangs has to end.
LIMIT = 10.0


class Story(Doer):
    """Ends the Doist when its generator ends, which yields what it waits for as functions."""

    def __init__(self, steps):
        super().__init__()
        self.awaited = lambda: True
        self._steps = steps
        self._over = countdown(LIMIT, monotonic)

    def recur(self, tyme):
        while self.awaited is not None and self.awaited():
            self.awaited = next(self._steps, None)
        if self.awaited is None or self._over():
            raise KeyboardInterrupt  # hio's clean way out of a Doist
        return False


def client_of(server, **options):
    """Return a client of a server on loopback."""
    return Client(hostname="127.0.0.1", port=server.port, **options)


def run(serviced, steps, real=True, tock=0.001):
    """Service a client, or run a doer, in hio's Doist until the story ends."""
    doer = serviced if isinstance(serviced, Doer) else ClientDoer(client=serviced)
    story = Story(steps)
    Doist(real=real, tock=tock, doers=[doer, story]).do()
    assert story.awaited is None, "the story hangs"


def ask(client, *paths):
    """Request the paths through hio's deques and return the answers."""
    for path in paths:
        client.request(method="GET", path=path)
    run(client, iter([lambda: len(client.responses) == len(paths)]))
    return [client.respond() for _ in paths]


def bodies(client):
    """Return the bodies of the answers that are there."""
    return [bytes(response["body"]) for response in client.responses]
