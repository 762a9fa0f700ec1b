"""Whether a request may go out a second time without its caller knowing."""

from __future__ import annotations

from ..wire.messages import Request

__all__ = ["may_replay"]

# RFC 9110 9.2.2.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


def may_replay(request: Request, sent: int) -> bool:
    """Return whether a request of which `sent` bytes went out, and no answer came, can and may be repeated.

    RFC 9112 9.3.1: only when it cannot have been acted on, or when acting twice does no harm. A request
    with an Idempotency-Key says of itself that it does none.
    """
    harmless = not sent or request.method in _IDEMPOTENT or "idempotency-key" in request.headers
    return harmless and request.renewable
