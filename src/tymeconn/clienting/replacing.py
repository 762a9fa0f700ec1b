"""Our client in hio's place, for programs that name hio's modules."""

from __future__ import annotations

from types import ModuleType, TracebackType
from typing import Any, ClassVar

from hio.core import http
from hio.core.http import clienting

from ..wire.messages import Response
from .client import Client
from .doing import ClientDoer, backendRequest, openClient
from .requester import Requester
from .respondent import Respondent

__all__ = ["Replacement", "replace_hio"]

_OURS: dict[str, Any] = {
    "Client": Client,
    "ClientDoer": ClientDoer,
    "Requester": Requester,
    "Respondent": Respondent,
    "Response": Response,
    "backendRequest": backendRequest,
    "openClient": openClient,
}


class Replacement:
    """hio's names that mean ours until `restore` is called, or until the end of a with block.

    Several may hold at once; when the last is restored, in whatever order, hio's names mean again what they
    meant before the first.
    """

    _held: ClassVar[set[Replacement]] = set()
    _theirs: ClassVar[list[tuple[ModuleType, str, Any]]] = []

    def __init__(self) -> None:
        if not self._held:
            self._replace()
        self._held.add(self)

    def restore(self) -> None:
        """Let go of hio's names; a second call changes nothing."""
        if self not in self._held:
            return
        self._held.remove(self)
        while self._theirs and not self._held:
            module, name, theirs = self._theirs.pop()
            setattr(module, name, theirs)

    def _replace(self) -> None:
        modules: tuple[ModuleType, ...] = (clienting, http)
        places = [(module, name) for module in modules for name in _OURS if hasattr(module, name)]
        self._theirs.extend((module, name, getattr(module, name)) for module, name in places)
        for module, name in places:
            setattr(module, name, _OURS[name])

    def __enter__(self) -> Replacement:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()


def replace_hio() -> Replacement:
    """Let ``hio.core.http`` and ``hio.core.http.clienting`` mean tymeconn's client from now on.

    Programs that write ``from hio.core import http`` and then ``http.clienting.Client`` beside
    ``http.Server`` need no other change. What was imported by name before keeps what it imported. hio's
    servers and ``httping`` stay hio's own.
    """
    return Replacement()
