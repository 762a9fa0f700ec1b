"""Schedulers that run who is ready and sleep when nobody is."""

from .asking import delete, fetch, get, head, options, patch, post, put
from .dodoer import ReadyDoDoer
from .doist import Deadlock, ReadyDoist
from .gathering import as_completed, gather
from .leading import run

__all__ = [
    "Deadlock",
    "ReadyDoDoer",
    "ReadyDoist",
    "as_completed",
    "delete",
    "fetch",
    "gather",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "run",
]
