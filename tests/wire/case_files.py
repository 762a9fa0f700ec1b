"""The case files: tests/cases, or the directory that TYMECONN_CASES names."""

from __future__ import annotations

import json
import os
from pathlib import Path

DIRECTORY = Path(os.environ.get("TYMECONN_CASES", Path(__file__).parents[1] / "cases"))


def cases_of(name, *families):
    """Return the cases of a file, those of `families` (what stands before the slash) only when given."""
    cases = json.loads(DIRECTORY.joinpath(name).read_text(encoding="utf-8"))["cases"]
    return [case for case in cases if not families or case["id"].split("/")[0] in families]


def allowed(case):
    """Return every outcome that the case calls sound."""
    return [case["expect"], *case.get("also", ())]


def expected_fields(cases):
    """Return the names of all that the cases speak of."""
    return {name for case in cases for wanted in allowed(case) for name in wanted}
