"""One selector for all descriptors that are waited for."""

from __future__ import annotations

import selectors
from collections.abc import Callable
from typing import TypeAlias

from ..tyming.waiting import Readable, Signal
from .seams import READ, WRITE

__all__ = ["Readiness"]

_Wake: TypeAlias = Callable[[], None]
# A waiter: by the identity of what it waits for, because a descriptor's number is given out again.
_Post: TypeAlias = tuple[int, object]

# Seconds. epoll counts milliseconds in 31 bits; who has slept for a day may sleep again.
_LONGEST = 86_400.0


class _Watch:
    """One descriptor in the selector: whose it was when it came, for what, and who waits."""

    __slots__ = ("_readers", "_writers", "descriptor", "events", "thing", "waiters")

    def __init__(self, descriptor: int, thing: Readable) -> None:
        self.descriptor = descriptor
        self.thing = thing
        self.events = 0
        # Each keeps its thing alive, so that no other gets its identity meanwhile.
        self.waiters: dict[_Post, tuple[int, _Wake, Readable]] = {}
        self._readers = 0
        self._writers = 0

    @property
    def sound(self) -> bool:
        """The descriptor is still the thing's."""
        return _descriptor(self.thing) == self.descriptor

    @property
    def wanted(self) -> int:
        """What its waiters want, together."""
        return (READ if self._readers else 0) | (WRITE if self._writers else 0)

    def add(self, post: _Post, wants: int, wake: _Wake, thing: Readable) -> None:
        """Take in a waiter."""
        self.waiters[post] = (wants, wake, thing)
        self._readers += bool(wants & READ)
        self._writers += bool(wants & WRITE)

    def remove(self, post: _Post) -> None:
        """Let a waiter go."""
        wants, _, _ = self.waiters.pop(post)
        self._readers -= bool(wants & READ)
        self._writers -= bool(wants & WRITE)


class Readiness:
    """Who waits for which descriptors, in one selector that is opened when it is first needed.

    A waiter is called in every `poll` in which what it waits for is ready, until it withdraws. It withdraws
    before what it waits for is closed. A descriptor that is closed all the same may live on in a duplicate
    (of a forked process, say), which nobody can take out of epoll any more (epoll(7), questions and
    answers): when that may be so, the selector is replaced.
    """

    def __init__(self) -> None:
        self._selector: selectors.DefaultSelector | None = None
        self._watches: dict[int, _Watch] = {}
        self._places: dict[_Post, _Watch] = {}
        # Those that count as ready at the next poll, whatever the selector says.
        self._ready: dict[_Post, _Wake] = {}
        self._haunted = False

    def __bool__(self) -> bool:
        """Somebody waits."""
        return bool(self._places or self._ready)

    @property
    def pending(self) -> bool:
        """The next poll has something to tell that the selector does not know of."""
        return bool(self._ready) or self._haunted

    def attend(self, thing: Readable, key: object, wake: _Wake) -> None:
        """Call `wake` in each poll in which `thing` is ready for what it wants now.

        A second call with the same thing and key replaces the first. A thing without a descriptor is told
        of by other means and is not watched. One that cannot be watched, because it was closed or is a
        plain file, counts as ready in the next poll: who asks it learns what is the matter.
        """
        self.withdraw(thing, key)
        descriptor = _descriptor(thing)
        wants = getattr(thing, "wants", READ)
        if descriptor is None or not wants:
            return
        post = (id(thing), key)
        watch = self._watch(descriptor, thing)
        watch.add(post, wants, wake, thing)
        self._places[post] = watch
        self._settle(watch)

    def withdraw(self, thing: Readable, key: object) -> None:
        """Forget the waiter of `thing` and `key`, if it is there; after the last one nobody watches it."""
        post = (id(thing), key)
        self._ready.pop(post, None)
        watch = self._places.pop(post, None)
        if watch is not None:
            watch.remove(post)
            self._settle(watch)

    def poll(self, timeout: float | None = 0.0) -> None:
        """Sleep until something is ready, but at most `timeout` seconds; wake who waits for that."""
        if self._haunted:
            self._replace()
        longest = 0.0 if self._ready else _LONGEST if timeout is None else min(timeout, _LONGEST)
        events = self._opened().select(longest)
        for post, wake in list(self._ready.items()):
            if post in self._ready:
                wake()
        for key, happened in events:
            self._tell(key.data, happened)

    def fileno(self) -> int:
        """Return a descriptor that is readable while a selector has news for `poll`.

        After a `poll` it may be another one. Windows has none: there it raises AttributeError.
        """
        return self._opened().fileno()

    async def sleep(self, timeout: float | None, signal: Signal) -> None:
        """Leave the thread to asyncio until `poll` has something to tell, `signal` fires or time is up.

        `timeout` is in seconds, None for as long as it takes. With 0.0 others have one turn.
        """
        # asyncio takes longer to import than all else here, and few use it.
        import asyncio

        if timeout == 0.0 or self.pending:
            await asyncio.sleep(0.0)
            return
        loop = asyncio.get_running_loop()
        waker = asyncio.Event()
        descriptor = self.fileno()
        timer = None if timeout is None else loop.call_later(timeout, waker.set)
        signal.attend(waker, waker.set)
        loop.add_reader(descriptor, waker.set)
        try:
            await waker.wait()
        finally:
            loop.remove_reader(descriptor)
            signal.withdraw(waker)
            if timer is not None:
                timer.cancel()

    def close(self) -> None:
        """Forget who waits and close the selector; it is opened again when it is needed."""
        self._watches.clear()
        self._places.clear()
        self._ready.clear()
        self._haunted = False
        if self._selector is not None:
            self._selector.close()
            self._selector = None

    def _opened(self) -> selectors.DefaultSelector:
        if self._selector is None:
            self._selector = selectors.DefaultSelector()
        return self._selector

    def _watch(self, descriptor: int, thing: Readable) -> _Watch:
        """Return the watch of the descriptor; one that is left of a closed thing ends here."""
        watch = self._watches.get(descriptor)
        if watch is not None and not watch.sound:
            self._lose(watch)
            watch = None
        if watch is None:
            watch = self._watches[descriptor] = _Watch(descriptor, thing)
        return watch

    def _settle(self, watch: _Watch) -> None:
        """Have the selector look for what is wanted of the descriptor now."""
        wanted = watch.wanted
        if self._watches.get(watch.descriptor) is not watch or wanted == watch.events:
            return
        if not watch.sound:
            self._lose(watch)
            return
        before, watch.events = watch.events, wanted
        if not wanted:
            del self._watches[watch.descriptor]
            self._opened().unregister(watch.descriptor)
        elif before:
            self._opened().modify(watch.descriptor, wanted, watch)
        else:
            self._register(watch)

    def _register(self, watch: _Watch) -> None:
        try:
            self._opened().register(watch.descriptor, watch.events, watch)
        except (OSError, ValueError):
            del self._watches[watch.descriptor]
            self._excuse(watch)

    def _lose(self, watch: _Watch) -> None:
        """Give up the watch of a thing that was closed before its waiters withdrew."""
        del self._watches[watch.descriptor]
        self._opened().unregister(watch.descriptor)
        self._haunted = True
        self._excuse(watch)

    def _excuse(self, watch: _Watch) -> None:
        for post, (_, wake, _) in watch.waiters.items():
            self._ready[post] = wake

    def _replace(self) -> None:
        # The new one is opened first, so that its number is another one: who watches this selector sees
        # by the number that it was replaced.
        old, self._selector = self._opened(), selectors.DefaultSelector()
        self._haunted = False
        for watch in list(self._watches.values()):
            if watch.sound:
                self._register(watch)
            else:
                del self._watches[watch.descriptor]
                self._excuse(watch)
        old.close()

    def _tell(self, watch: _Watch, happened: int) -> None:
        for post, (wants, wake, _) in list(watch.waiters.items()):
            # One that was woken before may have had others withdraw.
            if wants & happened and post in watch.waiters:
                wake()


def _descriptor(thing: Readable) -> int | None:
    try:
        return thing.fileno()
    except ValueError:  # a file object that was closed
        return -1
