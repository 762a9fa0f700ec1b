"""How long one response takes to read: tymeconn's Respondent, h11 and http.client, from bytes in memory.

Each reader does the same: it checks the status line, makes all headers ready to be looked up whatever the
case, looks one up, and has the body as bytes. h11 sends no request first, and where the bytes come whole
http.client gets them in a BytesIO, which is faster than what a socket makes: both readings favour them.
"""

from __future__ import annotations

import argparse
import gc
import http.client
import io
import json
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median
from time import perf_counter

import h11

from tymeconn.wire.responding import Respondent

ROUNDS = 11
# Responses in one measurement: 10 to 40 ms of work, long against a switch of processes.
REPEATS = 300
DRIP = 100

HEAD = b"""HTTP/1.1 200 OK
Date: Thu, 05 Nov 2026 10:21:33 GMT
Content-Type: application/json; charset=utf-8
%b
Connection: keep-alive
Server: nginx/1.26.2
Cache-Control: no-store, max-age=0
ETag: "5f3c-61a2b7c8d9e0f"
X-Request-Id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301
X-RateLimit-Remaining: 4987
Strict-Transport-Security: max-age=31536000; includeSubDomains
Vary: Accept-Encoding, Origin
Last-Modified: Wed, 04 Nov 2026 08:00:00 GMT

""".replace(b"\n", b"\r\n")
BODY = bytes(range(32, 96)) * 16
WANTED = ("x-request-id", "3f2504e0-4f89-11d3-9a0c-0305e82c3301")

SIZED = HEAD % (b"Content-Length: %d" % len(BODY)) + BODY
CHUNKED = HEAD % b"Transfer-Encoding: chunked" + b"".join(
    (b"200\r\n", BODY[:512], b"\r\n200\r\n", BODY[512:], b"\r\n0\r\n\r\n")
)


def dripped(data: bytes) -> list[bytes]:
    """Return the head in small pieces and the body behind it whole."""
    end = data.index(b"\r\n\r\n") + 4
    return [*(data[at : min(at + DRIP, end)] for at in range(0, end, DRIP)), data[end:]]


def read_with_tymeconn(pieces: Sequence[bytes]) -> tuple[int | None, str, bytes]:
    """Read through a Respondent."""
    respondent = Respondent("GET")
    for piece in pieces:
        respondent.feed(piece)
    return respondent.status, respondent.headers[WANTED[0]], respondent.body


def read_with_h11(pieces: Sequence[bytes]) -> tuple[int, str, bytes]:
    """Read through a client's Connection."""
    connection = h11.Connection(h11.CLIENT)
    body: list[bytes] = []
    for event in h11_events(connection, pieces):
        if type(event) is h11.Response:
            # Its names come in lower case: a dict of them answers whatever the case.
            status, headers = event.status_code, dict(event.headers)
        elif type(event) is h11.Data:
            body.append(event.data)
    return status, headers[WANTED[0].encode()].decode(), b"".join(body)


def h11_events(connection: h11.Connection, pieces: Sequence[bytes]) -> Iterator[h11.Event]:
    """Yield what becomes of the pieces."""
    for piece in pieces:
        connection.receive_data(piece)
        while (event := connection.next_event()) is not h11.NEED_DATA:
            yield event
            if type(event) is h11.EndOfMessage:
                return


class Pieces(io.RawIOBase):
    """A socket's file that gives one piece a time."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = iter(pieces)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer with the next piece; no piece is larger than a buffer."""
        piece = next(self._pieces, b"")
        buffer[: len(piece)] = piece
        return len(piece)


class Socket:
    """As much of a socket as an HTTPResponse asks for."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def makefile(self, _mode: str) -> io.BufferedIOBase:
        """Return the file that the response is read from."""
        if len(self._pieces) == 1:
            return io.BytesIO(self._pieces[0])
        return io.BufferedReader(Pieces(self._pieces))


def read_with_http_client(pieces: Sequence[bytes]) -> tuple[int, str | None, bytes]:
    """Read through an HTTPResponse."""
    response = http.client.HTTPResponse(Socket(pieces))
    response.begin()
    return response.status, response.headers[WANTED[0]], response.read()


READERS = {
    "tymeconn": read_with_tymeconn,
    "h11": read_with_h11,
    "http.client": read_with_http_client,
}
CASES = {
    "1 kB with Content-Length, whole": [SIZED],
    "1 kB in two chunks, whole": [CHUNKED],
    f"1 kB, its head in {DRIP}-byte pieces": dripped(SIZED),
}


def seconds(read: Callable[[], object]) -> float:
    """Return the seconds that one response takes, without the work of the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        start = perf_counter()
        for _ in range(REPEATS):
            read()
        return (perf_counter() - start) / REPEATS
    finally:
        gc.enable()


def measure(pieces: Sequence[bytes]) -> dict[str, float]:
    """Return each reader's median in seconds; they take turns, so that a slow moment strikes all."""
    reads = {name: partial(reader, pieces) for name, reader in READERS.items()}
    for name, read in reads.items():
        if read() != (200, WANTED[1], BODY):
            raise AssertionError(f"{name} read something else")
    rounds = [{name: seconds(read) for name, read in reads.items()} for _ in range(ROUNDS)]
    return {name: median(each[name] for each in rounds) for name in reads}


def figures() -> dict[str, dict[str, dict[str, float]]]:
    """Return microseconds, and how many times another reader's time tymeconn takes, of every case."""
    found = {}
    for case, pieces in CASES.items():
        taken = measure(pieces)
        found[case] = {
            "microseconds": {name: round(each * 1e6, 2) for name, each in taken.items()},
            "ratios": {
                name: round(taken["tymeconn"] / each, 3)
                for name, each in taken.items()
                if name != "tymeconn"
            },
        }
    return found


def table(found: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    """Yield the lines of a table."""
    others = [name for name in READERS if name != "tymeconn"]
    width = max(map(len, CASES))
    yield " ".join(
        [
            "us a response".ljust(width),
            *(f"{name:>12}" for name in (*READERS, *(f"/{name}" for name in others))),
        ]
    )
    for case, each in found.items():
        micros = [f"{each['microseconds'][name]:12.1f}" for name in READERS]
        ratios = [f"{each['ratios'][name]:12.2f}" for name in others]
        yield " ".join([case.ljust(width), *micros, *ratios])


def main() -> None:
    """Measure, print a table, and write the figures as JSON where that is asked for."""
    parser = argparse.ArgumentParser(prog="scripts/bench parse", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", metavar="FILE", type=argparse.FileType("w", encoding="utf-8"))
    options = parser.parse_args()
    found = figures()
    sys.stdout.writelines(f"{line}\n" for line in table(found))
    if options.json:
        json.dump(
            {"python": platform.python_version(), "rounds": ROUNDS, "cases": found}, options.json, indent=2
        )
        options.json.close()


if __name__ == "__main__":
    main()
