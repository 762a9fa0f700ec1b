"""hio's schedulers and ours, side by side."""

from __future__ import annotations

import pytest

from .compare import differences

PROGRAMS, CHUNK = 500, 20


@pytest.mark.parametrize("first", range(0, PROGRAMS, CHUNK))
def test_plain_programs_run_as_under_hio(first):
    """Doers that yield numbers see the same turns, tymes, exits and ends under our schedulers."""
    assert [seed for seed in range(first, first + CHUNK) if differences(seed)] == []
