"""Who is told of a cookie: paths, hosts and the names above them."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tymeconn.wire.matching import (
    above,
    default_path,
    domain_matches,
    one_label,
    path_matches,
    public_suffixes,
    scope,
)

HOSTS = st.lists(st.sampled_from(["a", "b", "aa", "example", "co", "uk"]), min_size=1, max_size=5).map(
    ".".join
)


@pytest.mark.parametrize(
    ("path", "default"),
    [("/", "/"), ("/x", "/"), ("/dir/", "/dir"), ("/dir/x", "/dir"), ("/a/b/c", "/a/b"), ("*", "/")],
)
def test_default_path(path, default):
    """A cookie without a path is told to what lies beside the URL that set it."""
    assert default_path(path) == default


@pytest.mark.parametrize(
    ("path", "cookie_path", "told"),
    [
        ("/", "/", True),
        ("/foo", "/", True),
        ("/foo", "/foo", True),
        ("/foo/", "/foo", True),
        ("/foo/bar", "/foo", True),
        ("/foo/bar", "/foo/", True),
        ("/foo", "/foo/", False),
        ("/foobar", "/foo", False),
        ("/Foo", "/foo", False),
        ("/", "/foo", False),
    ],
)
def test_path_matches(path, cookie_path, told):
    """A path is at or below another at a slash, and nowhere else."""
    assert path_matches(path, cookie_path) is told


@pytest.mark.parametrize(
    ("host", "domain", "told"),
    [
        ("a.example", "a.example", True),
        ("b.a.example", "a.example", True),
        ("ba.example", "a.example", False),
        ("example", "a.example", False),
        ("a.example.", "a.example", False),
        ("1.2.3.4", "1.2.3.4", True),
        ("1.2.3.4", "3.4", False),
        ("::1", "::1", True),
        ("::ffff:1.2.3.4", "2.3.4", False),
    ],
)
def test_domain_matches(host, domain, told):
    """A name is at or below another at a dot; an address matches itself only."""
    assert domain_matches(host, domain) is told


@given(HOSTS, HOSTS)
def test_above_is_what_matches(host, domain):
    """The names above a host are those that it matches."""
    assert (domain in list(above(host))) is domain_matches(host, domain)


@pytest.mark.parametrize("address", ["1.2.3.4", "::1", "::ffff:1.2.3.4"])
def test_nothing_is_above_an_address(address):
    """The numbers of an address are no names."""
    assert list(above(address)) == [address]


def test_above_a_final_dot():
    """A host with a final dot has names with one above it."""
    assert list(above("a.example.")) == ["a.example.", "example."]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("", ("a.example", True)),
        ("a.example", ("a.example", False)),
        ("example", None),
        ("b.example", None),
        ("c.a.example", None),
        ("ä.example", None),
    ],
)
def test_scope(asked, told):
    """A host speaks for itself and for the names above it that are no suffix."""
    assert scope("a.example", asked, one_label) == told


def test_scope_of_a_suffix():
    """A public suffix that asks for itself gets a cookie for this host alone."""
    assert scope("co.uk", "co.uk", lambda domain: domain == "co.uk") == ("co.uk", True)


@pytest.mark.parametrize(("domain", "said"), [("localhost", True), ("com.", True), ("co.uk", False)])
def test_one_label(domain, said):
    """A name of one label has no dot, except at its end."""
    assert one_label(domain) is said


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("uk", True),
        ("co.uk", True),
        ("co.uk.", True),
        ("a.co.uk", False),
        ("github.io", True),
        ("nosuchsuffix", True),
        ("xn--55qx5d.cn", True),
        ("1.2.3.4", False),
    ],
)
def test_with_the_list(domain, said):
    """With publicsuffixlist the list says what is a suffix, those of companies and in IDNA too."""
    assert public_suffixes()(domain) is said


def test_the_list_is_read_once():
    """What the first call has read serves all others."""
    assert public_suffixes() is public_suffixes()


def test_without_the_list(monkeypatch):
    """Without publicsuffixlist a name of one label is all that is known for a suffix."""
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    assert public_suffixes.__wrapped__() is one_label
