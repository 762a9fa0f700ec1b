"""How Sphinx builds these pages."""

from __future__ import annotations

import tymeconn

project = "tymeconn"
author = "the tymeconn authors"
copyright = author
release = version = tymeconn.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
# The table is made by scripts/bench and stands on the page about speed.
exclude_patterns = ["_build", "explanation/speed-table.md"]
html_theme = "furo"
html_title = f"tymeconn {release}"
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints = "description"
# The attributes of a class stand in its docstring; as directives they would be there twice.
napoleon_use_ivar = True

# pytest runs the examples of docstrings, with their module's names; here only those of pages run.
doctest_test_doctest_blocks = ""

# Building needs no network, so only names of tymeconn itself can be looked up. What is private has no
# entry, nor has a type variable, which is one capital letter.
nitpick_ignore_regex = [("py:.*", r"(?!tymeconn\.).*"), ("py:.*", r".*\.(_\w*|[A-Z])")]

# Autodoc looks up the types of a constructor by their last name; Requester and Respondent are classes in
# `wire` and in `clienting`, as in hio.
suppress_warnings = ["ref.python"]
