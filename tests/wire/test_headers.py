"""What may be sent as a field, and that nothing else gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tymeconn.errors import InvalidRequest
from tymeconn.wire.headers import check_header, make_headers, pairs

CONTROLS = [chr(code) for code in [*range(9), *range(10, 32), 127]]
TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_order_case_and_repeats_are_kept():
    """Fields stay as they were given; names are found in any case."""
    headers = make_headers([("X-b", "1"), ("A", "2"), ("x-B", "3")])
    assert list(headers.items()) == [("X-b", "1"), ("A", "2"), ("x-B", "3")]
    assert headers.getall("X-B") == ["1", "3"]


def test_immutable():
    """Checked headers cannot be changed, nor through what they were made of."""
    given = CIMultiDict(A="1")
    headers = make_headers(given)
    given["A"] = "2\r\n"
    assert headers["a"] == "1"
    assert not hasattr(headers, "__setitem__")


def test_none_is_empty():
    """No headers are an empty set of them."""
    assert list(make_headers(None).items()) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("v", "v"),
        (5, "5"),
        (-5, "-5"),
        (b"\xff", "ÿ"),
        (bytearray(b"x"), "x"),
        (" \tv w\t ", "v w"),
        ("", ""),
    ],
)
def test_values(value, text):
    """A value is text, an int or bytes; blanks around it are not part of it (RFC 9110 5.5)."""
    assert check_header("X", value) == ("X", text)


def test_tab_inside():
    """A tab is the one control that a value may hold."""
    assert check_header("X", "a\tb")[1] == "a\tb"


def test_name_as_bytes():
    """A name may be bytes."""
    assert check_header(b"X-Y", "v") == ("X-Y", "v")


@pytest.mark.parametrize("control", CONTROLS, ids=repr)
@pytest.mark.parametrize("place", ["{}a", "a{}b", "a{}"])
def test_controls(control, place):
    """No control gets into a name or a value, at the end neither, as text or bytes."""
    text = place.format(control)
    for name, value in [("X", text), (text, "v"), ("X", text.encode()), (text.encode(), "v")]:
        with pytest.raises(InvalidRequest) as caught:
            check_header(name, value)
        assert caught.value.kind == "invalid_header"


@pytest.mark.parametrize(
    "name", ["", " ", "X ", " X", "X:", "X Y", "X\t", "Ä", "名", "X\N{NO-BREAK SPACE}", "\ud800"]
)
def test_names_are_tokens(name):
    """What is no token is no name."""
    with pytest.raises(InvalidRequest, match="header name"):
        check_header(name, "v")


@pytest.mark.parametrize("character", TOKEN_CHARACTERS)
def test_token_characters(character):
    """All of RFC 9110 5.6.2 may stand in a name."""
    assert check_header(character, "v")[0] == character


@pytest.mark.parametrize("value", ["€", "\ud800"])
def test_values_are_latin1(value):
    """A value that has no byte for a character is refused."""
    with pytest.raises(InvalidRequest, match="value of header X is not latin-1"):
        check_header("X", value)


@pytest.mark.parametrize("value", [None, 1.5, True, ["v"], object])
def test_wrong_type_of_value(value):
    """A value of another type is named together with its header."""
    with pytest.raises(TypeError, match="value of header X ") as caught:
        check_header("X", value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("name", [None, 5, bytearray(b"X")])
def test_wrong_type_of_name(name):
    """A name of another type is named."""
    with pytest.raises(TypeError, match="header name") as caught:
        check_header(name, "v")
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("given", ["X: y", b"X: y", 5, ["ab"], [("a",)], [("a", "b", "c")], [None]])
def test_neither_mapping_nor_pairs(given):
    """What holds no pairs is named."""
    with pytest.raises(TypeError, match="headers must be a mapping or pairs"):
        make_headers(given)


def test_pairs():
    """Pairs are those of a mapping, repeats included, or of any iterable."""
    assert pairs(CIMultiDict([("a", 1), ("A", 2)]), "them") == [("a", 1), ("A", 2)]
    assert pairs(iter([["a", 1]]), "them") == [["a", 1]]


@given(st.text() | st.binary(), st.text() | st.binary() | st.integers())
def test_what_is_accepted_is_one_line(name, value):
    """Whatever is accepted makes exactly one line of latin-1, and is accepted again as it is."""
    try:
        field = check_header(name, value)
    except InvalidRequest:
        return
    line = ": ".join(field).encode("latin-1")
    assert not set(line) & {0, 10, 13}
    assert check_header(*field) == field
