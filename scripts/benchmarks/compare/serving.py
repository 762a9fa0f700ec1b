"""The server that all clients ask: nginx when it is installed, else one on uvloop.

Both answer a small JSON document at `/jobs/...` and 100 MB at `/big`, plain and with TLS, leave it to
clients to close connections, and are on loopback ports that the system chose.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import trustme

from .answering import BIG, DOCUMENT, HEADERS
from .pinning import pinned

# Debian has it where the path of a user does not lead.
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
# Another process may take a port between the moment when it was chosen and the one when it is used.
_TRIES = 5
_PATIENCE = 10.0

_CONFIGURATION = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_header_timeout 3600s;
  types {{ }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.pem;
    ssl_protocols TLSv1.3;
    location /jobs/ {{
      default_type application/json;
{headers}
      return 200 '{document}';
    }}
    location = /big {{
      default_type application/octet-stream;
      alias {folder}/big;
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is.

    Attributes:
        name: what it is, with its version.
        port: where it speaks plain HTTP, on 127.0.0.1.
        tls_port: where it speaks TLS.
        cafile: the PEM file of the root that its certificate comes from.
    """

    name: str
    port: int
    tls_port: int
    cafile: str


@contextmanager
def serving(core: int) -> Iterator[Server]:
    """Have a server on the core."""
    with TemporaryDirectory(prefix="tymeconn-bench-") as name:
        folder = Path(name)
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        authority.cert_pem.write_to_path(folder / "ca.pem")
        begin = _own if NGINX is None else _nginx
        with pinned(core):
            process, server = begin(folder)
        try:
            yield server
        finally:
            process.terminate()
            process.wait()


def _nginx(folder: Path) -> tuple[subprocess.Popen[str], Server]:
    with (folder / "big").open("wb") as file:
        file.truncate(BIG)
    command = [str(NGINX), "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(folder / "nginx.conf")]
    version = subprocess.run([str(NGINX), "-v"], capture_output=True, text=True, check=True).stderr
    for _ in range(_TRIES):
        server = Server(version.split()[-1], _free_port(), _free_port(), str(folder / "ca.pem"))
        (folder / "nginx.conf").write_text(_configuration(folder, server), encoding="utf-8")
        process = subprocess.Popen(command, text=True)
        if _listens(process, server.port):
            return process, server
        process.kill()
        process.wait()
    raise RuntimeError(f"nginx does not start: {(folder / 'error.log').read_text(encoding='utf-8')}")


def _configuration(folder: Path, server: Server) -> str:
    return _CONFIGURATION.format(
        folder=folder,
        port=server.port,
        tls_port=server.tls_port,
        # A worker of root's would become somebody who may not read the folder.
        user="user root;" if os.geteuid() == 0 else "",
        headers="\n".join(f'      add_header {name} "{value}";' for name, value in HEADERS.items()),
        document=json.dumps(DOCUMENT),
    )


def _own(folder: Path) -> tuple[subprocess.Popen[str], Server]:
    command = [sys.executable, "-m", f"{__package__}.answering", str(folder / "server.pem")]
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE)
    said = process.stdout.readline() if process.stdout else ""
    ports = [int(port) for port in re.findall(r"\d+", said)]
    if len(ports) != 2:
        raise RuntimeError("the server on uvloop does not start")
    return process, Server("uvloop, our own", ports[0], ports[1], str(folder / "ca.pem"))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _listens(process: subprocess.Popen[str], port: int, clock: Callable[[], float] = perf_counter) -> bool:
    stop = clock() + _PATIENCE
    while process.poll() is None and clock() < stop:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    return False
