"""A mailbox that is read for as long as the program runs: server-sent events in answer to a POST."""

from __future__ import annotations

from hio.base import doing
from hio.core.http import clienting


class Mailbox(doing.DoDoer):
    """Reads the letters on a topic, and goes on after the last one whenever the stream breaks.

    Attributes:
        letters: (id, data) of each letter.
        refusals: status of each answer that was no stream.
    """

    def __init__(self, port, topic, **options):
        """Take where the mailbox is, and what the client is made with beside that."""
        self.letters = []
        self.refusals = []
        self._topic = topic
        self._client = clienting.Client(
            hostname="127.0.0.1", port=port, reconnectable=True, tymeout=0.05, **options
        )
        doer = clienting.ClientDoer(client=self._client)
        super().__init__(doers=[doer, doing.doify(self.reading)], always=True)

    def reading(self, tymth=None, tock=0.0, **opts):
        yield tock
        self._ask()
        while True:
            while self._client.events:
                event = self._client.events.popleft()
                self.letters.append((event["id"], event["data"]))
            if self._client.responses:
                self.refusals.append(self._client.responses.popleft()["status"])
                self._ask()
            yield tock

    def _ask(self):
        self._client.request(
            method="POST", path="/mbx", headers={"Accept": "text/event-stream"}, body=self._topic
        )
