"""PostgreSQL on its bad days."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import psycopg2

from infra.local.postgres import DATABASE
from tests.drills.registry import fault
from tests.drills.scene import Scene

SERVICES_OUT = f"""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = '{DATABASE}' AND application_name LIKE 'payment-%'
"""
ROW_LOCK = "SELECT 1 FROM shard_progress FOR UPDATE"
OUT = "too many clients already"
WRITABLE = "-c default_transaction_read_only=off"


@contextlib.contextmanager
def administration(scene: Scene, database: str = "postgres") -> Iterator[Any]:
    """A cursor that commits each statement."""
    connection = psycopg2.connect(scene.rig.local.postgres.url, dbname=database, options=WRITABLE, connect_timeout=5)
    with contextlib.closing(connection):
        connection.autocommit = True
        yield connection.cursor()


@fault("PostgreSQL stopped", kind="database stopped")
def stopped(scene: Scene) -> None:
    scene.rig.supervisor.stop("postgres")
    scene.pause(scene.pick(6, 120))
    scene.until_told("database failed, waiting")
    scene.rig.supervisor.start("postgres")
    scene.until(scene.rig.local.postgres.is_ready, "PostgreSQL to be ready")


@fault("PostgreSQL refuses connections", kind="database refuses connections")
def refusing(scene: Scene) -> None:
    with administration(scene) as cursor:
        cursor.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false")
        try:
            cursor.execute(SERVICES_OUT)
            scene.pause(scene.pick(6, 60))
            scene.until_told("not currently accepting connections")
        finally:
            cursor.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true")


@fault("PostgreSQL out of connections", kind="database out of connections")
def out_of_connections(scene: Scene) -> None:
    with contextlib.ExitStack() as held, administration(scene) as cursor:
        end = time.monotonic() + scene.pick(6, 60)
        while time.monotonic() < end or OUT not in scene.log("consumer"):
            if not _took_a_connection(scene, held) and OUT not in scene.log("consumer"):
                cursor.execute(SERVICES_OUT)  # the consumer came first: it has to ask again


def _took_a_connection(scene: Scene, held: contextlib.ExitStack) -> bool:
    """Waits a little where there is none left."""
    try:
        held.enter_context(contextlib.closing(psycopg2.connect(scene.rig.local.postgres.url, dbname="postgres")))
    except psycopg2.OperationalError:
        scene.pause(0.02)
        return False
    return True


@fault("PostgreSQL read-only", kind="database read-only")
def read_only(scene: Scene) -> None:
    with administration(scene) as cursor:
        cursor.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        try:
            cursor.execute("SELECT pg_reload_conf()")
            scene.pause(scene.pick(6, 60))
            scene.until_told("read-only transaction")
        finally:
            cursor.execute("ALTER SYSTEM RESET default_transaction_read_only")
            cursor.execute("SELECT pg_reload_conf()")


@fault("a row lock held by someone else", kind="row lock")
def row_lock(scene: Scene) -> None:
    """Long enough for the consumer's own lock timeout, in the long form."""
    with contextlib.closing(psycopg2.connect(scene.rig.local.postgres.url)) as connection:
        connection.cursor().execute(ROW_LOCK)
        scene.pause(scene.pick(6, 40))
        if scene.long:
            scene.until_told("lock timeout")
