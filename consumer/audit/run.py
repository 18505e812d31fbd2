"""An audit from its sources to its comparison, and the repair of what is missing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import msgspec
from sqlalchemy import Engine

from consumer import lists
from consumer.archive import ArchiveObject
from consumer.audit.comparison import Comparator, Comparison, Missing
from consumer.audit.expected import Expected
from consumer.audit.stateful import Stateful
from consumer.audit.stored import Key, Stored, known
from consumer.domain import DeadLetter, Finding, Line, Match, Position, Shard, Transaction
from consumer.errors import CrashError
from consumer.insertion import AlertState
from consumer.replay import ARCHIVE, FIRST_TIME, Replay, Window
from consumer.rules.book import Book, InForce
from consumer.store import insert_unfenced

Advance = Callable[[int], None]
FINDINGS_A_TRANSACTION = 1_000


@dataclass(frozen=True)
class Scope:
    """Of one stream, by receivedAt; without a ``begin``, from the archive's first on."""

    stream: str
    begin: datetime | None
    end: datetime


def audit(engine: Engine, book: Book, objects: Sequence[ArchiveObject], scope: Scope, advance: Advance) -> Comparison:
    """``advance`` hears of bytes that are behind. Raises CrashError, DBAPIError, OSError or RetryError."""
    stateful = _stateful(engine, book)
    with TemporaryDirectory(prefix="audit-") as name, duckdb.connect() as database:
        folder = Path(name)
        database.execute(f"SET temp_directory = '{folder / 'spilled'}'")
        expected = Expected(database, folder, book)
        expected.read(objects, advance)
        begin = scope.begin or _first(database)
        if begin is None or begin >= scope.end:
            until = scope.end.isoformat(timespec="seconds")
            raise CrashError(f"there is nothing to audit: the archive has nothing that was received before {until}")
        expected.add(stateful.matches(objects, begin, scope.end))
        Stored(database, folder, engine).read(scope.stream, begin, scope.end)
        names = [one.name for one in objects]
        return Comparator(database, engine, scope.stream, names, begin, scope.end, stateful).compared()


def repair(
    engine: Engine, book: Book, objects: Sequence[ArchiveObject], found: Comparison, alert: AlertState
) -> Comparison:
    """Stores what is missing, without the stream's fence; returns what is still different. Safe to repeat.

    Raises what `audit` raises.
    """
    lacking = {one.object for one in found.missing}
    simple = Book([InForce(page.effective_from, page.rules.simple) for page in book.pages])
    run = Replay(
        simple, lambda some: insert_unfenced(engine, simple, some, alert), Window(found.begin, found.end), _ignore
    )
    for archived in objects:
        if archived.name in lacking:
            run.read(archived, lambda _size: None)
    missing = {(one.trx_id, one.rule_id): one for one in found.missing}
    lines = stateful_findings(_stateful(engine, book).matches(objects, found.begin, found.end), missing)
    while some := list(islice(lines, FINDINGS_A_TRANSACTION)):
        insert_unfenced(engine, simple, some, alert)
    there = known(engine, list(missing))
    return msgspec.structs.replace(found, missing=[one for key, one in missing.items() if key not in there])


def stateful_findings(
    matches: Iterable[tuple[Transaction, Match]], missing: Mapping[Key, Missing]
) -> Iterator[Finding]:
    """Those that are missing, from where they stand in the archive."""
    for transaction, match in matches:
        one = missing.get((transaction.transaction_id, match.rule_id))
        if one:
            position = Position(Shard(ARCHIVE, one.object), 0, one.line)
            yield Finding(Line(position, b"", FIRST_TIME), transaction, (match,))


def _stateful(engine: Engine, book: Book) -> Stateful:
    with engine.connect() as connection:
        return Stateful(book, lists.entries(connection) if book.has_lists else ())


def _ignore(_letter: DeadLetter) -> None:
    """The comparison told of it."""


def _first(database: duckdb.DuckDBPyConnection) -> datetime | None:
    ((first,),) = database.execute("SELECT min(received_at) FROM lines").fetchall()
    return None if first is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=first)
