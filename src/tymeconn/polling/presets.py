"""Waiters for kinds of jobs that many servers have."""

from __future__ import annotations

from .judging import Waiter

__all__ = ["location", "standard"]


def location() -> Waiter:
    """Return the waiter of 202 with Location: 202 there is pending, any other 2xx success.

    Bodies are never read as a status, so a result may hold what it likes.
    """
    return Waiter("location", locate=("location",))


def standard() -> Waiter:
    """Return a waiter for servers that give Operation-Location or Location, and a status in JSON.

    The status is the body's `status` or `state`, in the words most servers use; without either, the HTTP
    status decides as in `location`.
    """
    return Waiter(
        "standard",
        status=("status", "state"),
        success=frozenset(
            {"succeeded", "success", "successful", "completed", "complete", "done", "finished"}
        ),
        failure=frozenset({"failed", "failure", "error", "errored"}),
        canceled=frozenset({"canceled", "cancelled", "aborted", "dismissed", "revoked"}),
        progress="progress || percentComplete",
        error="error",
    )
