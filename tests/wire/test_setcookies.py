"""What one Set-Cookie field says, however it is written."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.wire.setcookies import MAX_ATTRIBUTE, MAX_LIFETIME, SetCookie, cookie_date, parse_set_cookie

NOW = 1_780_000_000.0
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
SECONDS = 784_111_777.0
LONG = "9" * (MAX_ATTRIBUTE + 1)


@pytest.mark.parametrize(
    ("field", "name", "value"),
    [
        ("a=1", "a", "1"),
        ("  a \t=\t 1 ;x", "a", "1"),
        ("a=b=c==", "a", "b=c=="),
        ('a="b c"', "a", '"b c"'),
        ("a=", "a", ""),
        ("a", "", "a"),
        ("=a", "", "a"),
        ("=a=b", "", "a=b"),
        ("", "", ""),
        (";a=1", "", ""),
        ("a=1,b=2", "a", "1,b=2"),
        ("a=\xa0\x85", "a", "\xa0\x85"),
    ],
)
def test_pair(field, name, value):
    """Name and value are parted at the first equals sign, and lose nothing but blanks around them."""
    assert parse_set_cookie(field) == SetCookie(name, value)


@pytest.mark.parametrize("unfit", ["\0", "\x07", "\n", "\r", "\x1f", "\x7f", "\u0100", "\u0663", "\ud800"])
@pytest.mark.parametrize("field", ["a{}=1", "a=1{}", "a=1; Path=/{}", "a=1; x={}"])
def test_unfit(field, unfit):
    """A control, and what stands for no byte, spoils the whole field wherever it is."""
    assert parse_set_cookie(field.format(unfit)) is None


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ("Secure", {"secure": True}),
        ("\tSECURE = no", {"secure": True}),
        ("secure x", {}),
        ("xsecure", {}),
        ("HttpOnly;Secure;", {"http_only": True, "secure": True}),
        ("Path=/a b", {"path": "/a b"}),
        ("Path", {"path": ""}),
        ("Path=/x; Path=", {"path": ""}),
        ("Path=/a=b", {"path": "/a=b"}),
        ("Domain=.A.Example", {"domain": "a.example"}),
        ("Domain=..a", {"domain": ".a"}),
        ("Domain=a; Domain=", {"domain": ""}),
        (f"Domain=a; Domain={LONG}", {"domain": "a"}),
        (f"Secure={LONG}", {}),
        (f"Path={LONG[1:]}", {"path": LONG[1:]}),
        ("SameSite=Strict; Priority=High", {}),
        ("Max-Age=60", {"max_age": 60}),
        ("Max-Age=-1", {"max_age": -1}),
        ("Max-Age=60; Max-Age=soon", {"max_age": 60}),
        ("Max-Age=", {}),
        ("Max-Age=-", {}),
        ("Max-Age=+1", {}),
        ("Max-Age=1.5", {}),
        ("Max-Age=\xb2", {}),
        (f"Max-Age={LONG}", {}),
        (f"Expires={DATE}", {"expires": SECONDS}),
        (f"Expires={DATE}; Expires=never", {"expires": SECONDS}),
    ],
)
def test_attributes(attributes, said):
    """The last valid attribute of a name counts; what is unknown, malformed or too long says nothing."""
    assert parse_set_cookie(f"a=1; {attributes}") == SetCookie("a", "1", **said)


@pytest.mark.parametrize(
    ("attributes", "ends"),
    [
        ("", None),
        ("Max-Age=60", NOW + 60),
        ("Max-Age=0", NOW),
        ("Max-Age=-" + "9" * 1000, NOW),
        ("Max-Age=" + "9" * 1000, NOW + MAX_LIFETIME),
        (f"Expires={DATE}", SECONDS),
        ("Expires=Fri, 31 Dec 9999 23:59:59 GMT", NOW + MAX_LIFETIME),
        (f"Max-Age=60; Expires={DATE}", NOW + 60),
    ],
)
def test_ends(attributes, ends):
    """Max-Age goes before Expires, and no server has a cookie kept for more than 400 days."""
    assert parse_set_cookie(f"a=1; {attributes}").ends(NOW) == ends


@pytest.mark.parametrize(
    "date",
    [
        DATE,
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "6 november 94 8:49:37",
        "08:49:37x 1994 06th NOV 7 8",
        "06/Nov/1994/08:49:37",
    ],
)
def test_dates(date):
    """A date is what its parts say, in any order and between any delimiters."""
    assert cookie_date(date) == SECONDS


@pytest.mark.parametrize(
    ("year", "read"),
    [("70", 1970), ("99", 1999), ("00", 2000), ("69", 2069), ("1601", 1601), ("9999", 9999)],
)
def test_years(year, read):
    """Two digits mean the years from 1970 to 2069."""
    same = cookie_date(f"1 Jan {read:04} 00:00:00")
    assert same is not None
    assert cookie_date(f"1 Jan {year} 00:00:00") == same


@pytest.mark.parametrize(
    "date",
    [
        "",
        "06 Nov 1994",
        "08:49:37 06 Nov",
        "08:49:37 Nov 1994",
        "08:49:37 06 1994",
        "08:49 06 Nov 1994",
        "24:00:00 06 Nov 1994",
        "08:60:00 06 Nov 1994",
        "08:49:60 06 Nov 1994",
        "008:49:37 06 Nov 1994",
        "08:49:370 06 Nov 1994",
        "08:49:37 00 Nov 1994",
        "08:49:37 31 Nov 1994",
        "08:49:37 29 Feb 2023",
        "08:49:37 06 Nov 1600",
        "08:49:37 06 Nov 19940",
        "08:49:37 06 Nov 1",
    ],
)
def test_no_date(date):
    """What lacks a part, or names a day or a time that does not exist, is no date."""
    assert cookie_date(date) is None


@given(st.integers(-11_644_473_600, 253_402_300_799))
def test_every_second(seconds):
    """A date in the form of HTTP is read as the second that was written."""
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)
    assert cookie_date(f"{moment:%a, %d %b} {moment.year:04} {moment:%H:%M:%S} GMT") == seconds


@given(st.text(st.characters(max_codepoint=0x17F)), st.text("0123456789:;=,. -JanfebMax\t\xb2\u0663"))
def test_any_text(first, second):
    """Whatever a field holds, it says something or nothing, and raises never."""
    for field in (first, second, f"{first};{second}", f"a=1; expires={second}; max-age={second}"):
        said = parse_set_cookie(field)
        assert said is None or said.name in field


@pytest.mark.parametrize(
    "piece", [";", " ", "; ", ";secure", "; secure ", "=", "a", ";path=", ";expires=1:1:1 1 jan"]
)
def test_long_fields(piece):
    """A long field is read like a short one, whatever it repeats."""
    said = parse_set_cookie("a=1; secure; " + piece * (100_000 // len(piece)))
    assert said.value == "1"


def test_long_date_is_not_read_to_its_end():
    """A date has its parts within a few words."""
    date = "Thu, 01 Jan 2026 00:00:00 GMT"
    assert cookie_date(f"{date}{' x' * 10_000}") is not None
    assert cookie_date(f"{'x ' * 10_000}{date}") is None
