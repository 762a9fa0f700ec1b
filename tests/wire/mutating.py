"""Bytes and text become others, as broken and hostile peers and callers would have them.

Every choice is made by the Random that is passed in, so that the same seed makes the same changes.
"""

from __future__ import annotations

import re

MOST = 16_384
"""Bytes that changed bytes have at most."""

TOKENS = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    b"HTTP/1.1 204 \r\n\r\n",
    b"HTTP/2.0 ",
    b"Content-Length: ",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: deflate, gzip\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Set-Cookie: a=b; Domain=example\r\n",
    b"Location: //b.example/\r\n",
    b"chunked",
    b"identity",
    b"close",
    b"keep-alive",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"5;a=b\r\n",
    b';a="\\"',
    b"\r\n\r\n",
    b"\n\n",
    b"\r\n ",
    b"\r\n\t",
    b": ",
    b":",
    b", ",
    b";",
    b"=",
    b'"',
    b"\\",
    b"\0",
    b"\t",
    b" ",
    b"\x0b",
    b"\x7f",
    b"\x85",
    b"\xa0",
    b"\xff",
    b"+",
    b"-",
    b"0x",
    b"_",
    b"data: ",
    b"event:",
    b"id",
    b"id: 1\n",
    b"retry: 10\n",
    b"\xef\xbb\xbf",
    b"\xe2\x82",
    b"\x1f\x8b\x08\0\0\0\0\0\0\3",
]
NUMBERS = [
    b"0",
    b"00",
    b"1",
    b"-1",
    b"+1",
    b"1.0",
    b"1e3",
    b"a",
    b"F",
    b"ffffffff",
    b"7fffffffffffffff",
    b"ffffffffffffffff",
    b"10000000000000005",
    b"2147483648",
    b"4294967297",
    b"9223372036854775808",
    b"18446744073709551616",
    b"18446744073709551621",
    b"9" * 30,
    b"0" * 40 + b"5",
    b"9" * 5_000,
    b"\xb2",
    b"\xd9\xa3",
    b"",
]
LINE_ENDS = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b"\r\n ", b""]
TEXTS = [
    *("\0", "\t", "\n", "\r\n", " ", "\x7f", "\x85", "\xa0", "\xe9", "\xdf", "\u0130", "\u200b", "\u2028"),
    *("\u3002", "\uff0e", "\uff0f", "\ufeff", "\ud800", "\udcff", "\U0001f600", "\u0663", "\xb2"),
    *("%", "%zz", "%2e", "%2F", "%00", "%c3%a9", "..", "/../", "//", "/", "\\", "@", "u:p@", ":", "::"),
    *("[", "]", "[::1]", "[::ffff:1.2.3.4]", "[fe80::1%25a]", "127.1", "0x7f.1", "1.2.3.4", "256.1.1.1"),
    *(
        "#",
        "?",
        "&",
        "=",
        "+",
        ";",
        ",",
        "xn--",
        "xn--a",
        "-",
        "_",
        ".",
        "a" * 70,
        "a." * 130,
        "\xe9" * 300,
    ),
    *(
        "http://",
        "https://",
        "HTTPS://",
        "http:",
        "ftp://",
        "file:",
        "javascript:",
        "b.example",
        "a.example",
    ),
    *(
        ":0",
        ":80",
        ":443",
        ":99999",
        ":\u0663",
        ":-1",
        ":" + "9" * 5_000,
        "chunked",
        "CONNECT",
        "get",
        "GET ",
    ),
    *("Host", "Content-Length", "Transfer-Encoding", "Upgrade", "TE", "Connection", "Authorization", "5"),
]
VALUES = [None, True, 0, -1, 1.5, 10**30, "", [], {}, [["a"]], {"a": None}, [None, ["b", 1]], "\ud800"]
STATUSES = [100, 200, 204, 300, 301, 302, 303, 304, 305, 307, 308, 399, 600, 1000, -1]

_NUMBER = re.compile(rb"[0-9]+")
_LINE_END = re.compile(rb"\r?\n")


def mutated(rng, data, others):
    """Return the bytes after one or more changes; `others` are what may be mixed in."""
    for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 3, 6))):
        data = rng.choice(_CHANGES)(rng, data, others)[:MOST]
    return data


def _flip(rng, data, others):
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _overwrite(rng, data, others):
    start, stop = _span(rng, data)
    return data[:start] + rng.choice(TOKENS) + data[stop:]


def _drop(rng, data, others):
    start, stop = _span(rng, data)
    return data[:start] + data[stop:]


def _repeat(rng, data, others):
    start, stop = _span(rng, data)
    return data[:start] + data[start:stop] * rng.choice((2, 2, 3, 100)) + data[stop:]


def _insert(rng, data, others):
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice(TOKENS) + data[at:]


def _splice(rng, data, others):
    other = rng.choice(others)
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def _cut_short(rng, data, others):
    return data[: rng.randint(0, len(data))]


def _change_number(rng, data, others):
    return _one_replaced(rng, _NUMBER, data, rng.choice(NUMBERS))


def _change_line_end(rng, data, others):
    return _one_replaced(rng, _LINE_END, data, rng.choice(LINE_ENDS))


def _move_line(rng, data, others):
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    line = lines[rng.randrange(len(lines))]
    if rng.random() < 0.5:
        lines.remove(line)
    lines.insert(rng.randint(0, len(lines)), line)
    return b"".join(lines)


_CHANGES = (
    _flip,
    _overwrite,
    _drop,
    _repeat,
    _insert,
    _insert,
    _splice,
    _cut_short,
    _change_number,
    _change_number,
    _change_line_end,
    _change_line_end,
    _move_line,
)


def _span(rng, data):
    """Return where a piece begins and ends; most are short."""
    start = rng.randint(0, len(data))
    return start, min(start + rng.choice((1, 1, 2, 4, 16, 64, 1024)), len(data))


def _one_replaced(rng, pattern, data, new):
    found = list(pattern.finditer(data))
    if not found:
        return data
    match = rng.choice(found)
    return data[: match.start()] + new + data[match.end() :]


def cuts(rng, data):
    """Return where the bytes are cut: between any two of them, or in a few places."""
    if len(data) < 400 and rng.random() < 0.2:
        return list(range(1, len(data)))
    return sorted(rng.randint(0, len(data)) for _ in range(rng.choice((0, 1, 2, 3, 20))))


def mutated_text(rng, text):
    """Return the text after one change."""
    start = rng.randint(0, len(text))
    stop = min(start + rng.choice((0, 0, 1, 3, 20)), len(text))
    return (text[:start] + rng.choice((*TEXTS, text[start:stop] * 3)) + text[stop:])[:MOST]


def mutated_value(rng, value):
    """Return a JSON value with a text changed somewhere in it, or another value in a place of it."""
    if rng.random() < 0.02:
        return rng.choice(VALUES)
    if isinstance(value, str):
        return mutated_text(rng, value)
    if isinstance(value, dict) and value and "b64" not in value:
        name = rng.choice(list(value))
        return {**value, name: mutated_value(rng, value[name])}
    if isinstance(value, list) and value:
        at = rng.randrange(len(value))
        extra = [value[at]] if rng.random() < 0.1 else []
        return [*value[:at], mutated_value(rng, value[at]), *extra, *value[at + 1 :]]
    if isinstance(value, int):
        return rng.choice(STATUSES)
    return value
