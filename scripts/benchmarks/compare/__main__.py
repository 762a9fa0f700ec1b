"""Measure, and write JSON, a table and a chart.

The ratios count, not the figures. Every client runs in a process of its own on the first core, the server
on the last; the clients take turns, and what is said are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from .charting import draw
from .driving import Plan, perform
from .pinning import allow_descriptors, cores
from .reporting import Conditions, document, machine, table, versions
from .serving import serving
from .works import WORKS, Work

_OUTPUT = Path(__file__).parents[3] / "build" / "bench"
_LEAST = 5


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for; exits with what is wrong with it."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="in under two minutes, for a rough idea")
    parser.add_argument("--rounds", type=rounds, default=_LEAST, metavar="N", help="5, or more")
    parser.add_argument(
        "--only", type=selected, default=WORKS, metavar="ROW[,ROW]", help=", ".join(names())
    )
    for name, default in (("json", "bench.json"), ("table", "table.md"), ("chart", "chart.png")):
        parser.add_argument(f"--{name}", type=Path, default=_OUTPUT / default, metavar="FILE")
    return parser.parse_args(arguments)


def rounds(text: str) -> int:
    """Return a number of rounds; raises ArgumentTypeError when a median of so many says little."""
    if not text.isdecimal() or int(text) < _LEAST:
        raise argparse.ArgumentTypeError(f"rounds must be at least {_LEAST}, not {text!r}")
    return int(text)


def names() -> list[str]:
    """Return the names of all rows."""
    return [work.name for work in WORKS]


def selected(text: str) -> tuple[Work, ...]:
    """Return the works of these names; raises ArgumentTypeError when there is none of a name."""
    wanted = text.split(",")
    if unknown := set(wanted) - set(names()):
        raise argparse.ArgumentTypeError(f"no row {', '.join(sorted(unknown))}: {', '.join(names())}")
    return tuple(work for work in WORKS if work.name in wanted)


def say(line: str) -> None:
    """Tell whoever waits how far it is."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> None:
    """Run the works that were asked for, one after another."""
    asked = options(sys.argv[1:])
    allow_descriptors()
    clients, servers = cores()
    works = [work for work in asked.only if not asked.quick or work.quick is not None]
    with serving(servers) as server:
        plan = Plan(server, clients, asked.rounds, asked.quick)
        results = [perform(work, plan, say) for work in works]
    conditions = Conditions(
        shlex.join(["scripts/bench", *sys.argv[1:]]),
        asked.rounds,
        server.name,
        (clients, servers),
        versions(),
        machine(),
    )
    lines = list(table(conditions, results))
    for path in (asked.json, asked.table, asked.chart):
        path.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(document(conditions, results), indent=1) + "\n", encoding="utf-8")
    asked.table.write_text("\n".join([*lines, ""]), encoding="utf-8")
    draw(results, asked.chart)
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
