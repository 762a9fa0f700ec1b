"""How the demo looks: a bar on a terminal, lines in a file, a table at the end."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tymeconn.cli.demonstrating import Report, Tally
from tymeconn.cli.showing import plain, print_report, progress_view


def tally(seconds: float, ended: int = 3) -> Tally:
    return Tally(seconds, jobs=10, succeeded=ended - 1, failed=1, ended=ended, looks=20)


def test_lines_come_at_most_once_a_second() -> None:
    """However often it is told, the plain view says a line a second."""
    lines: list[str] = []
    show = plain(lines.append)
    for tenth in range(25):
        show(tally(tenth / 10))
    assert lines == ["3 of 10 jobs have ended: 2 succeeded, 1 failed, 20 polls"] * 3


@pytest.mark.parametrize(
    ("terminal", "seen"), [(True, "3/10"), (False, "3 of 10 jobs have ended")], ids=["terminal", "file"]
)
def test_progress_is_shown_where_it_goes(terminal: bool, seen: str) -> None:
    """A terminal gets a bar with counts, anything else gets lines."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    with progress_view(console, 10) as show:
        show(tally(0.0))
    assert seen in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("mismatches", [(), ("http://x/jobs/1: seen as lost, the server says done",)])
def test_the_report_has_a_table_and_what_was_wrong(mismatches: tuple[str, ...]) -> None:
    """The numbers are in a table, followed by each mismatch or by the word that there is none."""
    console = Console(file=io.StringIO(), width=100)
    print_report(console, Report(tally(3.0), 2.0, 81, 50 * 2**20, mismatches))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for row in ("succeeded", "requests per second │ 15", "peak sockets", "50 MiB"):
        assert row in text
    assert ("mismatch: http://x/jobs/1: seen as" in text) is bool(mismatches)
    assert ("every job ended as the server says: 10 of 10" in text) is (not mismatches)
