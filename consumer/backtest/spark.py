"""A backtest on Spark: its workers decode the archive's lines as the consumer does; its SQL is DuckDB's, translated.

What Spark's 38 digits do not decide comes back as NULL and is decided here; matches are reported from DuckDB.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import sqlglot
from sqlglot import ErrorLevel

from consumer.archive import ArchiveObject, archive_objects, lines_of
from consumer.backtest import copies
from consumer.backtest.copies import KEPT, PLACED
from consumer.backtest.judge import NEVER, ROWS_A_FETCH, Judge
from consumer.backtest.run import Advance, Counted, Scope
from consumer.decode import decode
from consumer.domain import Content, Transaction, plain
from consumer.errors import CrashError, RejectedError
from consumer.rules.entries import Entry
from consumer.rules.history import MICROSECOND
from consumer.rules.sql import LISTS
from consumer.rules.windows import Declaration

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

EXACT = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
}
"""Where a decimal does not fit it is NULL, and never rounded; times have no zone."""
MISSING = "Spark is not installed here: python -m pip install pyspark, or run this where Spark is (spark-submit)"


@contextmanager
def session() -> Iterator["SparkSession"]:
    """The one that runs here, or one on all cores of this machine. Raises CrashError where there is no Spark."""
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError:
        raise CrashError(MISSING) from None
    active = SparkSession.getActiveSession()
    if not active:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # the workers need what is installed here
    found = active or SparkSession.builder.appName("payment-analytics backtest").getOrCreate()
    former: dict[str, str | None] = {name: found.conf.get(name, None) for name in EXACT}
    for name, wanted in EXACT.items():
        found.conf.set(name, wanted)
    try:
        yield found
    finally:
        for name, value in former.items():
            if value is None:
                found.conf.unset(name)
            else:
                found.conf.set(name, value)
        if not active:
            found.stop()


class SparkRun:
    """As `run.Run`: the judge's table has what was found."""

    def __init__(
        self, spark: "SparkSession", judge: Judge, windows: Sequence[Declaration], folder: Path, scope: Scope
    ) -> None:
        self._folder = folder
        self.counted = Counted()
        self._spark = spark
        self._judge = judge
        self._windows = windows
        self._scope = scope

    def read(self, objects: Sequence[ArchiveObject], entries: Sequence[Entry], advance: Advance) -> None:
        """``advance`` hears of the bytes once all are behind. Raises CrashError."""
        _lists(self._spark, entries).createOrReplaceTempView(LISTS)
        lines = _lines(self._spark, objects).cache()
        lines.createOrReplaceTempView("lines")
        self.counted = self._counts()
        found = iter(self._spark.sql(self._query()).toLocalIterator())
        while some := list(islice(found, ROWS_A_FETCH)):
            self._judge.take(some, self._folder)
        lines.unpersist()
        advance(sum(one.size for one in objects))

    def _counts(self) -> Counted:
        (row,) = self._spark.sql("SELECT count(trx_id), count(*) - count(trx_id) FROM lines").collect()
        return Counted(row[0], row[1])

    def _query(self) -> str:
        relation = f"SELECT {', '.join([*KEPT, *PLACED])} FROM lines WHERE trx_id IS NOT NULL"
        if self._windows:
            turn = "row_number() OVER (PARTITION BY trx_id, received_at ORDER BY content) AS turn"
            once = f"SELECT *, {turn} FROM ({relation} AND {self._scope.held}) AS known"
            received = f"SELECT * FROM ({once}) AS counted WHERE turn = 1"
            self._spark.sql(_translated(received)).createOrReplaceTempView("received")
            relation = copies.with_windows_of_all(self._windows, "received", has_copies=True, is_portable=True)
        return _translated(self._judge.asked(relation, self._scope.sql))


def _translated(query: str) -> str:
    """TRY is not known there, and not needed: what does not fit is NULL."""
    return sqlglot.transpile(query, read="duckdb", write="spark", unsupported_level=ErrorLevel.IGNORE)[0]


def _lists(spark: "SparkSession", entries: Sequence[Entry]) -> "DataFrame":
    rows = [
        (one.list, one.value, _wall(one.effective_from), _wall(one.expires_at) if one.expires_at else NEVER)
        for one in entries
    ]
    return spark.createDataFrame(
        rows, "list STRING, value STRING, effective_from TIMESTAMP_NTZ, expires_at TIMESTAMP_NTZ"
    )


SCHEMA = ", ".join(
    f"{name} {kind}"
    for name, kind in {
        **dict.fromkeys(KEPT, "STRING"),
        "amount": "DECIMAL(38, 18)",
        "transaction_date": "TIMESTAMP_NTZ",
        "received_at": "TIMESTAMP_NTZ",
        "at_us": "BIGINT",
        "delay_us": "BIGINT",
        "content": "STRING",
    }.items()
)


def _lines(spark: "SparkSession", objects: Sequence[ArchiveObject]) -> "DataFrame":
    """A row for each line; of one that cannot be evaluated, of nulls."""
    named = [one.name for one in objects]
    spread = spark.sparkContext.parallelize(named, max(1, len(named)))
    return spark.createDataFrame(spread.flatMap(_rows), SCHEMA)


def _rows(name: str) -> Iterator[tuple[Any, ...]]:
    """By a worker of Spark's."""
    (archived,) = archive_objects([name])
    with archived.open() as stored:
        for line in lines_of(stored):
            try:
                yield _row(decode(line))
            except RejectedError:
                yield (None,) * (len(KEPT) + len(PLACED))


def _row(transaction: Transaction) -> tuple[Any, ...]:
    content, received = transaction.content, transaction.received_at
    fields = {name: getattr(content, name) for name in Content.__struct_fields__}
    fields |= {
        "trx_id": str(transaction.transaction_id),
        "written": plain(content.amount),
        "transaction_date": _wall(content.transaction_date),
        "received_at": _wall(received),
    }
    at = (content.transaction_date - EPOCH) // MICROSECOND
    delay = (received - content.transaction_date) // MICROSECOND
    said = msgspec.json.encode([*msgspec.structs.astuple(content)[1:], str(content.amount.normalize())])
    return (*(fields[name] for name in KEPT), at, delay, blake2b(said, digest_size=16).hexdigest())


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _wall(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
