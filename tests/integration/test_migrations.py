"""The migrations make what `consumer.tables` says, and give people views that they can read."""

import contextlib
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from consumer.database import engine as database_engine
from consumer.database import sqlalchemy_url
from consumer.errors import CrashError, RetryError
from consumer.login import Database
from consumer.migrate import current_revision, head_revision, migrate, wait_until_migrated
from consumer.tables import metadata
from infra.local.postgres import Postgres
from tests.consumer.builders import batch, record, wire
from tests.integration.conftest import execute, url_of
from tests.integration.streaming import Consumer

VIEWS = {
    "anomaly_report",
    "anomaly_history",
    "conflict_report",
    "email_report",
    "dead_letter_report",
    "stream_progress",
    "throughput_by_minute",
    "breaker_report",
    "worker_report",
    "list_report",
}

# Everything of a schema that the two ways of making it must agree on, in words that hold no object ids.
CATALOG = {
    "columns": """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
            pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition AND c.relname <> 'alembic_version'""",
    "comments": """SELECT relname, obj_description(oid) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            AND NOT relispartition AND relname <> 'alembic_version'""",
    "constraints": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'""",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
}


PARTITION = "recent_transactions_other"


def is_no_partition(name: str | None, type_: str, _parents: object) -> bool:
    return (type_, name) != ("table", PARTITION)


def test_the_migrated_schema_is_the_one_that_the_code_knows(engine: Engine) -> None:
    with engine.connect() as connection:
        options = {"compare_server_default": True, "include_name": is_no_partition}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("what", CATALOG)
def test_names_defaults_constraints_and_comments_agree_too(what: str, engine: Engine, empty_database_url: str) -> None:
    other = create_engine(sqlalchemy_url(empty_database_url))
    metadata.create_all(other)
    with other.begin() as creating:
        creating.execute(text(f"CREATE TABLE {PARTITION} PARTITION OF recent_transactions DEFAULT"))
    with engine.connect() as migrated, other.connect() as created:
        expected = set(created.execute(text(CATALOG[what])).all())
        assert expected
        assert set(migrated.execute(text(CATALOG[what])).all()) == expected
    other.dispose()


def test_migrating_again_changes_nothing(owner_url: str, engine: Engine) -> None:
    assert migrate(Database(owner_url)) == head_revision()
    with engine.connect() as connection:
        assert current_revision(connection) == head_revision()


def test_a_database_that_was_never_migrated_has_no_revision(empty_database_url: str) -> None:
    target = database_engine(Database(empty_database_url), "test")
    with target.connect() as connection:
        assert current_revision(connection) is None
    target.dispose()


def test_two_migrations_at_once_are_one(empty_database_url: str) -> None:
    outcomes: list[object] = []

    def run() -> None:
        try:
            outcomes.append(migrate(Database(empty_database_url)))
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [head_revision()] * 3


def test_a_database_that_stays_away_ends_the_wait_with_a_plain_message() -> None:
    slept: list[float] = []
    with pytest.raises(RetryError, match=r"did not answer in 3 s.*refused"):
        migrate(Database("postgresql://u:secret@127.0.0.1:1/none"), wait_seconds=3, sleep=slept.append)
    assert sum(slept) == 3


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("test-password", "wrong"), "password authentication failed"),
        ((":test-password", ""), "no password supplied"),
        (("/payments:", "/nobody:"), "authentication failed"),
        (("/test_", "/none_"), "does not exist"),
    ],
)
def test_a_database_that_turns_the_migration_away_is_not_waited_for(
    wrong: tuple[str, str], told: str, empty_database_url: str
) -> None:
    with pytest.raises(CrashError, match=f"mend DATABASE_URL.*{told}"):
        migrate(Database(empty_database_url.replace(*wrong)), sleep=interrupted)


def test_a_database_of_another_encoding_is_refused(postgres: Postgres) -> None:
    execute(postgres, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'")
    for refusing in (migrate, lambda database: wait_until_migrated(database, interrupted)):
        with pytest.raises(CrashError, match="encoding is LATIN1, UTF8 is needed"):
            refusing(Database(url_of(postgres, "latin")))
    execute(postgres, "DROP DATABASE latin WITH (FORCE)")


def test_the_consumer_waits_for_the_database_and_then_for_its_revision(empty_database_url: str) -> None:
    away = Database(empty_database_url.replace("test-password", "wrong"))
    waits: list[float] = []

    def migrate_in_the_third_second(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            migrate(Database(empty_database_url))

    wait_until_migrated(Database(empty_database_url), migrate_in_the_third_second)
    assert len(waits) == 3
    with pytest.raises(InterruptedError):
        wait_until_migrated(away, interrupted)


def interrupted(_: float) -> None:
    raise InterruptedError


@pytest.mark.parametrize(("revision", "waits"), [("0001", True), ("9999", False)])
def test_a_later_revision_than_its_own_is_enough(revision: str, waits: bool, owner: Engine, database_url: str) -> None:
    set_revision(owner, revision)
    with pytest.raises(InterruptedError) if waits else contextlib.nullcontext():
        wait_until_migrated(Database(database_url), interrupted)


def test_a_version_that_was_rolled_back_to_leaves_a_later_one_s_database_as_it_is_and_works_on_it(
    owner: Engine, owner_url: str, database_url: str, engine: Engine
) -> None:
    set_revision(owner, "9999")
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE anomalies ADD later text DEFAULT 'unknown' NOT NULL"))
    assert migrate(Database(owner_url)) == "9999"
    wait_until_migrated(Database(database_url), interrupted)
    consumer = Consumer(engine)
    consumer.process(batch(record(1, wire(), b"poison\n")))
    assert consumer.progress() == [(1, 1, 1)]
    with owner.connect() as connection:
        assert current_revision(connection) == "9999"


def set_revision(owner: Engine, revision: str) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_every_view_is_there_and_says_what_it_shows(engine: Engine) -> None:
    query = "SELECT relname FROM pg_class WHERE relkind = 'v' AND oid > 16383 AND obj_description(oid) <> ''"
    with engine.connect() as connection:
        assert set(connection.execute(text(query)).scalars()) == VIEWS


def test_every_column_of_a_view_says_what_it_holds(engine: Engine) -> None:
    query = """SELECT c.relname, a.attname, col_description(c.oid, a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'"""
    with engine.connect() as connection:
        told = {(view, column): words for view, column, words in connection.execute(text(query))}
    assert {view for view, _ in told} == VIEWS
    assert [column for column, words in told.items() if not words] == []
    assert told["anomaly_report", "amount"] == metadata.tables["anomalies"].c.amount.comment


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'{"v":1}', '{"v":1}'),
        ("Müller 雪".encode(), "Müller 雪"),
        (b"\xff\x00 raw", "\\377\\000 raw"),
        (b"", ""),
        (b"x" * 1_048_576, "x" * 2000),
        (b"\xff" * 1_048_576, "\\377" * 500),
    ],
)
def test_a_dead_letter_is_readable_whatever_its_bytes(payload: bytes, shown: str, owner: Engine) -> None:
    with owner.connect() as connection:
        connection.execute(
            metadata.tables["dead_letters"].insert(),
            {"stream_incarnation": "s", "shard_id": "0", "sequence_number": 1, "line": 1, "payload": payload}
            | {"reason": "r", "arrived_at": "2026-01-01T00:00:00Z"},
        )
        row = connection.execute(text("SELECT payload, payload_bytes FROM dead_letter_report")).one()
    assert tuple(row) == (shown, len(payload))
