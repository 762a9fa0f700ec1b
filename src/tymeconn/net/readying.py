"""One selector for all descriptors that are waited for."""

from __future__ import annotations

import select
import selectors
from collections.abc import Callable
from functools import partial, reduce
from operator import or_
from typing import TypeAlias
from weakref import ReferenceType, ref

from ..tyming.waiting import Readable, Signal
from .seams import READ

__all__ = ["Readiness"]

_Wake: TypeAlias = Callable[[], None]
# A waiter: by the identity of what it waits for, because a descriptor's number is given out again.
_Post: TypeAlias = tuple[int, object]

# Seconds. epoll counts milliseconds in 31 bits; who has slept for a day may sleep again.
_LONGEST = 86_400.0
# epoll sleeps whole milliseconds, rounded up: for less than so many seconds that is late. select(2) counts
# microseconds, but knows no descriptor from 1024 on.
_COARSE = selectors.DefaultSelector is getattr(selectors, "EpollSelector", None)
_FINE = 1.0
_SELECTABLE = 1024


class _Watch:
    """One descriptor in the selector: whose it was when it came, for what, and who waits.

    Attributes:
        descriptor: it.
        identity: of its thing.
        closing: of its thing, if it says when it closes. Then the watch stays when nobody waits, and does
            not keep the thing alive.
        events: what the selector looks for: at least what is wanted.
        waiters: what each wants, how it is woken, and of what: so long that keeps its identity.
    """

    __slots__ = ("_thing", "closing", "descriptor", "events", "identity", "waiters")

    def __init__(self, descriptor: int, thing: Readable, dies: Callable[[_Watch], None]) -> None:
        """Begin; `dies(watch)` is called when nobody has the thing any more."""
        self.descriptor = descriptor
        self.identity = id(thing)
        closing = getattr(thing, "closing", None)
        self.closing = closing if isinstance(closing, Signal) else None
        self.events = 0
        self.waiters: dict[_Post, tuple[int, _Wake, Readable]] = {}
        self._thing: Callable[[], Readable | None] = lambda: thing
        if self.closing is not None:
            self._thing = ref(thing, lambda _: dies(self))

    def let_go(self) -> None:
        """Have nothing to do with the thing any more."""
        self._thing = _nothing
        if self.closing is not None:
            self.closing.withdraw(self)

    @property
    def sound(self) -> bool:
        """The descriptor is still the thing's."""
        thing = self._thing()
        return thing is not None and _descriptor(thing) == self.descriptor

    @property
    def wanted(self) -> int:
        """What its waiters want, together."""
        return reduce(or_, (wants for wants, _, _ in self.waiters.values()), 0)


class Readiness:
    """Who waits for which descriptors, in one selector that is opened when it is first needed.

    A waiter is called in every `poll` in which what it waits for is ready, until it withdraws.

    What fires its signal `closing` before it closes stays in the selector between two waits, until it has
    news for which nobody waits: to register and unregister it each time costs more than all the rest. When
    it closes, whoever waits for it counts as ready. Whoever waits for anything else withdraws before that
    is closed. A descriptor that is closed all the same may live on in a duplicate (of a forked process,
    say), which nobody can take out of epoll any more (epoll(7), questions and answers): when that may be
    so, the selector is replaced.

    Attributes:
        closing: fires before its own descriptor is closed, or replaced.
    """

    def __init__(self) -> None:
        self.closing = Signal()
        self._selector: selectors.DefaultSelector | None = None
        self._watches: dict[int, _Watch] = {}
        # The watches by their things, and by the posts of other things with the same descriptor.
        self._homes: dict[int, _Watch] = {}
        self._guests: dict[_Post, _Watch] = {}
        # Those that count as ready at the next poll, whatever the selector says.
        self._ready: dict[_Post, _Wake] = {}
        self._waiting = 0
        self._haunted = False

    def __bool__(self) -> bool:
        """Somebody waits."""
        return bool(self._waiting or self._ready)

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
        wants = getattr(thing, "wants", READ)
        watch = self._homes.get(id(thing))
        if self._ready or watch is None or not wants or not (watch.closing or watch.sound):
            self.withdraw(thing, key)
            watch = self._housed(thing, key) if wants else None
        if watch is None:
            return
        post = (id(thing), key)
        self._waiting += post not in watch.waiters
        watch.waiters[post] = (wants, wake, thing)
        if wants & ~watch.events:
            self._look(watch, watch.events | wants)

    def withdraw(self, thing: Readable, key: object) -> None:
        """Forget the waiter of `thing` and `key`, if it is there."""
        post = (id(thing), key)
        if self._ready:
            self._ready.pop(post, None)
        watch = self._homes.get(id(thing)) or self._guests.pop(post, None)
        if watch is None or watch.waiters.pop(post, None) is None:
            return
        self._waiting -= 1
        if not watch.waiters and watch.closing is None:
            self._haunted = self._haunted or not watch.sound
            self._evict(watch)

    def poll(self, timeout: float | None = 0.0) -> None:
        """Sleep until something is ready, but at most `timeout` seconds; wake who waits for that."""
        if self._haunted:
            self._replace()
        longest = 0.0 if self._ready else _LONGEST if timeout is None else min(timeout, _LONGEST)
        selector = self._opened()
        if _COARSE and 0.0 < longest < _FINE and (descriptor := selector.fileno()) < _SELECTABLE:
            ready, _, _ = select.select((descriptor,), (), (), longest)
            if not ready:
                return
            longest = 0.0
        events = selector.select(longest)
        if self._ready:
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
        for watch in list(self._watches.values()):
            self._forget(watch)
        self._guests.clear()
        self._ready.clear()
        self._waiting = 0
        self._haunted = False
        if self._selector is not None:
            self.closing.fire()
            self._selector.close()
            self._selector = None

    def _opened(self) -> selectors.DefaultSelector:
        if self._selector is None:
            self._selector = selectors.DefaultSelector()
        return self._selector

    def _housed(self, thing: Readable, key: object) -> _Watch | None:
        """Return the watch of the thing's descriptor, if it has one; that of a closed thing ends here."""
        descriptor = _descriptor(thing)
        if descriptor is None:
            return None
        watch = self._watches.get(descriptor)
        if watch is not None and not watch.sound:
            self._haunted = True
            self._evict(watch)
            watch = None
        if watch is None:
            dies = partial(_evicted, ref(self))
            watch = self._watches[descriptor] = self._homes[id(thing)] = _Watch(descriptor, thing, dies)
            if watch.closing is not None:
                watch.closing.attend(watch, partial(dies, watch))
        elif self._homes.get(id(thing)) is not watch:
            self._guests[id(thing), key] = watch
        return watch

    def _look(self, watch: _Watch, events: int) -> None:
        """Have the selector look for these events; there are some."""
        before, watch.events = watch.events, events
        if before:
            self._opened().modify(watch.descriptor, events, watch)
        else:
            self._register(watch)

    def _register(self, watch: _Watch) -> None:
        try:
            self._opened().register(watch.descriptor, watch.events, watch)
        except (OSError, ValueError):
            watch.events = 0
            self._forget(watch)

    def _evict(self, watch: _Watch) -> None:
        """Take the watch out of the selector; who waits all the same counts as ready."""
        if self._forget(watch) and watch.events:
            self._opened().unregister(watch.descriptor)

    def _forget(self, watch: _Watch) -> bool:
        """Know the watch no longer; False when that was so before."""
        # The garbage collector may come here between any two steps: whoever takes it out does the rest.
        known = self._watches.pop(watch.descriptor, None)
        if known is not watch:
            if known is not None:
                self._watches[watch.descriptor] = known
            return False
        self._homes.pop(watch.identity, None)
        watch.let_go()
        self._waiting -= len(watch.waiters)
        waiters, watch.waiters = watch.waiters, {}
        for post, (_, wake, _) in waiters.items():
            self._guests.pop(post, None)
            self._ready[post] = wake
        return True

    def _replace(self) -> None:
        # The new one is opened first, so that its number is another one: who watches this selector sees
        # by the number that it was replaced.
        self.closing.fire()
        watches = list(self._watches.values())
        for watch in watches:
            watch.events = 0
        old, self._selector = self._opened(), selectors.DefaultSelector()
        self._haunted = False
        for watch in watches:
            if watch.sound and watch.waiters:
                self._look(watch, watch.wanted)
            else:
                self._evict(watch)
        old.close()

    def _tell(self, watch: _Watch, happened: int) -> None:
        heard = False
        for post, (wants, wake, _) in list(watch.waiters.items()):
            if wants & happened:
                heard = True
                # One that was woken before may have had others withdraw.
                if post in watch.waiters:
                    wake()
        if not heard:
            self._narrow(watch)

    def _narrow(self, watch: _Watch) -> None:
        """Look for nothing that nobody wants any more."""
        if watch.waiters and self._watches.get(watch.descriptor) is watch:
            self._look(watch, watch.wanted)
        else:
            self._evict(watch)


def _evicted(readiness: ReferenceType[Readiness], watch: _Watch) -> None:
    """Take a watch out of what it is in, if that is still there: no signal keeps a selector open."""
    keeper = readiness()
    if keeper is not None:
        keeper._evict(watch)


def _nothing() -> None:
    """Return what is left of a thing that was let go."""


def _descriptor(thing: Readable) -> int | None:
    try:
        return thing.fileno()
    except ValueError:  # a file object that was closed
        return -1
