from __future__ import annotations

import shutil
import ssl
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from tymeconn.net.seams import Tls
from tymeconn.net.securing import context, session


@pytest.fixture(scope="module")
def key_files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """A client's certificate, its key, and both in one file."""
    folder = tmp_path_factory.mktemp("client")
    issued = authority.issue_cert("client.test")
    paths = str(folder / "cert.pem"), str(folder / "key.pem"), str(folder / "both.pem")
    issued.cert_chain_pems[0].write_to_path(paths[0])
    issued.private_key_pem.write_to_path(paths[1])
    issued.private_key_and_cert_chain_pem.write_to_path(paths[2])
    return paths


@pytest.fixture
def fresh(key_files: tuple[str, str, str], tmp_path: Path) -> Tls:
    """A configuration that no context was made for."""
    return Tls(certfile=shutil.copy(key_files[2], str(tmp_path)))


def test_verification_is_on_and_old_tls_is_off() -> None:
    """By default the certificate and its name are checked, and TLS begins at 1.2."""
    made = context(Tls())
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_peer_cannot_renegotiate() -> None:
    """A write never has to wait for a read."""
    assert context(Tls()).options & ssl.OP_NO_RENEGOTIATION


def test_equal_configurations_share_one_context(cafile: str) -> None:
    """A context is made once for equal values, and the hostname is no part of it."""
    made = context(Tls(cafile=cafile))
    assert context(Tls(cafile=cafile)) is made
    assert context(Tls(cafile=cafile, hostname="example.test")) is made


def test_different_configurations_have_their_own(cafile: str) -> None:
    """A context that verifies is never given to who does not, nor the other way round."""
    assert context(Tls(cafile=cafile)) is not context(Tls(cafile=cafile, verify=False))


def test_verify_false_checks_nothing() -> None:
    """Neither the certificate nor its name is checked then."""
    made = context(Tls(verify=False))
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_NONE, False)


def test_a_ready_context_is_used_as_it_is() -> None:
    """The caller's own context is returned untouched."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert context(Tls(context=own)) is own


def test_the_cafile_holds_the_only_roots(cafile: str, authority: trustme.CA) -> None:
    """With a cafile the system's roots are not trusted."""
    (root,) = context(Tls(cafile=cafile)).get_ca_certs(binary_form=True)
    assert root == ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())


def test_a_certificate_and_its_key_are_loaded(key_files: tuple[str, str, str]) -> None:
    """The client's certificate may come with its key or in two files."""
    cert, key, both = key_files
    assert context(Tls(certfile=cert, keyfile=key)) is not context(Tls(certfile=both))


@pytest.mark.parametrize("field", ["cafile", "certfile"])
@pytest.mark.parametrize("content", [None, "no PEM"])
def test_a_file_that_cannot_be_loaded_is_named(field: str, content: str | None, tmp_path: Path) -> None:
    """A missing file and one without a certificate raise ValueError, naming the file, at every call."""
    path = tmp_path / "some.pem"
    if content:
        path.write_text(content)
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"{field} '.*some\.pem'"):
            context(Tls(cafile=str(path)) if field == "cafile" else Tls(certfile=str(path)))


def test_a_key_without_a_certificate_is_refused() -> None:
    """A keyfile alone is a mistake."""
    with pytest.raises(ValueError, match=r"keyfile 'key\.pem' needs a certfile"):
        context(Tls(keyfile="key.pem"))


def test_a_key_of_another_certificate_is_refused(key_files: tuple[str, str, str], cafile: str) -> None:
    """Certificate and key must belong together; both files are named."""
    with pytest.raises(ValueError, match=r"certfile '.*' with keyfile '.*cert\.pem'"):
        context(Tls(certfile=cafile, keyfile=key_files[0]))


def test_an_encrypted_key_is_refused_without_asking(
    key_files: tuple[str, str, str], tmp_path: Path
) -> None:
    """A key that needs a password raises; OpenSSL does not prompt on the terminal."""
    from cryptography.hazmat.primitives import serialization as pem

    key = pem.load_pem_private_key(Path(key_files[1]).read_bytes(), None)
    locked = tmp_path / "locked.pem"
    secret = pem.BestAvailableEncryption(b"secret")
    locked.write_bytes(key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, secret))
    with pytest.raises(ValueError, match=r"locked\.pem"):
        context(Tls(certfile=key_files[0], keyfile=str(locked)))


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_where_openssl_finds_no_roots_truststore_does(
    platform: str, monkeypatch: pytest.MonkeyPatch, fresh: Tls
) -> None:
    """On macOS and Windows the context comes from truststore, which only those platforms install."""
    made: list[ssl.SSLContext] = []

    def remember(protocol: int) -> ssl.SSLContext:
        made.append(ssl.SSLContext(protocol))
        return made[-1]

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setitem(sys.modules, "truststore", SimpleNamespace(SSLContext=remember))
    assert [context(fresh)] == made


def test_linux_never_loads_truststore(monkeypatch: pytest.MonkeyPatch, fresh: Tls) -> None:
    """On Linux OpenSSL's own roots are read once, not at every connection."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setitem(sys.modules, "truststore", None)
    assert type(context(fresh)) is ssl.SSLContext


@pytest.mark.parametrize("hostname", ["example.test", "example.test.", "192.0.2.1", "2001:db8::1"])
def test_a_session_is_for_a_name_or_an_address(hostname: str) -> None:
    """Names lose their final dot (RFC 6066 3); IP addresses are taken too."""
    client, _, _ = session(context(Tls()), hostname)
    assert client.server_hostname == hostname.removesuffix(".")


@pytest.mark.parametrize("hostname", ["", ".test", "a" * 64 + ".test"])
def test_a_hostname_that_cannot_be_one_is_named(hostname: str) -> None:
    """Wrong hostnames raise ValueError before anything is sent."""
    with pytest.raises(ValueError, match=f"TLS hostname '{hostname}'"):
        session(context(Tls()), hostname)
