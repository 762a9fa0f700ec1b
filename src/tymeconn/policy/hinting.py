"""What a server says about when to come back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz

__all__ = ["retry_after"]


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that Retry-After asks for (RFC 9110 10.2.3), or None.

    A date is compared with the answer's own Date, so that neither side's clock matters; without one, with
    `now` (UTC seconds). What is malformed is ignored.
    """
    value = headers.get("retry-after", "").strip()
    # Nine digits are thirty years; int() of a huge field would be a way to burn time.
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    moment = _date(value)
    if moment is None:
        return None
    sent = _date(headers.get("date", ""))
    return max(0.0, moment - (now if sent is None else sent))


def _date(value: str) -> float | None:
    try:
        parts = parsedate_tz(value)
        return None if parts is None else float(mktime_tz(parts))
    except (ValueError, OverflowError, IndexError):
        return None
