"""A request as the pieces that go out: its head, and its body framed as that says (RFC 9112 6, 7.1)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TypeAlias

from ..errors import BodyError
from .bodies import drawn
from .headers import make_headers
from .messages import Request
from .requesting import check_trailers, encode, expects

__all__ = ["Pieces", "Told", "at_once", "outgoing"]

# Up to this size head and pieces go out together: one send, one segment train.
_JOINED = 65_536
_PIECE = 262_144

Told: TypeAlias = Callable[[int], None]
Pieces: TypeAlias = Generator[bytes | memoryview | float, None, None]
# A piece as it goes out, and how many bytes of the body it holds.
Framed: TypeAlias = Generator[tuple[bytes | memoryview | float, int], None, None]


def outgoing(request: Request, told: Told) -> Pieces:
    """Return the pieces of a request, of at most 256 KiB; a float, as the source gave it, when it has none.

    Small ones are joined. A head that expects 100 (RFC 9110 10.1.1) is a piece of its own; behind it, ask
    on when the body may go. `told(count)` is called with the number of body bytes that a piece held, once
    the next is asked for.

    Raises:
        BodyError: the body's source failed, or gave more or fewer bytes than Content-Length declares.
    """
    piece = at_once(request)
    return _in_one(piece, len(request.body), told) if piece else _in_pieces(request, told)


def at_once(request: Request) -> bytes:
    """Return the request as one piece, if it may go out so; else nothing."""
    headers, body = request.headers, request.body
    if request.source is not None or len(body) > _JOINED:
        return b""
    if "expect" in headers or "transfer-encoding" in headers:
        return b""
    return (request.head or encode(request)) + body


def _in_one(piece: bytes, size: int, told: Told) -> Pieces:
    yield piece
    told(size)


def _in_pieces(request: Request, told: Told) -> Pieces:
    held = bytearray(encode(request))
    if expects(request):
        yield bytes(held)
        held.clear()
    framed, count = (_chunked if "transfer-encoding" in request.headers else _counted), 0
    # Closing the outermost generator closes the source's, and what that raises comes out here.
    with closing(framed(request)) as pieces:
        for piece, size in pieces:
            if not isinstance(piece, float) and max(len(held), len(piece)) <= _JOINED:
                held += piece
                count += size
                continue
            if held:
                yield bytes(held)
                told(count)
                held.clear()
                count = 0
            yield piece
            told(size)
    if held:
        yield bytes(held)
    told(count)


def _counted(request: Request) -> Framed:
    left = int(request.headers.get("content-length", "0"))
    with closing(_pieces(request)) as pieces:
        for piece in pieces:
            size = 0 if isinstance(piece, float) else len(piece)
            left -= size
            if left < 0:
                raise BodyError(f"the body's source gave more than the {_declared(request)} bytes declared")
            yield piece, size
    if left:
        raise BodyError(f"the body's source gave {left} bytes less than the {_declared(request)} declared")


def _declared(request: Request) -> str:
    return request.headers.get("content-length", "0")


def _chunked(request: Request) -> Framed:
    with closing(_pieces(request)) as pieces:
        for piece in pieces:
            if isinstance(piece, float):
                yield piece, 0
            else:
                yield b"".join((b"%x\r\n" % len(piece), piece, b"\r\n")), len(piece)
    yield b"0\r\n%b\r\n" % _trailer_section(request), 0


def _pieces(request: Request) -> Pieces:
    if request.source is None:
        yield from _slices(memoryview(request.body), _JOINED)
        return
    with closing(drawn(request.source)) as pieces:
        for piece in pieces:
            if isinstance(piece, float):
                yield piece
            elif len(piece) <= _PIECE:
                yield piece or 0.0
            else:
                yield from _slices(memoryview(piece), _PIECE)


def _slices(body: memoryview, first: int) -> Iterator[memoryview]:
    if body:
        yield body[:first]
    for start in range(first, len(body), _PIECE):
        yield body[start : start + _PIECE]


def _trailer_section(request: Request) -> bytes:
    trailers = request.trailers
    if callable(trailers):
        try:
            trailers = check_trailers(make_headers(trailers()))
        except Exception as error:
            raise BodyError(f"the trailers' function failed: {type(error).__name__}") from error
    lines = [f"{name}: {value}\r\n" for name, value in trailers.items()] if trailers else []
    return "".join(lines).encode("latin-1")
