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

__all__ = ["Pieces", "Told", "outgoing"]

# Up to this size a body goes out together with its head: one send, one segment train.
_JOINED = 65_536
_PIECE = 262_144

Told: TypeAlias = Callable[[int], None]
Pieces: TypeAlias = Generator[bytes | memoryview, None, None]


def outgoing(request: Request, told: Told) -> Pieces:
    """Yield the pieces of a request, of at most 256 KiB; an empty one when there is nothing to send now.

    A head that expects 100 (RFC 9110 10.1.1) is a piece of its own; behind it, ask on when the body may go.
    `told(count)` is called with the number of body bytes that a piece held, once the next is asked for.

    Raises:
        BodyError: the body's source failed, or gave more or fewer bytes than Content-Length declares.
    """
    head = encode(request)
    if expects(request):
        yield head
        head = b""
    framed = _chunked if "transfer-encoding" in request.headers else _counted
    # Closing the outermost generator closes the source's, and what that raises comes out here.
    with closing(framed(request, told)) as pieces:
        for piece in pieces:
            joined = head and len(piece) <= _JOINED
            if head and not joined:
                yield head
            yield head + piece if joined else piece
            head = b""
    if head:
        yield head


def _counted(request: Request, told: Told) -> Pieces:
    left = int(request.headers.get("content-length", "0"))
    with closing(_pieces(request)) as pieces:
        for piece in pieces:
            left -= len(piece)
            if left < 0:
                raise BodyError(f"the body's source gave more than the {_declared(request)} bytes declared")
            yield piece
            told(len(piece))
    if left:
        raise BodyError(f"the body's source gave {left} bytes less than the {_declared(request)} declared")


def _declared(request: Request) -> str:
    return request.headers.get("content-length", "0")


def _chunked(request: Request, told: Told) -> Pieces:
    with closing(_pieces(request)) as pieces:
        for piece in pieces:
            yield b"".join((b"%x\r\n" % len(piece), piece, b"\r\n")) if piece else b""
            told(len(piece))
    yield b"0\r\n%b\r\n" % _trailer_section(request)


def _pieces(request: Request) -> Pieces:
    if request.source is None:
        yield from _slices(memoryview(request.body), _JOINED)
        return
    with closing(drawn(request.source)) as pieces:
        for piece in pieces:
            if len(piece) <= _PIECE:
                yield piece
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
            raise BodyError(f"the trailers' function failed: {error!r}") from error
    lines = [f"{name}: {value}\r\n" for name, value in trailers.items()] if trailers else []
    return "".join(lines).encode("latin-1")
