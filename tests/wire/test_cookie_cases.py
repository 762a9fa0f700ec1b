"""Every case of requests.json about cookies; the file's `meta` explains its fields."""

from __future__ import annotations

import pytest

from tymeconn.wire.cookies import CookieJar
from tymeconn.wire.matching import one_label, public_suffixes
from tymeconn.wire.urls import split

from .case_files import cases_of

CASES = cases_of("requests.json", "cookie")
NOW = 1_780_000_000.0


def played(case, suffix):
    """Return what a request to the case's URL tells of the cookies that were set before."""
    jar = CookieJar(suffix)
    for url, field in case["in"]["set"]:
        jar.take(split(url), [field], NOW)
    return {"cookie": jar.cookie(split(case["in"]["url"]), NOW) or None}


@pytest.mark.parametrize("suffix", [public_suffixes(), one_label], ids=["listed", "unlisted"])
@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_case(case, suffix):
    """What is told is what the case expects, or another that it calls sound, with and without the list."""
    assert played(case, suffix) in [case["expect"], *case.get("also", ())]


def test_every_field_is_compared():
    """No case expects a thing that is not looked at."""
    expected = {
        name for case in CASES for wanted in (case["expect"], *case.get("also", ())) for name in wanted
    }
    assert expected <= {"cookie"}
