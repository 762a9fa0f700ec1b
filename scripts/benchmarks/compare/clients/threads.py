"""Many threads that do the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def in_threads(work: Callable[[int], None], count: int) -> None:
    """Call `work` with each index in a thread of its own; raise the first error of one."""
    with ThreadPoolExecutor(count) as threads:
        for _ in threads.map(work, range(count)):
            pass
