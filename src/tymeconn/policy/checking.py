"""Numbers of a policy, checked where its value is made."""

from __future__ import annotations

import sys

__all__ = ["check_count", "check_number"]


def check_count(what: str, value: object, least: int) -> None:
    """Raise TypeError or ValueError, naming `what` and the value, unless it is a count from `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} must be a count, not {value!r}")
    if not least <= value <= sys.maxsize:
        raise ValueError(f"{what} must be at least {least}: {value!r}")


def check_number(what: str, value: object, least: float = 0.0) -> None:
    """Raise TypeError or ValueError, naming `what` and the value, unless it is finite and not less."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what} must be a number, not {value!r}")
    if not least <= value <= sys.float_info.max:
        bound = f"at least {least}" if least else "not negative"
        raise ValueError(f"{what} must be finite and {bound}: {value!r}")
