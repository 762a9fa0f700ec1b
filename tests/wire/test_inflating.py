"""One coding undone: what comes out, what is refused, and in which steps."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import DecodeError, TooLarge
from tymeconn.wire.inflating import CODINGS, Inflater

try:
    from compression import zstd
except ImportError:
    from backports import zstd

TEXT = b"the quick brown fox " * 40
PLENTY = 1 << 20


def deflated(data, bits):
    coder = zlib.compressobj(9, zlib.DEFLATED, bits)
    return coder.compress(data) + coder.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}
STREAMS = [
    *[pytest.param(name, encode(TEXT), id=name) for name, encode in ENCODERS.items()],
    pytest.param("deflate", deflated(TEXT, -15), id="raw deflate"),
]
ZLIB = [stream for stream in STREAMS if stream.values[0] not in ("br", "zstd")]
FOLLOWED = ["gzip", "zstd"]
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_EMPTY_BLOCK = b"\x01\x00\x00"


def skippable(data):
    return b"\x5a\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


def zstd_frame(window):
    """Return an empty frame that asks for a window, by the byte of RFC 8878 3.1.1.1.2."""
    return ZSTD_MAGIC + bytes([0, window]) + ZSTD_EMPTY_BLOCK


def inflater(name, limit=PLENTY):
    return Inflater(CODINGS[name], limit)


def decode(name, *pieces, limit=PLENTY):
    decoder = inflater(name, limit)
    body = b"".join(part for piece in pieces for part in decoder.feed(piece))
    decoder.finish()
    return body


def outcome(name, *pieces):
    try:
        return decode(name, *pieces)
    except DecodeError:
        return DecodeError


def imported(*setup):
    """Return what is accepted, and whether br is left as it came, in a new interpreter after `setup`."""
    shown = "print(decoding.ACCEPTED, decoding.make_decoder(['br'], Limits()) is None, sep=': ')"
    imports = "from tymeconn.wire import decoding; from tymeconn.wire.messages import Limits"
    code = "\n".join(["import sys, types", *setup, imports, shown])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_without_extras():
    """Without the extras their codings are not offered, and a body in them stays as it came."""
    blocked = ["brotli", "compression.zstd", "backports.zstd"]
    assert imported(f"sys.modules |= dict.fromkeys({blocked})") == "gzip, deflate: True\n"


def test_brotli_without_bounds():
    """A brotli too old to bound what comes out counts as none."""
    old = "sys.modules['brotli'] = types.SimpleNamespace(Decompressor=object)"
    assert imported(old) == "gzip, deflate, zstd: True\n"


def test_every_coding_is_tested():
    """A coding that can be undone has an encoder here."""
    assert CODINGS.keys() == ENCODERS.keys()


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


@pytest.mark.parametrize("name", CODINGS)
def test_zero_bytes(name):
    """A body of zero bytes is whole under every coding."""
    assert decode(name) == b""


@pytest.mark.parametrize(("name", "data"), STREAMS)
@pytest.mark.parametrize("kept", [1, 2, 12, -1])
def test_cut_short(name, data, kept):
    """A body that ends inside its coding is refused, wherever it was cut."""
    with pytest.raises(DecodeError, match="ends inside"):
        decode(name, data[:kept])


@pytest.mark.parametrize("name", CODINGS)
def test_not_of_the_coding(name):
    """Plain text under a coding is refused."""
    with pytest.raises(DecodeError, match="not what its content coding says"):
        decode(name, b"\xff hello, plain text")


@given(st.sampled_from(sorted(ENCODERS)), st.binary(max_size=40), st.data())
def test_damaged(name, data, draw):
    """Damage is told as damage, or goes unseen, however the body is split."""
    coded = bytearray(ENCODERS[name](data) + draw.draw(st.binary(max_size=20)))
    coded[draw.draw(st.integers(0, len(coded) - 1))] ^= draw.draw(st.integers(0, 255))
    cut = draw.draw(st.integers(0, len(coded)))
    assert outcome(name, coded) == outcome(name, coded[:cut], coded[cut:])


@pytest.mark.parametrize("behind", [b"\0" * 16, b"garbage!" * 2000, b"\x1f", b"x"])
@pytest.mark.parametrize(("name", "data"), ZLIB)
def test_garbage_behind(name, data, behind):
    """What follows gzip and deflate and is none of it is dropped: zlib says where they end."""
    assert decode(name, data + behind) == TEXT
    assert decode(name, data, behind, gzip.compress(b"late")) == TEXT


@pytest.mark.parametrize("behind", [b"\0" * 16, b"garbage!" * 2000, b"\x28", b"x"])
@pytest.mark.parametrize("name", ["br", "zstd"])
def test_nothing_else_behind(name, behind):
    """What follows br and zstd and is none of it is refused, whether it comes at once or later."""
    data = ENCODERS[name](TEXT)
    with pytest.raises(DecodeError):
        decode(name, data + behind)
    with pytest.raises(DecodeError):
        decode(name, data, behind)


def test_one_stream_of_br():
    """A stream of br does not follow another."""
    with pytest.raises(DecodeError, match="behind the end"):
        decode("br", brotli.compress(b"one"), brotli.compress(b"two"))


@given(st.sampled_from(FOLLOWED), st.lists(st.binary(max_size=20), max_size=5), st.integers(0, 150))
def test_members(name, parts, cut):
    """Members of gzip and frames of zstd follow one another, however they are split."""
    coded = b"".join(ENCODERS[name](part) for part in parts)
    assert decode(name, coded[:cut], coded[cut:]) == b"".join(parts)


@pytest.mark.parametrize("name", FOLLOWED)
def test_member_cut_short(name):
    """A second member that is cut short is refused like a first."""
    with pytest.raises(DecodeError, match="ends inside"):
        decode(name, ENCODERS[name](b"one") + ENCODERS[name](b"two")[:-3])


def test_zstd_frame_cut_in_its_magic():
    """A frame that is cut before it says what it is was nevertheless begun."""
    with pytest.raises(DecodeError, match="ends inside"):
        decode("zstd", zstd.compress(b"one") + ZSTD_MAGIC[:1])


def test_zstd_frame_that_holds_less_than_it_announces():
    """A frame whose last block is empty means the same whole and in parts, whatever size it announced."""
    frame = ZSTD_MAGIC + b"\x20\x01" + ZSTD_EMPTY_BLOCK
    assert outcome("zstd", frame) == outcome("zstd", frame[:6], frame[6:])


@pytest.mark.parametrize("skipped", [b"", b"for others", bytes(100_000)])
def test_zstd_skippable_frames(skipped):
    """Frames that are to be skipped may stand before, between and behind the others, or alone."""
    data, aside = zstd.compress(TEXT), skippable(skipped)
    assert decode("zstd", aside + data + aside + data + aside) == TEXT * 2
    assert decode("zstd", aside) == b""


def test_zstd_skippable_frame_cut_short():
    """A frame that is to be skipped must be whole, and costs nothing by what it announces."""
    with pytest.raises(DecodeError, match="ends inside"):
        decode("zstd", b"\x5a\x2a\x4d\x18\xff\xff\xff\xff")


def test_zstd_window():
    """A window of 8 MiB is allowed and a larger one refused (RFC 9659)."""
    assert decode("zstd", zstd_frame(13 << 3)) == b""
    with pytest.raises(DecodeError, match="too much memory"):
        decode("zstd", zstd_frame((13 << 3) + 1))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("zstd", ZSTD_MAGIC + b"\xe0" + b"\xff" * 8, id="zstd in one segment of 16 EiB"),
        pytest.param("zstd", ZSTD_MAGIC + b"\x21\x07\x00" + ZSTD_EMPTY_BLOCK, id="zstd with a dictionary"),
        pytest.param("zstd", b"\x27\xb5\x2f\xfd" + bytes(20), id="zstd 0.7"),
        pytest.param("br", b"\x11\x1e" + bytes(20), id="br with a window of 1 GiB"),
    ],
)
def test_not_for_the_web(name, data):
    """What the formats know and the codings of HTTP do not is refused before memory is taken for it."""
    with pytest.raises(DecodeError, match="not what its content coding says"):
        decode(name, data)


@pytest.mark.parametrize(("name", "data"), STREAMS)
def test_limit(name, data):
    """As many bytes as the limit may come out, and not one more."""
    assert decode(name, data, limit=len(TEXT)) == TEXT
    with pytest.raises(TooLarge, match=f"Limits.decoded: {len(TEXT) - 1} bytes"):
        decode(name, data, limit=len(TEXT) - 1)


@pytest.mark.parametrize("name", ENCODERS)
def test_output_is_made_when_asked_for(name):
    """A highly compressed body comes in pieces, all of them, though its last input is long used up."""
    pieces = list(inflater(name).feed(ENCODERS[name](bytes(500_000))))
    assert max(map(len, pieces)) <= 65_536
    assert b"".join(pieces) == bytes(500_000)


def flushed(name, data):
    """Return `data` under a coding up to a flush, as a server sends it that has no more to say for now."""
    if name == "br":
        coder = brotli.Compressor()
        return coder.process(data) + coder.flush()
    if name == "zstd":
        return zstd.ZstdCompressor().compress(data, zstd.ZstdCompressor.FLUSH_BLOCK)
    coder = zlib.compressobj(9, zlib.DEFLATED, 15 if name == "deflate" else 31)
    return coder.compress(data) + coder.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize("name", ENCODERS)
def test_flush(name):
    """What a server has flushed comes out before the coding goes on."""
    assert b"".join(inflater(name).feed(flushed(name, b"data: 1"))) == b"data: 1"


@pytest.mark.parametrize("name", ENCODERS)
def test_work_is_counted(name):
    """Each step counts what it brought out and 1 KiB."""
    decoder = inflater(name)
    pieces = list(decoder.feed(ENCODERS[name](bytes(500_000))))
    assert decoder.worked == 500_000 + 1_024 * len(pieces)


@pytest.mark.parametrize("name", FOLLOWED)
def test_fruitless_steps_are_told(name):
    """Whoever asks may stop between any two members, though none of them brings anything."""
    pieces = list(inflater(name).feed(ENCODERS[name](b"") * 100))
    assert len(pieces) >= 100
    assert b"".join(pieces) == b""


@pytest.mark.parametrize("name", FOLLOWED)
def test_empty_members_cost_the_same_each(name):
    """Ten times as many empty members are ten times the work."""
    few, many = inflater(name), inflater(name)
    list(few.feed(ENCODERS[name](b"") * 500))
    list(many.feed(ENCODERS[name](b"") * 5_000))
    assert many.worked < 11 * few.worked


def test_br_in_short_steps():
    """Whoever asks may stop after each 512 bytes of br, which may be costly and bring nothing."""
    noise = brotli.compress(random.Random(7).randbytes(8_192))
    assert len(list(inflater("br").feed(noise))) >= 16
