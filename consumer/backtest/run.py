"""Puts the archive's transactions before the judge: some objects at a time, in bounded memory, on all cores.

Without windows only matches are kept. With windows all transactions are, for windows span objects; what DuckDB's
memory does not hold it keeps on disk.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from consumer.archive import GZIP, ArchiveFile, ArchiveObject
from consumer.backtest import copies, lines
from consumer.backtest.judge import FIELDS, Judge
from consumer.backtest.lines import NARROW, WIDE, Relation
from consumer.errors import CrashError
from consumer.rules.windows import Declaration

A_BATCHES_BYTES = 16 * 1024 * 1024
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Scope:
    """Of receivedAt: what is asked about. Windows hold nothing that was received at the ``horizon`` or later."""

    begin: datetime | None = None
    end: datetime | None = None
    horizon: datetime | None = None

    @property
    def sql(self) -> str:
        parts = [f"received_at >= {_timestamp(self.begin)}"] if self.begin else []
        parts += [f"received_at < {_timestamp(self.end)}"] if self.end else []
        return " AND ".join(parts) or "TRUE"

    @property
    def held(self) -> str:
        return f"received_at < {_timestamp(self.horizon)}" if self.horizon else "TRUE"


@dataclass
class Counted:
    """Transactions that were read, as often as they were delivered; lines that cannot be evaluated."""

    transactions: int = 0
    undecodable: int = 0


class Run:
    """``folder`` is for copies of what is read. The judge's table has what was found."""

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        judge: Judge,
        windows: Sequence[Declaration],
        folder: Path,
        scope: Scope,
    ) -> None:
        self.counted = Counted()
        self._database = database
        self._judge = judge
        self._windows = windows
        self._folder = folder
        self._scope = scope
        self._amount = NARROW
        self._names: dict[Path, str] = {}

    def read(self, objects: Sequence[ArchiveObject], advance: Advance) -> None:
        """``advance`` hears of bytes that are behind. Raises CrashError, OSError or RetryError."""
        for batch in _batches(objects):
            self._read([self._copied(number, one) for number, one in enumerate(batch)])
            advance(sum(one.size for one in batch))
        if self._windows:
            self._judge_remembered()

    def _read(self, files: Sequence[Path]) -> None:
        """A file in which a line is not plain, or is nothing that DuckDB reads, is written anew and read once more."""
        try:
            self._load(lines.relation([str(file) for file in files], self._amount, are_rewritten=False))
        except duckdb.Error:
            if len(files) > 1:
                for file in files:
                    self._read([file])
            else:
                self._read_rewritten(files[0])
            return
        odd = self._database.execute("SELECT DISTINCT filename FROM batch WHERE is_plain IS NOT TRUE").fetchall()
        for name in odd:
            self._database.execute("DELETE FROM batch WHERE filename = ?", name)
        self._keep()
        for (name,) in odd:
            self._read_rewritten(Path(name))

    def _read_rewritten(self, file: Path) -> None:
        try:
            rewritten = self._rewritten(file)
        except CrashError as error:
            raise CrashError(f"{self._names[file]}: {error}") from error
        self._load(lines.relation([str(rewritten)], self._amount, are_rewritten=True))
        self._keep()

    def _load(self, relation: Relation) -> None:
        """With windows what is judged later; without, what is judged now."""
        wanted = f"SELECT {', '.join(['filename', 'is_plain', *FIELDS])} FROM ({relation.sql})"
        if not self._windows:
            wanted = self._judge.judged(relation.sql, self._scope.sql, relation.late)
        self._database.execute("DROP TABLE IF EXISTS batch")  # before there is another
        self._database.execute(f"CREATE TABLE batch AS {wanted}")

    def _keep(self) -> None:
        ((count,),) = self._database.execute("SELECT count(*) FROM batch").fetchall()
        self.counted.transactions += count
        if not self._windows:
            self._judge.keep("batch")
            return
        self._database.execute("CREATE TABLE IF NOT EXISTS events AS FROM batch LIMIT 0")
        self._database.execute("INSERT INTO events FROM batch")

    def _rewritten(self, file: Path) -> Path:
        to = file.with_name(f"{file.name}.rewritten.gz")
        for transaction in lines.rewritten(ArchiveFile(file), to):
            if transaction is None:
                self.counted.undecodable += 1
            elif self._amount is NARROW and not lines.is_narrow(transaction.content.amount):
                self._amount = WIDE
        if self._amount is WIDE and self._windows:
            self._database.execute(f"ALTER TABLE IF EXISTS events ALTER amount TYPE {WIDE}")
        return to

    def _judge_remembered(self) -> None:
        """Each line by itself, as often as a transaction was received."""
        held = f"(SELECT * FROM events WHERE {self._scope.held})"
        ((rows, ids),) = self._database.execute(f"SELECT count(*), count(DISTINCT trx_id) FROM {held}").fetchall()
        if has_copies := rows > ids:
            self._database.execute(f"CREATE TABLE received AS {copies.received(held)}")
            self._database.execute("DROP TABLE events")
        else:
            self._database.execute(f"CREATE VIEW received AS {copies.placed(held)}")
        relation = copies.with_windows_of_all(self._windows, "received", has_copies=has_copies)
        self._database.execute(f"CREATE TABLE hits AS {self._judge.asked(relation, self._scope.sql)}")
        self._judge.keep("hits")

    def _copied(self, number: int, archived: ArchiveObject) -> Path:
        """Under a name that tells whether it is packed. A file is not copied."""
        with archived.open() as stored:
            is_packed = stored.read(len(GZIP)) == GZIP
            path = self._folder / f"{number}.ndjson{'.gz' if is_packed else ''}"
            path.unlink(missing_ok=True)
            self._names[path] = archived.name
            if isinstance(archived, ArchiveFile):
                path.symlink_to(archived.path.absolute())
                return path
            stored.seek(0)
            with path.open("wb") as copy:
                shutil.copyfileobj(stored, copy)
        return path


def _batches(objects: Sequence[ArchiveObject]) -> Iterator[list[ArchiveObject]]:
    batch: list[ArchiveObject] = []
    for one in objects:
        if batch and sum(other.size for other in batch) + one.size > A_BATCHES_BYTES:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.astimezone(UTC).replace(tzinfo=None).isoformat(' ')}'"
