"""What the tests of schedulers share."""

from __future__ import annotations

import socket

import pytest

from .playing import Napping


@pytest.fixture
def pair():
    """Two sockets that hear each other."""
    pair = socket.socketpair()
    yield pair
    for each in pair:
        each.close()


@pytest.fixture
def napping():
    """Sleep on a test's clock."""
    napping = Napping()
    yield napping
    napping.close()
