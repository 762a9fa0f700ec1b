"""Requests with holes, filled from the answer to a submission."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import jmespath
from jmespath.exceptions import JMESPathError

from ..wire.headers import check_header
from ..wire.requesting import check_method, encode_json

__all__ = ["Look", "MissingValue", "Template", "check_path", "lookup"]

_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")


class MissingValue(LookupError):
    """The answer has nothing to fill a hole with."""


def check_path(path: str) -> None:
    """Raise ValueError when `path` is no JMESPath expression."""
    if not isinstance(path, str):
        raise TypeError(f"a path must be str, not {path!r}")
    try:
        jmespath.compile(path)
    except JMESPathError as error:
        raise ValueError(f"not a JMESPath: {path!r}: {error}") from error


def lookup(path: str, document: Any) -> Any:
    """Return what the JMESPath `path` finds in a decoded JSON document; None when it finds nothing."""
    try:
        return jmespath.search(path, document)
    except (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError):
        # A function met a value that it cannot take: what a peer sends is not an error of ours. jmespath
        # lets out what its functions raise, as in contains(a, b) or floor(1e999).
        return None


@dataclass(frozen=True, slots=True)
class Look:
    """One request for a job's status, whole."""

    method: str
    url: str
    headers: Mapping[str, str]
    json: Any = None


@dataclass(frozen=True, slots=True)
class Template:
    """A request whose strings have holes: ``{path}`` is a JMESPath into the answer to the submission.

    ``{location}`` is the URL that was found in the answer's headers. Values are percent-encoded in the
    URL, except the location and a value that is the whole URL. In `json`, a string that is one hole takes
    the value's own type. ``{{`` and ``}}`` stand for braces.

    Attributes:
        method: of the request.
        url: absolute, or relative to the URL of the submission.
        headers: names and templates of values.
        json: a decoded JSON body, its strings being templates; None sends no body.
    """

    method: str = "GET"
    url: str = "{location}"
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None

    def __post_init__(self) -> None:
        check_method(self.method)
        headers: object = self.headers
        if not isinstance(headers, Mapping):
            raise TypeError(f"headers of a template must be a mapping, not {headers!r}")
        for name in headers:
            check_header(name, "")
        encode_json(self.json)
        for text in (self.url, *headers.values(), *_strings(self.json)):
            _check_text(text)

    @property
    def led(self) -> bool:
        """The URL begins with what a server says, which may be anywhere."""
        hole = _HOLE.match(self.url)
        return hole is not None and hole[1] is not None

    def fill(self, location: str | None, document: Any) -> Look:
        """Return the request that the holes' values make; `document` is the answer's decoded body.

        Raises:
            MissingValue: a hole has no value.
        """
        values = _Values(location, document)
        headers = {name: values.text(value) for name, value in self.headers.items()}
        return Look(self.method, values.url(self.url), headers, values.tree(self.json))


@dataclass(frozen=True, slots=True)
class _Values:
    location: str | None
    document: Any

    def text(self, template: str) -> str:
        return _HOLE.sub(lambda hole: _BRACES.get(hole[0]) or str(self._value(hole[1])), template)

    def url(self, template: str) -> str:
        whole = _HOLE.fullmatch(template)
        if whole and whole[1]:
            return str(self._value(whole[1]))
        return _HOLE.sub(lambda hole: _BRACES.get(hole[0]) or self._in_url(hole[1]), template)

    def tree(self, template: Any) -> Any:
        if isinstance(template, dict):
            return {key: self.tree(value) for key, value in template.items()}
        if isinstance(template, list):
            return [self.tree(value) for value in template]
        if not isinstance(template, str):
            return template
        whole = _HOLE.fullmatch(template)
        return self._value(whole[1]) if whole and whole[1] else self.text(template)

    def _in_url(self, path: str) -> str:
        value = str(self._value(path))
        try:
            return value if path == "location" else quote(value, safe="")
        except UnicodeEncodeError:
            raise MissingValue(path) from None

    def _value(self, path: str) -> Any:
        value = self.location if path == "location" else None
        value = lookup(path, self.document) if value is None else value
        if value is None:
            raise MissingValue(path)
        return value


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(f"a template must be str, not {text!r}")
    if re.search(r"[{}]", _HOLE.sub("", text)):
        raise ValueError(f"a lone brace must be doubled: {text!r}")
    for hole in _HOLE.finditer(text):
        if hole[1]:
            check_path(hole[1])


_BRACES = {"{{": "{", "}}": "}"}


def _strings(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from _strings(branch)
