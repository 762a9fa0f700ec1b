from __future__ import annotations

import errno
import socket
import ssl

import pytest

from tymeconn.errors import (
    CertificateError,
    ConnectError,
    ExchangeError,
    LocalResource,
    NameNotFound,
    NameTryAgain,
    TlsError,
)
from tymeconn.net.dialing import Dial
from tymeconn.net.seams import Address, Tls
from tymeconn.wire.urls import Origin

from .scripted import V4, V6, Pipe, ScriptedLookup, ScriptedNetwork

ORIGIN = Origin("https", "example.test", 443)
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
EXHAUSTED = OSError(errno.EMFILE, "Too many open files")
MISMATCH = ssl.SSLCertVerificationError(1, "Hostname mismatch")
HANDSHAKE = ssl.SSLError(1, "wrong version number")
THIRD = Address(socket.AF_INET, ("192.0.2.3", 80))


def race(*outcomes: Pipe | OSError) -> tuple[Dial, ScriptedNetwork]:
    """A dial whose addresses V6, V4 and THIRD give these connectors or errors."""
    addresses = (V6, V4, THIRD)[: len(outcomes)]
    network = ScriptedNetwork(ScriptedLookup(addresses), dict(zip(addresses, outcomes, strict=True)))
    return Dial(network, ORIGIN, None), network


def failing(error: OSError) -> Pipe:
    pipe = Pipe(up=False)
    pipe.failure = error
    return pipe


def slow() -> Pipe:
    return Pipe(up=False)


def tried(network: ScriptedNetwork) -> list[Address]:
    return [address for address, _ in network.tried]


class TestResolving:
    def test_it_waits_for_the_lookup(self) -> None:
        """Until the name is resolved it awaits the look-up, by signal and descriptor, and no time."""
        lookup = ScriptedLookup()
        network = ScriptedNetwork(lookup)
        dial = Dial(network, ORIGIN, None)
        assert (dial.step(), dial.phase, network.asked) == (None, "resolving", [("example.test", 443)])
        assert (dial.awaited, dial.until) == ((lookup, lookup.signal), None)

    def test_it_connects_once_the_name_is_resolved(self) -> None:
        """The same step that sees the addresses begins to connect."""
        lookup, pipe = ScriptedLookup(), slow()
        dial = Dial(ScriptedNetwork(lookup, {V4: pipe}), ORIGIN, None)
        dial.step()
        lookup.addresses, lookup.ended = (V4,), True
        assert (dial.step(), dial.phase) == (None, "connecting")

    @pytest.mark.parametrize(
        ("number", "kind"), [(socket.EAI_NONAME, NameNotFound), (socket.EAI_AGAIN, NameTryAgain)]
    )
    def test_a_failed_lookup_is_raised(self, number: int, kind: type[ExchangeError]) -> None:
        """The error names the host and the resolver's reason, and the phase stays resolving."""
        dial = Dial(ScriptedNetwork(ScriptedLookup(error=socket.gaierror(number, "why"))), ORIGIN, None)
        with pytest.raises(kind, match=r"^cannot resolve example\.test: why$"):
            dial.step()
        assert dial.phase == "resolving"

    def test_a_name_without_addresses_is_not_found(self) -> None:
        """No address and no error is still no address."""
        lookup = ScriptedLookup()
        lookup.ended = True
        with pytest.raises(NameNotFound, match="no address"):
            Dial(ScriptedNetwork(lookup), ORIGIN, None).step()


class TestRacing:
    def test_an_address_that_is_up_wins_at_once(self) -> None:
        """When the first is up no other is tried, and the winner is open."""
        winner = Pipe()
        dial, network = race(winner, slow())
        assert (dial.step(), tried(network), winner.closes) == (winner, [V6], 0)

    def test_one_attempt_is_made_while_the_first_is_young(self) -> None:
        """The next address waits for 0.25 s of the network's clock (RFC 8305 5)."""
        dial, network = race(slow(), slow())
        network.now = 100.0
        assert (dial.step(), dial.until, tried(network)) == (None, 100.25, [V6])
        network.now = 100.2
        assert (dial.step(), dial.until, tried(network)) == (None, 100.25, [V6])

    def test_the_next_attempt_joins_after_a_quarter_second(self) -> None:
        """The earlier attempt goes on; when no address is left there is no next time."""
        first = slow()
        dial, network = race(first, slow())
        dial.step()
        network.now = 0.25
        assert (dial.step(), dial.until, tried(network)) == (None, None, [V6, V4])
        assert first.closes == 0

    def test_attempts_are_a_quarter_second_apart(self) -> None:
        """A dial that was not serviced for long starts one attempt, not all."""
        dial, network = race(slow(), slow(), slow())
        dial.step()
        network.now = 10.0
        assert (dial.step(), dial.until, tried(network)) == (None, 10.25, [V6, V4])

    def test_a_failure_starts_the_next_attempt_at_once(self) -> None:
        """A failed connector is closed and the next address is tried in the same step."""
        first, second = slow(), slow()
        dial, network = race(first, second)
        dial.step()
        first.failure = REFUSED
        assert (dial.step(), tried(network), first.closes, second.closes) == (None, [V6, V4], 1, 0)

    def test_a_failure_beside_a_young_attempt_starts_the_next_at_once(self) -> None:
        """Any failure makes room: the quarter second is not waited for (RFC 8305 5)."""
        first, second = slow(), slow()
        dial, network = race(first, second, slow())
        dial.step()
        network.now = 0.25
        dial.step()
        first.failure, network.now = REFUSED, 0.3
        assert (dial.step(), tried(network)) == (None, [V6, V4, THIRD])

    def test_an_address_that_fails_at_once_is_passed_over(self) -> None:
        """When no connector can even be made the next address is tried in the same step."""
        winner = Pipe()
        dial, network = race(REFUSED, failing(REFUSED), winner)
        assert (dial.step(), tried(network)) == (winner, [V6, V4, THIRD])

    @pytest.mark.parametrize("faster", [0, 1])
    def test_the_first_that_is_up_wins_and_the_loser_is_closed(self, faster: int) -> None:
        """Whichever came first, one connector is handed over and the other closed once."""
        pipes = slow(), slow()
        dial, network = race(*pipes)
        dial.step()
        network.now = 0.25
        dial.step()
        pipes[faster].up = True
        assert dial.step() is pipes[faster]
        assert (pipes[faster].closes, pipes[1 - faster].closes) == (0, 1)

    def test_of_two_that_are_up_the_earlier_wins(self) -> None:
        """When both are up in one step the preferred address is taken."""
        first, second = slow(), slow()
        dial, network = race(first, second)
        dial.step()
        network.now = 0.25
        dial.step()
        first.up = second.up = True
        assert (dial.step(), first.closes, second.closes) == (first, 0, 1)

    def test_a_winner_ends_the_trying(self) -> None:
        """Addresses not tried yet are left alone, and closing the dial leaves the winner open."""
        first = slow()
        dial, network = race(first, slow())
        dial.step()
        first.up, network.now = True, 5.0
        assert (dial.step(), tried(network)) == (first, [V6])
        dial.close()
        assert first.closes == 0


def unready(lookup: ScriptedLookup) -> tuple[Dial, ScriptedNetwork]:
    """A dial with TLS whose network is not ready."""
    network = ScriptedNetwork(lookup, {V4: slow()})
    network.readying = ScriptedLookup()
    return Dial(network, ORIGIN, Tls()), network


class TestReadying:
    def test_it_waits_for_what_tls_needs(self) -> None:
        """Until then it awaits that, while the name is looked up already; no connector is made."""
        dial, network = unready(ScriptedLookup((V4,)))
        assert (dial.step(), dial.phase, network.asked) == (None, "connecting", [("example.test", 443)])
        assert (dial.awaited, dial.until) == ((network.readying, network.readying.signal), None)
        assert network.tried == []

    def test_it_connects_once_all_is_ready(self) -> None:
        """The same step that sees that goes on to the addresses."""
        dial, network = unready(ScriptedLookup((V4,)))
        dial.step()
        network.readying.ended = True
        dial.step()
        assert tried(network) == [V4]

    def test_what_cannot_be_had_is_a_tls_error(self) -> None:
        """A load that failed names the origin and the reason, and the phase stays connecting."""
        dial, network = unready(ScriptedLookup())
        network.readying.ended, network.readying.error = True, ssl.SSLError(1, "no roots")
        with pytest.raises(TlsError, match=r"^cannot speak TLS with https://example\.test: no roots$"):
            dial.step()
        assert dial.phase == "connecting"

    def test_without_tls_nothing_is_awaited(self) -> None:
        """A plain connection needs none of it."""
        network = ScriptedNetwork(ScriptedLookup((V4,)), {V4: slow()})
        network.readying = ScriptedLookup()
        Dial(network, ORIGIN, None).step()
        assert tried(network) == [V4]

    def test_close_gives_it_up(self) -> None:
        """Nobody waits any more."""
        dial, network = unready(ScriptedLookup())
        dial.close()
        assert network.readying.canceled


class TestTls:
    def test_the_certificate_is_asked_for_the_origins_host(self) -> None:
        """An empty hostname becomes the origin's."""
        network = ScriptedNetwork(ScriptedLookup((V4,)), {V4: slow()})
        Dial(network, ORIGIN, Tls(verify=False)).step()
        assert network.tried == [(V4, Tls(verify=False, hostname="example.test"))]

    def test_a_given_hostname_is_kept(self) -> None:
        """A hostname of the configuration goes before the origin's."""
        network = ScriptedNetwork(ScriptedLookup((V4,)), {V4: slow()})
        Dial(network, ORIGIN, Tls(hostname="other.test")).step()
        assert network.tried == [(V4, Tls(hostname="other.test"))]

    def test_a_refused_certificate_lets_other_addresses_win(self) -> None:
        """One wrongly configured server of several does no harm."""
        winner = Pipe()
        dial, _ = race(failing(MISMATCH), winner)
        assert dial.step() is winner


class TestFailing:
    @pytest.mark.parametrize(
        ("errors", "kind"),
        [
            ([REFUSED, REFUSED], ConnectError),
            ([MISMATCH, REFUSED], CertificateError),
            ([REFUSED, HANDSHAKE], TlsError),
            ([EXHAUSTED, EXHAUSTED], LocalResource),
        ],
    )
    def test_when_all_failed_the_most_telling_is_raised(
        self, errors: list[OSError], kind: type[ExchangeError]
    ) -> None:
        """Every address is listed with its reason, whatever the kind, and all are closed."""
        pipes = [failing(error) for error in errors]
        dial, _ = race(*pipes)
        with pytest.raises(kind) as caught:
            dial.step()
        reasons = f"[2001:db8::1]:80: {errors[0].strerror}; 192.0.2.1:80: {errors[1].strerror}"
        assert str(caught.value) == f"cannot connect to https://example.test at {reasons}"
        assert [pipe.closes for pipe in pipes] == [1, 1]

    def test_a_late_failure_is_raised_when_it_was_the_last(self) -> None:
        """Addresses that failed earlier are listed in the order of their failing."""
        first = slow()
        dial, network = race(first, REFUSED)
        dial.step()
        network.now = 0.25
        assert dial.step() is None
        first.failure = REFUSED
        with pytest.raises(ConnectError, match=r"at 192.0.2.1:80: .*; \[2001:db8::1\]:80: "):
            dial.step()
        assert dial.phase == "connecting"


class TestWaiting:
    def test_descriptors_are_awaited_themselves(self) -> None:
        """A connector with a descriptor is what a selector watches."""
        pipe = Pipe(up=False, descriptor=7)
        dial, _ = race(pipe)
        dial.step()
        assert dial.awaited == (pipe,)

    def test_a_connector_without_descriptor_fires_the_dials_signal(self) -> None:
        """Its notification wakes whoever waits for the dial, beside the descriptors."""
        seen, unseen = Pipe(up=False, descriptor=7), slow()
        dial, network = race(seen, unseen)
        dial.step()
        network.now = 0.25
        dial.step()
        watched, signal = dial.awaited
        woken: list[bool] = []
        signal.attend("test", lambda: woken.append(True))  # type: ignore[union-attr]
        assert unseen.notify
        unseen.notify(unseen)
        assert (watched, woken) == (seen, [True])

    def test_what_was_notified_in_a_step_wants_another(self) -> None:
        """A notification that comes while nobody waits is not lost."""
        pipe = slow()
        dial, network = race(pipe)
        network.now = 3.0
        dial.step()
        assert pipe.notify
        pipe.notify(pipe)
        assert dial.until == 3.0
        dial.step()
        assert dial.until is None

    def test_bytes_inside_a_connector_want_a_step_now(self) -> None:
        """What no descriptor will announce is due at once."""
        pipe = slow()
        dial, network = race(pipe)
        network.now = 3.0
        dial.step()
        pipe.pending = True
        assert dial.until == 3.0


class TestClosing:
    def test_close_gives_up_the_lookup(self) -> None:
        """The ticket is canceled."""
        lookup = ScriptedLookup()
        Dial(ScriptedNetwork(lookup), ORIGIN, None).close()
        assert lookup.canceled

    def test_close_closes_every_attempt_once(self) -> None:
        """However often it is called; nothing is awaited then."""
        pipes = slow(), slow()
        dial, network = race(*pipes)
        dial.step()
        network.now = 0.25
        dial.step()
        dial.close()
        dial.close()
        assert ([pipe.closes for pipe in pipes], dial.awaited, dial.until) == ([1, 1], (), None)
