"""Long-running jobs, followed to their end."""

from . import presets
from .jobs import Job, JobState, Watch
from .judging import Kind, Verdict, Waiter, due, judge
from .polling import JobOptions, PollingDoer
from .templating import Look, Template

__all__ = [
    "Job",
    "JobOptions",
    "JobState",
    "Kind",
    "Look",
    "PollingDoer",
    "Template",
    "Verdict",
    "Waiter",
    "Watch",
    "due",
    "judge",
    "presets",
]
