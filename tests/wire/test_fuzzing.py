"""The fuzzer tries the same inputs for the same seed, and says how to try one again."""

from __future__ import annotations

import base64
import io
import json
import sys
from itertools import islice

import pytest

from .fuzzing import KINDS, check, inputs, main, tried


def first(seed, count=60):
    return list(islice(inputs(seed), count))


def test_same_seed_same_inputs():
    """A seed stands for its inputs, another seed for others."""
    assert first("1") == first("1") != first("2")


def test_inputs_are_json():
    """An input can be written down and read back."""
    assert json.loads(json.dumps(first("1"))) == first("1")


def test_every_kind_is_tried():
    """Inputs of each kind are among the first, and none of them breaks a promise."""
    assert {check(given).split()[0] for given in first("1")} == KINDS.keys()


def test_failure_can_be_replayed(capsys):
    """What breaks is raised, behind the command that tries it again."""
    given = {"kind": "unheard of"}
    with pytest.raises(KeyError):
        tried("7", 3, given)
    told, command = capsys.readouterr().out.splitlines()
    assert "seed 7, input 3" in told
    assert json.loads(base64.b64decode(command.removeprefix("scripts/fuzz --replay <<<"))) == given


def test_replay(capsys, monkeypatch):
    """An input that a failure printed is tried as it was."""
    given = {"kind": "request", "in": {"method": "GET", "url": "http://a.example/"}}
    monkeypatch.setattr(sys, "stdin", io.StringIO(base64.b64encode(json.dumps(given).encode()).decode()))
    main(["--replay"])
    assert capsys.readouterr().out == "request sent\n"


def test_search(capsys):
    """A search ends when its seconds are over, and says how many inputs there were."""
    main(["0", "5"])
    *_, digest, rate = capsys.readouterr().out.splitlines()
    assert digest.startswith("sha256 of all 1 inputs: ")
    assert rate.startswith("seed 5: 1 inputs in ")
