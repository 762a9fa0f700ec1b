from __future__ import annotations

import gc
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tymeconn.net.seams import Tls


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """A server's TLS for example.test and loopback addresses, which speaks HTTP/1.1 and h2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority.issue_cert("example.test", "localhost", "127.0.0.1", "::1").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def cafile(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def tls(cafile: str) -> Tls:
    """A client's TLS that trusts the tests' authority only."""
    return Tls(cafile=cafile)


@pytest.fixture(autouse=True)
def no_socket_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a loopback test that forgets a socket: its ResourceWarning is an error."""
    yield
    if request.node.get_closest_marker("loopback"):
        gc.collect()
