"""The record of a job."""

from __future__ import annotations

from tymeconn.errors import WatchAbandoned, WatchExpired
from tymeconn.polling.jobs import Job


def test_first_outcome_stays():
    """A watch ends once."""
    job = Job("1")
    job.conclude(WatchExpired("first"))
    job.conclude(WatchAbandoned("second"))
    assert isinstance(job.outcome, WatchExpired)
