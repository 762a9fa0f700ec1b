"""Schedulers that run who is ready and sleep when nobody is."""

from .dodoer import ReadyDoDoer
from .doist import Deadlock, ReadyDoist

__all__ = ["Deadlock", "ReadyDoDoer", "ReadyDoist"]
