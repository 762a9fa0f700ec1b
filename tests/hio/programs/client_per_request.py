"""A client per request, added to a DoDoer when it is asked, and removed when its answer is there."""

from __future__ import annotations

from hio.base import doing
from hio.core.http import clienting


class Asker(doing.DoDoer):
    """Asks many hosts at once.

    Attributes:
        answers: (status, body) by name; the status is None when there was no answer.
    """

    def __init__(self, **options):
        """Take what every client is made with."""
        self.answers = {}
        self._options = options
        self._asked = {}
        super().__init__(always=True)

    def ask(self, name, port, path):
        client = clienting.Client(hostname="127.0.0.1", port=port, **self._options)
        client.request(method="GET", path=path, headers={"Accept": "*/*"})
        self._asked[name] = client, clienting.ClientDoer(client=client)
        self.extend([self._asked[name][1]])

    def recur(self, tyme, deeds=None):
        for name, (client, doer) in list(self._asked.items()):
            if client.responses:
                response = client.respond()
                self.answers[name] = response.status, bytes(response.body)
                del self._asked[name]
                self.remove([doer])
        super().recur(tyme, deeds)
        return False
