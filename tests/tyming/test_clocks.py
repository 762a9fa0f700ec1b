"""Clocks and calendars."""

from __future__ import annotations

import datetime

from tymeconn.tyming.clocks import Calendar, monotonic


def test_calendar_counts_with_its_clock():
    """A calendar is its epoch plus what its clock has counted since it was made."""
    tyme = [100.0]
    calendar = Calendar(lambda: tyme[0], epoch=5000.0)
    assert calendar.now() == 5000.0
    tyme[0] = 107.5
    assert calendar.now() == 5007.5


def test_real_calendar_is_utc():
    """The real calendar says what the machine's wall clock says in UTC."""
    before = datetime.datetime.now(datetime.UTC).timestamp()
    now = Calendar.real().now()
    after = datetime.datetime.now(datetime.UTC).timestamp()
    assert before - 1 <= now <= after + 1


def test_real_calendar_goes_on():
    """A real calendar moves with the monotonic clock."""
    calendar = Calendar.real()
    first, began = calendar.now(), monotonic()
    while monotonic() < began + 0.001:
        pass
    assert first + 0.0005 < calendar.now() < first + 60


def test_monotonic_never_goes_back():
    """A clock's seconds only grow."""
    seconds = [monotonic() for _ in range(100)]
    assert seconds == sorted(seconds)
