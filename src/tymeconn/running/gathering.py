"""Many generators side by side, as one generator."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from inspect import isgenerator
from math import inf
from typing import Any, Generic, TypeAlias, TypeVar

from ..net.readying import Readiness
from ..tyming.waiting import Wait
from .parking import Lot, Sleeper

__all__ = ["as_completed", "gather"]

T = TypeVar("T")
_Waiting: TypeAlias = Generator[Wait, float | None, T]


class _Child(Sleeper):
    """One of the generators."""

    __slots__ = ("generator", "index")

    def __init__(self, lot: Lot[Any], index: int, generator: Generator[Any, Any, Any]) -> None:
        super().__init__(lot, inf)
        self.index = index
        # None once it has ended.
        self.generator: Any = generator

    @property
    def name(self) -> str:
        """The generator's."""
        return str(self.generator.__qualname__)


class _Crowd(Lot[_Child], Generic[T]):
    """Generators that are moved together, by whoever waits for the next one to end.

    Attributes:
        ended: for each that has ended and was not asked for, its index, what it returned, what it raised.
    """

    def __init__(self, generators: Iterable[Generator[Any, Any, T]]) -> None:
        super().__init__(Readiness())
        given = list(generators)
        for each in given:
            if not isgenerator(each):
                raise TypeError(f"what is gathered must be generators, not {each!r}")
        if len(set(map(id, given))) < len(given):
            raise ValueError("a generator is gathered twice")
        self._children = [_Child(self, index, each) for index, each in enumerate(given)]
        self._left = len(given)
        self._unborn = list(self._children)
        # Those to be run in the next turn, and those that asked for seconds of tyme before tyme was known.
        self._asap: list[_Child] = []
        self._undated: list[tuple[_Child, float]] = []
        self._ended: deque[tuple[int, Any, Exception | None]] = deque()

    def __len__(self) -> int:
        return len(self._children)

    def sleepers(self) -> Iterator[_Child]:
        """Those that have not ended."""
        return (child for child in self._children if child.generator is not None)

    def next(self) -> _Waiting[tuple[int, T]]:
        """Wait until one has ended that was not asked for; return its index and value, or raise."""
        unborn, self._unborn = self._unborn, []
        for child in unborn:
            self._run(child, None)
        while not self._ended:
            if not self._left:
                raise RuntimeError("the generators were closed before this one ended")
            self._move((yield self._wait()))
        index, value, error = self._ended.popleft()
        if error is not None:
            raise error
        return index, value

    def close(self) -> None:
        """Close those that have not ended, in reverse order."""
        with ExitStack() as stack:
            stack.callback(self.readiness.close)
            for child in self.sleepers():
                self.leave(child)
                stack.callback(child.generator.close)
                child.generator = None
        self._unborn.clear()
        self._left = 0

    def _wait(self) -> Wait:
        if self._asap or self._undated:
            # Only a plain 0.0 brings the next turn of a scheduler, wherever its turns are.
            return Wait()
        if not self.readiness:
            return Wait(self.bell, until=None if self.earliest == inf else self.earliest)
        moment = -inf if self.readiness.pending else self.earliest
        return Wait((self.bell, self.readiness), until=None if moment == inf else moment)

    def _move(self, tyme: float | None) -> None:
        if self.readiness:
            self.readiness.poll()
        asap, self._asap = self._asap, []
        undated, self._undated = self._undated, []
        for child, seconds in undated:
            self._rest(child, seconds, tyme)
        for child in (*asap, *self.roused(-inf if tyme is None else tyme)):
            self._run(child, tyme)

    def _run(self, child: _Child, tyme: float | None) -> None:
        try:
            tock = child.generator.send(tyme)
        except StopIteration as stop:
            self._end(child, stop.value, None)
        except Exception as error:  # noqa: BLE001 it is for whoever asks for the child
            self._end(child, None, error)
        else:
            if isinstance(tock, Wait) and (tock.on or tock.until is not None):
                self.park(child, tock)
            else:
                self._rest(child, tock, tyme)

    def _rest(self, child: _Child, seconds: float | None, tyme: float | None) -> None:
        """Leave the child for a number that it yielded: until the next turn, or for seconds of tyme."""
        if not seconds or seconds < 0.0:
            self._asap.append(child)
        elif tyme is None:
            self._undated.append((child, seconds))
        else:
            self.park(child, Wait(until=tyme + seconds))

    def _end(self, child: _Child, value: Any, error: Exception | None) -> None:
        self.leave(child)
        child.generator = None
        self._left -= 1
        self._ended.append((child.index, value, error))


def gather(generators: Iterable[Generator[Any, Any, T]]) -> _Waiting[list[T]]:
    """Run generators side by side; return what they returned, in the order in which they were given.

    The first that raises ends the others, which are closed in reverse order, and its error is raised. So
    does closing the generator that is returned. What they wait for is forwarded: however many they are,
    what is woken costs only itself. One that yields numbers is run in every turn of the scheduler, and so
    long the others are woken in turns as well.

    Raises:
        TypeError, ValueError: at this call, when one is no generator or is given twice.
    """
    return _gathered(_Crowd(generators))


def _gathered(crowd: _Crowd[T]) -> _Waiting[list[T]]:
    with closing(crowd):
        results: list[Any] = [None] * len(crowd)
        for _ in results:
            index, value = yield from crowd.next()
            results[index] = value
        return results


def as_completed(generators: Iterable[Generator[Any, Any, T]]) -> Iterator[_Waiting[T]]:
    """Run generators side by side; iterate over generators that each wait for the next one to end.

    ``for each in as_completed(generators): value = yield from each`` gets what they returned, in the order
    in which they ended; an error of one is raised for that one, and the others go on. They are moved while
    one of these is waited for, and closed when the iteration ends, early or not.

    Raises:
        TypeError, ValueError: at this call, when one is no generator or is given twice.
    """
    return _completed(_Crowd(generators))


def _completed(crowd: _Crowd[T]) -> Iterator[_Waiting[T]]:
    with closing(crowd):
        for _ in range(len(crowd)):
            yield _valued(crowd)


def _valued(crowd: _Crowd[T]) -> _Waiting[T]:
    _, value = yield from crowd.next()
    return value
