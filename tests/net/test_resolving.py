from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tymeconn.net.resolving import Resolver
from tymeconn.net.seams import Address

from ..stand_ins import Clock
from .scripted import PATIENCE, join_threads

V4, V6 = socket.AF_INET, socket.AF_INET6
MAIN = threading.get_ident()


def row(family: int, *sockaddr: Any) -> tuple[Any, ...]:
    return family, socket.SOCK_STREAM, 6, "", sockaddr


class Names:
    """A getaddrinfo that knows some names, counts who asks, and waits while `gate` is closed."""

    def __init__(self, *rows: tuple[Any, ...]) -> None:
        self.rows = list(rows) or [row(V4, "192.0.2.1", 80)]
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.threads: set[threading.Thread] = set()
        self.busy = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, host: str, port: int, *, type: int) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        self.threads.add(threading.current_thread())
        self.busy.release()
        self.gate.wait(PATIENCE)
        if self.error:
            raise self.error
        return self.rows


def look_up(resolver: Resolver, host: str = "example.test") -> Any:
    lookup = resolver.resolve(host, 80)
    join_threads()
    return lookup


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("192.0.2.7", ["192.0.2.7:80"]),
        ("2001:db8::7", ["[2001:db8::7]:80"]),
        ("localhost", ["127.0.0.1:80", "[::1]:80"]),
    ],
)
def test_literals_and_localhost_end_at_once(host: str, addresses: list[str]) -> None:
    """An IP address and "localhost" have ended when resolve returns, and nobody is asked."""
    names = Names()
    lookup = Resolver(getaddrinfo=names).resolve(host, 80)
    assert lookup.ended
    assert [str(address) for address in lookup.addresses] == addresses
    assert (lookup.error, names.asked) == (None, [])


def test_a_name_is_asked_on_another_daemon_thread() -> None:
    """getaddrinfo runs off the servicing thread, on a thread that does not keep the interpreter alive."""
    names = Names()
    lookup = look_up(Resolver(getaddrinfo=names))
    (thread,) = names.threads
    assert (thread.ident != MAIN, thread.daemon) == (True, True)
    assert lookup.addresses == (Address(V4, ("192.0.2.1", 80)),)


def test_a_lookup_has_not_ended_before_its_answer() -> None:
    """While getaddrinfo works there are neither addresses nor an error."""
    names = Names()
    names.gate.clear()
    lookup = Resolver(getaddrinfo=names).resolve("example.test", 80)
    assert (lookup.ended, lookup.addresses, lookup.error) == (False, (), None)
    names.gate.set()
    join_threads()
    assert lookup.ended


def test_addresses_are_deduplicated_and_interleaved_by_family() -> None:
    """The preferred family leads, the other alternates, each address comes once (RFC 8305 4)."""
    rows = [row(V6, f"2001:db8::{n}", 80, 0, 0) for n in (1, 2, 2, 3)] + [row(V4, "192.0.2.1", 80)]
    lookup = look_up(Resolver(getaddrinfo=Names(*rows)))
    hosts = [address.sockaddr[0] for address in lookup.addresses]
    assert hosts == ["2001:db8::1", "192.0.2.1", "2001:db8::2", "2001:db8::3"]


def test_the_systems_preference_leads() -> None:
    """When the system puts IPv4 first, IPv4 is tried first."""
    rows = row(V4, "192.0.2.1", 80), row(V4, "192.0.2.2", 80), row(V6, "2001:db8::1", 80, 0, 0)
    lookup = look_up(Resolver(getaddrinfo=Names(*rows)))
    hosts = [address.sockaddr[0] for address in lookup.addresses]
    assert hosts == ["192.0.2.1", "2001:db8::1", "192.0.2.2"]


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "later"), socket.EAI_AGAIN),
        (UnicodeError("label too long"), socket.EAI_NONAME),
    ],
)
def test_a_failed_lookup_carries_its_error(error: Exception, number: int) -> None:
    """What getaddrinfo raises is the look-up's error; a string that is no name is a name unknown."""
    names = Names()
    names.error = error
    lookup = look_up(Resolver(getaddrinfo=names))
    assert (lookup.ended, lookup.addresses, lookup.error.errno) == (True, (), number)


def test_a_name_with_addresses_of_other_families_only_is_unknown() -> None:
    """Only IPv4 and IPv6 count as addresses."""
    lookup = look_up(Resolver(getaddrinfo=Names(row(socket.AF_UNIX, "/x"))))
    assert lookup.error.errno == socket.EAI_NONAME


def test_the_signal_fires_once_on_the_thread_that_first_sees_the_end() -> None:
    """No thread of the resolver fires it; the first read of `ended` that is True does."""
    names, fired = Names(), []
    names.gate.clear()
    lookup = Resolver(getaddrinfo=names).resolve("example.test", 80)
    lookup.signal.attend("test", lambda: fired.append(threading.get_ident()))
    names.gate.set()
    join_threads()
    assert fired == []
    assert (lookup.ended, lookup.ended, fired) == (True, True, [threading.get_ident()])


def test_a_name_that_is_known_has_no_descriptor() -> None:
    """What has ended needs no watching."""
    assert Resolver(getaddrinfo=Names()).resolve("127.0.0.1", 80).fileno() is None


def test_nobody_is_told_after_cancel() -> None:
    """A canceled ticket fires no signal, although the look-up goes on."""
    names, fired = Names(), []
    lookup = Resolver(getaddrinfo=names).resolve("example.test", 80)
    lookup.signal.attend("test", lambda: fired.append(True))
    lookup.cancel()
    join_threads()
    assert (lookup.ended, fired) == (True, [])


@pytest.mark.parametrize(("error", "seconds"), [(None, 60.0), (socket.gaierror(-2, "unknown"), 5.0)])
def test_answers_are_kept_for_a_while(error: Exception | None, seconds: float) -> None:
    """Addresses are shared for 60 s and failures for 5 s of the clock, and asked anew after."""
    names, clock = Names(), Clock(1000.0)
    names.error = error
    resolver = Resolver(clock, names)
    look_up(resolver)
    clock.now += seconds - 0.1
    assert look_up(resolver).ended
    assert len(names.asked) == 1
    clock.now += 0.1
    look_up(resolver)
    assert len(names.asked) == 2


def test_lookups_of_one_name_share_one_question() -> None:
    """Who asks for a name that is being looked up waits for the same answer."""
    names = Names()
    names.gate.clear()
    resolver = Resolver(getaddrinfo=names)
    lookups = [resolver.resolve("example.test", 80) for _ in range(100)]
    names.gate.set()
    join_threads()
    assert all(lookup.ended for lookup in lookups)
    assert names.asked == ["example.test"]


def test_at_most_sixteen_threads_work_and_none_outlives_the_work() -> None:
    """Forty slow names occupy sixteen threads; all names are answered and no thread is left."""
    names = Names()
    names.gate.clear()
    resolver = Resolver(getaddrinfo=names)
    lookups = [resolver.resolve(f"host{n}.test", 80) for n in range(40)]
    for _ in range(16):
        assert names.busy.acquire(timeout=PATIENCE)
    assert len(names.asked) == 16
    names.gate.set()
    join_threads()
    assert all(lookup.ended for lookup in lookups)
    assert (len(names.threads) <= 16, any(thread.is_alive() for thread in names.threads)) == (True, False)


def test_the_cache_is_bounded() -> None:
    """Of more than 1024 names the one asked for longest ago is forgotten."""
    names = Names()
    resolver = Resolver(getaddrinfo=names)
    for n in (*range(1024), 0, 1024):
        resolver.resolve(f"host{n}.test", 80)
    join_threads()
    look_up(resolver, "host0.test")
    look_up(resolver, "host1.test")
    assert (names.asked.count("host0.test"), names.asked.count("host1.test")) == (1, 2)


def refuse_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    return monkeypatch.undo


def test_a_lookup_without_a_thread_fails_and_the_next_may_succeed(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system gives no thread the look-up ends with an OSError, and another name works later."""
    resolver = Resolver(getaddrinfo=Names())
    allow = refuse_threads(monkeypatch)
    lookup = resolver.resolve("example.test", 80)
    allow()
    assert (lookup.ended, "thread" in str(lookup.error)) == (True, True)
    assert look_up(resolver, "other.test").addresses


def test_a_lookup_waits_for_a_thread_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a second thread is refused, the first comes to the name after its own."""
    names = Names()
    names.gate.clear()
    resolver = Resolver(getaddrinfo=names)
    resolver.resolve("example.test", 80)
    assert names.busy.acquire(timeout=PATIENCE)
    allow = refuse_threads(monkeypatch)
    lookup = resolver.resolve("other.test", 80)
    allow()
    names.gate.set()
    join_threads()
    assert lookup.addresses


def test_the_default_resolver_asks_the_system() -> None:
    """Without arguments it is socket.getaddrinfo, which here reads an old spelling without asking DNS."""
    lookup = look_up(Resolver(), "127.1")
    assert [str(address) for address in lookup.addresses] == ["127.0.0.1:80"]
