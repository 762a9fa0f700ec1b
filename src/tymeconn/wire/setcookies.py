"""Set-Cookie as servers send it, read as RFC 6265bis 5.6 has it: in linear time, whatever it holds."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "BLANKS",
    "MAX_ATTRIBUTE",
    "MAX_LIFETIME",
    "UNFIT",
    "SetCookie",
    "cookie_date",
    "parse_set_cookie",
]

MAX_ATTRIBUTE = 1024
"""Bytes of an attribute's value; a longer one is ignored (RFC 6265bis 5.6)."""

MAX_LIFETIME = 400 * 86_400
"""Seconds for which a server may have a cookie kept (RFC 6265bis 5.5)."""

BLANKS = " \t"
"""What RFC 6265bis strips: no other white space, some of which is bytes of UTF-8 read as latin-1."""

UNFIT = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
"""Finds what no field may hold (RFC 6265bis 5.6, step 1): controls, and text that stands for no bytes."""

# RFC 6265bis 5.1.1: everything else delimits the tokens of a date.
_DATE_TOKEN = re.compile(r"[^\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# In the order in which they are tried on each token; what was found once is not looked for again.
_DATE_PARTS = {
    "time": re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])"),
    "day": re.compile(r"([0-9]{1,2})(?![0-9])"),
    "month": re.compile(f"({'|'.join(_MONTHS)})", re.IGNORECASE | re.ASCII),
    "year": re.compile(r"([0-9]{2,4})(?![0-9])"),
}
_SECONDS = re.compile(r"-?[0-9]+")
_LONGEST_DATE = 256  # several times what any form of a date takes


@dataclass(frozen=True, slots=True)
class SetCookie:
    """What one Set-Cookie field says, before anybody asks whether its sender may say so.

    Text is latin-1: the bytes as they came.

    Attributes:
        name: empty when there is none.
        value: with its quotes, if any.
        max_age: seconds from now, not capped; None when no valid Max-Age was given.
        expires: UTC seconds, not capped; None when no valid Expires was given.
        domain: in lower case, without one leading dot; empty when there is none.
        path: as it was given; None when it was not.
        secure: Secure was given.
        http_only: HttpOnly was given.
    """

    name: str
    value: str
    max_age: int | None = None
    expires: float | None = None
    domain: str = ""
    path: str | None = None
    secure: bool = False
    http_only: bool = False

    def ends(self, now: float) -> float | None:
        """Return when the cookie ends, in UTC seconds, which may be over; None: with the session."""
        if self.max_age is not None:
            return now + min(max(self.max_age, 0), MAX_LIFETIME)
        return None if self.expires is None else min(self.expires, now + MAX_LIFETIME)


def parse_set_cookie(field: str) -> SetCookie | None:
    """Return what the value of a Set-Cookie field says; None when it holds what no field may hold."""
    if UNFIT.search(field):
        return None
    name, equals, value = field.partition(";")[0].partition("=")
    if not equals:
        name, value = "", name
    return SetCookie(name.strip(BLANKS), value.strip(BLANKS), **_attributes(field))


def _attributes(field: str) -> dict[str, Any]:
    """Return the fields of SetCookie that the attributes set: of several valid ones, the last."""
    found: dict[str, Any] = {}
    for match in _ATTRIBUTE.finditer(field):
        value = (match[2] or "").strip(BLANKS)
        name, read = _ATTRIBUTES[match[1].lower()]
        if len(value) <= MAX_ATTRIBUTE and (meaning := read(value)) is not None:
            found[name] = meaning
    return found


def _seconds(value: str) -> int | None:
    return int(value) if _SECONDS.fullmatch(value) else None


def _domain(value: str) -> str:
    return value.removeprefix(".").lower()


def _present(_value: str) -> bool:
    return True


def cookie_date(value: str) -> float | None:
    """Return the UTC seconds of a date in any form that servers use (RFC 6265bis 5.1.1), or None."""
    found: dict[str, tuple[str, ...]] = {}
    for token in _DATE_TOKEN.findall(value[:_LONGEST_DATE]):
        for part, pattern in _DATE_PARTS.items():
            if part not in found and (match := pattern.match(token)):
                found[part] = match.groups()
                break
    if len(found) < len(_DATE_PARTS):
        return None
    month = _MONTHS.index(found["month"][0].lower()) + 1
    return _moment(_year(int(found["year"][0])), month, int(found["day"][0]), *map(int, found["time"]))


def _year(digits: int) -> int:
    if digits < 70:
        return digits + 2000
    return digits + 1900 if digits < 100 else digits


def _moment(*parts: int) -> float | None:
    year, month, day, hour, minute, second = parts
    if year < 1601 or hour > 23 or minute > 59 or second > 59:
        return None
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return float(calendar.timegm(parts))


_ATTRIBUTES: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "max-age": ("max_age", _seconds),
    "expires": ("expires", cookie_date),
    "domain": ("domain", _domain),
    "path": ("path", str),
    "secure": ("secure", _present),
    "httponly": ("http_only", _present),
}
# Possessive, so that no byte is looked at twice; it begins at a semicolon, thus never in name or value.
_ATTRIBUTE = re.compile(
    rf";[ \t]*+({'|'.join(_ATTRIBUTES)})[ \t]*+(?:=([^;]*+)|(?=;|\Z))", re.IGNORECASE | re.ASCII
)
