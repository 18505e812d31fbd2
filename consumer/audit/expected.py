"""What must be stored: the archive's lines once more through decode ▸ detect, kept by id in DuckDB."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from consumer.archive import ArchiveObject, lines_of
from consumer.audit.loading import load
from consumer.detect import Rules
from consumer.domain import Line, Match, Transaction
from consumer.pipeline import Evaluation, evaluate
from consumer.replay import LINES_A_TRANSACTION, archived_lines

TABLES = {
    "lines": "trx_id UUID, content BIGINT, received_at BIGINT, object INTEGER, line INTEGER",
    "expected": "trx_id UUID, rule_id VARCHAR, received_at BIGINT, object INTEGER, line INTEGER",
    "undecodable": "digest VARCHAR, object INTEGER, line INTEGER, reason VARCHAR",
}
"""``content`` is a hash of what the client said, times are microseconds, ``object`` is an archive object's number."""


class Expected:
    """Fills `TABLES` of ``database``; files for that go through ``folder``."""

    def __init__(self, database: duckdb.DuckDBPyConnection, folder: Path, rules: Rules) -> None:
        self._database = database
        self._folder = folder
        self._rules = rules
        for name, columns in TABLES.items():
            database.execute(f"CREATE TABLE {name} ({columns})")

    def read(self, objects: Sequence[ArchiveObject], advance: Callable[[int], None]) -> None:
        """``advance`` hears of bytes that are behind. Raises CrashError, OSError or RetryError."""
        for number, archived in enumerate(objects):
            with archived.open() as stored:
                lines = archived_lines(archived.name, lines_of(stored))
                while portion := list(islice(lines, LINES_A_TRANSACTION)):
                    for name, rows in _rows(evaluate(self._rules, portion), number).items():
                        load(self._database, name, rows, self._folder)
            advance(archived.size)

    def add(self, matches: Iterable[tuple[Transaction, Match]]) -> None:
        """Of lines that were read: they are found again by trxId and receivedAt."""
        self._database.execute("CREATE TABLE matched (trx_id UUID, rule_id VARCHAR, received_at BIGINT)")
        rows = ((one.transaction_id, match.rule_id, microseconds(one.received_at)) for one, match in matches)
        load(self._database, "matched", rows, self._folder)
        self._database.execute(
            "INSERT INTO expected SELECT trx_id, rule_id, received_at, min(object), arg_min(line, object) "
            "FROM matched JOIN lines USING (trx_id, received_at) GROUP BY trx_id, rule_id, received_at"
        )


def _rows(evaluation: Evaluation, number: int) -> dict[str, Iterator[Sequence[Any]]]:
    found = [(one.transaction, one.line.position.line, one.matches) for one in evaluation.findings]
    return {
        "lines": (
            (transaction.transaction_id, hash(transaction.content), microseconds(transaction.received_at), number, line)
            for transaction, line, _ in found
        ),
        "expected": (
            (transaction.transaction_id, match.rule_id, microseconds(transaction.received_at), number, line)
            for transaction, line, matches in found
            for match in matches
        ),
        "undecodable": (
            (digest(letter.line), number, letter.line.position.line, letter.reason) for letter in evaluation.undecodable
        ),
    }


def digest(line: Line) -> str:
    return hashlib.sha256(line.payload).hexdigest()


def microseconds(moment: datetime) -> int:
    """Since 1970, exactly."""
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000 + moment.microsecond
