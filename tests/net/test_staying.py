"""Descriptors that stay in the selector between two waits, and how finely it sleeps."""

from __future__ import annotations

import gc
import os
import resource
import select
import selectors
import socket
from collections.abc import Callable, Iterator

import pytest

from tymeconn.net.readying import Readiness
from tymeconn.net.seams import READ, WRITE
from tymeconn.tyming.waiting import Signal

from .scripted import descriptors


class Announced:
    """One end of a pair of sockets that says when it closes."""

    def __init__(self) -> None:
        self.other, self.own = socket.socketpair()
        self.wants = READ
        self.closing = Signal()

    def fileno(self) -> int:
        return self.own.fileno()

    def close(self) -> None:
        self.closing.fire()
        self.own.close()
        self.other.close()


class Counting(selectors.DefaultSelector):
    """Counts what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def register(self, *arguments: object, **named: object) -> selectors.SelectorKey:
        self.calls.append("register")
        return super().register(*arguments, **named)  # type: ignore[arg-type]

    def modify(self, *arguments: object, **named: object) -> selectors.SelectorKey:
        self.calls.append("modify")
        return super().modify(*arguments, **named)  # type: ignore[arg-type]

    def unregister(self, fileobj: object) -> selectors.SelectorKey:
        self.calls.append("unregister")
        return super().unregister(fileobj)  # type: ignore[arg-type]


@pytest.fixture
def selector(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(selectors, "DefaultSelector", lambda: counting)
    return counting


@pytest.fixture
def readiness(selector: Counting) -> Iterator[Readiness]:
    readiness = Readiness()
    yield readiness
    readiness.close()


@pytest.fixture
def thing() -> Iterator[Announced]:
    thing = Announced()
    yield thing
    thing.close()


def waker(heard: list[str], name: str = "heard") -> Callable[[], None]:
    return lambda: heard.append(name)


def test_it_is_registered_once(readiness: Readiness, selector: Counting, thing: Announced) -> None:
    """However often it is waited for, and whoever waits."""
    heard: list[str] = []
    for key in ("a", "b", "c"):
        readiness.attend(thing, key, waker(heard))
        thing.other.send(b"x")
        readiness.poll()
        thing.own.recv(1)
        readiness.withdraw(thing, key)
    assert (heard, selector.calls) == (["heard"] * 3, ["register"])
    assert not readiness


def test_news_for_nobody(readiness: Readiness, selector: Counting, thing: Announced) -> None:
    """They take it out; then nothing is heard until somebody waits again."""
    heard: list[str] = []
    readiness.attend(thing, "a", waker(heard))
    readiness.withdraw(thing, "a")
    thing.other.send(b"x")
    readiness.poll()
    assert (heard, selector.calls) == ([], ["register", "unregister"])
    readiness.attend(thing, "b", waker(heard))
    readiness.poll()
    assert heard == ["heard"]


def test_it_wants_more_and_less(readiness: Readiness, selector: Counting, thing: Announced) -> None:
    """What nobody wants any more is looked for until it comes, and told to nobody."""
    heard: list[str] = []
    readiness.attend(thing, "a", waker(heard))
    thing.wants = READ | WRITE
    readiness.attend(thing, "a", waker(heard))
    readiness.poll()
    thing.wants = READ
    readiness.attend(thing, "a", waker(heard))
    readiness.poll()
    readiness.poll()
    assert (heard, selector.calls) == (["heard"], ["register", "modify", "modify"])


def test_closed_while_waited_for(readiness: Readiness, selector: Counting, thing: Announced) -> None:
    """It is taken out before its number is another's, and who waits is told."""
    heard: list[str] = []
    readiness.attend(thing, "a", waker(heard))
    thing.close()
    assert selector.calls == ["register", "unregister"]
    readiness.poll()
    assert heard == ["heard"]


def test_closed_while_nobody_waits(readiness: Readiness, selector: Counting) -> None:
    """Its number may be another's at once."""
    heard: list[str] = []
    first = Announced()
    readiness.attend(first, "a", waker(heard, "first"))
    readiness.withdraw(first, "a")
    first.close()
    second = Announced()
    readiness.attend(second, "a", waker(heard, "second"))
    second.other.send(b"x")
    readiness.poll()
    assert (heard, selector.calls) == (["second"], ["register", "unregister", "register"])
    second.close()


def test_what_is_dropped_is_not_kept(readiness: Readiness, selector: Counting) -> None:
    """A thing that nobody has any more is taken out, too."""
    thing = Announced()
    own, other = thing.own, thing.other
    readiness.attend(thing, "a", lambda: None)
    readiness.withdraw(thing, "a")
    del thing
    gc.collect()
    assert selector.calls == ["register", "unregister"]
    own.close()
    other.close()


def test_another_thing_with_its_descriptor(
    readiness: Readiness, selector: Counting, thing: Announced
) -> None:
    """It may be waited for beside it, and both are told; when one closes, both count as ready."""
    heard: list[str] = []
    readiness.attend(thing, "a", waker(heard, "thing"))
    readiness.attend(thing.own, "b", waker(heard, "socket"))
    thing.other.send(b"x")
    readiness.poll()
    thing.close()
    readiness.poll()
    assert heard == ["thing", "socket"] * 2
    assert selector.calls == ["register", "unregister"]


def test_the_other_thing_withdraws(readiness: Readiness, thing: Announced) -> None:
    """Then it is forgotten; who was there first is still told."""
    heard: list[str] = []
    readiness.attend(thing, "a", waker(heard, "thing"))
    readiness.attend(thing.own, "b", waker(heard, "socket"))
    readiness.withdraw(thing.own, "b")
    readiness.withdraw(thing.own, "b")
    thing.other.send(b"x")
    readiness.poll()
    assert heard == ["thing"]


def test_who_is_woken_may_close_it(readiness: Readiness, thing: Announced) -> None:
    """The others are told in the next poll."""
    heard: list[str] = []

    def close() -> None:
        readiness.withdraw(thing, "a")
        thing.close()

    readiness.attend(thing, "a", close)
    readiness.attend(thing, "b", waker(heard))
    thing.other.send(b"x")
    readiness.poll()
    readiness.poll()
    assert heard == ["heard"]


def test_who_is_woken_may_close_another(readiness: Readiness, thing: Announced) -> None:
    """Whose news came in the same poll: who waits for that is told in the next one."""
    heard: list[str] = []
    first, second = thing, Announced()
    for closing, closed in ((first, second), (second, first)):
        readiness.attend(closing, "a", lambda closed=closed: (heard.append("closed"), closed.close()))
        closing.other.send(b"x")
    readiness.poll()
    assert heard == ["closed"]
    readiness.poll()
    assert heard == ["closed"] * 2
    second.close()


def test_who_is_woken_may_give_its_number_away(readiness: Readiness, thing: Announced) -> None:
    """News of the one that was closed are not taken for news of the one that has its number now."""
    heard: list[str] = []
    second = Announced()
    number, others = second.fileno(), []

    def give_away() -> None:
        readiness.withdraw(thing, "a")
        second.close()
        others.append(Announced())
        readiness.attend(others[0], "c", waker(heard, "third"))

    readiness.attend(thing, "a", give_away)
    readiness.attend(second, "b", waker(heard, "second"))
    thing.other.send(b"x")
    second.other.send(b"x")
    readiness.poll()
    assert others[0].fileno() == number
    others[0].other.send(b"x")
    readiness.poll()
    assert heard == ["second", "third"]
    others[0].close()


def test_beside_one_that_counts_as_ready(
    readiness: Readiness, selector: Counting, thing: Announced
) -> None:
    """What is waited for again is registered once, also when another cannot be watched."""
    with open(os.devnull, "rb") as file:
        readiness.attend(thing, "a", lambda: None)
        readiness.attend(file, "b", lambda: None)
        readiness.attend(thing, "a", lambda: None)
    assert selector.calls.count("register") == 2
    assert readiness.pending


def test_what_is_watched_keeps_no_selector(thing: Announced) -> None:
    """A selector that nobody has any more is closed, however long what it watched lives."""
    before, readiness = descriptors(), Readiness()
    readiness.attend(thing, "a", lambda: None)
    readiness.withdraw(thing, "a")
    del readiness
    gc.collect()
    assert descriptors() == before
    thing.closing.fire()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long select(2) was to sleep, each time."""
    seconds: list[float] = []

    def sleep(*arguments: object) -> tuple[list[int], list[int], list[int]]:
        seconds.append(arguments[3])  # type: ignore[arg-type]
        return [], [], []

    monkeypatch.setattr(select, "select", sleep)
    return seconds


@pytest.mark.skipif(not hasattr(selectors, "EpollSelector"), reason="only epoll sleeps whole milliseconds")
def test_less_than_a_millisecond(slept: list[float]) -> None:
    """It sleeps so long, and not a millisecond, which is the least for epoll."""
    readiness = Readiness()
    readiness.poll(0.000_1)
    readiness.poll(0.0)
    readiness.close()
    assert slept == [0.000_1]


def test_high_numbers(slept: list[float]) -> None:
    """A selector whose number select(2) does not know sleeps as epoll does."""
    least, most = 1_024, 1_100
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard <= most:
        pytest.skip("so many descriptors are not allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most + 100), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(most)]
    readiness = Readiness()
    try:
        readiness.poll(0.000_1)
        assert (readiness.fileno() >= least, slept) == (True, [])
    finally:
        readiness.close()
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
