"""Server-sent events: a stream of bytes becomes events (WHATWG HTML 9.2.5 and 9.2.6).

Lines are told apart before they are decoded, which is the same: no byte of a line end is ever part of a
longer UTF-8 sequence, and what is cut short by one becomes U+FFFD either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..errors import InvalidRequest, TooLarge
from .headers import check_header

__all__ = ["Event", "EventSource", "resumption"]

_BOM = b"\xef\xbb\xbf"
# In milliseconds this is 30,000 years; and int() raises for more than 4,300 digits.
_RETRY_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream.

    Attributes:
        id: the id that held when the event ended, its own or that of an event before it; None when the
            stream never set one, which is not the same as one that was set to be empty.
        event: its name; empty when it has none, which browsers call message.
        data: its lines, joined by LF.
    """

    id: str | None
    event: str
    data: str


def resumption(last_event_id: str | None) -> dict[str, bytes]:
    """Return the header that asks for a stream behind an event, in UTF-8.

    There is none for no id, and for one that no header can carry.
    """
    value = (last_event_id or "").encode("utf-8", "replace")
    try:
        check_header("Last-Event-ID", value)
    except InvalidRequest:
        return {}
    return {"Last-Event-ID": value} if value else {}


class EventSource:
    """Reads the events of a stream, and of the streams that follow it when a lost one is opened anew.

    Args:
        limit: bytes of one event that are held at most: its data so far and the line that is being read.
        last_event_id: of the stream that this one goes on from.

    Attributes:
        last_event_id: what Last-Event-ID says when the stream is opened anew; None when there was no id. It
            changes only where an event ends.
        retry: milliseconds to wait before that, as the server asked; None when it did not.
        scanned: bytes that were searched for the ends of lines and of field names.

    Raises:
        TypeError: the limit is not a number of bytes.
        ValueError: the limit is negative.
    """

    __slots__ = (
        "_begun",
        "_data",
        "_event",
        "_follows_cr",
        "_id",
        "_limit",
        "_line",
        "last_event_id",
        "retry",
        "scanned",
    )

    def __init__(self, limit: int = 1_048_576, last_event_id: str | None = None) -> None:
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise TypeError(f"limit must be a number of bytes, not {limit!r}")
        if limit < 0:
            raise ValueError(f"limit must not be negative: {limit!r}")
        self._limit = limit
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.scanned = 0
        self._begin()

    def _begin(self) -> None:
        self._begun = False
        self._follows_cr = False
        self._line = bytearray()
        self._data = bytearray()
        self._event = ""
        # 9.2.6 lets each stream begin with an empty id. Browsers keep the one that they sent in
        # Last-Event-ID, without which a stream that says its ids seldom would lose its place.
        self._id = self.last_event_id

    def feed(self, data: bytes | memoryview) -> Iterator[Event]:
        """Yield the events that end in `data`; it is all taken when the iterator ends.

        Raises:
            TooLarge: an event exceeds the limit. The events before it were yielded, none will be behind it.
        """
        self.scanned += len(data)
        for part in bytes(data).splitlines(keepends=True):
            follows_cr = self._follows_cr
            self._follows_cr = part.endswith(b"\r")
            if follows_cr and part == b"\n":
                continue
            text = part.rstrip(b"\r\n")
            self._hold(text)
            if len(text) < len(part) and (event := self._take_line()):
                yield event

    def eof(self) -> None:
        """Drop the event that the stream broke off in; what is fed next begins another stream."""
        self._begin()

    def _hold(self, text: bytes) -> None:
        room = self._limit - len(self._data) - len(self._line)
        # One byte too many says for ever after that the limit was exceeded.
        self._line += text[: room + 1]
        if len(text) > room:
            raise TooLarge(f"an event exceeds its limit: {self._limit} bytes")

    def _take_line(self) -> Event | None:
        line = bytes(self._line)
        self._line.clear()
        if not self._begun:
            self._begun, line = True, line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        self.scanned += len(line)
        name, _, value = line.partition(b":")
        take = _FIELDS.get(name)
        if take:
            take(self, value.removeprefix(b" "))
        return None

    def _dispatch(self) -> Event | None:
        self.last_event_id = self._id
        event, self._event = self._event, ""
        if not self._data:
            return None
        data, self._data = self._data, bytearray()
        return Event(self._id, event, _text(data[:-1]))

    def _take_data(self, value: bytes) -> None:
        self._data += value
        self._data += b"\n"

    def _take_event(self, value: bytes) -> None:
        self._event = _text(value)

    def _take_id(self, value: bytes) -> None:
        if b"\0" not in value:
            self._id = _text(value)

    def _take_retry(self, value: bytes) -> None:
        digits = value.lstrip(b"0") or b"0"
        if value.isdigit() and len(digits) <= _RETRY_DIGITS:
            self.retry = int(digits)


def _text(data: bytes | bytearray) -> str:
    return data.decode("utf-8", "replace")


# A comment has an empty name, and is passed over like any name that is not here.
_FIELDS: Mapping[bytes, Callable[[EventSource, bytes], None]] = {
    b"data": EventSource._take_data,
    b"event": EventSource._take_event,
    b"id": EventSource._take_id,
    b"retry": EventSource._take_retry,
}
