"""multipart/form-data as a source: nothing of a part is read before its turn comes (RFC 7578)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from ..errors import InvalidRequest
from .bodies import Body, Source, drawn, source_of
from .headers import TOKEN, check_header, pairs
from .urls import Params, text_pairs

__all__ = ["Files", "Multipart", "make_multipart", "part_head"]

Upload: TypeAlias = "Body | tuple[str, Body] | tuple[str, Body, str]"
Files: TypeAlias = Mapping[str, Upload] | Iterable[tuple[str, Upload]]
"""Fields and what is uploaded in each: content, (filename, content) or (filename, content, type)."""

# RFC 7578 4.2 and WHATWG HTML 4.10.22.8: what would end the quoted name or its line.
_IN_NAME = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
_LONGEST_BOUNDARY = 70  # RFC 2046 5.1.1


class Multipart:
    """Parts with a boundary between them.

    Attributes:
        boundary: as Content-Type has to name it.
        size: in bytes; None when that of a part is unknown.
    """

    def __init__(self, parts: list[tuple[bytes, bytes | Source]], boundary: str) -> None:
        """Take the head and the content of each part."""
        self.boundary = boundary
        self._parts = parts
        sizes = [len(content) if isinstance(content, bytes) else content.size for _, content in parts]
        known = [size for size in sizes if size is not None]
        # CRLF, two hyphens and the boundary stand before each part; one such line more, with two hyphens
        # and CRLF behind it, is the end. The first CRLF is left out.
        line = len(boundary) + 4
        heads = sum(len(head) + line for head, _ in parts)
        self.size = sum(known) + heads + line + 2 if len(known) == len(sizes) else None

    @property
    def renewable(self) -> bool:
        """All parts are."""
        return all(isinstance(content, bytes) or content.renewable for _, content in self._parts)

    def begin(self) -> Iterator[object]:
        """Yield the pieces; see `bodies.Source`."""
        line = f"--{self.boundary}".encode()
        for head, content in self._parts:
            yield line + head
            if isinstance(content, bytes):
                yield content
            else:
                yield from drawn(content)
            line = f"\r\n--{self.boundary}".encode()
        yield line + b"--\r\n"


def make_multipart(form: Params | None, files: Files, boundary: str | None = None) -> Multipart:
    """Return the form's fields and then its files as parts.

    Without a `boundary` one is drawn that nobody can guess, so that no content can hold it.

    Raises:
        InvalidRequest: a name, filename, type or boundary that may not be sent.
        TypeError: a part is of the wrong type.
    """
    if boundary is None:
        boundary = os.urandom(16).hex()
    if not isinstance(boundary, str) or len(boundary) > _LONGEST_BOUNDARY or not TOKEN.fullmatch(boundary):
        raise InvalidRequest(
            "invalid_body", f"boundary is not a token of up to 70 characters: {boundary!r}"
        )
    texts = text_pairs(form, "invalid_body") if form is not None else []
    parts: list[tuple[bytes, bytes | Source]] = [
        (part_head(name, None, ""), _utf8(value, f"value of {name!r}")) for name, value in texts
    ]
    parts += [_file_part(name, upload) for name, upload in pairs(files, "files")]
    return Multipart(parts, boundary)


def part_head(name: str, filename: str | None, kind: str) -> bytes:
    """Return the lines that begin a part, behind the boundary's: CRLF first, blank line last.

    Raises:
        InvalidRequest: a type that no header can carry, or text that is not Unicode.
    """
    disposition = f'form-data; name="{name.translate(_IN_NAME)}"'
    if filename is not None:
        disposition += f'; filename="{filename.translate(_IN_NAME)}"'
    lines = ["", f"Content-Disposition: {disposition}"]
    if kind:
        lines.append(f"Content-Type: {check_header('Content-Type', kind)[1]}")
    return _utf8("\r\n".join([*lines, "\r\n"]), f"name of {name!r}")


def _file_part(name: object, upload: Any) -> tuple[bytes, bytes | Source]:
    if not isinstance(name, str):
        raise TypeError(f"name of a file's field must be str, not {name!r}")
    filename, content, kind = _named(name, upload)
    head = part_head(name, filename, kind or "application/octet-stream")
    if isinstance(content, str):
        return head, _utf8(content, f"content of {name!r}")
    if isinstance(content, bytes | bytearray | memoryview):
        return head, bytes(content)
    return head, source_of(content)


def _named(name: str, upload: Any) -> tuple[str, Any, str]:
    """Return filename, content and type; a file that was opened by its path has a name of its own."""
    if not isinstance(upload, tuple | list):
        opened = getattr(upload, "name", None)
        return os.path.basename(opened) if isinstance(opened, str) else name, upload, ""
    if (
        isinstance(upload, list)
        or not 2 <= len(upload) <= 3
        or not all(isinstance(each, str) for each in (upload[0], *upload[2:]))
    ):
        raise TypeError(
            f"file {name!r} must be content, (name, content) or (name, content, type), not {upload!r}"
        )
    filename, content, kind = (*upload, "")[:3]
    return filename, content, kind


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("invalid_body", f"{what} is not Unicode text: {text!r}") from None
