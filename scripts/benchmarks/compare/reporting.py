"""What was found, as JSON and as a table in Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import tymeconn

from .clients.ordering import Figures
from .driving import Result
from .judging import Verdict, held_up, judge, medians
from .works import CLIENTS, Column

_PACKAGES = ("hio", "aiohttp", "uvloop", "httpx", "pycurl", "requests", "apache-libcloud")


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which it was found.

    Attributes:
        command: what was run.
        rounds: how many.
        server: its name.
        cores: those of the clients and of the server.
        versions: of Python and of all clients.
        machine: what it ran on.
    """

    command: str
    rounds: int
    server: str
    cores: tuple[int, int]
    versions: dict[str, str]
    machine: str

    @property
    def warning(self) -> str:
        """What makes the figures worth less; empty when nothing does."""
        if self.cores[0] != self.cores[1]:
            return ""
        return "There was one core only: client and server took it from each other."


def versions() -> dict[str, str]:
    """Return the versions of what is measured."""
    found = {"Python": platform.python_version(), "tymeconn": tymeconn.__version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def machine() -> str:
    """Return the name of the processor, or of its kind, and how many cores of it this process may use."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        models = []
    return f"{models[0] if models else name}, {len(os.sched_getaffinity(0))} cores"


def document(conditions: Conditions, results: Sequence[Result]) -> dict[str, Any]:
    """Return all of it, to be written as JSON."""
    return {
        "command": conditions.command,
        "rounds": conditions.rounds,
        "server": conditions.server,
        "machine": conditions.machine,
        "warning": conditions.warning,
        "versions": conditions.versions,
        "works": {result.work.name: _described(result) for result in results},
    }


def _described(result: Result) -> dict[str, Any]:
    return {
        "title": result.work.title,
        "targets": [
            {"text": verdict.target.text, "found": verdict.found, "held": verdict.held}
            for verdict in judge(result.work, result.rounds)
        ],
        "failed": sorted(result.failed),
        "medians": medians(result.rounds),
        "rounds": result.rounds,
    }


def table(conditions: Conditions, results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines: what was to be reached, then each work."""
    said = ", ".join(f"{name} {number}" for name, number in conditions.versions.items())
    yield f"Made by `{conditions.command}` with {conditions.rounds} rounds on {conditions.machine};"
    yield f"the server is {conditions.server}. {said}."
    yield ""
    if conditions.warning:
        yield f"**{conditions.warning}**"
        yield ""
    yield from grid(
        ["work", "to reach", "found", "held"], [row for result in results for row in _judged(result)]
    )
    for result in results:
        yield from _section(result)


def _judged(result: Result) -> Iterator[list[str]]:
    for verdict in judge(result.work, result.rounds):
        held = "yes" if verdict.held else "**no**"
        yield [result.work.title, verdict.target.text, shown(verdict), held]


def shown(verdict: Verdict) -> str:
    """Return what was found, with three digits that mean something."""
    if verdict.found is None:
        return "not measured"
    return f"{verdict.found * verdict.target.scale:#,.3g}".rstrip(".") + verdict.target.unit


def _section(result: Result) -> Iterator[str]:
    work, found = result.work, medians(result.rounds)
    yield ""
    yield f"**{work.title}**"
    yield ""
    yield from grid(
        ["client", *(column.title for column in work.columns)],
        [[CLIENTS[client], *_cells(work.columns, found.get(client, {}))] for client in work.clients],
    )
    if result.failed:
        yield ""
        yield f"Ended with an error: {named(sorted(result.failed))}."
    if waiting := held_up(work, found):
        yield ""
        yield f"Held up by the server or by the machine for a fifth of the time or more: {named(waiting)}."
    if work.note:
        yield ""
        yield work.note


def named(clients: Iterable[str]) -> str:
    """Return the names of the clients."""
    return ", ".join(CLIENTS[client] for client in clients)


def _cells(columns: Sequence[Column], figures: Figures) -> Iterator[str]:
    for column in columns:
        value = figures.get(column.figure)
        yield "" if value is None else f"{value * column.scale:,.{column.digits}f}"


def grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown; the first column is to the left, the others to the right."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(['---', *('---:' for _ in heads[1:])])}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
