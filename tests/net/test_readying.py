"""Descriptors in one selector: who is told, and who is not told any more."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator

import pytest

from tymeconn.net.readying import Readiness
from tymeconn.net.seams import READ, WRITE
from tymeconn.tyming.waiting import Signal

from .scripted import descriptors


class Thing:
    """Something with a descriptor that wants what a test says."""

    def __init__(self, descriptor: int | None, wants: int = READ) -> None:
        self.descriptor = descriptor
        self.wants = wants

    def fileno(self) -> int | None:
        return self.descriptor


Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = socket.socketpair()
    yield pair
    for each in pair:
        each.close()


@pytest.fixture
def readiness() -> Iterator[Readiness]:
    readiness = Readiness()
    yield readiness
    readiness.close()


class Heard(list[str]):
    """Names of those who were woken."""

    def waker(self, name: str) -> Callable[[], None]:
        return lambda: self.append(name)


class TestWaiters:
    def test_a_waiter_is_told_while_its_thing_is_ready(self, readiness: Readiness, pair: Pair) -> None:
        """In each poll until it withdraws, and not before it is ready."""
        heard = Heard()
        readiness.attend(pair[1], "key", heard.waker("a"))
        readiness.poll()
        assert heard == []
        pair[0].send(b"x")
        readiness.poll()
        readiness.poll(5.0)
        readiness.withdraw(pair[1], "key")
        readiness.poll()
        assert (heard, bool(readiness)) == (["a", "a"], False)

    def test_a_waiter_is_told_of_what_it_wants(self, readiness: Readiness, pair: Pair) -> None:
        """Of room for sending, of bytes, or of both."""
        heard = Heard()
        things = {"w": WRITE, "r": READ, "rw": READ | WRITE}
        for name, wants in things.items():
            readiness.attend(Thing(pair[1].fileno(), wants), name, heard.waker(name))
        readiness.poll()
        assert heard == ["w", "rw"]
        pair[0].send(b"x")
        readiness.poll()
        assert heard[2:] == ["w", "r", "rw"]

    def test_many_may_wait_for_one_thing(self, readiness: Readiness, pair: Pair) -> None:
        """Each for what it wanted when it came, and what one wants no more is not looked for."""
        heard, thing = Heard(), Thing(pair[1].fileno())
        readiness.attend(thing, "reader", heard.waker("reader"))
        thing.wants = WRITE
        readiness.attend(thing, "writer", heard.waker("writer"))
        readiness.poll(5.0)
        readiness.withdraw(thing, "writer")
        readiness.poll()
        assert heard == ["writer"]

    def test_one_key_has_one_waiter(self, readiness: Readiness, pair: Pair) -> None:
        """A second call replaces the first; who is not there may withdraw."""
        heard = Heard()
        readiness.withdraw(pair[1], "key")
        readiness.attend(pair[1], "key", heard.waker("first"))
        readiness.attend(pair[1], "key", heard.waker("second"))
        pair[0].send(b"x")
        readiness.poll()
        assert heard == ["second"]

    def test_who_is_woken_may_have_others_withdraw(self, readiness: Readiness, pair: Pair) -> None:
        """They are not told then, ready or not."""
        heard = Heard()
        readiness.attend(pair[1], "a", lambda: readiness.withdraw(pair[1], "b"))
        readiness.attend(pair[1], "b", heard.waker("b"))
        pair[0].send(b"x")
        readiness.poll()
        assert heard == []

    @pytest.mark.parametrize("thing", [Thing(None), Thing(0, wants=0)])
    def test_what_needs_no_watching_is_not_watched(self, readiness: Readiness, thing: Thing) -> None:
        """No descriptor, or nothing wanted: somebody else will tell."""
        readiness.attend(thing, "key", lambda: None)
        assert not readiness

    def test_a_long_sleep_is_cut(self, readiness: Readiness, pair: Pair) -> None:
        """epoll would take three months for an error."""
        pair[0].send(b"x")
        readiness.attend(pair[1], "key", lambda: None)
        readiness.poll(1e9)
        readiness.poll(None)


class TestUnwatchable:
    def test_a_plain_file_is_always_ready(self, readiness: Readiness, tmp_path: os.PathLike[str]) -> None:
        """epoll refuses it (epoll_ctl(2), EPERM)."""
        heard = Heard()
        with open(os.path.join(tmp_path, "file"), "wb") as file:
            readiness.attend(file, "key", heard.waker("a"))
            readiness.poll(5.0)
            assert (heard, readiness.pending) == (["a"], True)
            readiness.withdraw(file, "key")
            assert (bool(readiness), readiness.pending) == (False, False)

    def test_what_is_closed_counts_as_ready(self, readiness: Readiness, pair: Pair) -> None:
        """Who asks it learns that it is closed; sockets and files say so differently."""
        heard = Heard()
        pair[1].close()
        readiness.attend(pair[1], "socket", heard.waker("socket"))
        with open(os.devnull, "rb") as file:
            pass
        readiness.attend(file, "file", heard.waker("file"))
        readiness.poll(5.0)
        assert heard == ["socket", "file"]

    def test_who_is_woken_may_have_others_withdraw(self, readiness: Readiness, pair: Pair) -> None:
        """They are not told then."""
        heard = Heard()
        pair[1].close()
        readiness.attend(pair[1], "a", lambda: readiness.withdraw(pair[1], "b"))
        readiness.attend(pair[1], "b", heard.waker("b"))
        readiness.poll()
        assert heard == []


class TestClosedTooEarly:
    """Closed while somebody waits for it."""

    def test_a_living_duplicate_is_heard_no_more(self, readiness: Readiness, pair: Pair) -> None:
        """Once the waiter has withdrawn; epoll alone would report it for ever."""
        with pair[1].dup():
            readiness.attend(pair[1], "key", lambda: None)
            pair[1].close()
            readiness.withdraw(pair[1], "key")
            pair[0].send(b"x")
            readiness.poll()
            assert not readable(readiness)

    def test_its_number_may_be_anothers_at_once(self, readiness: Readiness, pair: Pair) -> None:
        """The new one is watched, the old one's waiters are woken and withdraw."""
        heard, old = Heard(), Thing(pair[1].fileno())
        readiness.attend(old, "old", heard.waker("old"))
        old.descriptor = None
        readiness.attend(pair[1], "new", heard.waker("new"))
        readiness.poll(5.0)
        assert heard == ["old"]
        readiness.withdraw(old, "old")
        pair[0].send(b"x")
        readiness.poll(5.0)
        assert heard == ["old", "new"]

    def test_those_beside_it_are_watched_as_before(self, readiness: Readiness, pair: Pair) -> None:
        """Another selector takes the place of the one that is not sound."""
        heard, gone = Heard(), [Thing(each.detach()) for each in socket.socketpair()]
        for thing in gone:
            readiness.attend(thing, "gone", heard.waker("gone"))
        readiness.attend(pair[1], "key", heard.waker("key"))
        for thing in gone:
            os.close(thing.descriptor or 0)
            thing.descriptor = -1
        readiness.withdraw(gone[0], "gone")
        pair[0].send(b"x")
        assert readiness.pending
        readiness.poll()
        readiness.poll()
        assert heard == ["gone", "key", "gone", "key"]


def readable(readiness: Readiness) -> bool:
    """Tell whether the readiness says that there is news."""
    heard, outer = Heard(), Readiness()
    outer.attend(readiness, "inner", heard.waker("inner"))
    outer.poll()
    outer.close()
    return bool(heard)


def test_one_may_be_watched_by_another(readiness: Readiness, pair: Pair) -> None:
    """It is readable when it has news."""
    readiness.attend(pair[1], "key", lambda: None)
    assert not readable(readiness)
    pair[0].send(b"x")
    assert readable(readiness)


def test_closed_it_holds_no_descriptor(pair: Pair) -> None:
    """And may be used again."""
    before, readiness, heard = descriptors(), Readiness(), Heard()
    readiness.close()
    readiness.attend(pair[1], "key", heard.waker("first"))
    readiness.close()
    assert (descriptors(), bool(readiness)) == (before, False)
    pair[0].send(b"x")
    readiness.attend(pair[1], "key", heard.waker("second"))
    readiness.poll()
    readiness.close()
    assert heard == ["second"]


class TestAsyncio:
    def test_it_sleeps_until_something_is_ready(self, readiness: Readiness, pair: Pair) -> None:
        """Other tasks run meanwhile."""

        async def main() -> None:
            readiness.attend(pair[1], "key", lambda: None)
            asyncio.get_running_loop().call_soon(pair[0].send, b"x")
            await asyncio.wait_for(readiness.sleep(None, Signal()), 20.0)

        asyncio.run(main())

    def test_it_sleeps_until_a_signal_fires(self, readiness: Readiness) -> None:
        """Nobody is left behind in the signal."""
        signal = Signal()

        async def main() -> None:
            sleep = asyncio.create_task(readiness.sleep(20.0, signal))
            await asyncio.sleep(0.0)
            signal.fire()
            await asyncio.wait_for(sleep, 5.0)

        asyncio.run(main())
        assert signal._wakes == {}

    def test_it_sleeps_until_time_is_up(self, readiness: Readiness) -> None:
        """And a sleep of nothing is one turn for the others."""

        async def main() -> None:
            await readiness.sleep(0.001, Signal())
            await readiness.sleep(0.0, Signal())

        asyncio.run(main())

    def test_what_is_pending_needs_no_sleep(self, readiness: Readiness, pair: Pair) -> None:
        """It is told in the next poll."""
        pair[1].close()
        readiness.attend(pair[1], "key", lambda: None)
        asyncio.run(asyncio.wait_for(readiness.sleep(None, Signal()), 20.0))

    def test_a_canceled_sleep_leaves_nothing(self, readiness: Readiness) -> None:
        """Neither in the signal nor in the loop."""
        signal = Signal()

        async def main() -> None:
            task = asyncio.create_task(readiness.sleep(20.0, signal))
            await asyncio.sleep(0.0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not asyncio.get_running_loop().remove_reader(readiness.fileno())

        asyncio.run(main())
        assert signal._wakes == {}
