"""Content codings: what comes out, what is refused, and how much is held on the way."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import DecodeError, TooLarge
from tymeconn.wire.decoding import DECODERS, make_decoder
from tymeconn.wire.messages import Limits

TEXT = b"the quick brown fox " * 40
PLENTY = 1 << 20


def deflated(data, bits):
    coder = zlib.compressobj(9, zlib.DEFLATED, bits)
    return coder.compress(data) + coder.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
}
STREAMS = [
    *[pytest.param(name, encode(TEXT), id=name) for name, encode in ENCODERS.items()],
    pytest.param("deflate", deflated(TEXT, -15), id="raw deflate"),
]


def decode(name, *pieces, limit=PLENTY):
    decoder = DECODERS[name](limit)
    body = b"".join(part for piece in pieces for part in decoder.feed(piece))
    decoder.finish()
    return body


def test_every_decoder_is_tested():
    """A coding in the table has an encoder here."""
    assert DECODERS.keys() == ENCODERS.keys()


@pytest.mark.parametrize(("name", "data"), STREAMS)
def test_decoded(name, data):
    """What was encoded comes out again, from bytes and from views of them."""
    assert decode(name, data) == TEXT
    assert decode(name, memoryview(data)) == TEXT


@pytest.mark.parametrize(("name", "data"), STREAMS)
def test_byte_by_byte(name, data):
    """A coding is recognized even when its first bytes come one at a time."""
    assert decode(name, *(data[at : at + 1] for at in range(len(data)))) == TEXT


@given(st.sampled_from(sorted(ENCODERS)), st.binary(max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_any_split(name, data, first, second):
    """However an encoded body is split, the same comes out."""
    coded = ENCODERS[name](data)
    assert decode(name, coded[:first], coded[first : first + second], coded[first + second :]) == data


@pytest.mark.parametrize("name", DECODERS)
def test_zero_bytes(name):
    """A body of zero bytes is whole under every coding."""
    assert decode(name) == b""


@pytest.mark.parametrize(("name", "data"), STREAMS)
@pytest.mark.parametrize("kept", [1, 2, 12, -1])
def test_cut_short(name, data, kept):
    """A body that ends inside its coding is refused, wherever it was cut."""
    with pytest.raises(DecodeError, match="ends inside"):
        decode(name, data[:kept])


@pytest.mark.parametrize("name", DECODERS)
def test_not_of_the_coding(name):
    """Plain text under a coding is refused."""
    with pytest.raises(DecodeError, match="not what its content coding says"):
        decode(name, b"\xff hello, plain text")


@pytest.mark.parametrize("behind", [b"\0" * 16, b"garbage!" * 2000, b"\x1f", b"x"])
@pytest.mark.parametrize(("name", "data"), STREAMS)
def test_garbage_behind(name, data, behind):
    """What follows the coding and is none of it is dropped."""
    assert decode(name, data + behind) == TEXT
    assert decode(name, data, behind, gzip.compress(b"late")) == TEXT


def test_gzip_members():
    """Members of gzip follow one another."""
    assert decode("gzip", gzip.compress(b"one ") + gzip.compress(b"two")) == b"one two"


def test_gzip_member_cut_short():
    """A second member that is cut short is refused like a first."""
    with pytest.raises(DecodeError, match="ends inside"):
        decode("gzip", gzip.compress(b"one") + gzip.compress(b"two")[:-3])


@pytest.mark.parametrize(("name", "data"), STREAMS)
def test_limit(name, data):
    """As many bytes as the limit may come out, and not one more."""
    assert decode(name, data, limit=len(TEXT)) == TEXT
    with pytest.raises(TooLarge, match=f"Limits.decoded: {len(TEXT) - 1} bytes"):
        decode(name, data, limit=len(TEXT) - 1)


def test_bomb():
    """A body that grows a thousandfold is refused at the limit, holding one piece of it."""
    bomb = gzip.compress(bytes(32 << 20))
    decoder = DECODERS["gzip"](8 << 20)
    tracemalloc.start()
    with pytest.raises(TooLarge):
        assert all(len(piece) <= 65_536 for piece in decoder.feed(bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 512 * 1024


def test_output_is_made_when_asked_for():
    """A highly compressed body comes in pieces, all of them, though its last input is long used up."""
    pieces = list(DECODERS["gzip"](PLENTY).feed(gzip.compress(bytes(500_000))))
    assert max(map(len, pieces)) <= 65_536
    assert b"".join(pieces) == bytes(500_000)


@pytest.mark.parametrize("codings", [["gzip"], ["deflate", "gzip"]])
def test_work_is_counted(codings):
    """All that comes out of each coding counts, and every step counts 1 KiB, fruitful or not."""
    data, decoder = zlib.compress(TEXT) if len(codings) > 1 else TEXT, make_decoder(codings, Limits())
    before, most = 0, 0
    for _ in decoder.feed(gzip.compress(data)):
        most, before = max(most, decoder.worked - before), decoder.worked
    assert decoder.worked >= len(TEXT) + (len(data) if data != TEXT else 0) + 1_024 * len(codings)
    assert most <= len(codings) * (65_536 + 1_024)


def test_fruitless_steps_are_told():
    """Whoever asks may stop between any two members of gzip, though none of them brings anything."""
    pieces = list(DECODERS["gzip"](PLENTY).feed(gzip.compress(b"") * 100))
    assert len(pieces) >= 100
    assert b"".join(pieces) == b""


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
