"""hio's names for how to speak TLS."""

from __future__ import annotations

from typing import Any

from ..net.seams import Tls

__all__ = ["TLS_NAMES", "tls_of"]

TLS_NAMES = ("context", "version", "certify", "hostify", "certedhost", "keypath", "certpath", "cafilepath")


def tls_of(named: dict[str, Any]) -> Tls:
    """Return the Tls that hio's keywords mean; `certify` 0 is ssl.CERT_NONE.

    Raises:
        ValueError: `hostify` without `certify`, as hio raises it; or a `version`, which in hio turns the
            check of the hostname off unasked: a `context` can say both.
    """
    if named.get("version") is not None:
        raise ValueError(f"version {named['version']!r} needs a context that speaks it, given as context")
    verify = named.get("certify") != 0
    if named.get("hostify") and not verify:
        raise ValueError(f"hostify {named['hostify']!r} needs a certify other than {named['certify']!r}")
    return Tls(
        verify=verify,
        match_hostname=verify and named.get("hostify") is not False,
        cafile=named.get("cafilepath") or "",
        certfile=named.get("certpath") or "",
        keyfile=named.get("keypath") or "",
        hostname=named.get("certedhost") or "",
        context=named.get("context"),
    )
