"""Answers that came whole: the common case, told from the first bytes in one look.

Whatever is in any way unusual is left to the Respondent, whose word it is what an answer means; what is
found here is what it would find.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ..errors import ExchangeError
from .framing import Framing, frame, persists
from .heads import Head, parse_head
from .messages import Limits

__all__ = ["Whole", "whole_answer"]

# No fold, no bare LF, no control, no byte that only a lenient reader takes: RFC 9112 4 and 5 to the letter.
_PLAIN = re.compile(
    rb"HTTP/1\.1 [2-5][0-9]{2} [\t\x20-\x7e\x80-\xff]*+\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t\x20-\x7e\x80-\xff]*+\r\n)++\r\n"
)
# To these methods a head alone may be the answer (RFC 9112 6.3).
_BARE = frozenset({"HEAD", "CONNECT"})
_UNLIMITED = Limits()
# A server repeats its heads within a second, Date and all. What is longer would fill the memory.
_REMEMBERED = 1_024


class Whole(NamedTuple):
    """A final answer with all of its body, behind which the connection goes on."""

    head: Head
    body: bytes


class _Known(NamedTuple):
    """What a head says of its answer.

    Attributes:
        head: it.
        size: bytes of the body.
        fields: how many there are.
    """

    head: Head
    size: int
    fields: int


def whole_answer(data: bytes, method: str, limits: Limits) -> Whole | None:
    """Return the answer that `data`, the first bytes of one, are to the last; None for every other."""
    end = data.find(b"\r\n\r\n") + 4
    if end <= 4 or method in _BARE:
        return None
    block = data[:end]
    known = _known(block) if end <= _REMEMBERED else _known.__wrapped__(block)
    if known is None or len(data) - end != known.size or not _allowed(end, known, limits):
        return None
    return Whole(known.head, data[end:])


def _allowed(length: int, known: _Known, limits: Limits) -> bool:
    return (
        length <= limits.head
        and length <= limits.line
        and known.fields <= limits.headers
        and known.size <= limits.body
    )


@lru_cache(maxsize=512)
def _known(block: bytes) -> _Known | None:
    if not _PLAIN.fullmatch(block):
        return None
    try:
        head = parse_head(block, _UNLIMITED)
        framed = frame(head, "GET")
    except ExchangeError:
        return None
    if framed.framing is not Framing.LENGTH or "content-encoding" in head.headers:
        return None
    return _Known(head, framed.size, block.count(b"\n") - 2) if persists(head, framed) else None
