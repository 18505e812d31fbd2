"""Windows in DuckDB come to what they come to in Python."""

from collections.abc import Sequence

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.domain import Transaction
from consumer.rules.history import aggregates, values_of
from consumer.rules.sql import COLUMNS, column_of
from consumer.rules.tree import Window
from consumer.rules.window_sql import MICROSECOND, with_windows
from consumer.rules.windows import Declaration
from tests.consumer.rules.test_history import ALL, NOON, SPAN, histories
from tests.consumer.rules.trees import TEXTS

PAIRS = [Declaration(f"{one.name}_pair", one.aggregate, one.of, ("senderId", "receiverId"), SPAN / 2) for one in ALL]


def answered(
    database: duckdb.DuckDBPyConnection, history: Sequence[Transaction], late: set[int], *, is_portable: bool
) -> dict[str, dict[str, object]]:
    columns = ["trx_id VARCHAR", "at_us BIGINT", "is_late BOOLEAN", "amount DECIMAL(18, 2)"]
    columns += [f"{COLUMNS[name]} VARCHAR" for name in TEXTS]
    database.execute(f"CREATE TABLE events ({', '.join(columns)})")
    for number, one in enumerate(history):
        at = (one.content.transaction_date - NOON) // MICROSECOND
        row = [str(one.transaction_id), at, number in late, one.content.amount]
        row += [getattr(one.content, column) for column in TEXTS.values()]
        database.execute(f"INSERT INTO events VALUES ({', '.join('?' * len(row))})", row)
    found = database.execute(with_windows([*ALL, *PAIRS], "events", is_portable=is_portable))
    names = [column[0] for column in found.description]
    return {row[0]: dict(zip(names, row, strict=True)) for row in found.fetchall()}


@pytest.mark.parametrize("is_portable", [False, True], ids=["as DuckDB can", "as all can"])
@settings(max_examples=60, deadline=None)
@given(history=histories, late=st.sets(st.integers(0, 11), max_size=2))
def test_both_come_to_the_same(history: list[Transaction], late: set[int], *, is_portable: bool) -> None:
    with duckdb.connect() as database:
        found = answered(database, history, late, is_portable=is_portable)
    in_time = [one for number, one in enumerate(history) if number not in late]
    for number, one in enumerate(history):
        values = values_of([*ALL, *PAIRS], one, [] if number in late else in_time)
        told = found[str(one.transaction_id)]
        for window in [*ALL, *PAIRS]:
            for aggregate in aggregates(window):
                assert told[column_of(Window(window.name, aggregate))] == values[window.name, aggregate]
