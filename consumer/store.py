"""The stream's work in PostgreSQL: one `processRecords` call is one transaction, fenced by the shard's progress.

Every method may raise any `sqlalchemy.exc.DBAPIError` that is not the data's fault, having stored all or nothing, and
may then be called again from its beginning, also where it is the answer to COMMIT that was lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError

from consumer.breaker import Trip
from consumer.breaker_state import passes_until, remember
from consumer.counts import Tally, total
from consumer.domain import Anomaly, DeadLetter, Finding, Record, Shard
from consumer.errors import CrashError
from consumer.findings import insert_findings, position_columns
from consumer.insertion import AlertState
from consumer.logs import describe
from consumer.recent.judged import Judge
from consumer.refusals import Stored, insert_around_refusals, is_data_error
from consumer.rules.book import Book
from consumer.tables import dead_letters, shard_progress, throughput

LETTERS_A_STATEMENT = 5_000
_done = shard_progress.c.sequence_number


class ShardWork:
    """One transaction's work on one shard whose progress row it holds. ``done``: all up to it is stored, or will be
    with the commit. ``passes_until``: what Kinesis took before it does not trip the breaker."""

    def __init__(
        self,
        connection: Connection,
        done: int | None,
        row: ColumnElement[bool],
        stream: str,
        passes_until: datetime | None,
        judge: Judge,
    ) -> None:
        self.done = done
        self.passes_until = passes_until
        self._connection = connection
        self._row = row
        self._stream = stream
        self._judge = judge

    def insert(self, findings: Sequence[Finding], undecodable: Sequence[DeadLetter]) -> Stored:
        stored = insert_into(self._connection, self._judge, findings, "pending")
        _insert_dead_letters(self._connection, [*undecodable, *stored.refused])
        return stored

    def move_to(self, last: Record, counts: Mapping[datetime, Tally]) -> None:
        """The last thing to be done: throughput's rows are shared by all shards."""
        moved = {"sequence_number": last.sequence_number, "arrived_at": last.arrived_at, "updated_at": func.now()}
        self._connection.execute(
            update(shard_progress).where(self._row).values(**moved, **_added(shard_progress, total(counts.values())))
        )
        self._add_throughput(counts)
        self.done = last.sequence_number

    def end(self) -> None:
        """The shard was closed by a reshard and is read to its end."""
        self._connection.execute(
            update(shard_progress).where(self._row).values(ended_at=func.now(), updated_at=func.now())
        )

    def _add_throughput(self, counts: Mapping[datetime, Tally]) -> None:
        statement = upsert(throughput)
        added = {name: throughput.c[name] + statement.excluded[name] for name in Tally._fields}
        rows = [{"minute": at, "stream": self._stream, **tally._asdict()} for at, tally in sorted(counts.items())]
        self._connection.execute(statement.on_conflict_do_update(index_elements=["minute", "stream"], set_=added), rows)


class Store:
    """The tables as one KCL application of one stream sees them. ``book``: its rules with windows are asked here."""

    def __init__(self, engine: Engine, application: str, stream: str, book: Book) -> None:
        self._judge = Judge(book)
        self._engine = engine
        self._application = application
        self._stream = stream

    def take_up(self, shard: Shard) -> int | None:
        """Makes or touches the shard's progress row and returns the progress; None before the first record.

        Raises BreakerTrippedError while the breaker is tripped, as `shard` does.
        """
        key = {"application": self._application, **shard._asdict()}
        touched = upsert(shard_progress).on_conflict_do_update(
            index_elements=list(key), set_={"initialized_at": func.now()}
        )
        with _transaction(self._engine) as connection:
            passes_until(connection, self._application, shard.stream_incarnation)
            return _integer(connection.execute(touched.values(key).returning(_done)).scalar_one())

    @contextmanager
    def shard(self, shard: Shard) -> Iterator[ShardWork]:
        """One transaction that holds the shard's progress row; it is committed when the block ends well.

        Raises CrashError if the row, which `take_up` made, is gone.
        """
        row = self._row(shard)
        with _transaction(self._engine) as connection:
            found = connection.execute(select(_done).where(row).with_for_update()).all()
            if not found:
                raise CrashError(f"the progress of {shard.shard_id} was deleted from shard_progress while it is read")
            passing = passes_until(connection, self._application, shard.stream_incarnation)
            yield ShardWork(connection, _integer(found[0].sequence_number), row, self._stream, passing, self._judge)

    def trip(self, shard: Shard, trip: Trip, seen: datetime | None) -> None:
        """Trips the breaker for all shards, unless it was reset since ``seen``, which `ShardWork.passes_until` told."""
        with _transaction(self._engine) as connection:
            remember(connection, self._application, shard, trip, seen)

    def _row(self, shard: Shard) -> ColumnElement[bool]:
        return (
            (shard_progress.c.application == self._application)
            & (shard_progress.c.stream_incarnation == shard.stream_incarnation)
            & (shard_progress.c.shard_id == shard.shard_id)
        )


def insert_unfenced(engine: Engine, book: Book, findings: Sequence[Finding], alert: AlertState) -> Stored:
    """In a transaction of its own that neither reads nor moves progress: for repairs and replays."""
    with _transaction(engine) as connection:
        return insert_into(connection, Judge(book), findings, alert)


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    """Data errors are set aside where they can be; elsewhere they would come again for ever."""
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        if is_data_error(error):
            raise CrashError(f"the database refuses what the consumer counts: {describe(error)}") from error
        raise


def insert_into(connection: Connection, judge: Judge, findings: Sequence[Finding], alert: AlertState) -> Stored:
    """Inside the caller's transaction; what the data is at fault for is set aside."""

    def insert(target: Connection, some: Sequence[Finding]) -> list[Anomaly]:
        return insert_findings(target, judge.judged(target, some), alert)

    judge.hold(connection, findings)
    return insert_around_refusals(connection, findings, insert)


def _insert_dead_letters(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """In portions, so that the database never waits long for the next one."""
    for start in range(0, len(letters), LETTERS_A_STATEMENT):
        rows = [_letter_row(letter) for letter in letters[start : start + LETTERS_A_STATEMENT]]
        connection.execute(upsert(dead_letters).on_conflict_do_nothing(), rows)


def _letter_row(letter: DeadLetter) -> dict[str, Any]:
    line = letter.line
    return {
        **position_columns(line.position),
        "payload": line.payload,
        "reason": letter.reason,
        "arrived_at": line.arrived_at,
    }


def _added(table: Table, tally: Tally) -> dict[str, Any]:
    return {name: table.c[name] + count for name, count in tally._asdict().items()}


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)
