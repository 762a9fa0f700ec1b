"""What was found, as a picture: one panel for each work, one bar for each client."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot

from .driving import Result
from .judging import medians
from .works import CLIENTS, OURS

_COLUMNS = 2
_OURS, _THEIRS = "#2b6cb0", "#a0aec0"


def draw(results: Sequence[Result], path: Path) -> None:
    """Write the chart as PNG: of each work its first column."""
    rows = -(-len(results) // _COLUMNS)
    figure, panels = pyplot.subplots(rows, _COLUMNS, figsize=(11, 2.6 * rows), squeeze=False)
    for panel in panels.flat[len(results) :]:
        panel.set_axis_off()
    for panel, result in zip(panels.flat, results, strict=False):
        _draw_one(panel, result)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _draw_one(panel: Any, result: Result) -> None:
    column, found = result.work.columns[0], medians(result.rounds)
    values = {
        client: found[client][column.figure] * column.scale
        for client in reversed(result.work.clients)
        if column.figure in found.get(client, {})
    }
    bars = panel.barh(
        [CLIENTS[client] for client in values],
        list(values.values()),
        color=[_OURS if client == OURS else _THEIRS for client in values],
    )
    panel.bar_label(
        bars, [f"{value:,.{column.digits}f}" for value in values.values()], padding=3, fontsize=8
    )
    panel.margins(x=0.15)
    panel.set_title(f"{result.work.title}\n{column.title}", fontsize=9)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)
