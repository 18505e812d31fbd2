"""An audit from its sources to its comparison, and the repair of what is missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import msgspec
from sqlalchemy import Engine

from consumer.archive import ArchiveObject
from consumer.audit.comparison import Comparator, Comparison
from consumer.audit.expected import Expected
from consumer.audit.stored import Stored, known
from consumer.domain import DeadLetter
from consumer.errors import CrashError
from consumer.insertion import AlertState
from consumer.publishing.source import current_book
from consumer.replay import Replay, Window
from consumer.store import insert_unfenced

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Scope:
    """Of one stream, by receivedAt; without a ``begin``, from the archive's first on."""

    stream: str
    begin: datetime | None
    end: datetime


def audit(engine: Engine, objects: Sequence[ArchiveObject], scope: Scope, advance: Advance) -> Comparison:
    """``advance`` hears of bytes that are behind. Raises CrashError, DBAPIError, OSError or RetryError."""
    with TemporaryDirectory(prefix="audit-") as name, duckdb.connect() as database:
        folder = Path(name)
        database.execute(f"SET temp_directory = '{folder / 'spilled'}'")
        Expected(database, folder, current_book()).read(objects, advance)
        begin = scope.begin or _first(database)
        if begin is None or begin >= scope.end:
            until = scope.end.isoformat(timespec="seconds")
            raise CrashError(f"there is nothing to audit: the archive has nothing that was received before {until}")
        Stored(database, folder, engine).read(scope.stream, begin, scope.end)
        return Comparator(database, engine, scope.stream, [one.name for one in objects], begin, scope.end).compared()


def repair(engine: Engine, objects: Sequence[ArchiveObject], found: Comparison, alert: AlertState) -> Comparison:
    """Stores what is missing, without the stream's fence; returns what is still different. Safe to repeat.

    Raises what `audit` raises.
    """
    lacking = {one.object for one in found.missing}
    book = current_book()
    run = Replay(book, lambda some: insert_unfenced(engine, book, some, alert), Window(found.begin, found.end), _ignore)
    for archived in objects:
        if archived.name in lacking:
            run.read(archived, lambda _size: None)
    there = known(engine, [(one.trx_id, one.rule_id) for one in found.missing])
    left = [one for one in found.missing if (one.trx_id, one.rule_id) not in there]
    return msgspec.structs.replace(found, missing=left)


def _ignore(_letter: DeadLetter) -> None:
    """The comparison told of it."""


def _first(database: duckdb.DuckDBPyConnection) -> datetime | None:
    ((first,),) = database.execute("SELECT min(received_at) FROM lines").fetchall()
    return None if first is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=first)
