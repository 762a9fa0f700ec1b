"""Digest authentication (RFC 7616): challenges are read and answered; nothing is remembered here.

What a server sends stays as the wire has it, bytes read as latin-1, because the digest is of these bytes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from itertools import accumulate
from urllib.parse import quote

from ..wire.headers import TOKEN
from ..wire.messages import Request, Response

__all__ = ["Challenge", "Session", "authorization", "refused", "strongest"]

# The weakest first. Not every build of OpenSSL has SHA-512/256, which is not SHA-512 cut short.
_HASHES = {
    family: name
    for family, name in (("md5", "md5"), ("sha-256", "sha256"), ("sha-512-256", "sha512_256"))
    if name in hashlib.algorithms_available
}
# Of each field, in characters: what is longer would come back to the server with every request.
_LONGEST = 16_384
_FIRST = "00000001"

# RFC 9110 11.2, 11.3 and 5.6. Possessive, so that no character is looked at more than a few times.
_TOKEN = f"{TOKEN.pattern}+"
_QUOTED = r"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"
_END = r"(?=[ \t]*+(?:,|\Z))"
_PARAMETER = rf'(?P<name>{_TOKEN})[ \t]*+=[ \t]*+(?:(?P<token>{_TOKEN})|"(?P<quoted>{_QUOTED})"){_END}'
_TOKEN68 = rf"[A-Za-z0-9._~+/-]++=*+{_END}"
_SCHEME = rf"(?P<scheme>{_TOKEN})(?:{_END}| ++(?:{_TOKEN68}|(?={_TOKEN}[ \t]*+=)))"
_BLANKS = " \t,"
_ITEM = re.compile(rf"(?:{_PARAMETER}|{_SCHEME})[{_BLANKS}]*+")
_ESCAPED = re.compile(r"\\(.)")
_TO_ESCAPE = re.compile(r'(["\\])')


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks for (RFC 7616 3.3). `domain` is not among it: a nonce serves its origin.

    Attributes:
        algorithm: as the server spells it; None when it names none, which is MD5.
        qop: the qualities of protection on offer, in lower case; None when there is no such parameter, as
            before RFC 2617.
        stale: the nonce that was used is too old, and all else was right.
        utf8: the server knows user names and passwords as UTF-8.
        userhash: the server takes the hash of the user name in its place.
    """

    realm: str
    nonce: str
    opaque: str | None
    algorithm: str | None
    qop: frozenset[str] | None
    stale: bool
    utf8: bool
    userhash: bool

    @property
    def family(self) -> str:
        """The hash, in lower case: the algorithm without -sess."""
        return "md5" if self.algorithm is None else self.algorithm.lower().removesuffix("-sess")

    @property
    def per_session(self) -> bool:
        """Whether the key is made of the nonces too (RFC 7616 3.4.2)."""
        return self.algorithm is not None and self.algorithm.lower().endswith("-sess")

    def protection(self, request: Request) -> str | None:
        """Return auth, auth-int, empty for MD5 as it was before RFC 2617, or None for what is not done.

        auth-int hashes the body, so that it is done only when auth is not on offer and the request holds
        its whole body.
        """
        if self.qop is None:
            return "" if self.family == "md5" and not self.per_session else None
        if "auth" in self.qop:
            return "auth"
        return "auth-int" if "auth-int" in self.qop and request.source is None else None


@dataclass(frozen=True, slots=True)
class Session:
    """A challenge in use.

    Attributes:
        cnonce: one for all requests of the nonce, as -sess needs it.
        count: how many requests were sent with the nonce, this one included.
    """

    challenge: Challenge
    cnonce: str
    count: int = 0


def strongest(request: Request, response: Response) -> Challenge | None:
    """Return the challenge with the strongest hash that `request` can answer, the first of equals.

    A field of WWW-Authenticate that is malformed or longer than 16 KiB challenges nobody, nor does what
    comes behind as many bytes of others.
    """
    values = [value for name, value in response.headers.items() if name.lower() == "www-authenticate"]
    short = [value for value in values if len(value) <= _LONGEST]
    found = [
        challenge
        for value, total in zip(short, accumulate(map(len, short)), strict=True)
        if total <= _LONGEST
        for parameters in _digests(value)
        if (challenge := _challenge(parameters)) and challenge.protection(request) is not None
    ]
    return max(found, key=lambda challenge: list(_HASHES).index(challenge.family), default=None)


def refused(request: Request, challenge: Challenge) -> bool:
    """Return whether `challenge` leaves no hope for the credentials that `request` was sent with.

    There is hope when it had none of Digest; or when its nonce had served a request before and the server
    now gives another, because the old one is stale or because this realm is not the one it was made for. A
    nonce that is refused at its first use is not replaced: that might go on for ever.
    """
    sent = request.headers.get("authorization", "")
    if sent[:7].lower() != "digest ":
        return False
    used = next(iter(_digests(sent)), {})
    if used.get("nc", _FIRST) == _FIRST or used.get("nonce") == challenge.nonce:
        return True
    return not challenge.stale and used.get("realm") == challenge.realm


def authorization(session: Session, request: Request, user: str, password: str) -> str:
    """Return the value of Authorization (RFC 7616 3.4)."""
    challenge = session.challenge
    parts = [
        _named(challenge, user),
        f"realm={_quoted(challenge.realm)}",
        f"uri={_quoted(request.target or request.url.target)}",
        f"nonce={_quoted(challenge.nonce)}",
        f'response="{_response(session, request, _key(session, user, password))}"',
    ]
    if challenge.algorithm is not None:
        parts.append(f"algorithm={challenge.algorithm}")
    if challenge.qop is not None:
        qop = challenge.protection(request)
        parts += [f"qop={qop}", f"nc={session.count:08x}", f"cnonce={_quoted(session.cnonce)}"]
    if challenge.opaque is not None:
        parts.append(f"opaque={_quoted(challenge.opaque)}")
    if challenge.userhash:
        parts.append("userhash=true")
    return f"Digest {', '.join(parts)}"


def _named(challenge: Challenge, user: str) -> str:
    if challenge.userhash:
        return f'username="{_hash(challenge, user.encode(), challenge.realm)}"'
    if challenge.utf8 and not user.isascii():
        return f"username*=UTF-8''{quote(user, safe='')}"
    return f"username={_quoted(user.encode().decode('latin-1'))}"


def _key(session: Session, user: str, password: str) -> str:
    challenge = session.challenge
    key = _hash(challenge, user.encode(), challenge.realm, password.encode())
    return _hash(challenge, key, challenge.nonce, session.cnonce) if challenge.per_session else key


def _response(session: Session, request: Request, key: str) -> str:
    challenge = session.challenge
    qop = challenge.protection(request)
    body = [_hash(challenge, request.body)] if qop == "auth-int" else []
    asked = _hash(challenge, request.method, (request.target or request.url.target), *body)
    counted = [f"{session.count:08x}", session.cnonce, qop] if qop else []
    return _hash(challenge, key, challenge.nonce, *counted, asked)


def _hash(challenge: Challenge, *parts: str | bytes) -> str:
    data = b":".join(part if isinstance(part, bytes) else part.encode("latin-1") for part in parts)
    # Where MD5 is barred from security, the server's choice still has to be answered.
    return hashlib.new(_HASHES[challenge.family], data, usedforsecurity=False).hexdigest()


def _quoted(text: str) -> str:
    escaped = _TO_ESCAPE.sub(r"\\\1", text)
    return f'"{escaped}"'


def _challenge(parameters: dict[str, str]) -> Challenge | None:
    """Return what the parameters ask for; None when one is missing or the hash is unknown."""
    if not {"realm", "nonce"} <= parameters.keys():
        return None
    qop = parameters.get("qop")
    challenge = Challenge(
        realm=parameters["realm"],
        nonce=parameters["nonce"],
        opaque=parameters.get("opaque"),
        algorithm=parameters.get("algorithm"),
        qop=None if qop is None else frozenset(option.strip() for option in qop.lower().split(",")),
        stale=parameters.get("stale", "").lower() == "true",
        utf8=parameters.get("charset", "").lower() == "utf-8",
        userhash=parameters.get("userhash", "").lower() == "true",
    )
    return challenge if challenge.family in _HASHES else None


def _digests(text: str) -> list[dict[str, str]]:
    """Return the parameters of each challenge, or credentials, of Digest; nothing of malformed text."""
    text = text.lstrip(_BLANKS)
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while position < len(text):
        item = _ITEM.match(text, position)
        if not item:
            return []
        if item["scheme"]:
            found.append((item["scheme"].lower(), {}))
        elif not found or item["name"].lower() in found[-1][1]:
            return []
        else:
            found[-1][1][item["name"].lower()] = item["token"] or _ESCAPED.sub(r"\1", item["quoted"] or "")
        position = item.end()
    return [parameters for scheme, parameters in found if scheme == "digest"]
