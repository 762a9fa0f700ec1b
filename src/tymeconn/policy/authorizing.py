"""Who asks: Basic (RFC 7617), Bearer (RFC 6750), Digest (RFC 7616), netrc, or a function of the request.

What is secret is in no repr and in no message of an error.
"""

from __future__ import annotations

import netrc
import os
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import InvalidRequest
from ..wire.headers import Headers, HeadersInput, make_headers
from ..wire.messages import Request, Response
from ..wire.urls import Origin
from .chance import Mint, mints
from .digesting import Session, authorization, refused, strongest

__all__ = ["Auth", "Basic", "Bearer", "Digest", "Netrc", "authorized", "make_auth"]

# RFC 7617 2 bars controls; a lone surrogate is no UTF-8.
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_TOKEN = re.compile(r"[!-~]+")
_FRAMING = ("connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade")


@runtime_checkable
class Auth(Protocol):
    """What makes a request say who asks. One object serves any number of requests, one behind the other."""

    def fields(self, request: Request, /) -> HeadersInput:
        """Return the fields that authenticate `request` when it is sent next; none when there are none."""
        ...

    def challenged(self, request: Request, response: Response, /) -> bool:
        """Return whether, after a 401, the same request should be sent once more, with new `fields`.

        Args:
            request: as it was sent, Authorization included.
            response: its answer.
        """
        ...


class _Steady:
    """Whoever has nothing to learn from a challenge."""

    __slots__ = ()

    def challenged(self, _request: Request, _response: Response, /) -> bool:
        """Return False: the same fields would be refused again."""
        return False


@dataclass(frozen=True, slots=True)
class Basic(_Steady):
    """A user and a password, sent as UTF-8 with every request (RFC 7617).

    Raises:
        TypeError: user or password is not a string.
        ValueError: there is a colon in user, or a control character or a lone surrogate in either.
    """

    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_secrets(user=self.user, password=self.password)
        if ":" in self.user:
            raise ValueError("user must not hold a colon: the password begins after the first (RFC 7617 2)")

    def fields(self, _request: Request, /) -> HeadersInput:
        """Return Authorization."""
        pair = f"{self.user}:{self.password}".encode()
        return {"Authorization": f"Basic {b64encode(pair).decode()}"}


@dataclass(frozen=True, slots=True)
class Bearer(_Steady):
    """A token, sent with every request (RFC 6750 2.1).

    Any visible ASCII is taken: servers hand out tokens that are not base64, as RFC 6750 would have them.

    Raises:
        TypeError: token is not a string.
        ValueError: it is empty, or holds a blank, a control or anything beyond ASCII.
    """

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_secrets(token=self.token)
        if not _TOKEN.fullmatch(self.token):
            raise ValueError("token must be visible ASCII without blanks, and not empty")

    def fields(self, _request: Request, /) -> HeadersInput:
        """Return Authorization."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Netrc(_Steady):
    """Basic for the hosts of a netrc file, which is read once, here: a blocking call.

    Without `path` it is the file that the environment calls NETRC, or ~/.netrc, which nobody else may be
    able to read. It need not exist. A host that has no machine of its own has the default's user, if any.

    Raises:
        OSError: the file cannot be read, or `path` does not exist.
        TypeError: path is not a path.
        ValueError: the file is malformed, may be read by others, or has a user that Basic refuses.
    """

    path: str | os.PathLike[str] | None = None
    _users: Mapping[str, Basic] = field(init=False, repr=False, hash=False)

    def __post_init__(self) -> None:
        if self.path is not None and not isinstance(self.path, str | os.PathLike):
            raise TypeError(f"path must be str, a path or None, not {self.path!r}")
        users = {host.lower(): _user(host, *entry) for host, entry in _entries(self.path).items()}
        object.__setattr__(self, "_users", users)

    def fields(self, request: Request, /) -> HeadersInput:
        """Return Authorization when the file knows the host of `request`."""
        user = self._users.get(request.url.origin.host) or self._users.get("default")
        return user.fields(request) if user else {}


class Digest:
    """A user and a password that are proven, not sent (RFC 7616).

    It answers the strongest challenge among SHA-512-256, SHA-256, MD5 and their -sess forms. The first
    request to an origin goes out without credentials, later ones use the last nonce of that origin, each
    with the next count. What is without qop, as before RFC 2617, is answered each time anew, for it has no
    count. nextnonce of Authentication-Info is not used: a server that wants a new nonce says stale. A nonce
    that was refused is forgotten, and the next request begins without.

    Credentials that are refused at the first use of their nonce are not renewed. So `challenged` is True
    once for a request, if its `fields` are asked for at once after it; and once more for each other
    request that learned a nonce of the origin in the meantime.

    Args:
        user: who asks.
        password: the secret.
        mint: makes the client's nonces; unguessable when None.

    Raises:
        TypeError: user or password is not a string.
        ValueError: a control character or a lone surrogate in either.
    """

    __slots__ = ("_mint", "_password", "_sessions", "_user")

    def __init__(self, user: str, password: str, mint: Mint | None = None) -> None:
        _check_secrets(user=user, password=password)
        self._user = user
        self._password = password
        self._mint = mint or mints()
        self._sessions: dict[Origin, Session] = {}

    def __repr__(self) -> str:
        return f"Digest(user={self._user!r})"

    def fields(self, request: Request, /) -> HeadersInput:
        """Return Authorization, which counts as one use of the nonce, once the origin has challenged."""
        origin = request.url.origin
        session = self._sessions.get(origin)
        if session is None or session.challenge.protection(request) is None:
            return {}
        session = replace(session, count=session.count + 1)
        if session.challenge.qop is None:
            del self._sessions[origin]
        else:
            self._sessions[origin] = session
        return {"Authorization": authorization(session, request, self._user, self._password)}

    def challenged(self, request: Request, response: Response, /) -> bool:
        """Learn the nonce of a 401; return whether `request`, as it was sent, may succeed with it."""
        challenge = strongest(request, response) if response.status == 401 else None
        if challenge is None:
            return False
        origin = request.url.origin
        known = self._sessions.pop(origin, None)
        if refused(request, challenge):
            return False
        if known is not None and known.challenge.nonce == challenge.nonce:
            # Another request was given the same nonce and may have used it: the count goes on.
            self._sessions[origin] = replace(known, challenge=challenge)
        else:
            self._sessions[origin] = Session(challenge, self._mint())
        return True


@dataclass(frozen=True, slots=True)
class _Computed(_Steady):
    """Fields that a function makes of each request."""

    function: Callable[[Request], HeadersInput] = field(repr=False)

    def fields(self, request: Request, /) -> HeadersInput:
        """Return what the function returns; what it raises passes through."""
        return self.function(request)


def make_auth(given: object) -> Auth | None:
    """Return what `given` means: None, a pair (user, password), an Auth, or a function of the request.

    Raises:
        TypeError: none of these.
        ValueError: a user or password that Basic refuses.
    """
    if given is None:
        return None
    if isinstance(given, tuple) and len(given) == 2:
        return Basic(*given)
    # A class has the names of its methods too, but is no Auth before it is called.
    if not isinstance(given, type):
        if isinstance(given, Auth):
            return given
        if callable(given):
            return _Computed(given)
    kind = type(given).__name__
    raise TypeError(f"auth must be None, (user, password), an Auth or a function of a request, not {kind}")


def authorized(request: Request, auth: Auth) -> Request:
    """Return the request with the fields of `auth` in place of its own of the same names.

    Raises:
        InvalidRequest: a field that may not be sent, or that says how or where the request is sent.
        TypeError: the fields are neither a mapping nor pairs, or of wrong types.
    """
    fields = _checked(auth.fields(request))
    if not fields:
        return request
    kept = [pair for pair in request.headers.items() if pair[0] not in fields]
    return request.with_headers(CIMultiDictProxy(CIMultiDict([*kept, *fields.items()])))


def _checked(given: HeadersInput) -> Headers:
    # The errors of make_headers show the value, which is a secret here.
    try:
        fields = make_headers(given)
    except InvalidRequest:
        raise InvalidRequest("invalid_header", "auth gave a field that may not be sent") from None
    except TypeError:
        raise TypeError("auth must give a mapping or pairs of names and values") from None
    for name in _FRAMING:
        if name in fields:
            raise InvalidRequest("invalid_header", f"auth must not give the header {name}")
    return fields


def _check_secrets(**given: object) -> None:
    for name, value in given.items():
        if not isinstance(value, str):
            raise TypeError(f"{name} must be str, not {type(value).__name__}")
        if _UNSENDABLE.search(value):
            raise ValueError(f"{name} must not hold a control character or a lone surrogate")


def _entries(path: str | os.PathLike[str] | None) -> dict[str, tuple[str, str, str]]:
    given = path if path is not None else os.environ.get("NETRC") or None
    try:
        return netrc.netrc(given).hosts
    except FileNotFoundError:
        if path is not None:
            raise
        return {}
    except netrc.NetrcParseError as error:
        # With a line, the message may quote a password; without, it is about who may read the file.
        why = error.msg if error.lineno is None else f"line {error.lineno} is malformed"
        raise ValueError(f"cannot use netrc file {given or '~/.netrc'}: {why}") from None
    except UnicodeDecodeError:
        raise ValueError(f"cannot use netrc file {given or '~/.netrc'}: it is not text") from None


def _user(host: str, login: str, _account: str, password: str) -> Basic:
    try:
        return Basic(login, password)
    except ValueError as error:
        raise ValueError(f"netrc entry of {host}: {error}") from None
