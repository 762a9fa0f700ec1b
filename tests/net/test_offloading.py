from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator

import pytest

from tymeconn.net.offloading import Errand, Threads, Ticket

from .scripted import PATIENCE, descriptors, join_threads


class Gated:
    """A call that returns 7, or raises, once its gate is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.error: OSError | None = None

    def __call__(self) -> int:
        self.gate.wait(PATIENCE)
        if self.error:
            raise self.error
        return 7


@pytest.fixture
def call() -> Iterator[Gated]:
    gated = Gated()
    yield gated
    gated.gate.set()
    join_threads()


def readable(ticket: Ticket[int], seconds: float = PATIENCE) -> bool:
    return bool(select.select([ticket.fileno()], [], [], seconds)[0])


def test_the_descriptor_tells_of_the_end(call: Gated) -> None:
    """It becomes readable when a thread has made the call, and is closed once that was seen."""
    before, errand = descriptors(), Errand(call)
    ticket = Ticket(errand)
    Threads(1).run(errand)
    assert not readable(ticket, 0.0)
    call.gate.set()
    assert (readable(ticket), ticket.ended, errand.outcome) == (True, True, 7)
    assert (ticket.fileno(), descriptors()) == (None, before)


def test_the_descriptor_tells_of_a_failure(call: Gated) -> None:
    """What the call raises is an outcome like any other."""
    errand = Errand(call)
    ticket = Ticket(errand)
    call.error = OSError("no")
    Threads(1).run(errand)
    assert readable_after(call, ticket)
    assert (ticket.ended, ticket.error) == (True, call.error)


def readable_after(call: Gated, ticket: Ticket[int]) -> bool:
    descriptor = ticket.fileno()
    call.gate.set()
    return descriptor == ticket.fileno() and readable(ticket)


def test_who_asks_late_is_told_at_once(call: Gated) -> None:
    """A descriptor made after the end, which nobody has seen yet, is readable."""
    errand = Errand(call)
    ticket = Ticket(errand)
    errand.end(7)
    assert readable(ticket, 0.0)
    ticket.cancel()


def test_each_ticket_has_a_descriptor_of_its_own(call: Gated) -> None:
    """One that gives up takes nothing from another, and is told nothing."""
    before, errand = descriptors(), Errand(call)
    tickets = Ticket(errand), Ticket(errand)
    assert tickets[0].fileno() != tickets[1].fileno()
    tickets[0].cancel()
    errand.end(7)
    assert (tickets[0].fileno(), readable(tickets[1], 0.0)) == (None, True)
    tickets[1].cancel()
    assert descriptors() == before


def test_nobody_pays_for_a_descriptor_that_is_not_asked_for(call: Gated) -> None:
    """A ticket alone holds none, and what has ended never does."""
    before = descriptors()
    waiting, ended = Ticket(Errand(call)), Ticket(Errand(call, 7))
    assert (descriptors(), ended.fileno(), ended.error, waiting.ended) == (before, None, None, False)


def test_without_a_descriptor_left_there_is_none(call: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket says so, and raises nothing in a scheduler; a later call may succeed."""
    ticket = Ticket(Errand(call))

    def exhausted() -> None:
        raise OSError("too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socketpair", exhausted)
        assert ticket.fileno() is None
    assert ticket.fileno() is not None
    ticket.cancel()


def test_the_signal_fires_once(call: Gated) -> None:
    """It fires when the end is first seen, and not after giving up."""
    errand, fired = Errand(call), []
    tickets = Ticket(errand), Ticket(errand)
    for ticket in tickets:
        ticket.signal.attend("test", lambda: fired.append(True))
    tickets[1].cancel()
    errand.end(7)
    assert [ticket.ended for ticket in (*tickets, *tickets)] == [True] * 4
    assert fired == [True]


def test_call_that_raises_anything_else():
    """A thread that died of it would leave who waits, and its place, for ever."""
    threads = Threads(1)
    for _ in range(3):
        ticket = Ticket(errand := Errand(lambda: 1 / 0))
        threads.run(errand)
        assert ticket.ended or readable(ticket)
        assert "ZeroDivisionError" in str(ticket.error)
