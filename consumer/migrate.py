"""Brings the database's tables to this version's revision."""

import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from consumer.database import engine
from consumer.errors import CrashError, RetryError
from consumer.login import Database
from consumer.logs import describe

log = structlog.get_logger(__name__)

LOCK = 0x7061796D656E7473  # "payments"
WAIT_SECONDS = 60.0
SAY_AGAIN_SECONDS = 30
# SQLSTATE 28P01, 28000 and 3D000, of which psycopg2 keeps the words alone where a connection fails.
TURNED_AWAY = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|pg_hba\.conf rejects|"
    r'permission denied for database|(role|database) ".*" (does not exist|is not permitted to log in)'
)
Sleep = Callable[[float], None]


def migrate(database: Database, *, wait_seconds: float = WAIT_SECONDS, sleep: Sleep = time.sleep) -> str:
    """Upgrades to this version's revision and returns the database's. Repeating it, or two at once, is safe.

    A database that a later version has migrated is left as it is. Waits up to ``wait_seconds`` for the database.
    Raises RetryError when it does not answer by then, CrashError where it answers and will not have us.
    """
    target = engine(database, "payment-analytics migrate", statement_timeout_ms=0, lock_timeout_ms=0)
    with _connect(target, wait_seconds, sleep) as connection:
        _require_utf8(connection)
        revision = _upgrade(connection)
    target.dispose()
    return revision


def wait_until_migrated(database: Database, sleep: Sleep) -> None:
    """Returns once the database answers and is at this version's revision or a later one.

    Raises CrashError where its encoding is not UTF8.
    """
    target = engine(database, "payment-analytics wait")
    for second in itertools.count():
        missing = _missing(target)
        if missing is None:
            target.dispose()
            return
        if second % SAY_AGAIN_SECONDS == 0:
            log.warning("waiting for the database", reason=missing, waited_seconds=second)
        sleep(1)


def _missing(target: Engine) -> str | None:
    try:
        with target.connect() as connection:
            _require_utf8(connection)
            found = current_revision(connection)
    except DBAPIError as error:
        return describe(error)
    if int(found or 0) >= int(head_revision()):
        return None
    return f"it is at revision {found}, {head_revision()} is needed: run `python -m consumer migrate`"


def head_revision() -> str:
    """The revision that this version of the code needs at least; revisions are plain numbers that grow."""
    found = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert found
    return found


def current_revision(connection: Connection) -> str | None:
    """The database's revision; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def _require_utf8(connection: Connection) -> None:
    """Another encoding cannot hold every name that a payment may carry."""
    found = connection.execute(text("SHOW server_encoding")).scalar_one()
    connection.rollback()
    if found != "UTF8":
        raise CrashError(f"the database's encoding is {found}, UTF8 is needed: CREATE DATABASE … ENCODING 'UTF8'")


def _upgrade(connection: Connection) -> str:
    config = alembic_config()
    config.attributes["connection"] = connection
    with connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if found := _later_revision(connection):
            log.info("a later version has migrated the database: it is left as it is", revision=found)
            return found
        command.upgrade(config, "head")
        return head_revision()


def _later_revision(connection: Connection) -> str | None:
    """Also where this version is a former one, rolled back to: it cannot read what came after it."""
    found = current_revision(connection)
    return found if int(found or 0) > int(head_revision()) else None


def _connect(target: Engine, wait_seconds: float, sleep: Sleep) -> Connection:
    waited = 0.0
    while True:
        try:
            return target.connect()
        except OperationalError as error:
            if TURNED_AWAY.search(str(error.orig)):
                raise CrashError(f"the database turns us away, mend DATABASE_URL: {describe(error)}") from error
            if waited >= wait_seconds:
                raise RetryError(f"the database did not answer in {wait_seconds:g} s: {describe(error)}") from error
            if waited == 0:
                log.info("waiting for the database", seconds=wait_seconds, error=describe(error))
        sleep(1)
        waited += 1


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
