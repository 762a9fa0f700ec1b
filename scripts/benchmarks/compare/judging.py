"""From the figures of rounds to medians, ratios, and held or not: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from .clients.ordering import Figures
from .works import OURS, Target, Work

# What each client measured in one round.
Round: TypeAlias = dict[str, Figures]

# The part of the time for which a client computes that nothing holds up.
_BUSY = 0.8


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a target.

    Attributes:
        target: what was to be reached.
        found: the median of the ratios, or of the figures; None if it was measured in no round.
    """

    target: Target
    found: float | None

    @property
    def held(self) -> bool:
        """It was measured and reached."""
        if self.found is None:
            return False
        return self.found >= self.target.bound if self.target.least else self.found <= self.target.bound


def medians(rounds: Sequence[Round]) -> Round:
    """Return the median of each figure of each client over the rounds in which it is."""
    gathered: dict[str, dict[str, list[float]]] = {}
    for each in rounds:
        for client, figures in each.items():
            for figure, value in figures.items():
                gathered.setdefault(client, {}).setdefault(figure, []).append(value)
    return {
        client: {figure: median(values) for figure, values in figures.items()}
        for client, figures in gathered.items()
    }


def held_up(work: Work, found: Round) -> list[str]:
    """Return the clients that had little to do in a work that could have kept them busy."""
    if not work.busy:
        return []
    return [
        client
        for client in work.clients
        if client in found and found[client]["cpu_each"] * found[client]["rate"] < _BUSY
    ]


def ratios(rounds: Sequence[Round], target: Target) -> list[float]:
    """Return the ratio, or the figure, of each round in which all that it needs was measured."""
    found = []
    for each in rounds:
        ours = each.get(OURS, {}).get(target.figure)
        theirs = 1.0 if target.peer is None else each.get(target.peer, {}).get(target.figure)
        # A clock may see nothing pass; then there is no ratio.
        if ours is not None and theirs:
            found.append(ours / theirs)
    return found


def judge(work: Work, rounds: Sequence[Round]) -> list[Verdict]:
    """Return what became of each target of the work."""
    return [
        Verdict(target, median(found) if (found := ratios(rounds, target)) else None)
        for target in work.targets
    ]
