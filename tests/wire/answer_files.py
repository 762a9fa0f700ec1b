"""The cases of responses.json: their bytes, their limits, and what is compared."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import fields

import pytest

from tymeconn.errors import IncompleteRead, NoResponse
from tymeconn.wire.messages import Limits

from .case_files import DIRECTORY, cases_of

CASES = cases_of("responses.json")
META = json.loads(DIRECTORY.joinpath("responses.json").read_text(encoding="utf-8"))["meta"]
SETTABLE = [each.name for each in fields(Limits)]
SPLIT = [
    pytest.param(case, split, id=f"{case['id']}-{split}") for case in CASES for split in case["splits"]
]


def raw(case):
    """Return all bytes that the peer sends."""
    text = case["raw_b64"]
    if text.startswith("z:"):
        return zlib.decompress(base64.b64decode(text[2:]))
    return base64.b64decode(text)


def pieces(data, split):
    """Return the bytes as they come, none of them empty."""
    size = {"whole": len(data) or 1, "bytes": 1, "blocks": 1000}[split]
    return [data[start : start + size] for start in range(0, len(data), size)]


def limits_of(case):
    """Return the limits of the file under those of the case, as far as a caller can set them."""
    named = META.get("default_limits", {}) | case.get("limits", {})
    return Limits(**{name: named[f"max_{name}"] for name in SETTABLE if f"max_{name}" in named})


def kind(error):
    """Return the word that cases have for an error."""
    if isinstance(error, IncompleteRead):
        return "premature_eof"
    return "no_response" if isinstance(error, NoResponse) else error.kind


def pairs(headers):
    return [[name.lower(), value] for name, value in headers.items()]


def b64(data):
    return base64.b64encode(data).decode()


def fits(seen, wanted, fold_ws):
    """Tell whether all that is wanted was seen."""

    def same(name):
        if name not in seen:
            return False
        if fold_ws and name in ("headers", "trailers"):
            return folded(seen[name]) == folded(wanted[name])
        return seen[name] == wanted[name]

    return all(same(name) for name in wanted)


def folded(fields):
    return [[name, " ".join(value.split())] for name, value in fields]
