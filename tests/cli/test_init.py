"""The command itself: how it starts, and what it says when it cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tymeconn import __version__


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_line_says_how_to_get_it(missing: str) -> None:
    """Without click or rich the command ends with 1 and names what to install."""
    script = f"import sys; sys.modules[{missing!r}] = None; from tymeconn.cli import main; main()"
    ended = run("-c", script)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == ["the command line is not installed: pip install tymeconn[cli]"]


def test_another_missing_module_is_not_hidden() -> None:
    """A module that is missing for another reason is reported as itself."""
    ended = run(
        "-c",
        "import sys; sys.modules['tymeconn.cli.serving'] = None; from tymeconn.cli import main; main()",
    )
    assert "ModuleNotFoundError" in ended.stderr
    assert "tymeconn[cli]" not in ended.stderr


def test_the_module_is_the_command() -> None:
    """python -m tymeconn is the command, and knows its version."""
    assert run("-m", "tymeconn", "--version").stdout == f"tymeconn, version {__version__}\n"
