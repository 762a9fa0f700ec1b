"""A file that appears under its name when it is whole. Making and naming it happen on a thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, BinaryIO, Self

from ..tyming.waiting import Wait
from .offloading import Errand, Threads, Ticket

__all__ = ["Saving"]

# Each call keeps its thread for as long as the disk takes.
_THREADS = Threads(2)


class Saving:
    """A file in the making, beside the one that it will be; left behind unfinished, it is removed."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Take where it will be.

        Raises:
            TypeError: that is no path.
            ValueError: it holds NUL, or what no file name of this system can hold.
        """
        named = os.fspath(path)
        if not isinstance(named, str):
            raise TypeError(f"path must be str or os.PathLike, not {path!r}")
        if "\0" in named:
            raise ValueError(f"path must not hold NUL: {path!r}")
        os.fsencode(named)
        self._path = named
        self._beside = f"{named}.{os.urandom(6).hex()}.part"
        self._file: BinaryIO | None = None
        # Whoever gives up while a thread makes the file must not leave it behind.
        self._lock = threading.Lock()
        self._over = False

    def open(self) -> Generator[Wait, Any, None]:
        """Make the file; OSError when that is not possible."""
        yield from _done(self._opened)

    def write(self, data: bytes) -> None:
        """Write to the system's cache, on the calling thread; OSError, as when the disk is full."""
        assert self._file is not None
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def finish(self) -> Generator[Wait, Any, None]:
        """Give the file its name, in place of an older one; OSError."""
        yield from _done(self._named)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        if not self._over:
            _THREADS.run(Errand(self._removed))

    def _opened(self) -> bool:
        with self._lock:
            if not self._over:
                self._file = open(self._beside, "xb", buffering=0)  # noqa: SIM115 `_named` or `_removed` closes it
        return True

    def _named(self) -> bool:
        with self._lock:
            assert self._file is not None
            self._file.close()
            os.replace(self._beside, self._path)
            self._over = True
        return True

    def _removed(self) -> bool:
        with self._lock:
            self._over = True
            if self._file is not None:
                self._file.close()
                with suppress(FileNotFoundError):
                    os.unlink(self._beside)
        return True


def _done(call: Callable[[], bool]) -> Generator[Wait, Any, None]:
    errand = Errand(call)
    ticket = Ticket(errand)
    _THREADS.run(errand)
    try:
        while not ticket.ended:
            # Without a descriptor, when the process has none left, nothing but asking again finds the end.
            yield Wait() if ticket.fileno() is None else Wait((ticket.signal, ticket))
    finally:
        ticket.cancel()
    if ticket.error is not None:
        raise ticket.error
