"""A real PostgreSQL: one server a test run, migrated once, and a fresh copy of that database for each test."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg2
import pytest
from sqlalchemy import Engine, NullPool, create_engine

from consumer.database import engine as database_engine
from consumer.login import Database
from consumer.migrate import migrate
from infra.local.postgres import OWNER, Postgres

TEMPLATE = "migrated"
ROLE = "consumer"
CONSOLE_ROLE = "console"
START_SECONDS = 60
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server that tests share. A test that stops it, or changes its roles, starts its own."""
    with own_server() as server:
        execute(server, "ALTER SYSTEM SET fsync = off")
        execute(server, "SELECT pg_reload_conf()")
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """Name of the migrated database that tests copy; nobody stays connected to it. Its role has the tests' password."""
    execute(postgres, f"CREATE DATABASE {TEMPLATE}")
    migrate(Database(url_of(postgres, TEMPLATE)))
    for role in (ROLE, CONSOLE_ROLE):
        execute(postgres, f"ALTER ROLE {role} PASSWORD '{postgres.password}'")
    return TEMPLATE


@pytest.fixture
def owner_url(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A migrated, empty database of the test's own, as a libpq URL that logs in as its owner."""
    name = f"test_{next(_numbers)}"
    execute(postgres, f"CREATE DATABASE {name} TEMPLATE {migrated}")
    yield url_of(postgres, name)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database_url(postgres: Postgres) -> Iterator[str]:
    """A database of the test's own that was never migrated."""
    name = f"test_{next(_numbers)}"
    execute(postgres, f"CREATE DATABASE {name}")
    yield url_of(postgres, name)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(owner_url: str) -> str:
    """The same, as the role that the services have: whatever they do in a test, they may do."""
    return as_user(owner_url, ROLE)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """What the services work with."""
    found = database_engine(Database(database_url), "test")
    yield found
    found.dispose()


@pytest.fixture
def owner(owner_url: str) -> Iterator[Engine]:
    """What a test prepares and looks up with, where that is no service's right."""
    found = database_engine(Database(owner_url), "owner")
    yield found
    found.dispose()


@contextlib.contextmanager
def own_server() -> Iterator[Postgres]:
    """A new, empty server while the block lasts."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            folder.chmod(0o711)  # the server then runs as nobody, who must pass through it
        server = Postgres(folder / "server", _free_port(), "test-password")
        server.initialize()
        with running(server):
            server.create_database()
            yield server


@contextlib.contextmanager
def running(server: Postgres) -> Iterator[subprocess.Popen[bytes]]:
    """The server's process while the block lasts."""
    with tempfile.TemporaryFile() as log, subprocess.Popen(server.command(), stdout=log, stderr=log) as process:
        try:
            _await_ready(server, process, log)
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def _await_ready(server: Postgres, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            pytest.fail(f"PostgreSQL did not start: {log.read().decode(errors='replace')}")
        time.sleep(0.05)


def url_of(server: Postgres, database: str, user: str = OWNER) -> str:
    return as_user(server.url.rpartition("/")[0] + "/" + database, user)


def as_user(database_url: str, user: str) -> str:
    """All roles of the tests have one password."""
    return database_url.replace(f"//{OWNER}:", f"//{user}:")


def as_owner(engine: Engine) -> Engine:
    """A connection for each statement, to the same database, as its owner."""
    return create_engine(engine.url.set(username=OWNER), poolclass=NullPool)


def execute(server: Postgres, statement: str, database: str = "postgres", user: str = OWNER) -> None:
    with contextlib.closing(psycopg2.connect(url_of(server, database, user))) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
