"""What is stored, read out of PostgreSQL into DuckDB."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import duckdb
from sqlalchemy import ColumnElement, Engine, Table, func, or_, select, tuple_

from consumer.audit.expected import microseconds
from consumer.audit.loading import load
from consumer.replay import ARCHIVE
from consumer.tables import anomalies, dead_letters, throughput

TABLES = {
    "stored": "trx_id UUID, rule_id VARCHAR, rule_version INTEGER, received_at BIGINT, transaction_date BIGINT",
    "letters": "digest VARCHAR, shard_id VARCHAR, sequence_number VARCHAR, line INTEGER, state VARCHAR, "
    "arrived_at BIGINT",
}
ROWS_A_FETCH = 10_000
KEYS_A_QUERY = 1_000
MINUTE = timedelta(minutes=1)
Key = tuple[UUID, str]


class Stored:
    """Fills `TABLES` of ``database``; files for that go through ``folder``. Every method raises DBAPIError."""

    def __init__(self, database: duckdb.DuckDBPyConnection, folder: Path, engine: Engine) -> None:
        self._database = database
        self._folder = folder
        self._engine = engine
        for name, columns in TABLES.items():
            database.execute(f"CREATE TABLE {name} ({columns})")

    def read(self, stream: str, begin: datetime, end: datetime) -> None:
        """Of all lives of ``stream``: anomalies that were received from ``begin`` on, before ``end``, those that were
        replayed too; and all dead letters.
        """
        received = anomalies.c.received_at
        columns = anomalies.c.transaction_id, anomalies.c.rule_id, anomalies.c.rule_version, received
        found = select(*columns, anomalies.c.transaction_date)
        sha256 = func.encode(func.sha256(dead_letters.c.payload), "hex").label("digest")
        letters = [dead_letters.c[name] for name in ("shard_id", "sequence_number", "line", "state")]
        with self._engine.connect().execution_options(yield_per=ROWS_A_FETCH) as connection:
            rows = connection.execute(found.where(_is_of(stream, anomalies), received >= begin, received < end))
            stored = ((*row[:3], microseconds(row[3]), microseconds(row[4])) for row in rows)
            load(self._database, "stored", stored, self._folder)
            rows = connection.execute(
                select(sha256, *letters, dead_letters.c.arrived_at).where(_is_of(stream, dead_letters))
            )
            load(self._database, "letters", ((*row[:-1], microseconds(row[-1])) for row in rows), self._folder)


def _is_of(stream: str, table: Table) -> ColumnElement[bool]:
    """An incarnation is ``ARN@time``."""
    incarnation = table.c.stream_incarnation
    return or_(incarnation == ARCHIVE, incarnation.contains(f":stream/{stream}@", autoescape=True))


def known(engine: Engine, keys: Sequence[Key]) -> set[Key]:
    """Those of the keys that are stored, whenever they were received. Raises DBAPIError."""
    columns = anomalies.c.transaction_id, anomalies.c.rule_id
    found = set[Key]()
    with engine.connect() as connection:
        for start in range(0, len(keys), KEYS_A_QUERY):
            asked = select(*columns).where(tuple_(*columns).in_(keys[start : start + KEYS_A_QUERY]))
            found |= {(row[0], row[1]) for row in connection.execute(asked)}
    return found


def evaluated(engine: Engine, stream: str, begin: datetime, end: datetime) -> int:
    """Transactions that ``stream`` delivered in whole minutes of that time, by Kinesis's clock. Raises DBAPIError."""
    minute = throughput.c.minute
    counted = select(func.coalesce(func.sum(throughput.c.transactions), 0)).where(throughput.c.stream == stream)
    with engine.connect() as connection:
        return int(connection.execute(counted.where(minute >= begin, minute <= end - MINUTE)).scalar_one())
