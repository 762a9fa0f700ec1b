"""Numbers of a policy are refused where its value is made."""

from __future__ import annotations

import pytest

from tymeconn.policy.checking import check_count, check_number


@pytest.mark.parametrize(
    ("value", "error"), [("1", TypeError), (True, TypeError), (1.0, TypeError), (1, ValueError)]
)
def test_counts(value, error):
    """A count is a whole number from the least on."""
    check_count("a count", 2, 2)
    with pytest.raises(error, match="a count must be"):
        check_count("a count", value, 2)


@pytest.mark.parametrize(
    ("least", "value", "error", "bound"),
    [
        (0.0, "1", TypeError, "a number"),
        (0.0, True, TypeError, "a number"),
        (0.0, -0.1, ValueError, "not negative"),
        (0.0, float("nan"), ValueError, "finite"),
        (0.0, 10**400, ValueError, "finite"),
        (0.5, 0.4, ValueError, r"at least 0\.5"),
    ],
)
def test_numbers(least, value, error, bound):
    """A number is finite and from the least on."""
    check_number("it", least, least)
    with pytest.raises(error, match=f"it must be .*{bound}"):
        check_number("it", value, least)
