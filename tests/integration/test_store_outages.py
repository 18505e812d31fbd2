"""The world is down: nothing is lost, nothing is stored twice, nothing is blamed on the data."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, text

from consumer.database import engine as database_engine
from consumer.errors import CrashError
from consumer.login import Database
from consumer.patience import StoppedError
from tests.consumer.builders import FIRST, SHARD, batch, record, wire
from tests.integration.streaming import MOST_WAITS, Consumer


@pytest.fixture
def consumer(engine: Engine) -> Consumer:
    return Consumer(engine)


def test_a_commit_whose_answer_is_lost_is_not_done_twice(consumer: Consumer, engine: Engine) -> None:
    with lost_answers(engine, "commit", 2):
        consumer.process(batch(record(1, wire(), b"x"), record(2, wire())))
    assert len(consumer.waits) == 2
    assert consumer.progress() == [(2, 2, 1)]
    assert consumer.rows("SELECT count(*) FROM anomalies UNION ALL SELECT count(*) FROM alerts") == [2, 2]


def test_an_outage_before_the_commit_leaves_nothing_behind(consumer: Consumer, engine: Engine) -> None:
    with lost_answers(engine, "before_commit", 3):
        consumer.process(batch(record(1, wire(), b"x")))
    assert len(consumer.waits) == 3
    assert consumer.progress() == [(1, 1, 1)]


@contextmanager
def lost_answers(engine: Engine, where: str, times: int) -> Iterator[None]:
    """The connection breaks at COMMIT, ``times`` times: before the server has it, or before its answer is here."""
    dialect = engine.dialect
    commit, left = dialect.do_commit, [times]

    def failing(connection: Any) -> None:
        left[0] -= 1
        if left[0] >= 0 and where == "commit":
            commit(connection)
        if left[0] >= 0:
            connection.close()
            raise psycopg2.OperationalError("server closed the connection unexpectedly")
        commit(connection)

    dialect.do_commit = failing  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        dialect.do_commit = commit  # type: ignore[method-assign]


def test_a_locked_row_is_waited_out(database_url: str, engine: Engine) -> None:
    impatient = database_engine(Database(database_url), "test", lock_timeout_ms=50)
    with engine.connect() as other:
        consumer = Consumer(impatient, while_waiting=other.rollback)
        other.execute(text("SELECT * FROM shard_progress FOR UPDATE"))
        consumer.process(batch(record(1, wire())))
    assert len(consumer.waits) == 1
    assert consumer.progress() == [(1, 1, 0)]
    impatient.dispose()


@pytest.mark.parametrize(
    ("by", "broken"),
    [
        ("owner", "ALTER TABLE anomalies RENAME TO away"),
        ("owner", "REVOKE INSERT ON anomalies FROM consumer"),
        ("engine", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"),
    ],
)
def test_what_is_wrong_with_the_database_and_not_with_the_data_is_waited_out(
    by: str, broken: str, consumer: Consumer, engine: Engine, owner: Engine
) -> None:
    with {"owner": owner, "engine": engine}[by].begin() as connection:
        connection.execute(text(broken))
    with pytest.raises(StoppedError):
        consumer.process(batch(record(1, wire())))
    assert len(consumer.waits) == MOST_WAITS
    engine.dispose()
    assert consumer.rows("SELECT count(*) FROM dead_letters") == [0]
    assert consumer.progress() == [(0, 0, 0)]


def test_progress_that_was_deleted_under_a_running_consumer_stops_it(consumer: Consumer, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM shard_progress"))
    with pytest.raises(CrashError, match="deleted"):
        consumer.process(batch(record(1, wire())))


def test_a_database_that_is_restored_under_a_running_consumer_stops_it(consumer: Consumer, owner: Engine) -> None:
    consumer.process(batch(record(1, wire())))
    (backup,) = consumer.rows("SELECT sequence_number FROM shard_progress")
    consumer.process(batch(record(2, wire())))
    with owner.begin() as connection:
        connection.execute(text("UPDATE shard_progress SET sequence_number = :backup"), {"backup": backup})
    with pytest.raises(CrashError, match="restored"):
        consumer.process(batch(record(3, wire())))
    with pytest.raises(CrashError, match="restored"):
        consumer.end(SHARD)
    assert consumer.rows("SELECT sequence_number, ended_at FROM shard_progress") == [(FIRST + 1, None)]


def test_a_frozen_consumer_holds_its_row_for_15_seconds_at_most(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "15s"
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "10s"
        parameters = connection.connection.dbapi_connection.get_dsn_parameters()  # type: ignore[union-attr]
    assert parameters["tcp_user_timeout"] == "15000"
    assert parameters["connect_timeout"] == "5"
