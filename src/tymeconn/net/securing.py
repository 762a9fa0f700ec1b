"""TLS configurations as SSLContexts: made once each, before servicing or off its thread: loading blocks."""

from __future__ import annotations

import encodings.idna  # noqa: F401  the first session would import it, from the disk
import importlib
import ssl
import sys
from dataclasses import replace

from .seams import Tls

__all__ = ["Session", "context", "loaded", "session"]

Session = tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]

# For the whole process, because a context of the system's roots takes 30 ms and some MB. Threads may make
# one twice at the same time; all get the one that was there first.
_made: dict[Tls, ssl.SSLContext] = {}


def context(tls: Tls) -> ssl.SSLContext:
    """Return the context of `tls`, the same object for equal values whatever their hostname.

    The first call for a value reads files and the system's roots, which takes tens of milliseconds;
    files that change later are not read again.

    Raises:
        ValueError: a file cannot be loaded; the message names it.
    """
    known = loaded(tls)
    if known is not None:
        return known
    return _made.setdefault(replace(tls, hostname=""), _make(tls))


def loaded(tls: Tls) -> ssl.SSLContext | None:
    """Return the context of `tls` if nothing has to be read for it."""
    return tls.context or _made.get(replace(tls, hostname=""))


def session(context: ssl.SSLContext, hostname: str) -> Session:
    """Return a client's TLS session for `hostname` (a name or an IP address), its input and its output.

    Raises:
        ValueError: `hostname` cannot be one; the message names it.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        # SNI and certificates know no final dot (RFC 6066 3).
        client = context.wrap_bio(incoming, outgoing, server_hostname=hostname.removesuffix("."))
    except ValueError as error:
        raise ValueError(f"cannot use TLS hostname {hostname!r}: {error}") from error
    return client, incoming, outgoing


def _make(tls: Tls) -> ssl.SSLContext:
    made = _rooted(tls)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    # In a renegotiation a write would have to wait for a read, which no caller of `send` expects.
    made.options |= ssl.OP_NO_RENEGOTIATION
    made.check_hostname = tls.match_hostname and tls.verify
    if not tls.verify:
        made.verify_mode = ssl.CERT_NONE
    _present(made, tls)
    return made


def _rooted(tls: Tls) -> ssl.SSLContext:
    if tls.cafile:
        try:
            return ssl.create_default_context(cafile=tls.cafile)
        except OSError as error:
            raise ValueError(f"cannot load cafile {tls.cafile!r}: {error}") from error
    # macOS and Windows keep their roots where OpenSSL does not look. On Linux truststore would read the
    # roots again for every connection, on the servicing thread (about 30 ms each, by its source).
    if sys.platform in ("darwin", "win32"):
        made: ssl.SSLContext = importlib.import_module("truststore").SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return made
    return ssl.create_default_context()


def _present(made: ssl.SSLContext, tls: Tls) -> None:
    if tls.keyfile and not tls.certfile:
        raise ValueError(f"keyfile {tls.keyfile!r} needs a certfile")
    if tls.certfile:
        try:
            # Without a password OpenSSL would ask for one on the terminal.
            made.load_cert_chain(tls.certfile, tls.keyfile or None, password="")
        except OSError as error:
            files = f"certfile {tls.certfile!r}" + (f" with keyfile {tls.keyfile!r}" if tls.keyfile else "")
            raise ValueError(f"cannot load {files}: {error}") from error
