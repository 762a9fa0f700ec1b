"""The server of our own, for machines without nginx: asyncio on uvloop, and no more of HTTP than is asked.

usage: python -m compare.answering CERTIFICATE

It prints its two ports, plain and TLS, when it listens.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from typing import cast

BIG = 100_000_000
DOCUMENT = {"id": 7, "state": "pending", "progress": 40, "owner": "a@a.test"}
HEADERS = {
    "Cache-Control": "no-store",
    "X-Request-Id": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "X-RateLimit-Remaining": "4987",
}

_PIECE = bytes(262_144)


def _head(kind: str, size: int) -> bytes:
    fields = {"Server": "uvloop", "Content-Type": kind, "Content-Length": size, "Connection": "keep-alive"}
    lines = [f"{name}: {value}" for name, value in {**fields, **HEADERS}.items()]
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


_BODY = json.dumps(DOCUMENT).encode()
_SMALL = _head("application/json", len(_BODY)) + _BODY
_BIG_HEAD = _head("application/octet-stream", BIG)


class Answering(asyncio.Protocol):
    """One connection, on which a request is asked after the answer to the one before."""

    def __init__(self) -> None:
        self._received = b""
        self._left = 0
        self._full = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take what to write to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole; those asked here have no body."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            request, _, self._received = self._received.partition(b"\r\n\r\n")
            if request.startswith(b"GET /big "):
                self._left = BIG
                self._transport.write(_BIG_HEAD)
                self._pour()
            else:
                self._transport.write(_SMALL)

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        self._full = True

    def resume_writing(self) -> None:
        """Go on where it was full."""
        self._full = False
        self._pour()

    def _pour(self) -> None:
        while self._left and not self._full:
            size = min(self._left, len(_PIECE))
            self._left -= size
            self._transport.write(_PIECE[:size])


async def _serve(certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(Answering, "127.0.0.1", 0, backlog=4096)
    secure = await loop.create_server(Answering, "127.0.0.1", 0, ssl=context)
    ports = [str(each.sockets[0].getsockname()[1]) for each in (plain, secure)]
    sys.stdout.write(" ".join(ports) + "\n")
    sys.stdout.flush()
    await plain.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.install()
    asyncio.run(_serve(sys.argv[1]))
