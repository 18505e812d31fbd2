"""Asks rules of a relation of transactions, and keeps those that match in the table ``found``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import msgspec

from consumer.domain import Content, Transaction
from consumer.rules.entries import Entry, asking
from consumer.rules.evaluate import Values, matching
from consumer.rules.history import aggregates
from consumer.rules.sql import COLUMNS, LISTS, column_of, decided
from consumer.rules.tree import Condition, Window
from consumer.rules.windows import Declaration

ROWS_A_FETCH = 10_000
NEVER = datetime(9999, 1, 1)  # noqa: DTZ001 - DuckDB's times here have no zone
FIELDS = ("trx_id", "written", *COLUMNS.values())
ENTRY = "list VARCHAR, value VARCHAR, effective_from TIMESTAMP, expires_at TIMESTAMP"
TYPES = {"amount": "DECIMAL(38, 18)", "transaction_date": "TIMESTAMP", "received_at": "TIMESTAMP"}

ITSELF: Mapping[str, str] = {}


class Judge:
    """``found`` has ``number``, which condition was true, and the transaction with its windows' values. One that was
    delivered often is there as often.
    """

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        conditions: Sequence[Condition],
        windows: Iterable[Declaration],
        entries: Sequence[Entry],
    ) -> None:
        self._database = database
        self.conditions = conditions
        self._windows = [Window(one.name, aggregate) for one in windows for aggregate in aggregates(one)]
        self._is_listed = asking(entries)
        self._columns = [*FIELDS, *(f'"{column_of(window)}"' for window in self._windows)]
        typed = [f"{name} {TYPES.get(name, 'VARCHAR')}" for name in FIELDS]
        typed += [f"{name} DECIMAL(38, 18)" for name in self._columns[len(FIELDS) :]]
        database.execute(f"CREATE TABLE found (number INTEGER, {', '.join(typed)})")
        database.execute(f"CREATE TABLE {LISTS} ({ENTRY})")
        for entry in entries:
            times = _wall(entry.effective_from), _wall(entry.expires_at) if entry.expires_at else NEVER
            database.execute(f"INSERT INTO {LISTS} VALUES (?, ?, ?, ?)", [entry.list, entry.value, *times])

    def judged(self, relation: str, asked: str, late: Mapping[str, str] = ITSELF) -> str:
        """A query: what was decided of each row of ``relation``, c0, c1 …, and its fields where they are kept.

        ``late``: what computes a field there, which is then not done for the others.
        """
        numbers = range(len(self.conditions))
        decisions = [f"{asked} AND {decided(self.conditions[number]).sql('duckdb')} AS c{number}" for number in numbers]
        hit = " OR ".join(f"c{number} IS NOT FALSE" for number in numbers) or "FALSE"
        kept = [f"CASE WHEN {hit} THEN {late.get(name, name)} END AS {name}" for name in self._columns]
        others = ["filename", "is_plain", *(f"c{number}" for number in numbers)]
        decided_rows = f"SELECT {', '.join(['*', *decisions])} FROM ({relation})"
        return f"SELECT {', '.join([*others, *kept])} FROM ({decided_rows})"

    def asked(self, relation: str, asked: str, *, tries: bool = False) -> str:
        """A query, in DuckDB's dialect: c0, c1 … and the columns, of rows that may match. ``tries``: for an engine in
        which a comparison may also fail where nothing is computed.
        """
        numbers = range(len(self.conditions))
        conditions = [decided(condition).sql("duckdb") for condition in self.conditions]
        tried = [f"TRY({condition})" if tries else condition for condition in conditions]
        decisions = [f"{asked} AND {condition} AS c{number}" for number, condition in enumerate(tried)]
        hit = " OR ".join(f"c{number} IS NULL OR c{number}" for number in numbers) or "FALSE"
        columns = ", ".join([*(f"c{number}" for number in numbers), *self._columns])
        decided_rows = f"SELECT {', '.join(['*', *decisions])} FROM ({relation}) AS known"
        return f"SELECT {columns} FROM ({decided_rows}) AS decided WHERE {hit}"

    def take(self, rows: Iterable[Sequence[Any]], folder: Path) -> None:
        """What `asked` brought: true is kept, and undecided is decided now. By way of a file in ``folder``: row by row
        DuckDB takes a thousand times as long.
        """
        true: list[Sequence[Any]] = []
        for decisions_and_row in rows:
            row = decisions_and_row[len(self.conditions) :]
            for number, decision in enumerate(decisions_and_row[: len(self.conditions)]):
                if decision or (decision is None and self._is_true(number, row)):
                    true.append([number, *row])
        file = folder / "taken.ndjson"
        file.write_bytes(b"".join(_line(row) for row in true))
        names = [f"x{number}" for number in range(len(self._columns) + 1)]
        columns = ", ".join(f"{name}: 'VARCHAR'" for name in names)
        self._database.execute(
            f"INSERT INTO found SELECT {', '.join(names)} FROM "
            f"read_json('{file}', format = 'newline_delimited', columns = {{{columns}}})"
        )

    def _is_true(self, number: int, row: Sequence[Any]) -> bool:
        match = matching([self.conditions[number]])
        return bool(match(transaction_of(row), self._values(row), self._is_listed))

    def keep(self, table: str) -> None:
        """What was judged there and is true; what is undecided there is decided now."""
        columns = ", ".join(self._columns)
        for number in range(len(self.conditions)):
            self._database.execute(f"INSERT INTO found SELECT {number}, {columns} FROM {table} WHERE c{number}")
            self._decide(table, number, columns)

    def _decide(self, table: str, number: int, columns: str) -> None:
        match = matching([self.conditions[number]])
        rows = self._database.execute(f"SELECT {columns} FROM {table} WHERE c{number} IS NULL")
        true: list[Sequence[Any]] = []
        while some := rows.fetchmany(ROWS_A_FETCH):
            true += [row for row in some if match(transaction_of(row), self._values(row), self._is_listed)]
        if true:
            places = ", ".join("?" * (len(self._columns) + 1))
            self._database.executemany(f"INSERT INTO found VALUES ({places})", [[number, *row] for row in true])

    def _values(self, row: Sequence[Any]) -> Values:
        values = row[len(FIELDS) :]
        return {(one.name, one.aggregate): value for one, value in zip(self._windows, values, strict=True)}

    def found(self) -> Iterator[tuple[int, Transaction, Values]]:
        """All matches: the condition's number, what matched, as often as it was received, and its windows' values."""
        rows = self._database.execute(f"SELECT number, {', '.join(self._columns)} FROM found")
        while some := rows.fetchmany(ROWS_A_FETCH):
            for number, *row in some:
                yield number, transaction_of(row), self._values(row)

    def samples(self, number: int, most: int) -> Iterator[tuple[Transaction, Values]]:
        """The latest of a condition's matches, each once."""
        columns = ", ".join(self._columns)
        rows = self._database.execute(
            f"SELECT DISTINCT ON (trx_id) {columns} FROM found WHERE number = {number} "
            f"ORDER BY transaction_date DESC, trx_id LIMIT {most}"
        ).fetchall()
        return ((transaction_of(row), self._values(row)) for row in rows)


def transaction_of(row: Sequence[Any]) -> Transaction:
    known = dict(zip(FIELDS, row, strict=False))
    times = {name: known[name].replace(tzinfo=UTC) for name in ("transaction_date", "received_at")}
    fields = {name: known[name] for name in Content.__struct_fields__ if name not in times}
    fields["amount"] = Decimal(known["written"])
    content = Content(**fields, transaction_date=times["transaction_date"])
    return Transaction(UUID(known["trx_id"]), content, times["received_at"])


def _line(row: Sequence[Any]) -> bytes:
    """All of it text, so that no digit is lost."""
    cells = {f"x{number}": None if value is None else f"{value}" for number, value in enumerate(row)}
    return msgspec.json.encode(cells) + b"\n"


def _wall(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
