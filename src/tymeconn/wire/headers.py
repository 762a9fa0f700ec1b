"""Field names and values: checked where they are made, kept in order, case and number.

RFC 9110 5.1 (names are tokens) and 5.5 (values hold no CR, LF or NUL; no other controls are sent).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from typing import Any, TypeAlias

from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import InvalidRequest

__all__ = [
    "TOKEN",
    "HeaderValue",
    "Headers",
    "HeadersInput",
    "check_header",
    "make_headers",
    "pairs",
    "without",
]

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

Headers: TypeAlias = CIMultiDictProxy[str]
HeaderValue: TypeAlias = str | int | bytes | bytearray
HeadersInput: TypeAlias = Mapping[str, HeaderValue] | Iterable[tuple[str, HeaderValue]]


def make_headers(fields: HeadersInput | None = None) -> Headers:
    """Return checked, immutable headers of a mapping or of pairs; repeated names are kept.

    Raises:
        InvalidRequest: a name or a value that may not be sent.
        TypeError: neither a mapping nor pairs, or a value of another type than str, int or bytes.
    """
    if fields is None:
        return CIMultiDictProxy(CIMultiDict())
    return CIMultiDictProxy(CIMultiDict(check_header(*pair) for pair in pairs(fields, "headers")))


def without(headers: Headers, names: Set[str]) -> Headers:
    """Return the headers but those of `names`, which are in lower case."""
    kept = ((name, value) for name, value in headers.items() if name.lower() not in names)
    return CIMultiDictProxy(CIMultiDict(kept))


def pairs(given: object, what: str) -> list[tuple[Any, Any]]:
    """Return what a mapping or an iterable holds as pairs; TypeError names what holds none."""
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise TypeError(f"{what} must be a mapping or pairs, not {given!r}")
    found = list(given)
    for pair in found:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"{what} must be a mapping or pairs, not a list with {pair!r}")
    return found


def check_header(name: str | bytes, value: HeaderValue) -> tuple[str, str]:
    """Return the field as two strings that encode to latin-1, or raise as `make_headers` does."""
    if not isinstance(name, str | bytes):
        raise TypeError(f"header name must be str or bytes, not {name!r}")
    text = _as_text(name, "header name")
    if not TOKEN.fullmatch(text):
        raise InvalidRequest("invalid_header", f"header name is not a token: {name!r}")
    content = _digits(value, text) if type(value) is int else _as_text(value, f"value of header {text}")
    if _FORBIDDEN_IN_VALUE.search(content):
        raise InvalidRequest("invalid_header", f"control character in value of header {text}: {value!r}")
    return text, content.strip(" \t")


def _digits(number: int, name: str) -> str:
    try:
        return str(number)
    except ValueError as error:  # more digits than sys.get_int_max_str_digits allows
        raise InvalidRequest("invalid_header", f"value of header {name}: {error}") from None


def _as_text(value: object, what: str) -> str:
    if isinstance(value, bytes | bytearray):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise TypeError(f"{what} must be str, int or bytes, not {value!r}")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise InvalidRequest("invalid_header", f"{what} is not latin-1: {value!r}") from None
    return value
