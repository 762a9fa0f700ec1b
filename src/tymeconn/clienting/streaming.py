"""An answer read piece by piece: what is not read yet stays with the peer."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Self, TypeAlias

from ..errors import TooLarge
from ..exchanging.exchange import Exchange
from ..net.saving import Saving
from ..tyming.waiting import Wait
from ..wire.eventing import Event, EventSource, resumption
from ..wire.framing import Sink
from ..wire.messages import Response
from .carrying import Carriage

__all__ = ["Inbox", "Stream"]

# What a stream holds at most is this and one read of the connection. A piece counts as so many bytes more:
# chunks of one byte each take 190 bytes of memory.
_ROOM = 65_536
_EACH = 256
# What a reader is given in one step of its doer, in bytes: as much as one pass of a connection reads.
_SHARE = 262_144
# Bytes of events cost more. Measured: 18 ms for 64 KiB of blank lines, and 3 us for the smallest event.
_EVENT_CHUNK = 16_384
_EVENT_SHARE = 4
_EVENT_WORK = 256

Chunks: TypeAlias = Generator[Wait, float | None, bytes]


class Inbox:
    """What has come of a body and was not read; as long as it is full, nothing is read from the network."""

    def __init__(self) -> None:
        self._pieces: deque[bytes | memoryview] = deque()
        self._held = 0
        self._exchange: Exchange | None = None

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def attach(self, exchange: Exchange) -> None:
        """Await the body of the exchange."""
        self._exchange = exchange
        exchange.room = _ROOM

    def open(self) -> Sink:
        """Take the body from here on: the limits are those of a stream, and somebody waits for the head."""
        assert self._exchange is not None
        self._exchange.timeouts = self._exchange.timeouts.streaming()
        self._exchange.awaited = None
        self._exchange.done.fire()
        return self._put

    def take(self, most: int) -> bytes:
        """Return at most `most` bytes of the first piece."""
        piece = self._pieces.popleft()
        if len(piece) > most:
            self._pieces.appendleft(memoryview(piece)[most:])
            self._count(-most)
            return bytes(memoryview(piece)[:most])
        self._count(-len(piece) - _EACH)
        return bytes(piece)

    def _put(self, piece: bytes | memoryview) -> None:
        self._pieces.append(piece)
        self._count(len(piece) + _EACH)

    def _count(self, size: int) -> None:
        assert self._exchange is not None
        self._held += size
        self._exchange.room = _ROOM - self._held
        self._exchange.done.fire()


class Stream:
    """An answer whose head is there and whose body comes as it is read.

    It occupies its connection until it has ended or is closed: use it in a ``with`` block, or close it. One
    that is lost is closed.

    Its limit is Timeouts.idle between two moments at which bytes come; time that passes while nobody reads
    does not count.
    """

    def __init__(self, carrier: Carriage, exchange: Exchange, inbox: Inbox, head: Response) -> None:
        """Made by the `stream` of a Client or a Pool."""
        self._carrier = carrier
        self._exchange = exchange
        self._inbox = inbox
        self._head = head
        asked = exchange.request.headers.get("last-event-id")
        known = None if asked is None else asked.encode("latin-1").decode("utf-8", "replace")
        self._source = EventSource(last_event_id=known)
        self._events: Iterator[Event] = iter(())
        self._share = _SHARE

    @property
    def response(self) -> Response:
        """Status, headers and so on, with an empty body; trailers only once all has come."""
        outcome = self._exchange.outcome
        if not isinstance(outcome, Response):
            return self._head
        return self._head.with_meta(outcome.meta._replace(history=self._head.history))

    def read(self, most: int = 65_536) -> Chunks:
        """Return a generator that waits for bytes and returns from 1 to `most` of them; b"" at the end.

        Raises:
            ValueError: at this call, `most` is not positive.
            ExchangeError: out of the generator, behind the last byte that came: the body is not whole.
        """
        if type(most) is not int or most < 1:
            raise ValueError(f"most must be a positive number of bytes, not {most!r}")
        return self._read(most)

    def save(self, path: str | os.PathLike[str]) -> Generator[Wait, float | None, int]:
        """Return a generator that writes what is left to a file and returns its size in bytes.

        The file appears under its name when it is whole; until then it stands beside it under another. An
        older one of that name is replaced.

        Raises:
            TypeError: at this call, `path` is no path.
            OSError: out of the generator, from making, writing or naming the file.
            ExchangeError: out of the generator; see `read`.
        """
        return self._save(Saving(path))

    def event(self) -> Generator[Wait, float | None, Event | None]:
        """Wait for a server-sent event and return it; None at the end of the stream.

        What was read for events is not returned by `read` any more.

        `resumption` and `retry` say how to ask for the stream again.

        Raises:
            TooLarge: an event is larger than 1 MiB; the stream is closed.
            ExchangeError: see `read`.
        """
        while True:
            if self._share <= 0:
                yield from self._pause()
            try:
                event = next(self._events, None)
            except TooLarge:
                self.close()
                raise
            if event is not None:
                self._share -= _EVENT_WORK
                return event
            chunk = yield from self._read(_EVENT_CHUNK)
            if not chunk:
                self._source.eof()
                return None
            self._share -= _EVENT_SHARE * len(chunk)
            self._events = self._source.feed(chunk)

    @property
    def last_event_id(self) -> str | None:
        """Of the last event that had one, also on the stream that this one was asked to go on from."""
        return self._source.last_event_id

    @property
    def resumption(self) -> dict[str, bytes]:
        """The headers that ask for the stream again, behind its last event; empty when it has no ids."""
        return resumption(self._source.last_event_id)

    @property
    def retry(self) -> int | None:
        """Milliseconds to wait before that, as the server asked."""
        return self._source.retry

    def close(self) -> None:
        """Let go of the connection; unless all of the answer has come, that closes it."""
        self._carrier.abandon(self._exchange)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _read(self, most: int) -> Chunks:
        if self._share <= 0:
            yield from self._pause()
        if not self._inbox:
            self._exchange.wait()
            try:
                yield from self._carrier.carried(self._exchange, self._inbox.__bool__)
            finally:
                self._exchange.awaited = None
        if not self._inbox:
            self._exchange.result()
            return b""
        data = self._inbox.take(most)
        self._share -= len(data)
        return data

    def _pause(self) -> Generator[Wait, float | None, None]:
        """Let others run, before anything is taken: this step of the doer has done its share."""
        self._share = _SHARE
        yield self._carrier.now()

    def _save(self, saving: Saving) -> Generator[Wait, float | None, int]:
        size = 0
        with saving:
            yield from saving.open()
            while chunk := (yield from self._read(_ROOM)):
                saving.write(chunk)
                size += len(chunk)
            yield from saving.finish()
        return size
