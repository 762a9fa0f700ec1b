"""Bodies that come piece by piece, from files, iterables and generators."""

from __future__ import annotations

import io
import os

import pytest

from tymeconn.errors import BodyError
from tymeconn.wire.bodies import PIECE, FileSource, IterableSource, drawn, source_of


def generated(*pieces):
    yield from pieces


def test_iterable_gives_its_pieces_every_time():
    """What can be iterated anew can go out again."""
    source = source_of([b"a", b"b"])
    assert [*drawn(source), *drawn(source)] == [b"a", b"b", b"a", b"b"]
    assert source.renewable
    assert source.size is None


@pytest.mark.parametrize("once", [iter([b"a"]), generated(b"a")])
def test_iterator_gives_its_pieces_once(once):
    """A spent iterator is an error and not an empty body."""
    source = source_of(once)
    assert source.renewable
    assert list(drawn(source)) == [b"a"]
    assert not source.renewable
    with pytest.raises(BodyError, match="again"):
        next(drawn(source))


def test_nothing_now():
    """An empty piece, None and a float mean that there is nothing now."""
    assert list(drawn(source_of(generated(b"", None, 0.5, b"x")))) == [b"", 0.0, 0.5, b"x"]


def test_pieces_are_the_senders_own():
    """A piece that its owner may change is copied."""
    piece = bytearray(b"abc")
    pieces = drawn(source_of([piece, memoryview(b"def")]))
    first = next(pieces)
    piece[:] = b"xyz"
    assert (first, next(pieces)) == (b"abc", b"def")


@pytest.mark.parametrize("piece", ["text", 7, [b"x"]])
def test_piece_that_is_not_bytes(piece):
    """What is not bytes is the source's error, and is named."""
    with pytest.raises(BodyError, match="is not bytes"):
        list(drawn(source_of([piece])))


def test_source_that_raises():
    """What the source raises is the cause."""

    def broken():
        yield b"a"
        raise RuntimeError("disk")

    pieces = drawn(source_of(broken()))
    assert next(pieces) == b"a"
    with pytest.raises(BodyError, match="RuntimeError") as caught:
        next(pieces)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_source_that_cannot_be_begun():
    """An iterable may raise before it gives anything."""

    class Broken:
        def __iter__(self):
            raise RuntimeError("no")

    with pytest.raises(BodyError, match="could not be begun"):
        next(drawn(source_of(Broken())))


def test_generator_is_closed():
    """A generator that is not run to its end lets go of what it holds."""
    ended = []

    def holding():
        try:
            yield b"a"
        finally:
            ended.append(True)

    generator = holding()
    pieces = drawn(source_of(generator))
    next(pieces)
    pieces.close()
    assert ended == [True]


def test_file_is_read_from_where_it_stands():
    """Size and bytes are those from the position at the call, in pieces, as often as asked."""
    content = os.urandom(PIECE * 2 + 1)
    file = io.BytesIO(b"skipped" + content)
    file.seek(7)
    source = source_of(file)
    assert source.size == len(content)
    assert b"".join(drawn(source)) == b"".join(drawn(source)) == content
    assert max(map(len, drawn(source))) == PIECE


def test_file_that_grows():
    """No more is read than there was."""
    file = io.BytesIO(b"abc")
    source = source_of(file)
    file.seek(0, io.SEEK_END)
    file.write(b"defg")
    assert b"".join(drawn(source)) == b"abc"


class Pipe(io.RawIOBase):
    """A raw file that cannot seek and has nothing now at times."""

    def __init__(self, *pieces):
        self._pieces = list(pieces)

    def readable(self):
        return True

    def read(self, size=-1):
        return self._pieces.pop(0) if self._pieces else b""


def test_pipe_is_read_once():
    """A file that cannot seek has no size; None from it means nothing now."""
    source = source_of(Pipe(b"a", None, b"b"))
    assert source.size is None
    assert list(drawn(source)) == [b"a", 0.0, b"b"]
    assert not source.renewable


def test_text_file_is_refused():
    """Which bytes text is, is for its owner to say."""
    with pytest.raises(TypeError, match="reading bytes"):
        source_of(io.StringIO("text"))


@pytest.mark.parametrize("given", [7, None, {"a": b"b"}])
def test_no_source(given):
    """What has no pieces of bytes is named."""
    with pytest.raises(TypeError, match="body must be"):
        source_of(given)


def test_source_is_taken_as_it_is():
    """A source of the caller's own kind needs no wrapping."""
    source = IterableSource([b"a"])
    assert source_of(source) is source
    assert isinstance(source_of(io.BytesIO()), FileSource)


@pytest.mark.parametrize("size", [-1, 1.5, True, "3\r\nX: y"])
def test_wrong_size_of_a_source(size):
    """A size is a number of bytes or unknown, and is checked before it is declared."""
    source = IterableSource([b"a"])
    source.size = size
    with pytest.raises(ValueError, match="size"):
        source_of(source)


def test_one_file_in_two_requests():
    """Each reads where it stands, whatever else is read from the same file meanwhile."""
    content = os.urandom(PIECE * 3)
    file = io.BytesIO(content)
    first, second = drawn(source_of(file)), drawn(source_of(file))
    assert next(first) == content[:PIECE]
    assert b"".join(second) == content
    assert b"".join(first) == content[PIECE:]
