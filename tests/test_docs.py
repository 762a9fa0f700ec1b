"""What the documents show is run."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from hio.base.doing import Doer, Doist

from tymeconn.testing.jobserver import JobServer, JobServerDoer

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "tutorial").glob("[0-9]*.md"))]


class Until(Doer):
    """Ends a Doist when an event is set."""

    def __init__(self, event):
        super().__init__()
        self.event = event

    def recur(self, tyme):
        if self.event.is_set():
            raise KeyboardInterrupt
        return False


@pytest.fixture
def port():
    """The port of a job server that runs in a Doist of its own."""
    server, over = JobServer(), threading.Event()
    server.open()
    doers = [JobServerDoer(server), Until(over)]
    thread = threading.Thread(target=Doist(real=True, tock=0.002, doers=doers).do)
    thread.start()
    yield server.address[1]
    over.set()
    thread.join(20)


@pytest.mark.loopback
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_run(page, port, capsys):
    """The Python blocks of a page run one after another, as a reader would type them."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert blocks
    names = {"__name__": "__main__"}
    for block in blocks:
        exec(compile(block.replace("8080", str(port)), str(page), "exec"), names)
    for name in {"client", "pool"} & names.keys():
        names[name].close()


def test_readme_has_ten_lines():
    """The first example stays short."""
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len([line for line in block.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "howto").glob("*.md")), ids=lambda page: page.stem)
def test_howtos_show_nothing_that_is_not_run(page):
    """Python on a how-to stands in the directives that scripts/docs runs, never in a plain block."""
    blocks = re.findall(r"^```(\S+)", page.read_text(), re.MULTILINE)
    run = {"{testsetup}", "{testcode}", "{testoutput}", "{testcleanup}"}
    assert set(blocks) <= run | {"console", "{toctree}"}
