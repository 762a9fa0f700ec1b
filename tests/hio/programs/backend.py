"""A WSGI application on hio's server that asks another server, and blocks nobody meanwhile."""

from __future__ import annotations

import json

import falcon
from hio.core import http, tcp
from hio.core.http import clienting


class Relay:
    """Tells what the backend said; `port` is the backend's."""

    def __init__(self, servant, port, tymeout):
        self._servant, self._port, self._tymeout = servant, port, tymeout

    def on_get(self, req, rep):
        rep.content_type = "application/json"
        rep.stream = self.relayed(req.path)

    def relayed(self, path):
        response = yield from clienting.backendRequest(
            self._servant.tymth, host="127.0.0.1", port=self._port, path=path, tymeout=self._tymeout
        )
        said = {"status": None, "data": None} if response is None else response
        yield json.dumps({"status": said["status"], "data": said["data"]}).encode()


def serve(backend, tymeout):
    """Return the port of a server, and its doer, that relays to the port `backend`."""
    servant = tcp.Server(ha=("127.0.0.1", 0))
    servant.reopen()
    servant.eha = servant.ha  # hio compares its port with this one
    app = falcon.App()
    app.add_route("/backend", Relay(servant, backend, tymeout))
    return servant.ha[1], http.ServerDoer(server=http.Server(servant=servant, app=app))
