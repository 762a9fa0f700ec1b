"""What the seams say of TLS."""

from __future__ import annotations

import pytest

from tymeconn.net.seams import Tls


@pytest.mark.parametrize(
    "wrong",
    [
        {"verify": "yes"},
        {"cafile": 5},
        {"certfile": b"x"},
        {"keyfile": None},
        {"hostname": 1},
        {"context": "x"},
    ],
)
def test_wrong_type_raises_when_made(wrong):
    """A configuration of the wrong type is refused at once, by name."""
    with pytest.raises(TypeError, match=next(iter(wrong))):
        Tls(**wrong)
