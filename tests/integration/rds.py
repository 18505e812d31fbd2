"""RDS's door as IAM authentication has it: TLS, and a token in the place of the password; behind it a real PostgreSQL.

The server behind trusts whom the door lets in. Whether a token is signed as RDS wants it is the unit tests' matter.
"""

import contextlib
import select
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from infra.local.postgres import Postgres
from tests.integration.conftest import execute, own_server

OPENSSL = shutil.which("openssl")
SSL_REQUEST = 80877103
ASK_FOR_PASSWORD = b"R" + struct.pack("!ii", 8, 3)
REFUSAL = b"SFATAL\0C28000\0MPAM authentication failed for user\0\0"


@dataclass(frozen=True)
class Visit:
    """Who came to the door, and with which token."""

    user: str
    application: str
    token: str

    @property
    def claims(self) -> dict[str, str]:
        """What the token says: address, Action, DBUser, X-Amz-…"""
        url = urlsplit(f"https://{self.token}")
        return {"address": url.netloc} | {name: value for name, (value,) in parse_qs(url.query).items()}


@dataclass
class Door:
    """``visits`` in their order; the first ``refusing`` of them are turned away, as RDS does with a stale token."""

    port: int
    certificate: Path
    refusing: int = 0
    visits: list[Visit] = field(default_factory=list)

    def url(self, database: str, user: str = "consumer") -> str:
        """By the name that the certificate bears."""
        options = f"sslmode=verify-full&sslrootcert={self.certificate}&hostaddr=127.0.0.1"
        return f"postgresql://{user}@localhost:{self.port}/{database}?{options}"

    def admits(self, visit: Visit) -> bool:
        self.visits.append(visit)
        return len(self.visits) > self.refusing and visit.claims["DBUser"] == visit.user


@contextlib.contextmanager
def rds(folder: Path) -> Iterator[tuple[Postgres, Door]]:
    certificate, key = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with own_server() as server:
        _trust_everybody(server)
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as listening:
            door = Door(listening.server_address[1], certificate)
            listening.daemon_threads = True
            listening.RequestHandlerClass = _guard(door, context, server.port)
            threading.Thread(target=listening.serve_forever, daemon=True).start()
            yield server, door
            listening.shutdown()


def _certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "bundle.pem", folder / "key.pem"
    assert OPENSSL
    made = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    named = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *named], check=True, capture_output=True)
    return certificate, key


def _trust_everybody(server: Postgres) -> None:
    (server.folder / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
    execute(server, "SELECT pg_reload_conf()")


def _guard(door: Door, context: ssl.SSLContext, port: int) -> type[socketserver.BaseRequestHandler]:
    class Guard(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                _meet(self.request, door, context, port)

    return Guard


def _meet(plain: socket.socket, door: Door, context: ssl.SSLContext, port: int) -> None:
    assert struct.unpack("!i", _message(plain)) == (SSL_REQUEST,)
    plain.sendall(b"S")
    with context.wrap_socket(plain, server_side=True) as client:
        start = _message(client)
        client.sendall(ASK_FOR_PASSWORD)
        assert _exactly(client, 1) == b"p"
        if door.admits(_visit(start, _message(client))):
            with socket.create_connection(("127.0.0.1", port)) as server:
                server.sendall(_framed(start))
                _relay(client, server)
        else:
            client.sendall(b"E" + _framed(REFUSAL))


def _visit(start: bytes, password: bytes) -> Visit:
    words = iter(start[4:].decode().split("\0"))
    asked = dict(zip(words, words, strict=False))
    return Visit(asked["user"], asked["application_name"], password.rstrip(b"\0").decode())


def _message(connection: socket.socket) -> bytes:
    """What stands behind the message's length."""
    (length,) = struct.unpack("!i", _exactly(connection, 4))
    return _exactly(connection, length - 4)


def _framed(message: bytes) -> bytes:
    return struct.pack("!i", len(message) + 4) + message


def _exactly(connection: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        found += connection.recv(length - len(found)) or _gone()
    return found


def _gone() -> bytes:
    raise ConnectionError


def _relay(client: ssl.SSLSocket, server: socket.socket) -> None:
    while True:
        ready = [client] if client.pending() else select.select([client, server], [], [])[0]
        for source, target in ((client, server), (server, client)):
            if source in ready:
                target.sendall(source.recv(65_536) or _gone())
