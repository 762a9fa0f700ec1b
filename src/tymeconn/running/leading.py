"""One generator run to its end, with doers beside it: from plain code into tyme."""

from __future__ import annotations

from collections.abc import Callable, Generator
from inspect import isgenerator, isgeneratorfunction
from typing import Any, TypeVar

from hio.base import doing

from .doist import ReadyDoist

__all__ = ["run"]

T = TypeVar("T")


def run(
    main: Generator[Any, Any, T] | Callable[[], Generator[Any, Any, T]],
    *doers: Any,
    real: bool = True,
) -> T:
    """Run `main` and return what it returns, or raise what it raises; the doers end with it.

    The doers are entered before main, and exit after it in reverse order. An error of one of them ends
    main, and is raised. It blocks until then.

    Args:
        main: a generator, or a generator function that takes no arguments.
        doers: hio's doers, to be run beside it.
        real: False for artificial tyme, which leaps to whatever is due next.

    Raises:
        TypeError: main is neither.
        Deadlock: all wait, and nothing is left that could wake one.
        KeyboardInterrupt: Ctrl-C came first. hio's way is to end quietly, but here a value is waited for.
        RuntimeError: one of the doers took main out.
    """
    generator = main() if isgeneratorfunction(main) else main
    if not isgenerator(generator):
        raise TypeError(f"main must be a generator or a generator function, not {main!r}")
    doist = ReadyDoist(real=real)
    values: list[T] = []

    def leader(**_: Any) -> Generator[Any, Any, bool]:
        yield 0.0
        values.append((yield from generator))
        doist.exit()
        return True

    doist.do(doers=[*doers, doing.doify(leader, name="main")])
    if values:
        return values[0]
    if doist.done:
        raise RuntimeError("main was taken out by one of its doers")
    raise KeyboardInterrupt
