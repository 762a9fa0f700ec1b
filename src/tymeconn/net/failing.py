"""What a failed look-up or connection means to the exchange that wanted it."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Sequence
from typing import TypeAlias

from ..errors import (
    CertificateError,
    ConnectError,
    ExchangeError,
    LocalResource,
    NameNotFound,
    NameTryAgain,
    TlsError,
)

__all__ = ["Failure", "blame", "blame_all"]

Failure: TypeAlias = tuple[object, OSError]

# Not every platform has EAI_NODATA; it is what a name with no A and no AAAA record gives (RFC 2553 6.4).
_UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
# EAGAIN is what the start of a thread gives when there are too many (pthread_create(3)).
_EXHAUSTED = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EADDRNOTAVAIL,
    errno.EAGAIN,
}
# When addresses failed differently, the first of these says most: a certificate will not get better by
# another try, a TLS failure means that somebody answered, and a lack of resources explains all or nothing.
_TELLING: tuple[type[ExchangeError], ...] = (
    CertificateError,
    TlsError,
    ConnectError,
    NameNotFound,
    NameTryAgain,
    LocalResource,
)


def blame(error: OSError) -> ExchangeError:
    """Return the error of an exchange whose connection failed with `error`; the message is its reason."""
    return _kind(error)(_reason(error))


def blame_all(task: str, failures: Sequence[Failure]) -> ExchangeError:
    """Return one error for a task that failed wherever it was tried; the message lists each place.

    Of several kinds it is the most telling: a refused certificate, then TLS, then the connection, and a
    lack of local resources only when nothing else went wrong. The first error of that kind is its cause.
    """
    where = "; ".join(f"{place}: {_reason(error)}" for place, error in failures)
    cause = min((error for _, error in failures), key=lambda error: _TELLING.index(_kind(error)))
    blamed = _kind(cause)(f"{task} {where}")
    blamed.__cause__ = cause
    return blamed


def _kind(error: OSError) -> type[ExchangeError]:
    if isinstance(error, socket.gaierror):
        return NameNotFound if error.errno in _UNKNOWN else NameTryAgain
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateError
    if isinstance(error, ssl.SSLError):
        return TlsError
    return LocalResource if error.errno in _EXHAUSTED else ConnectError


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
