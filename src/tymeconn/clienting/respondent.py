"""hio's Respondent: what is known of an answer, and how answers are read out of a socket's buffer.

A facade: `wire.responding` and `wire.eventing` do the reading. Names that hio's users know are kept.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, ClassVar

from hio.help.hicting import Hict

from ..wire import eventing, responding
from ..wire.framing import Framing, Piece, Sink, frame, persists
from ..wire.headers import Headers
from ..wire.heads import Head
from ..wire.messages import Limits, Response

__all__ = ["Answer", "EventStream", "Respondent"]

# hio's five and RFC 9110 15.4.9.
_REDIRECTS = frozenset({300, 301, 302, 303, 307, 308})
_CHARSET = re.compile(r';[ \t]*charset="?([^\s";]+)', re.IGNORECASE)
# A buffer may hold many answers; each is charged for a little more of it than its own bytes.
_SLICE = 65_536

# What a byte of events costs beside what a byte of any body does. Measured: 280 ms for 1 MiB of gzipped
# blank lines, ids or empty data, which makes it 30 ms a pass.
_EVENT_WORK = 8


class EventStream:
    """The events of one answer, as hio's dicts of id, name and data.

    Attributes:
        raw: hio's buffer of what is not read yet; nothing is ever left in it.
        events: where the events go.
    """

    def __init__(self, events: deque[dict[str, Any]], *, dictable: bool = False) -> None:
        """Append to `events`; if `dictable`, data that is JSON is decoded."""
        self.raw = bytearray()
        self.events = events
        self._dictable = dictable
        self._source = eventing.EventSource()

    @property
    def retry(self) -> int | None:
        """Milliseconds to wait before the stream is asked for again; None when the server did not say."""
        return self._source.retry

    @property
    def leid(self) -> str | None:
        """The id that held where the last event ended; None when there was none."""
        return self._source.last_event_id

    def feed(self, piece: Piece) -> None:
        """Take the next bytes of the stream.

        Raises:
            TooLarge: one event is longer than an event may be.
        """
        for event in self._source.feed(piece):
            data = _loads(event.data, event.data) if self._dictable else event.data
            self.events.append({"id": event.id, "name": event.event, "data": data})


class Answer:
    """What is known of the answer to a request, in hio's attributes; each answer has values of its own.

    `await_head`, `take_head`, then `take_answer` or `take_error` follow an answer that somebody else reads.

    Attributes:
        method: of the request that is answered.
        dictable: decode bodies and data of events as JSON, whatever their type.
        started: a byte has come and the answer has not ended.
        headed: version, status, reason and headers are there.
        bodied: so is the body.
        ended: the answer is whole, or `errored`.
        errored: there is no answer; `error` says why.
        status: None until the head has come; `code` is the same.
        headers: in order, with repeated names.
        interims: status and headers of each 1xx response before the answer.
        body: empty for an event stream, and after an error.
        length: bytes of body, as announced and at last as they came; None when there is no telling.
        data: what `dictify` made of the body.
        text: hio's; always empty.
        encoding: charset of the content type, else ISO-8859-1.
        chunked: so the body is framed.
        jsoned: the content type is JSON.
        evented: it is that of an event stream, and the answer is one: a 200.
        eventSource: the events of this answer, when it is `evented`.
        events: the dicts of all events, of every answer.
        retry: milliseconds to wait before a stream is asked for again, as a stream said last.
        leid: id of the last event of the last stream that had ids; None when there was none.
        persisted: the connection may go on behind the answer.
        parms: empty if `chunked`, else None: what chunk extensions say means nothing to a client.
        trails: fields behind the body; None when there were none.
        redirectant: the status is that of a redirect.
    """

    def __init__(
        self,
        method: str | None,
        events: deque[dict[str, Any]] | None,
        retry: int,
        leid: str | None,
        *,
        dictable: bool,
    ) -> None:
        self.dictable = dictable
        self.events = events if events is not None else deque()
        self.retry = retry
        self.leid = leid
        self.await_head(method or "GET")

    def await_head(self, method: str) -> None:
        """Forget the answer before, and await the one to a request of `method`."""
        self.method = method.upper()
        self.started = self.headed = self.bodied = self.ended = self.errored = False
        self.error: str | None = None
        self.version: tuple[int, int] | None = None
        self.status: int | None = None
        self.code: int | None = None
        self.reason: str | None = None
        self.headers = Hict()
        self.interims: tuple[tuple[int, Headers], ...] = ()
        self.body = bytearray()
        self._kept = bytearray()
        self.length: int | None = None
        self.data: Any = None
        self.text = ""
        self.encoding = "ISO-8859-1"
        self.chunked = self.jsoned = self.redirectant = False
        self.evented: bool | None = None
        self.eventSource: EventStream | None = None
        self.persisted: bool | None = None
        self.parms: dict[bytes, bytes] | None = None
        self.trails: Hict | None = None
        self._lasting = False

    def take_head(self, engine: responding.Respondent) -> Sink | bytearray:
        """Take the head that `engine` has read; return what is to take the body, so that it is held once.

        Raises:
            ProtocolError: the body is framed in a way that cannot be undone.
        """
        self.version, self.reason, self.headers = engine.version, engine.reason, Hict(engine.headers)
        self.status = self.code = engine.status
        self.redirectant = engine.status in _REDIRECTS
        head = Head(engine.version, engine.status or 0, engine.reason, engine.headers)
        framed = frame(head, self.method)
        self.chunked = framed.framing is Framing.CHUNKED
        self.parms = {} if self.chunked else None
        self.length = framed.size if framed.framing is Framing.LENGTH else None
        self._take_type(self.headers.get("content-type", ""))
        # hio's users count on it: the stream of a 1.0 server goes on until the server closes it.
        self._lasting = persists(head, framed) or bool(self.evented and self.version == (1, 0))
        self.headed = True
        self.checkPersisted()
        return partial(self._take_events, self.eventSource) if self.eventSource else self._kept

    def take_answer(self, response: Response) -> None:
        """Take the end; what `take_head` returned has the body, or the response has."""
        self.interims = response.meta.interims
        self._kept += response.body
        self._end(response.meta.trailers)

    def take_error(self, error: Exception) -> None:
        """Take it that there will be no answer."""
        self.errored, self.error = True, str(error) or type(error).__name__
        self.started, self.ended = False, True
        self.body = bytearray()
        self.checkPersisted()

    def dictify(self) -> None:
        """Set `data` from a body that is JSON by its type or by `dictable`; None when it cannot be read."""
        self.data = _loads(self.body, None) if self.jsoned or self.dictable else None

    def checkPersisted(self) -> None:  # noqa: N802 hio's name
        """Set `persisted` by the head; False before there is one, and after an error."""
        self.persisted = self._lasting and not self.errored

    def _take_type(self, content_type: str) -> None:
        kind = content_type.lower()
        charset = _CHARSET.search(content_type)
        self.encoding = charset[1] if charset else self.encoding
        self.jsoned = "application/json" in kind
        streaming = kind.partition(";")[0].strip() == "text/event-stream"
        self.evented = streaming and self.status == 200 and self.method != "HEAD"
        self.eventSource = EventStream(self.events, dictable=self.dictable) if self.evented else None

    def _take_events(self, stream: EventStream, piece: Piece) -> int:
        try:
            stream.feed(piece)
            return _EVENT_WORK * len(piece)
        finally:
            # Whoever took an event may have ended the stream, and another answer is awaited.
            if stream is self.eventSource:
                self.retry = self.retry if stream.retry is None else stream.retry
                self.leid = self.leid if stream.leid is None else stream.leid

    def _end(self, trailers: Headers) -> None:
        self.body, self.length = self._kept, len(self._kept)
        self.trails = Hict(trailers) if trailers else None
        self.started, self.bodied, self.ended = False, True, True


class Respondent(Answer):
    """Reads the answers in a shared buffer, one at a time. Nothing is raised for what a peer sends.

    `parse` reads what is there; `parser` is None once the answer has `ended`. `makeParser` makes ready for
    the next one: its first `parse` puts new values in the place of the ones before.

    Attributes:
        msg: the buffer. Exactly one answer is taken from it; all of it after an error, because nobody can
            tell where the next answer begins.
        parser: the generator that `parse` advances; None when there is nothing to do.
        closed: no more bytes will come.
        redirects, redirected, redirectable: for whoever follows redirects; nothing is done with them here.
    """

    Retry: ClassVar[int] = 100

    def __init__(  # noqa: PLR0913, PLR0917 hio's signature
        self,
        redirects: list[Any] | None = None,
        redirectable: bool = True,  # noqa: FBT001, FBT002 hio's signature
        events: deque[dict[str, Any]] | None = None,
        retry: int | None = None,
        leid: str | None = None,
        msg: bytearray | None = None,
        dictable: bool | None = None,  # noqa: FBT001 hio's signature
        method: str | None = "GET",
        *,
        limits: Limits | None = None,
    ) -> None:
        """Take hio's arguments; `retry` in milliseconds.

        Raises:
            TypeError: `msg` is not a bytearray, and could not be taken from.
        """
        retry = self.Retry if retry is None else retry
        super().__init__(method, events, retry, leid, dictable=bool(dictable))
        self.redirects = redirects if redirects is not None else []
        self.redirectable = bool(redirectable)
        self.redirected: bool | None = None
        self.msg = bytearray()
        self.closed = False
        self.parser: Generator[bool | None, None, None] | None = None
        self._limits = limits or Limits()
        self._engine: responding.Respondent | None = None
        self.makeParser(msg)

    def reinit(
        self,
        redirectable: bool | None = None,  # noqa: FBT001 hio's signature
        msg: bytearray | None = None,
        dictable: bool | None = None,  # noqa: FBT001 hio's signature
        method: str | None = None,
    ) -> None:
        """Change what is given; drop the answer that is being read, if any, and its status and data.

        Raises:
            TypeError: `msg` is not a bytearray.
        """
        self.makeParser(msg)
        self.dictable = self.dictable if dictable is None else bool(dictable)
        self.method = self.method if method is None else method.upper()
        self.redirectable = self.redirectable if redirectable is None else bool(redirectable)
        self.status = self.code = self.reason = self.evented = self.data = None

    def makeParser(self, msg: bytearray | None = None) -> None:  # noqa: N802 hio's name
        """Make ready for the next answer, in `msg` when it is given; more bytes may come again.

        Raises:
            TypeError: `msg` is not a bytearray.
        """
        if not isinstance(msg, bytearray | None):
            raise TypeError(f"msg must be a bytearray, not {msg!r}")
        self.msg = self.msg if msg is None else msg
        if self.parser:
            self.parser.close()
        self.closed = False
        self._engine = None
        self.parser = self.parseMessage()

    def parse(self) -> None:
        """Read what is in `msg` without waiting for more; nothing when there is no parser."""
        # A parser that its holder has closed has no step left.
        if self.parser and next(self.parser, True):
            self.parser = None

    def close(self) -> None:
        """Take it that no more bytes will come: what they leave open ends in the next `parse`."""
        self.closed = True

    def parseMessage(self) -> Generator[bool | None, None, None]:  # noqa: N802 hio's name
        """Yield None while more bytes are needed, then True: the answer has ended."""
        return self._until(lambda: self.ended)

    def parseHead(self) -> Generator[bool | None, None, None]:  # noqa: N802 hio's name
        """Yield None while more bytes are needed, then True: the head is there, or never will be."""
        return self._until(lambda: self.headed or self.ended)

    def parseBody(self) -> Generator[bool | None, None, None]:  # noqa: N802 hio's name
        """Yield None while more bytes are needed, then True: the body is there, or never will be."""
        return self.parseMessage()

    def _until(self, done: Callable[[], bool]) -> Generator[bool | None, None, None]:
        engine = self._engine or self._begin()
        self._advance(engine)
        while not done():
            yield None
            self._advance(engine)
        yield True

    def _begin(self) -> responding.Respondent:
        self.await_head(self.method)
        self._engine = responding.Respondent(self.method, self._limits, sink=self.take_head)
        return self._engine

    def _advance(self, engine: responding.Respondent) -> None:
        if self.ended:
            return
        while self.msg and not engine.ended:
            with memoryview(self.msg) as view:
                data = bytes(view[:_SLICE])
            engine.feed(data)
            del self.msg[: len(data) - len(engine.extra)]
        if self.closed:
            engine.eof()
        self.started, self.interims = engine.started, engine.interims
        if engine.ended:
            self._finish(engine)

    def _finish(self, engine: responding.Respondent) -> None:
        if engine.error is None:
            self._end(engine.trailers)
        else:
            self.take_error(engine.error)
            self.msg.clear()


def _loads(text: str | bytearray, otherwise: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return otherwise
