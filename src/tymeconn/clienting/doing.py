"""Clients inside hio's schedulers."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from hio.base import doing
from hio.core import wiring

from .client import Client

__all__ = ["ClientDoer", "backendRequest", "openClient"]


class ClientDoer(doing.Doer):
    """Services a client once a tick, from `enter` (which opens it) to `exit` (which closes it).

    Attributes:
        client: the client.
    """

    def __init__(self, client: Client, **kwa: Any) -> None:
        """Take the client; other keywords are hio's Doer's.

        Raises:
            TypeError: it is no client.
        """
        if not hasattr(client, "service"):
            raise TypeError(f"client must be a Client, not {client!r}")
        super().__init__(**kwa)  # type: ignore[no-untyped-call]
        self.client = client
        if self.tymth:
            self.client.wind(self.tymth)

    def wind(self, tymth: Any) -> None:
        """Take hio's tyme for doer and client."""
        super().wind(tymth)  # type: ignore[no-untyped-call]
        self.client.wind(tymth)

    def enter(self, *, temp: bool | None = None) -> None:  # noqa: ARG002 hio passes it from 0.6.18 on
        """Open the client, unless a doer that entered before has done so by asking."""
        if self.client.begun:
            self.client.opened = True
        else:
            self.client.reopen()

    def recur(self, tyme: float) -> bool:  # noqa: ARG002 hio's signature
        """Service the client; never done."""
        self.client.service()
        return False

    def exit(self) -> None:
        """Close the client."""
        self.client.close()


@contextmanager
def openClient(cls: type[Client] | None = None, **kwa: Any) -> Iterator[Client]:  # noqa: N802 hio's name
    """Make a client of `cls`, reopen it, and close it at the end of the with block."""
    client = (cls or Client)(**kwa)
    try:
        client.reopen()
        yield client
    finally:
        client.close()


def backendRequest(  # noqa: N802, PLR0913 hio's name and signature
    tymth: Any,
    *,
    method: str = "GET",
    scheme: str = "",
    host: str = "localhost",
    port: int | None = None,
    path: str = "/",
    qargs: dict[str, Any] | None = None,
    data: Any = None,
    buffered: bool = False,
    tymeout: float = 2.0,
) -> Generator[bytes, Any, dict[str, Any] | None]:
    """Send one request from inside a WSGI application: yields b"" until the answer is there.

    Returns the response dict, or None when `tymeout` (in tyme, or in seconds if these come first) has
    passed. `path` may be a whole URL. With `buffered` the traffic goes to a WireLog file.
    """
    wirelog = wiring.WireLog(name="backend", filed=True, samed=True) if buffered else None
    if wirelog is not None:
        wirelog.reopen()
    parts: dict[str, Any] = {"scheme": scheme, "hostname": host, "port": port, "path": path}
    headers = [("Accept", "application/json"), ("Connection", "close")]
    try:
        client = Client(
            tymth=tymth, wl=wirelog, method=method, headers=headers, qargs=qargs, data=data, **parts
        )
        try:
            client.transmit()
            return (yield from client.awaited(tymeout))
        finally:
            client.close()
    finally:
        if wirelog is not None:
            wirelog.close()
