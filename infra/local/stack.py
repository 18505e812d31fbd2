"""Starts the embedded stack step by step, each step awaited, and takes it down again."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psycopg2
import urllib3

from infra.local import ports, resources
from infra.local.postgres import BINARIES
from infra.local.programs import FOUNDATION, SERVICES, clean_environment, programs, service_environment
from infra.local.settings import (
    ALERT_SENDER,
    APPLICATION,
    BUCKET,
    CONSOLE_USER,
    KEYS_SECRET,
    RULES,
    SHARDS,
    STREAM,
    WORKER,
    Local,
)
from infra.local.stopping import ignore_signals
from infra.local.supervision import Supervisor

Step = Callable[[str], AbstractContextManager[None]]
STEP_SECONDS = 120
TAKEN_UP = "SELECT count(*) FROM shard_progress WHERE initialized_at >= to_timestamp(%s) AND ended_at IS NULL"


class StackFailedError(Exception):
    """The stack did not come up; the message says which part and what its log said last."""


class Stack:
    """The embedded stack of one state folder. ``step`` is entered around each step, to show its name and time."""

    def __init__(self, local: Local, step: Step) -> None:
        self.local = local
        self.supervisor = Supervisor(local.folder, local.log_folder)
        self._step = step

    def up(self, *, tied_to_us: bool) -> None:
        """Returns when a transaction that is posted would be processed; takes down again what it started in vain.

        Where the stack is up already, or half up, it does what is missing. Two at once take turns.
        Raises LocalSettingsError, PortsTakenError, PostgresFailedError, ResourcesFailedError or StackFailedError.
        """
        self.local.claim_folder()
        with self._turn():
            ours = not self.supervisor.is_running()
            try:
                if ours:
                    self._launch(tied_to_us)
                self._start_foundation()
                self._prepare()
                self._start_services()
                self._write_env()
            except BaseException:
                if ours:
                    ignore_signals()
                    self.down()
                raise

    def down(self) -> None:
        self.supervisor.shutdown()
        self.local.env_file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        with (self.local.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _launch(self, tied_to_us: bool) -> None:
        self.supervisor.end_orphans()
        for private in (self.local.log_folder, self.local.folder / "aws"):
            private.mkdir(mode=0o700, exist_ok=True)
        ports.require_free(self.local.ports)
        with self._step("PostgreSQL: data folder"):
            self.local.postgres.initialize()
        self.supervisor.launch(programs(self.local), tied_to_us=tied_to_us)

    def _start_foundation(self) -> None:
        with self._step("PostgreSQL and the AWS emulator"):
            for name in FOUNDATION:
                self.supervisor.start(name)
            self._await("postgres", self.local.postgres.is_ready)
            self._await("aws", lambda: _answers(f"{self.local.aws_endpoint_url}/_ministack/health"))

    def _prepare(self) -> None:
        with self._step("Stream, archive, mail identity, secret"):
            resources.create_resources(
                stream=STREAM, shards=SHARDS, bucket=BUCKET, keys_secret=KEYS_SECRET, sender=ALERT_SENDER
            )
            resources.seed_leases(stream=STREAM, application=APPLICATION, worker=WORKER)
            self._keep_api_key()
        with self._step("Tables"):
            self.local.postgres.create_database()
            self._run("consumer", "migrate")
            self._make_console_user()

    def _start_services(self) -> None:
        with self._step("Producer, consumer, notifier and console"):
            for name in SERVICES:
                self.supervisor.start(name)
            self._await("notifier", lambda: self.supervisor.is_up("notifier"))
            self._await("producer", lambda: _answers(f"{self.local.collector_url}/health/ready"))
            self._await("console", lambda: _answers(f"{self.local.console_url}/login"))
        with self._step("Consumer takes up its shards"):
            shards = len(resources.open_shards(STREAM))
            self._await("consumer", lambda: self._shards_taken_up() >= shards)

    def _keep_api_key(self) -> None:
        """Makes a key where none is kept, or where the emulator has lost the one that is."""
        kept = self.local.kept_secret("api_key")
        known = json.loads(resources.secret_value(KEYS_SECRET))["keys"]
        if kept is None or kept.split("_")[1] not in [key["id"] for key in known]:
            made = self._run("producer", "keys", "create", "local", "--json", API_KEYS_SECRET_ID=KEYS_SECRET)
            self.local.keep_secret("api_key", json.loads(made)["key"])

    def _make_console_user(self) -> None:
        """Where there is none so far."""
        arguments = ("users", "create", CONSOLE_USER, "--role", "admin", "--from-environment", "--unless-there")
        self._run("consumer", *arguments, CONSOLE_PASSWORD=self.local.secret("console"))

    def _run(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env={**os.environ, **service_environment(self.local), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StackFailedError(f"python -m {' '.join(arguments)} failed:\n{done.stderr.strip()}")
        return done.stdout

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + STEP_SECONDS
        while not ready():
            if self.supervisor.has_died(name):
                raise StackFailedError(f"{name} ended instead of starting; its log ends:\n{self._tail(name)}")
            if time.monotonic() > deadline:
                raise StackFailedError(f"{name} was not ready in {STEP_SECONDS} s; its log ends:\n{self._tail(name)}")
            time.sleep(0.1)

    def _tail(self, name: str, lines: int = 15) -> str:
        log = self.supervisor.log(name)
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"

    def _shards_taken_up(self) -> int:
        """By the consumer that runs now: PostgreSQL's clock and the supervisor's are one machine's."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(TAKEN_UP, (self.supervisor.started_at("consumer"),))
            found: tuple[int] = cursor.fetchone()  # type: ignore[assignment]
            return found[0]

    @contextlib.contextmanager
    def connect(self) -> "Iterator[psycopg2.extensions.connection]":
        with contextlib.closing(psycopg2.connect(self.local.postgres.url, connect_timeout=5)) as connection:
            yield connection

    def _write_env(self) -> None:
        self.local.psql_link.unlink(missing_ok=True)
        self.local.psql_link.symlink_to(BINARIES / "psql")
        self.local.env_file.touch(mode=0o600)
        self.local.env_file.write_text(env_text(self.local))


def env_text(local: Local) -> str:
    """What a shell sources to reach the stack: every value is safe between single quotes."""
    values = {
        "COLLECTOR_URL": local.collector_url,
        "COLLECTOR_API_KEY": local.kept_secret("api_key") or "",
        "DATABASE_URL": local.postgres.url,
        "STREAM_NAME": STREAM,
        "ARCHIVE_BUCKET": BUCKET,
        "CONSOLE_URL": local.console_url,
        "CONSOLE_USER": CONSOLE_USER,
        "CONSOLE_PASSWORD": local.secret("console"),
        "RULES": RULES,
        **local.aws_environment,
    }
    lines = [f"{name}='{value}'" for name, value in values.items()]
    return "\n".join([*lines, f"export {' '.join(values)}", ""])


def adopt_environment(local: Local) -> None:
    """Makes this process, and so all that it starts, talk to the emulator alone."""
    clean = clean_environment(local, os.environ)
    for name in os.environ.keys() - clean.keys():
        del os.environ[name]
    os.environ.update(clean)


def _answers(url: str) -> bool:
    try:
        return urllib3.request("GET", url, timeout=2, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False
