"""The case files: tests/cases, or the directory that TYMECONN_CASES names."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

OWN = Path(__file__).parents[1] / "cases"
DIRECTORY = Path(os.environ.get("TYMECONN_CASES") or OWN)
of_our_own = pytest.mark.skipif(DIRECTORY != OWN, reason="speaks of single cases of tests/cases")


# What a case can expect of the connection that carries a request, and not of the request's bytes.
OF_THE_CONNECTION = {
    "retry_without",
    "reuse",
    "reuse_after",
    "sends_body_after",
    "stops_sending",
}


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


def is_carried(case):
    """Tell whether a case of requests.json takes a connection to be played."""
    return any(not OF_THE_CONNECTION.isdisjoint(wanted) for wanted in allowed(case))


def header_input(value):
    """Return the value of a header as a case gives it: text, or bytes."""
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def request_of(given):
    """Return the method, the URL and the options that a case's `in` names."""
    options = dict(given)
    if "headers" in options:
        options["headers"] = [(name, header_input(value)) for name, value in options["headers"]]
    if "body_iter" in options:
        options["body"] = (piece.encode() for piece in options.pop("body_iter"))
    return options.pop("method"), options.pop("url"), options
