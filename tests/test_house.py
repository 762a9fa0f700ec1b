"""The house keeps its own rules: sizes, names, exports, pages."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PATHS = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.glob("tymeconn/**/*.py"))
}
PUBLIC = [name for name in PATHS if not any(part.startswith("_") for part in name.split("."))]


def defined(path: Path) -> set[str]:
    """Return the public names that a module's own code makes."""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                names.append(name)
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                names.append(name)
    return {name for name in names if not name.startswith("_")}


def test_source_is_found():
    """The tests below look at the whole package."""
    assert {"tymeconn", "tymeconn.errors", "tymeconn.wire.urls"} <= PATHS.keys()


@pytest.mark.parametrize("name", PATHS)
def test_module_size(name):
    """A module has at most 400 lines: above that it has more than one reason to change."""
    assert len(PATHS[name].read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("name", PUBLIC)
def test_exports_exist(name):
    """What `__all__` names is there, once, and none of it is private."""
    module = importlib.import_module(name)
    exports = getattr(module, "__all__", [])
    assert len(exports) == len(set(exports))
    assert [each for each in exports if each.startswith("_") or not hasattr(module, each)] == []


@pytest.mark.parametrize("name", [name for name in PUBLIC if defined(PATHS[name])])
def test_exports_are_said(name):
    """A module that makes public names says in `__all__` which of them are for others."""
    assert hasattr(importlib.import_module(name), "__all__")


@pytest.mark.parametrize("name", PATHS)
def test_module_name_says_what_it_does(name):
    """No module is a drawer for things that have no place."""
    assert name.rpartition(".")[2] not in {"common", "helpers", "misc", "utils"}


def test_reference_pages():
    """Every public module has its page of reference, and no page outlives its module: see scripts/docs."""
    pages = {path.name.removesuffix(".md") for path in (ROOT / "docs/reference").glob("tymeconn*.md")}
    assert pages == set(PUBLIC)


def test_reference_pages_name_their_module():
    """A page of reference documents the module that it is called after."""
    pages = (ROOT / "docs/reference").glob("tymeconn*.md")
    assert [page for page in pages if f"automodule:: {page.stem}\n" not in page.read_text()] == []
