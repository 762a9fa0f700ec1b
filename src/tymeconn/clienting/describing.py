"""Requests and responses as hio's dicts: pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import copy
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from hio.core.tcp import clienting as tcp
from hio.help.hicting import Hict

from ..wire.messages import Request, Response
from ..wire.urls import split

__all__ = ["dejsoned", "describe", "given_or_new", "hosted", "led_by", "of_kind", "parted", "response_dict"]

T = TypeVar("T")

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def parted(path: str, scheme: str, hostname: str, port: int | None) -> dict[str, Any]:
    """Return path, scheme, hostname and port, the last three from `path` when that is a whole URL."""
    if not (isinstance(path, str) and _ABSOLUTE.match(path)):
        return {"path": path, "scheme": scheme or "http", "hostname": hostname, "port": port}
    url = split(path)
    fragment = f"#{url.fragment}" if url.fragment else ""
    origin = url.origin
    where = {"scheme": origin.scheme, "hostname": origin.host, "port": origin.port}
    return {"path": f"{url.target}{fragment}", **where}


def hosted(ha: Any) -> dict[str, Any]:
    """Return hostname and port of hio's `ha`, which goes before all that says where to connect to."""
    if ha is None:
        return {}
    if not (isinstance(ha, tuple) and len(ha) == 2):
        raise TypeError(f"ha must be a tuple of host and port, not {ha!r}")
    return {"hostname": ha[0], "port": ha[1]}


def led_by(connector: Any, path: str, scheme: str) -> dict[str, Any]:
    """Return path, scheme, hostname and port for a hio tcp client, whose own say goes before all.

    Raises:
        ValueError: it is no tcp.Client or tcp.ClientTls, or not of the scheme, as hio raises it.
    """
    if not isinstance(connector, tcp.Client):
        raise ValueError(  # noqa: TRY004 hio's choice
            f"connector must be a hio tcp.Client or tcp.ClientTls, not {connector!r}"
        )
    spoken = "https" if isinstance(connector, tcp.ClientTls) else "http"
    where = parted(path, scheme or spoken, "", None)
    if where["scheme"] != spoken:
        raise ValueError(f"scheme {where['scheme']!r} is incompatible with connector {connector!r}")
    return where | {"hostname": connector.hostname, "port": connector.port}


def describe(
    asked: Mapping[str, Any], request: Request | None, latest: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what a response dict says of its request: `latest` with hio's twelve keys put in.

    `asked` is what the requester described. `request` is given when a redirect led to another.
    """
    said = {**(latest or {}), **asked}
    if request is None:
        return said
    path, _, query = request.url.target.partition("?")
    origin = request.url.origin
    said.update(host=origin.host, port=origin.port, scheme=origin.scheme, method=request.method)
    said.update(
        path=path, qargs=dict(parse_qsl(query, keep_blank_values=True)), fragment=request.url.fragment
    )
    said.update(body=request.body, data=said["data"] if request.body else None)
    said.update(fargs=said["fargs"] if request.body else None)
    said.update(headers=Hict(pair for pair in said["headers"].items() if pair[0] in request.headers))
    return said


def response_dict(
    response: Response | None, error: Exception | None, request: dict[str, Any], data: Any = None
) -> dict[str, Any]:
    """Return a response, or in its place an error, with exactly hio's nine keys."""
    return {
        "version": response.version if response else None,
        "status": response.status if response else None,
        "reason": response.reason if response else None,
        "headers": Hict(response.headers if response else ()),
        "body": response.body if response else bytearray(),
        "data": data,
        "request": copy(request),
        "errored": error is not None,
        "error": None if error is None else str(error) or type(error).__name__,
    }


def dejsoned(response: Response, *, always: bool) -> Any:
    """Return the body decoded as JSON when it says it is, or `always`; None when it is none."""
    if not always and "application/json" not in response.headers.get("content-type", "").lower():
        return None
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


def given_or_new(name: str, kind: type[T], given: Any) -> T:
    """Return what was given, or a new one; TypeError names what is of another kind."""
    return kind() if given is None else of_kind(name, kind, given)


def of_kind(name: str, kind: type[T], given: Any) -> T:
    """Return what was given; TypeError names what is of another kind."""
    if not isinstance(given, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, not {given!r}")
    return given
