"""Logging in with tokens in place of a password, on a real PostgreSQL behind RDS's door."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import Engine

from consumer.database import engine as database_engine
from consumer.login import Database
from consumer.migrate import migrate
from infra.local.postgres import DATABASE, OWNER, Postgres
from tests.consumer.builders import batch, record, wire
from tests.integration.emulator import CHECKOUT, REGION, Emulator, create_stream, running, wait_for
from tests.integration.rds import OPENSSL, Door, rds
from tests.integration.streaming import APPLICATION, Consumer, create_lease_table

pytestmark = pytest.mark.skipif(not OPENSSL, reason="openssl makes the certificate, and it is not here")

JAVA = """#!{python}
import signal, subprocess, sys
asked = '{{"action": "initialize", "shardId": "s", "sequenceNumber": "TRIM_HORIZON", "subSequenceNumber": 0}}'
subprocess.run([sys.executable, "-m", "consumer.main"], input=asked + chr(10), text=True, check=True)
signal.pause()
"""
STOPPED = 143
TRX_ID = "4b4bb47f-44c5-43a2-b7be-2a1cd13a3b0b"
# Command → what it calls itself in the database.
COMMANDS = {
    "migrate": {"payment-analytics migrate"},
    "run": {
        "payment-analytics slots",
        "payment-analytics rules",
        "payment-analytics wait",
        "payment-analytics breaker",
        "payment-analytics progress",
        f"{APPLICATION} consumer",
    },
    "notify": {"payment-analytics notify"},
    "emails retry": {"payment-analytics emails"},
    "progress show": {"payment-analytics progress"},
    "replay README.md": {"payment-analytics replay"},
    f"await-anomaly {TRX_ID} --seconds 0": {"payment-analytics await"},
}


class Credentials(ThreadingHTTPServer):
    """What hands a Fargate task its credentials: new ones at each call, which are soon to be renewed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.are_there = True
        self.given = 0

    def make(self) -> dict[str, str]:
        self.given += 1
        soon = datetime.now(UTC) + timedelta(minutes=5)
        return {
            "AccessKeyId": f"ASIA{self.given}",
            "SecretAccessKey": "secret",
            "Token": "session",
            "Expiration": f"{soon:%Y-%m-%dT%H:%M:%SZ}",
        }


class _Answer(BaseHTTPRequestHandler):
    server: Credentials

    def do_GET(self) -> None:
        self.send_response(200 if self.server.are_there else 500)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.make() if self.server.are_there else {}).encode())

    def log_message(self, *_: object) -> None:
        """Nobody is told."""


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[Credentials]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    with Credentials() as found:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{found.server_address[1]}/")
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Door]]:
    with rds(tmp_path_factory.mktemp("rds")) as (postgres, door):
        migrate(Database(postgres.url))
        yield postgres, door


@pytest.fixture
def door(server: tuple[Postgres, Door], credentials: Credentials) -> Door:
    found = server[1]
    found.visits.clear()
    found.refusing = 0
    return found


@pytest.fixture
def engine(door: Door) -> Iterator[Engine]:
    found = database_engine(Database(door.url(DATABASE), "iam", REGION), "test")
    yield found
    found.dispose()


@pytest.fixture
def database(server: tuple[Postgres, Door]) -> Iterator[psycopg2.extensions.cursor]:
    """What the owner sees, by another door."""
    with contextlib.closing(psycopg2.connect(server[0].url)) as connection:
        connection.autocommit = True
        yield connection.cursor()


def test_every_new_connection_brings_a_new_token_for_its_user_host_and_region(engine: Engine, door: Door) -> None:
    for _ in range(3):
        for _ in range(2):  # one connection does all of it
            with engine.connect() as connection:
                assert connection.exec_driver_sql("SELECT current_user").scalar_one() == "consumer"
        engine.dispose()
    claims = [visit.claims for visit in door.visits]
    assert {(claim["address"], claim["Action"], claim["DBUser"]) for claim in claims} == {
        (f"localhost:{door.port}", "connect", "consumer")
    }
    assert {tuple(claim["X-Amz-Credential"].split("/")[2:4]) for claim in claims} == {(REGION, "rds-db")}
    assert len(signers(door)) == len(claims) == 3


def test_credentials_that_are_gone_are_waited_for_in_the_batch_and_no_payment_is_blamed(
    engine: Engine, credentials: Credentials, database: psycopg2.extensions.cursor
) -> None:
    def come_back() -> None:
        credentials.are_there = True

    consumer = Consumer(engine, while_waiting=come_back, application="gone")
    engine.dispose()
    credentials.are_there = False
    consumer.process(batch(record(1, wire(), b"poison\n")))
    assert len(consumer.waits) == 1
    database.execute("SELECT transactions, anomalies, dead_letters FROM shard_progress WHERE application = 'gone'")
    assert database.fetchall() == [(1, 1, 1)]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as started:
        create_stream(started.client("kinesis"), "payments")
        create_lease_table(started)
        yield started


@pytest.fixture
def environment(emulator: Emulator, door: Door, tmp_path: Path) -> dict[str, str]:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(JAVA.format(python=sys.executable))
    java.chmod(0o755)
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_REGION": REGION,
        "DATABASE_AUTH": "iam",
        "DATABASE_URL": door.url(DATABASE),
        "STREAM_NAME": "payments",
        "JAVA_HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "ALERT_SENDER": "alerts@payments.example",
        "ALERT_RECIPIENTS": "analysts@payments.example",
        "LOG_LEVEL": "DEBUG",
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_logs_in_with_tokens_and_shows_none(
    command: str, environment: dict[str, str], door: Door
) -> None:
    door.refusing = int(command in ("run", "notify"))  # which wait it out
    if command == "migrate":
        environment["DATABASE_URL"] = door.url(DATABASE, OWNER)
    pipe = subprocess.PIPE
    started = [sys.executable, "-m", "consumer", *command.split()]
    with subprocess.Popen(started, cwd=CHECKOUT, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        if command in ("run", "notify"):
            wait_for(lambda: len(door.visits) > door.refusing and _visitors(door) == COMMANDS[command])
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == {"run": STOPPED}.get(command, int(command.startswith("await"))), err
    assert _visitors(door) == COMMANDS[command]
    for told in (out, err):
        assert "X-Amz" not in told
        assert not any(visit.token in told for visit in door.visits)


def _visitors(door: Door) -> set[str]:
    return {visit.application for visit in door.visits}


def test_a_token_that_rds_refuses_is_followed_by_a_new_one(engine: Engine, door: Door) -> None:
    door.refusing = 2
    consumer = Consumer(engine, application="refused token")
    assert consumer.done is None
    assert len(consumer.waits) == 2
    assert len(signers(door)) == len(door.visits) == 3


def signers(door: Door) -> set[str]:
    """The credentials that signed: each token is made anew."""
    return {visit.claims["X-Amz-Credential"].split("/")[0] for visit in door.visits}
