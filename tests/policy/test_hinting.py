"""Retry-After in seconds and as a date, and all that is neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.policy.hinting import retry_after
from tymeconn.wire.headers import make_headers

NOON = 946_728_000.0
DATE = "Sat, 01 Jan 2000 12:00:00 GMT"
LATER = "Sat, 01 Jan 2000 12:01:30 GMT"


def hint(value, date=None, now=NOON):
    headers = {"Retry-After": value} if date is None else {"Retry-After": value, "Date": date}
    return retry_after(make_headers(headers), now)


def test_nothing_said():
    """Without the field there is no hint."""
    assert retry_after(make_headers(), NOON) is None


@pytest.mark.parametrize(("value", "seconds"), [("120", 120.0), ("0", 0.0), (" 7 ", 7.0), ("007", 7.0)])
def test_seconds(value, seconds):
    """Digits are seconds."""
    assert hint(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        LATER,
        "Saturday, 01-Jan-00 12:01:30 GMT",
        "Sat Jan  1 12:01:30 2000",
        "Sat, 01 Jan 2000 13:01:30 +0100",
    ],
)
def test_date_in_each_form(value):
    """All three forms of RFC 9110 5.6.7 are read, and a numeric zone."""
    assert hint(value, DATE) == 90.0


def test_date_is_compared_with_the_servers_own():
    """The answer's Date goes before our clock, which may be wrong."""
    assert hint(LATER, DATE, now=0.0) == 90.0


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_date_without_the_servers_own(date):
    """Without a valid Date our own clock must do."""
    assert hint(LATER, date, now=NOON + 30) == 60.0


def test_past_date():
    """A moment that has passed is now."""
    assert hint(DATE, LATER) == 0.0


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-5",
        "1.5",
        "+5",
        "1e3",
        "5s",
        "5, 10",
        "٣",
        "soon",
        "1234567890",
        "9" * 5000,
        "Sat, 01 Jan 99999999999999 12:00:00 GMT",
        f"Sat, {'9' * 5000} Jan 2000 12:00:00 GMT",
        f"Sat, {'9' * 400} Jan 2000 12:00:00 GMT",
    ],
)
def test_malformed(value):
    """What is neither seconds nor a date says nothing, however long it is."""
    assert retry_after({"retry-after": value}, NOON) is None


@given(st.text(), st.text())
def test_no_field_breaks_it(value, date):
    """Whatever a server sends, the hint is None or not negative."""
    seconds = retry_after({"retry-after": value, "date": date}, NOON)
    assert seconds is None or seconds >= 0
