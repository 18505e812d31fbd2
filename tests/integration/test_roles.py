"""Who may do what: the services' role does their work and nothing else, and people read views."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from alembic import command
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Engine, text

from consumer.login import Database
from consumer.migrate import alembic_config, migrate
from infra.local.postgres import Postgres
from tests.integration.conftest import CONSOLE_ROLE, ROLE, as_user, execute, own_server, url_of

Cursor = psycopg2.extensions.cursor
CHECKOUT = Path(__file__).parents[2]

# The other tests of this folder do the services' work as this role: these rights are enough.
RIGHTS = {
    "alembic_version": {"SELECT"},
    "alerts": {"SELECT", "INSERT", "UPDATE"},
    "anomalies": {"SELECT", "INSERT"},
    "audits": {"SELECT", "INSERT"},
    "breaker": {"SELECT", "INSERT", "UPDATE"},
    "conflicts": {"INSERT"},
    "dead_letters": {"SELECT", "INSERT"},
    "emails": {"SELECT", "INSERT", "UPDATE"},
    "list_entries": {"SELECT", "INSERT"},
    "recent_transactions": {"SELECT", "INSERT"},
    "rule_reports": {"SELECT", "INSERT", "UPDATE"},
    "shard_progress": {"SELECT", "INSERT", "UPDATE"},
    "throughput": {"SELECT", "INSERT", "UPDATE"},
    "worker_slots": {"SELECT", "INSERT", "UPDATE"},
}
# Beyond those, of single columns: what was done about a dead letter, and the end of a list's entry.
COLUMN_RIGHTS = {("dead_letters", "state", "UPDATE"), ("dead_letters", "history", "UPDATE")} | {
    ("list_entries", name, "UPDATE") for name in ("expires_at", "removed_by", "removal_reason", "changed")
}

FORBIDDEN = [
    # What was found stays as it was found
    "UPDATE anomalies SET amount = 1",
    "DELETE FROM anomalies",
    "TRUNCATE anomalies CASCADE",
    "DELETE FROM alerts",
    "DELETE FROM emails",
    "UPDATE conflicts SET other = known",
    "SELECT * FROM conflicts",
    "UPDATE dead_letters SET payload = ''",
    "UPDATE dead_letters SET reason = 'none', first_seen_at = now()",
    "DELETE FROM dead_letters",
    "DELETE FROM breaker",
    "DELETE FROM rule_reports",
    "DELETE FROM list_entries",
    "UPDATE list_entries SET value = 'x'",
    "UPDATE list_entries SET effective_from = now()",
    "DELETE FROM recent_transactions",
    "UPDATE recent_transactions SET counts = false",
    "DROP TABLE recent_transactions_other",
    # The fence cannot be taken away
    "DELETE FROM shard_progress",
    "DELETE FROM throughput",
    "DELETE FROM worker_slots",
    # The schema is the migrations'
    "UPDATE alembic_version SET version_num = '9999'",
    "CREATE TABLE t ()",
    "CREATE SCHEMA s",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE anomalies ADD COLUMN c int",
    "ALTER TABLE anomalies DISABLE TRIGGER ALL",
    "DROP TABLE anomalies CASCADE",
    "DROP VIEW anomaly_report",
    "CREATE INDEX ON anomalies (amount)",
    "CREATE TRIGGER t AFTER INSERT ON anomalies EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "SELECT setval(pg_get_serial_sequence('anomalies', 'id'), 1)",
    # Who may use the console is none of their business, nor what was decided there
    "SELECT * FROM users",
    "INSERT INTO users (name, role) VALUES ('eve', 'admin')",
    "SELECT * FROM sessions",
    "UPDATE anomalies SET state = 'dismissed'",
    "INSERT INTO anomaly_events (anomaly_id, by, kind) VALUES (1, 'eve', 'comment')",
    "DELETE FROM audits",
    # Nor has it a way to more rights
    "ALTER TABLE anomalies OWNER TO consumer",
    "GRANT analyst TO consumer",
    "SET ROLE payments",
    "SET SESSION AUTHORIZATION payments",
    "CREATE ROLE r",
    "ALTER ROLE consumer SUPERUSER",
    "ALTER ROLE payments PASSWORD 'mine'",
    "CREATE DATABASE d",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_read_file('PG_VERSION')",
    "COPY anomalies TO PROGRAM 'cat'",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'payments'",
    # People's views are people's
    "SELECT * FROM anomaly_report",
]


FORBIDDEN_TO_THE_CONSOLE = [
    # What was found, and what was done and by whom, stays
    "UPDATE anomalies SET amount = 1",
    "UPDATE anomalies SET reason = ''",
    "DELETE FROM anomalies",
    "UPDATE anomaly_events SET words = ''",
    "DELETE FROM anomaly_events",
    "UPDATE console_events SET by = 'somebody else'",
    "DELETE FROM console_events",
    "UPDATE dead_letters SET payload = ''",
    "DELETE FROM dead_letters",
    "DELETE FROM users",
    "UPDATE emails SET state = 'sent'",
    "UPDATE alerts SET state = 'muted'",
    "INSERT INTO audits (by, stream, is_clean, found) VALUES ('eve', 's', TRUE, '{}')",
    "DELETE FROM list_entries",
    "UPDATE breaker SET reasons = ''",
    # The fence and the consumers' slots are not its own
    "UPDATE shard_progress SET sequence_number = 1",
    "DELETE FROM shard_progress",
    "UPDATE throughput SET transactions = 0",
    "UPDATE worker_slots SET holder = NULL",
    "UPDATE rule_reports SET fault = NULL",
    "UPDATE alembic_version SET version_num = '9999'",
    "CREATE TABLE t ()",
    "SET ROLE consumer",
    "SET ROLE payments",
    "ALTER ROLE console SUPERUSER",
    "COPY anomalies TO PROGRAM 'cat'",
]


@pytest.fixture
def console(owner_url: str) -> Iterator[Cursor]:
    with contextlib.closing(psycopg2.connect(as_user(owner_url, CONSOLE_ROLE))) as connection:
        connection.autocommit = True
        yield connection.cursor()


@pytest.mark.parametrize("statement", FORBIDDEN_TO_THE_CONSOLE)
def test_the_console_may_not(statement: str, console: Cursor) -> None:
    with pytest.raises(InsufficientPrivilege):
        console.execute(statement)


@pytest.fixture
def consumer(database_url: str) -> Iterator[Cursor]:
    with contextlib.closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        yield connection.cursor()


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_services_may_not(statement: str, consumer: Cursor, owner: Engine) -> None:
    with owner.connect(), pytest.raises(InsufficientPrivilege):  # the owner's session is there to be ended
        consumer.execute(statement)


def test_the_services_rights_are_these_and_no_others(owner: Engine) -> None:
    granted = "SELECT table_name, privilege_type FROM information_schema.table_privileges WHERE grantee = :role"
    found: dict[str, set[str]] = {}
    with owner.connect() as connection:
        for table, right in connection.execute(text(granted), {"role": ROLE}):
            found.setdefault(table, set()).add(right)
    assert found == RIGHTS


def test_the_services_rights_on_single_columns_are_these_and_no_others(owner: Engine) -> None:
    granted = "SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges"
    with owner.connect() as connection:
        rows = connection.execute(text(f"{granted} WHERE grantee = :role"), {"role": ROLE}).all()
    found = {(table, column, right) for table, column, right in rows if right not in RIGHTS[table]}
    assert found == COLUMN_RIGHTS


@pytest.fixture
def rds() -> Iterator[Postgres]:
    """A server as RDS has it: the owner of two databases may make roles and hand out rds_iam, and is no superuser."""
    with own_server() as server:
        execute(server, "CREATE ROLE owner LOGIN CREATEROLE PASSWORD 'test-password'")
        execute(server, "CREATE ROLE rds_iam; GRANT rds_iam TO owner WITH ADMIN OPTION")
        for database in ("owned", "another"):
            execute(server, f"CREATE DATABASE {database} OWNER owner")
        yield server


def test_an_owner_who_is_no_superuser_migrates_several_databases_at_once(rds: Postgres) -> None:
    """The password beside the URL, as a secret that RDS manages hands it over."""
    environment = {**os.environ, "PGPASSWORD": rds.password}
    urls = [url_of(rds, name, "owner").replace(f":{rds.password}@", "@") for name in ("owned", "another") * 2]
    migrating = [sys.executable, "-m", "consumer", "migrate"]
    started = [subprocess.Popen(migrating, env=environment | {"DATABASE_URL": url}, cwd=CHECKOUT) for url in urls]
    assert [process.wait(60) for process in started] == [0] * 4
    execute(rds, "CREATE ROLE maria LOGIN IN ROLE analyst PASSWORD 'test-password'")
    for database in ("owned", "another"):
        execute(rds, "SELECT * FROM anomaly_report", database, "maria")


def test_on_rds_the_services_log_in_with_tokens_and_have_no_password(rds: Postgres) -> None:
    migrate(Database(url_of(rds, "owned", "owner")))
    role = "SELECT rolcanlogin, rolpassword, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication"
    member = "pg_has_role('consumer', 'rds_iam', 'MEMBER')"
    with contextlib.closing(psycopg2.connect(rds.url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"{role}, {member} FROM pg_authid WHERE rolname = 'consumer'")
        assert cursor.fetchone() == (True, None, False, False, False, False, False, True)


def test_a_migration_that_was_taken_back_leaves_the_role_without_rights_until_the_next(
    owner: Engine, owner_url: str, consumer: Cursor
) -> None:
    config = alembic_config()
    with owner.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
    with pytest.raises(InsufficientPrivilege):
        consumer.execute("SELECT * FROM anomalies")
    migrate(Database(owner_url))
    consumer.execute("SELECT * FROM anomalies")


@pytest.fixture
def analyst(postgres: Postgres, owner_url: str) -> Iterator[Cursor]:
    """A connection of a person who was granted the role and nothing else."""
    execute(postgres, "CREATE ROLE maria LOGIN IN ROLE analyst PASSWORD 'test-password'")
    connection = psycopg2.connect(as_user(owner_url, "maria"))
    connection.autocommit = True
    yield connection.cursor()
    connection.close()
    execute(postgres, "DROP ROLE maria")


def test_an_analyst_reads_every_view_and_nothing_else(analyst: Cursor) -> None:
    analyst.execute(
        "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
    )
    for name, kind in analyst.fetchall():
        if kind == "v":
            analyst.execute(f"SELECT * FROM {name}")
        else:
            with pytest.raises(InsufficientPrivilege):
                analyst.execute(f"SELECT * FROM {name}")
    for statement in (
        "DELETE FROM throughput_by_minute",
        "CREATE TABLE t ()",
        "UPDATE email_report SET state = 'sent'",
    ):
        with pytest.raises(psycopg2.Error):
            analyst.execute(statement)
