"""multipart/form-data: parts that the stdlib's parser reads back as they were given."""

from __future__ import annotations

import io
from email import message_from_bytes
from email.policy import HTTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.errors import BodyError, InvalidRequest
from tymeconn.wire.bodies import drawn
from tymeconn.wire.multipart import make_multipart


def parsed(source):
    """Return (name, filename, type, content) of each part."""
    head = f"Content-Type: multipart/form-data; boundary={source.boundary}\r\n\r\n".encode()
    message = message_from_bytes(head + b"".join(drawn(source)), policy=HTTP)
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type() if "content-type" in part else None,
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def test_fields_and_files():
    """Fields of the form come first, then the files, each in the order given."""
    files = [("f", ("a.txt", b"one", "text/plain")), ("g", b"two"), ("f", ("b.bin", io.BytesIO(b"three")))]
    assert parsed(make_multipart({"x": ["1", "2"], "y": True}, files)) == [
        ("x", None, None, b"1"),
        ("x", None, None, b"2"),
        ("y", None, None, b"true"),
        ("f", "a.txt", "text/plain", b"one"),
        ("g", "g", "application/octet-stream", b"two"),
        ("f", "b.bin", "application/octet-stream", b"three"),
    ]


def test_bytes_on_the_wire():
    """Between two parts stands CRLF and the boundary, behind the last one two hyphens more."""
    source = make_multipart({"a": "b"}, {"f": ("n", "é")}, "B")
    assert b"".join(drawn(source)) == (
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nb'
        b'\r\n--B\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\xc3\xa9"
        b"\r\n--B--\r\n"
    )


@given(
    st.lists(st.binary(max_size=9), max_size=4),
    st.dictionaries(st.text('ab"\r\n', max_size=4), st.just("v")),
)
def test_size_is_exact(contents, form):
    """The declared size is that of the bytes that come."""
    source = make_multipart(form, [("f", content) for content in contents])
    assert source.size == len(b"".join(drawn(source)))


def test_unknown_size():
    """One part of unknown size makes the whole unknown."""
    source = make_multipart(None, {"a": b"x", "f": ("n", iter([b"y"]))})
    assert source.size is None
    assert b"y" in b"".join(drawn(source))


def test_goes_out_again_when_all_parts_do():
    """A spent iterator in one part is enough to end it."""
    files = {"a": b"x", "f": ("n", io.BytesIO(b"y"))}
    assert make_multipart(None, files).renewable
    source = make_multipart(None, files | {"g": iter([b"z"])})
    list(drawn(source))
    assert not source.renewable
    with pytest.raises(BodyError):
        next(drawn(source))


def test_error_of_a_part_is_told_once():
    """What a part's source raised is the cause, not wrapped twice."""

    def broken():
        raise RuntimeError("disk")
        yield b""

    with pytest.raises(BodyError) as caught:
        list(drawn(make_multipart(None, {"f": broken()})))
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_name_of_an_opened_file(tmp_path):
    """A file that was opened by its path is named for the last part of it."""
    path = tmp_path / "report.pdf"
    path.write_bytes(b"x")
    with path.open("rb") as file:
        assert parsed(make_multipart(None, {"f": file}))[0][1] == "report.pdf"


@pytest.mark.parametrize("name", ['a"b', "a\r\nX: y", "é"])
def test_names_cannot_break_out(name):
    """Quotes and line ends in names are escaped as browsers do; the rest is UTF-8."""
    raw = b"".join(drawn(make_multipart(None, {name: (name, b"")})))
    assert raw.count(b"\r\n") == 6
    assert name.replace('"', "%22").replace("\r\n", "%0D%0A").encode() in raw


def test_boundary_cannot_be_guessed():
    """Two forms have two boundaries."""
    first, second = (make_multipart(None, {"f": b""}).boundary for _ in range(2))
    assert first != second


@pytest.mark.parametrize("boundary", ["", "a b", "x" * 71, "a\r\n", 7])
def test_wrong_boundary(boundary):
    """A boundary is a token of up to 70 characters."""
    with pytest.raises(InvalidRequest, match="boundary"):
        make_multipart(None, {}, boundary)


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ("f", TypeError),
        ({7: b""}, TypeError),
        ({"f": 7}, TypeError),
        ({"f": ()}, TypeError),
        ({"f": ("n",)}, TypeError),
        ({"f": (7, b"")}, TypeError),
        ({"f": ("n", b"", 7)}, TypeError),
        ({"f": ("n", None)}, TypeError),
        ({"f": ("n", b"", "a\r\nb")}, InvalidRequest),
        ({"f": ("\ud800", b"")}, InvalidRequest),
        ({"f": "\ud800"}, InvalidRequest),
    ],
)
def test_wrong_files(files, error):
    """What cannot be a part is refused at the call."""
    with pytest.raises(error):
        make_multipart(None, files)
