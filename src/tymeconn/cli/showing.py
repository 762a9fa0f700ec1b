"""How the demo looks on a terminal, and in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from .demonstrating import Report, Show, Tally

__all__ = ["plain", "print_report", "progress_view"]

# Seconds of tyme between two lines in a file.
_LINES = 1.0


@contextmanager
def progress_view(console: Console, jobs: int) -> Iterator[Show]:
    """Give a function that shows a tally: as a bar that moves on a terminal, elsewhere as lines."""
    if not console.is_terminal:
        yield plain(console.print)
        return
    columns = (TextColumn("jobs"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[more]}"))
    # Without auto_refresh rich starts no thread: the bar moves when the scheduler says so.
    with Progress(*columns, console=console, auto_refresh=False) as progress:
        task = progress.add_task("jobs", total=jobs, more="")

        def show(tally: Tally) -> None:
            progress.update(task, completed=tally.ended, more=_more(tally), refresh=True)

        yield show


def plain(say: Callable[[str], None]) -> Show:
    """Return a function that says a tally as a line, at most once a second."""
    due = 0.0

    def show(tally: Tally) -> None:
        nonlocal due
        if tally.seconds >= due:
            due = tally.seconds + _LINES
            say(f"{tally.ended} of {tally.jobs} jobs have ended: {_more(tally)}")

    return show


def _more(tally: Tally) -> str:
    return f"{tally.succeeded} succeeded, {tally.failed} failed, {tally.looks} polls"


def print_report(console: Console, report: Report) -> None:
    """Print the table of what came of the demo, and what was seen wrongly."""
    tally = report.tally
    table = Table(show_header=False)
    for name, value in (
        ("jobs", f"{tally.jobs}"),
        ("succeeded", f"{tally.succeeded}"),
        ("failed", f"{tally.failed}"),
        ("polls", f"{tally.looks}"),
        ("seconds", f"{report.seconds:.1f}"),
        ("requests per second", f"{report.rate:.0f}"),
        ("peak sockets", f"{report.sockets}"),
        ("peak memory", f"{report.memory / 2**20:.0f} MiB"),
    ):
        table.add_row(name, value)
    console.print(table)
    for mismatch in report.mismatches:
        console.print(f"mismatch: {mismatch}", markup=False, highlight=False, soft_wrap=True)
    if not report.mismatches:
        console.print(f"every job ended as the server says: {tally.jobs} of {tally.jobs}", highlight=False)
