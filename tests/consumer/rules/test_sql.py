"""One rule, two engines: DuckDB decides as the compiled condition does, or leaves it undecided; never otherwise."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import parse_one

from consumer.domain import Transaction
from consumer.rules.evaluate import matching
from consumer.rules.sql import COLUMNS, column_of, decided
from consumer.rules.tree import (
    Among,
    Arithmetic,
    Compare,
    Comparison,
    Condition,
    Field,
    Has,
    Letters,
    Literal,
    Number,
    Operator,
    Portion,
    Same,
)
from consumer.rules.vocabulary import FIELDS, Type
from consumer.rules.windows import DIGITS
from tests.consumer.builders import ARRIVED, content
from tests.consumer.rules.trees import ALWAYS, NULLABLE, Plain, conditions, is_listed, transactions, values

WINDOWS = (*ALWAYS, NULLABLE)
TYPES = {Type.NUMBER: "DECIMAL(38, 18)", Type.TEXT: "VARCHAR", Type.INSTANT: "TIMESTAMP"}
LISTS = {"one": ("a", "ab"), "other": ("", "b", "ba", "é")}
"""Since 1981, as `is_listed` has them; what it has before that is another list's matter."""
ENTRY = "list TEXT, value TEXT, effective_from TIMESTAMP, expires_at TIMESTAMP"
Row = tuple[Transaction, Mapping[Any, Any]]


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    columns = [f'"{column}" {TYPES[FIELDS[name]]}' for name, column in COLUMNS.items()]
    columns += [f'"{column_of(one)}" DECIMAL(38, {DIGITS[one.aggregate].after})' for one in WINDOWS]
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE transactions (number INTEGER, {', '.join(columns)})")
        connection.execute(f"CREATE TABLE list_entries ({ENTRY})")
        entries = [(name, one, "1981-01-01", "infinity") for name, members in LISTS.items() for one in members]
        connection.executemany("INSERT INTO list_entries VALUES (?, ?, ?, ?)", entries)
        yield connection


def answers(
    database: duckdb.DuckDBPyConnection, trees: Sequence[Condition], rows: Sequence[Row]
) -> list[tuple[bool | None, ...]]:
    database.execute("DELETE FROM transactions")
    for number, (transaction, known) in enumerate(rows):
        plain = Plain(transaction, known)
        fields = [plain.field(name) for name in COLUMNS]
        wall = [one.replace(tzinfo=None) if isinstance(one, datetime) else one for one in fields]
        row = [number, *wall, *(known.get((one.name, one.aggregate)) for one in WINDOWS)]
        database.execute(f"INSERT INTO transactions VALUES ({', '.join('?' * len(row))})", row)
    asked = ", ".join(decided(tree).sql("duckdb") for tree in trees)
    return database.execute(f"SELECT {asked} FROM transactions ORDER BY number").fetchall()


def answer(database: duckdb.DuckDBPyConnection, tree: Condition, **changes: Any) -> bool | None:
    ((found,),) = answers(database, [tree], [(Transaction(UUID(int=1), content(**changes), ARRIVED), {})])
    return found


@given(st.lists(conditions, min_size=1, max_size=4), st.lists(st.tuples(transactions, values), min_size=1, max_size=4))
def test_both_decide_alike(database: duckdb.DuckDBPyConnection, trees: list[Condition], rows: list[Row]) -> None:
    rows = [(one, known) for one, known in rows if one.received_at.year > 1980]
    ours = matching(trees)
    for found, (transaction, known) in zip(answers(database, trees, rows), rows, strict=True):
        expected = ours(transaction, known, is_listed)
        for number, decision in enumerate(found):
            assert decision in (None, number in expected)


def test_what_fits_is_decided(database: duckdb.DuckDBPyConnection) -> None:
    three_times: Number = Arithmetic(Operator.MULTIPLY, Field("amount"), Literal(Decimal("3.25")))
    tree = Compare(Comparison.GREATER, three_times, Literal(Decimal(325)))
    assert answer(database, tree, amount=Decimal("100.000000000000000001")) is True
    assert answer(database, tree, amount=Decimal(100)) is False


@pytest.mark.parametrize(
    ("factor", "amount"),
    [("3.25", "99999999999999999999"), ("1.000000000000000001", "100"), ("0.1234567890123456789", "1")],
    ids=["too large", "too large for its scale", "too fine"],
)
def test_what_does_not_fit_is_left_undecided(database: duckdb.DuckDBPyConnection, factor: str, amount: str) -> None:
    product: Number = Arithmetic(Operator.MULTIPLY, Field("amount"), Literal(Decimal(factor)))
    square: Number = Arithmetic(Operator.MULTIPLY, product, Literal(Decimal("1.001")))
    tree = Compare(Comparison.GREATER, square, Literal(Decimal(1)))
    assert answer(database, tree, amount=Decimal(amount)) is None


@pytest.mark.parametrize("letters", ["'", "''", "\\", "\\'", "%", "_", '"', "; --", "é", "😀", "$1", "{x}", "?"])
def test_text_is_taken_letter_by_letter(database: duckdb.DuckDBPyConnection, letters: str) -> None:
    field = Field("senderId")
    trees: list[Condition] = [Has(portion, field, letters) for portion in Portion]
    trees += [Among(field, (letters,)), Same(field, Letters(letters))]
    for tree in trees:
        assert answer(database, tree, sender_id=letters) is True
        assert answer(database, tree, sender_id="other") is False


@given(conditions)
def test_it_is_sql_in_each_dialect(tree: Condition) -> None:
    for dialect in ("duckdb", "athena"):
        text = decided(tree).sql(dialect)
        assert parse_one(text, dialect=dialect).sql(dialect) == text
