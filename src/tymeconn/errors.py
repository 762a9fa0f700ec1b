"""Every error of tymeconn.

An error travels as a value (an exchange's or a job's outcome) and is raised only at the edge that the
user holds: a generator method, ``Response.raise_for_status`` or ``job.result()``.

::

    TymeconnError
    ├── InvalidRequest (also a ValueError)   refused at the call that passed it; ``kind`` says what
    ├── StatusError                          raise_for_status() on a 4xx or 5xx answer
    ├── ExchangeError                        one exchange ended without an answer
    │   ├── NameNotFound                     the name has no address
    │   ├── NameTryAgain                     the resolver could not say
    │   ├── ConnectError                     no address took the connection; nothing was sent
    │   ├── LocalResource                    out of descriptors, ports or memory on this side
    │   ├── TlsError                         no TLS session came about
    │   │   └── CertificateError             the peer's certificate was refused
    │   ├── ExchangeTimeout                  a limit of Timeouts was reached
    │   │   ├── PoolTimeout                  no connection became free
    │   │   ├── ConnectTimeout               resolving, connecting or the TLS handshake took too long
    │   │   ├── WriteTimeout                 the peer took no bytes
    │   │   ├── ReadTimeout                  the peer sent no bytes
    │   │   └── TotalTimeout                 the exchange as a whole took too long
    │   ├── WriteError                       sending broke off and no answer explained why
    │   ├── BodyError                        the caller's own body source failed or broke its word
    │   ├── HookError                        the caller's own hook raised
    │   ├── StaleConnection                  a reused connection had ended before any answer
    │   ├── NoResponse                       a new connection ended before any answer
    │   ├── IncompleteRead                   the connection ended inside the answer
    │   ├── ProtocolError                    the answer breaks RFC 9112; ``kind`` says where
    │   │   ├── TooLarge                     a limit of Limits was exceeded
    │   │   └── DecodeError                  the content coding is broken or cut short
    │   ├── RedirectRefused                  a redirect leads where no request may go; ``kind`` says why
    │   ├── TooManyRedirects                 more redirects than are followed, often a circle of them
    │   └── Canceled                         ended by its owner: generator closed, client closed
    └── JobError                             a job did not succeed, or its watch ended first
        ├── SubmitRefused                    the server answered the submission with an error status
        ├── SubmitFailed                     nothing was sent: there is no job
        ├── SubmitUnknown                    the submission may or may not have made a job
        ├── NoHandle                         accepted, but nothing in the answer says where to look
        ├── JobFailed                        the server says: failed
        ├── JobCanceled                      the server says: canceled
        ├── JobLost                          the server no longer knows the job
        ├── JudgeError                       the caller's own judge or template raised
        ├── WatchBlind                       too many looks in a row failed; the job may be well
        ├── WatchExpired                     the deadline passed; the job may be well
        └── WatchAbandoned                   the watch was ended by its owner; the job may be well
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "BodyError",
    "Canceled",
    "CertificateError",
    "ConnectError",
    "ConnectTimeout",
    "DecodeError",
    "ExchangeError",
    "ExchangeTimeout",
    "HookError",
    "IncompleteRead",
    "InvalidRequest",
    "JobCanceled",
    "JobError",
    "JobFailed",
    "JobLost",
    "JudgeError",
    "LocalResource",
    "NameNotFound",
    "NameTryAgain",
    "NoHandle",
    "NoResponse",
    "PoolTimeout",
    "ProtocolError",
    "ReadTimeout",
    "RedirectRefused",
    "StaleConnection",
    "StatusError",
    "SubmitFailed",
    "SubmitRefused",
    "SubmitUnknown",
    "TlsError",
    "TooLarge",
    "TooManyRedirects",
    "TotalTimeout",
    "TymeconnError",
    "WatchAbandoned",
    "WatchBlind",
    "WatchExpired",
    "WriteError",
    "WriteTimeout",
]


class TymeconnError(Exception):
    """The root: ``except TymeconnError`` catches all that a peer, a resolver or a job may do."""


class InvalidRequest(TymeconnError, ValueError):
    """The caller asked for a request that cannot be sent.

    ``kind`` is a stable word: invalid_url, unsupported_scheme, invalid_method, invalid_target,
    invalid_header, invalid_body.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, str(self)), self.__dict__


class StatusError(TymeconnError):
    """The answer's status is 4xx or 5xx; ``response`` is the whole answer."""

    def __init__(self, message: str, response: Any) -> None:
        super().__init__(message)
        self.response = response

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.response), self.__dict__


class ExchangeError(TymeconnError):
    """One exchange ended without an answer.

    Filled when the exchange ends: ``phase`` (resolving, connecting, sending, receiving, waiting),
    ``origin``, ``sent`` and ``received`` (bytes, on the connection it last used), ``reused`` (that
    connection was not new), ``replayed`` (another connection had failed it before). ``retryable`` says
    whether the same request may succeed when it is sent again; whether it is safe to do so depends on the
    method, on ``sent`` and on ``replayed``.
    """

    retryable: ClassVar[bool] = False
    phase: str = ""
    origin: Any = None
    sent: int = 0
    received: int = 0
    reused: bool = False
    replayed: bool = False


class NameNotFound(ExchangeError):
    """The resolver knows no address for the name."""


class NameTryAgain(ExchangeError):
    """The resolver failed for now."""

    retryable = True


class ConnectError(ExchangeError):
    """No address of the origin took the connection; the message lists each with its reason."""

    retryable = True


class LocalResource(ExchangeError):
    """This machine is out of descriptors, ports or buffers."""


class TlsError(ExchangeError):
    """The TLS handshake failed."""

    retryable = True


class CertificateError(TlsError):
    """The peer's certificate was refused; trying again will not help."""

    retryable = False


class ExchangeTimeout(ExchangeError):
    """A limit of Timeouts was reached, in seconds of the network's clock."""

    retryable = True


class PoolTimeout(ExchangeTimeout):
    """No connection became free in time; nothing was sent."""


class ConnectTimeout(ExchangeTimeout):
    """No connection was ready in time; nothing was sent."""


class WriteTimeout(ExchangeTimeout):
    """The peer took no bytes for the write limit."""


class ReadTimeout(ExchangeTimeout):
    """The peer sent no bytes for the read limit."""


class TotalTimeout(ExchangeTimeout):
    """The exchange did not end within its total limit."""


class WriteError(ExchangeError):
    """The peer stopped taking the request and sent no answer."""

    retryable = True


class BodyError(ExchangeError):
    """The source of the request's body raised (``__cause__``), or gave other than it had declared."""


class HookError(ExchangeError):
    """A function of the caller's own raised, for progress or for auth; ``__cause__`` is what it raised."""


class StaleConnection(ExchangeError):
    """A connection that had carried another exchange was closed before this one's answer began."""

    retryable = True


class NoResponse(ExchangeError):
    """A new connection was closed before the answer began."""

    retryable = True


class IncompleteRead(ExchangeError):
    """The connection ended inside the answer; ``partial`` is the body received until then."""

    retryable = True

    def __init__(self, message: str, partial: bytes = b"") -> None:
        super().__init__(message)
        self.partial = partial


class ProtocolError(ExchangeError):
    """The peer broke RFC 9112.

    ``kind`` is one of status_line, header, content_length, transfer_encoding, framing_conflict, chunk,
    trailer, unexpected_upgrade, extra_data, too_large, decode.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, str(self)), self.__dict__


class TooLarge(ProtocolError):
    """The answer exceeds a limit of Limits; the message names it."""

    def __init__(self, message: str) -> None:
        super().__init__("too_large", message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self),), self.__dict__


class DecodeError(ProtocolError):
    """The body's content coding is broken, cut short or nested too deeply (RFC 9110 8.4)."""

    def __init__(self, message: str) -> None:
        super().__init__("decode", message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self),), self.__dict__


class RedirectRefused(ExchangeError):
    """The answer is a redirect that is not followed.

    ``kind`` is one of invalid_redirect (its Location is no URL, or there are several), unsupported_scheme
    (neither http nor https), insecure_redirect (from https to http) and body_not_replayable (the body would
    have to go out again, and its source is spent).
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, str(self)), self.__dict__


class TooManyRedirects(ExchangeError):
    """Each of many answers was a redirect, and so is the last."""


class Canceled(ExchangeError):
    """The exchange was ended by its owner."""


class JobError(TymeconnError):
    """A job did not succeed, or its watch ended before the job did.

    ``job`` is the live record: its handle, the last reply and the counts of looks. ``details`` is what the
    server said of the failure, as decoded from its body; None when it said nothing.
    """

    def __init__(self, message: str, job: Any = None, details: Any = None) -> None:
        super().__init__(message)
        self.job = job
        self.details = details


class SubmitRefused(JobError):
    """The server answered the submission with an error status; there is no job."""


class SubmitFailed(JobError):
    """Nothing of the submission reached the server; there is no job. ``__cause__`` says why."""


class SubmitUnknown(JobError):
    """The submission was sent and its answer lost; there may be a job. ``__cause__`` says why."""


class NoHandle(JobError):
    """The submission was accepted, but its answer names no place to look."""


class JobFailed(JobError):
    """The server says that the job failed."""


class JobCanceled(JobError):
    """The server says that the job was canceled."""


class JobLost(JobError):
    """The server no longer knows the job."""


class JudgeError(JobError):
    """The caller's own judge, function or template raised; ``__cause__`` is what it raised."""


class WatchBlind(JobError):
    """Too many looks in a row failed. A failed look is not a failed job: it may be well."""


class WatchExpired(JobError):
    """The deadline passed before the job ended. It may be well."""


class WatchAbandoned(JobError):
    """The watch was ended by its owner. The job goes on."""
