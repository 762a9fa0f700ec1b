"""Answers that came whole: the common case, told from the first bytes in one look.

Whatever is in any way unusual is left to the Respondent, whose word it is what an answer means; what is
found here is what it would find.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ..errors import ExchangeError
from .framing import Framing, frame, persists
from .heads import PLAIN, Head, parse_head
from .messages import Limits

__all__ = ["whole_answer"]

# To these methods a head alone may be the answer (RFC 9112 6.3).
_BARE = frozenset({"HEAD", "CONNECT"})
_UNLIMITED = Limits()
# A server repeats its heads within a second, Date and all. What is longer would fill the memory.
_REMEMBERED = 1_024


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


def whole_answer(data: bytes, method: str, limits: Limits) -> tuple[Head, bytes] | None:
    """Return head and body of the answer that `data`, the first bytes of one, are to the last.

    None for every other. Behind what is returned the connection goes on.
    """
    end = data.find(b"\r\n\r\n") + 4
    if end <= 4 or method in _BARE:
        return None
    block = data[:end]
    known = _known(block) if end <= _REMEMBERED else _known.__wrapped__(block)
    if known is None:
        return None
    head, size, fields = known
    if size != len(data) - end or size > limits.body or fields > limits.headers:
        return None
    return (head, data[end:]) if end <= limits.head and end <= limits.line else None


@lru_cache(maxsize=512)
def _known(block: bytes) -> _Known | None:
    # A head with a bare LF may end before its last line.
    if not PLAIN.fullmatch(block):
        return None
    try:
        head = parse_head(block, _UNLIMITED)
        framed = frame(head, "GET")
    except ExchangeError:
        return None
    if head.status < 200 or framed.framing is not Framing.LENGTH or "content-encoding" in head.headers:
        return None
    return _Known(head, framed.size, block.count(b"\n") - 2) if persists(head, framed) else None
