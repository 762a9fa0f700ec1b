"""Who is told of a cookie: hosts, paths and public suffixes (RFC 6265bis 5.1.3, 5.1.4 and 5.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module

__all__ = [
    "above",
    "default_path",
    "domain_matches",
    "one_label",
    "path_matches",
    "public_suffixes",
    "scope",
]


@cache
def public_suffixes() -> Callable[[str], bool]:
    """Return what says whether a domain is a public suffix, by the list of publicsuffixlist (extra psl).

    Its file is read in the first call. Without it, a name of one label is one, which lets anybody under
    co.uk or github.io share cookies with all others there.
    """
    try:
        listing = import_module("publicsuffixlist")
    except ImportError:
        return one_label
    is_public: Callable[[str], bool] = listing.PublicSuffixList().is_public
    return is_public


def one_label(domain: str) -> bool:
    """Return whether a domain has no dot, but for a final one."""
    return "." not in domain.removesuffix(".")


def scope(host: str, asked: str, suffix: Callable[[str], bool]) -> tuple[str, bool] | None:
    """Return the domain of a cookie and whether it is host-only (RFC 6265bis 5.7, steps 8 to 10).

    None when `host` may not ask for it. A name that is not ASCII matches no host and is refused by that.

    Args:
        host: who sets the cookie.
        asked: the Domain attribute in lower case without its leading dot; empty when there is none.
        suffix: says whether a domain is a public suffix.
    """
    if not asked:
        return host, True
    if not domain_matches(host, asked):
        return None
    if suffix(asked):
        return (host, True) if asked == host else None
    return asked, False


def default_path(path: str) -> str:
    """Return the path of a cookie that an answer to `path` gives none (RFC 6265bis 5.1.4)."""
    return path.rpartition("/")[0] or "/"


def path_matches(path: str, cookie_path: str) -> bool:
    """Return whether a path is `cookie_path` or below it (RFC 6265bis 5.1.4)."""
    return path.startswith(cookie_path) and (
        cookie_path.endswith("/") or path[len(cookie_path) :][:1] in ("", "/")
    )


def domain_matches(host: str, domain: str) -> bool:
    """Return whether a host is `domain` or below it (RFC 6265bis 5.1.3); nothing is below an address."""
    return host == domain or (host.endswith(f".{domain}") and not _is_address(host))


def _is_address(host: str) -> bool:
    # `urls` lets no name end in a number.
    return ":" in host or host.rpartition(".")[2].isdigit()


def above(host: str) -> Iterator[str]:
    """Go through what a host matches: itself, and unless it is an address all names above it."""
    yield host
    while not _is_address(host) and (host := host.partition(".")[2]):
        yield host
