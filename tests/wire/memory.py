"""How much memory a piece of work takes."""

from __future__ import annotations

import tracemalloc


def peak(work):
    """Return the most bytes held at once by what `work` made."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
