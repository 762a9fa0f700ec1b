"""Content codings: what is offered, which are undone in what order, and how much is held on the way."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import brotli
import pytest

from tymeconn.errors import DecodeError, ProtocolError, TooLarge
from tymeconn.wire.decoding import ACCEPTED, make_decoder
from tymeconn.wire.messages import Limits

try:
    from compression import zstd
except ImportError:
    from backports import zstd

TEXT = b"the quick brown fox " * 40
BOMB = bytes(32 << 20)
BOMBS = {
    "gzip": gzip.compress(BOMB),
    "br": brotli.compress(BOMB, quality=1),
    "zstd": zstd.compress(BOMB),
    "gzip, gzip": gzip.compress(gzip.compress(BOMB)),
}


def test_accepted():
    """Every coding is offered that can be undone, by one name."""
    assert ACCEPTED == "gzip, deflate, br, zstd"


@pytest.mark.parametrize("codings", BOMBS)
def test_bomb(codings):
    """A body that grows a thousandfold is refused at the limit, holding about one piece of it."""
    decoder = make_decoder(codings.split(", "), Limits(decoded=4 << 20))
    sizes = []
    tracemalloc.start()
    with pytest.raises(TooLarge):
        for piece in decoder.feed(BOMBS[codings]):
            sizes.append(len(piece))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(sizes) <= 65_536
    assert sum(sizes) <= 4 << 20
    assert peak < 6 * 65_536


@pytest.mark.parametrize("codings", [["gzip"], ["deflate", "gzip"]])
def test_work_is_counted(codings):
    """All that comes out of each coding counts, and every step counts 1 KiB, fruitful or not."""
    data, decoder = zlib.compress(TEXT) if len(codings) > 1 else TEXT, make_decoder(codings, Limits())
    before, most = 0, 0
    for _ in decoder.feed(gzip.compress(data)):
        most, before = max(most, decoder.worked - before), decoder.worked
    assert decoder.worked >= len(TEXT) + (len(data) if data != TEXT else 0) + 1_024 * len(codings)
    assert most <= len(codings) * (65_536 + 1_024)


def test_reverse_order():
    """Codings are undone from the last applied to the first."""
    decoder = make_decoder(["deflate", "identity", "gzip"], Limits())
    assert b"".join(decoder.feed(gzip.compress(zlib.compress(TEXT)))) == TEXT
    decoder.finish()


def test_inner_coding_cut_short():
    """Each coding of several must be whole."""
    decoder = make_decoder(["deflate", "gzip"], Limits())
    assert b"".join(decoder.feed(gzip.compress(zlib.compress(TEXT)[:-1]))) == TEXT
    with pytest.raises(DecodeError):
        decoder.finish()


def test_limit_between_codings():
    """What passes between two decoders is limited too, though little of it may come out."""
    empty_members = gzip.compress(gzip.compress(b"") * 5_000)
    with pytest.raises(TooLarge):
        list(make_decoder(["gzip", "gzip"], Limits(decoded=10_000)).feed(empty_members))


@pytest.mark.parametrize("codings", [[], ["identity"], ["wizardry"], ["gzip", "wizardry"]])
def test_left_raw(codings):
    """Without a coding, or with one that is unknown, the body stays as it came."""
    assert make_decoder(codings, Limits()) is None


def test_too_many_codings():
    """More codings than the limit are refused before a byte is decoded."""
    assert make_decoder(["gzip"] * 2, Limits(codings=2))
    with pytest.raises(DecodeError, match=r"Limits\.codings: 2"):
        make_decoder(["gzip"] * 3, Limits(codings=2))


def test_which_coding_refuses_does_not_depend_on_the_split():
    """What is within the limit of one coding reaches the next before too much is refused."""
    packed = gzip.compress(b"a" * 800)
    kinds = set()
    for size in (1, len(packed)):
        decoder = make_decoder(["gzip", "gzip"], Limits(decoded=500))
        with pytest.raises(ProtocolError) as caught:
            for start in range(0, len(packed), size):
                list(decoder.feed(packed[start : start + size]))
        kinds.add(caught.value.kind)
    assert kinds == {"decode"}
