from __future__ import annotations

import errno
import os
import socket
import ssl

import pytest

from tymeconn.errors import (
    CertificateError,
    ConnectError,
    ExchangeError,
    LocalResource,
    NameNotFound,
    NameTryAgain,
    TlsError,
)
from tymeconn.net.failing import blame, blame_all

REFUSED = OSError(errno.ECONNREFUSED, "Connection refused")
EXHAUSTED = OSError(errno.EMFILE, "Too many open files")
HANDSHAKE = ssl.SSLError(1, "wrong version number")
CERTIFICATE = ssl.SSLCertVerificationError(1, "Hostname mismatch")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), NameNotFound),
        (socket.gaierror(socket.EAI_NODATA, "no address"), NameNotFound),
        (socket.gaierror(socket.EAI_AGAIN, "later"), NameTryAgain),
        (socket.gaierror(socket.EAI_FAIL, "broken"), NameTryAgain),
        (CERTIFICATE, CertificateError),
        (HANDSHAKE, TlsError),
        (ssl.SSLEOFError(8, "ended"), TlsError),
    ],
)
def test_an_error_of_names_or_tls_tells_its_kind(error: OSError, kind: type[ExchangeError]) -> None:
    """What the resolver or TLS refused becomes the error that says so, with its reason."""
    blamed = blame(error)
    assert type(blamed) is kind
    assert str(blamed) == error.strerror


@pytest.mark.parametrize("name", ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL", "EAGAIN"])
def test_want_of_this_machines_resources_is_not_the_peers_fault(name: str) -> None:
    """Out of descriptors, buffers, memory, ports or threads is LocalResource."""
    number = getattr(errno, name)
    assert type(blame(OSError(number, os.strerror(number)))) is LocalResource


@pytest.mark.parametrize("name", ["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"])
def test_any_other_error_is_a_failed_connection(name: str) -> None:
    """Refused, reset, timed out and unreachable are ConnectError, which may be tried again."""
    blamed = blame(OSError(getattr(errno, name), "why"))
    assert type(blamed) is ConnectError
    assert blamed.retryable


@pytest.mark.parametrize(
    ("error", "reason"), [(OSError("only words"), "only words"), (OSError(), "OSError")]
)
def test_an_error_without_strerror_still_has_a_reason(error: OSError, reason: str) -> None:
    """The message is never empty."""
    assert str(blame(error)) == reason


def test_the_message_lists_every_place_with_its_reason() -> None:
    """Whoever reads the error sees all that was tried, in order, and the cause."""
    blamed = blame_all("cannot connect to x at", [("a:1", REFUSED), ("b:1", EXHAUSTED)])
    assert str(blamed) == "cannot connect to x at a:1: Connection refused; b:1: Too many open files"
    assert blamed.__cause__ is REFUSED


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([REFUSED, HANDSHAKE, CERTIFICATE], CertificateError),
        ([REFUSED, HANDSHAKE], TlsError),
        ([EXHAUSTED, REFUSED], ConnectError),
        ([EXHAUSTED, EXHAUSTED], LocalResource),
    ],
)
def test_of_several_failures_the_most_telling_is_reported(
    errors: list[OSError], kind: type[ExchangeError]
) -> None:
    """A certificate goes before TLS, TLS before the connection, and resources explain all or nothing."""
    assert type(blame_all("cannot", [("here", error) for error in errors])) is kind
