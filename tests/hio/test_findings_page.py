"""The page for hio's users keeps its word: every finding has a row, and every row its tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "explanation" / "from-hio.md"
ROWS = re.findall(
    r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
)


def proofs(path):
    """Return the findings that each test of a module proves, by the test's name."""
    tests = [each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.FunctionDef)]
    said = {each.name: re.search(r"\(finding (\d+)\)", ast.get_docstring(each) or "") for each in tests}
    return {name: int(found[1]) for name, found in said.items() if found}


PROOFS = {
    f"{path.name}::{name}": number
    for path in sorted(HERE.glob("test_*.py"))
    for name, number in proofs(path).items()
}


def test_all_findings():
    """The table has forty-two rows, in order."""
    assert [int(row[0]) for row in ROWS] == list(range(1, 43))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_rows_name_tests(row):
    """Each row says what hio does and what tymeconn does, and links to tests that are about it."""
    number, theirs, ours, tests = row
    linked = re.findall(r"\[`(test_\w+)`\]\(\.\./\.\./tests/hio/(test_\w+\.py)\)", tests)
    named = [f"{module}::{test}" for test, module in linked]
    assert theirs.endswith(".") and ours.endswith(".") and named
    assert [PROOFS.get(each) for each in named] == [int(number)] * len(named)


def test_programs_named():
    """The programs that the page speaks of are there, each with the one line that is to be changed."""
    programs = sorted((HERE / "programs").glob("*.py"))
    assert [each.read_text().count("from hio.core.http import clienting\n") for each in programs] == [1] * 3
    assert "tests/hio/programs" in PAGE.read_text(encoding="utf-8")
