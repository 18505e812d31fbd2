"""Windows in SQL: a query that adds each window's value to each transaction of a relation.

DuckDB takes frames that differ from row to row: there, ``place`` orders instants and ties at once, and a window is one
RANGE of it.

Elsewhere a window has two parts, and every frame of them is constant, so that all engines take it: what is of an
earlier instant, a RANGE over microseconds; and, of the transaction's own instant, those up to its own trxId. Counts,
sums and maxima are put together of both. Most engines know no DISTINCT in a frame: distinct values are gathered first.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from consumer.rules.history import aggregates
from consumer.rules.sql import COLUMNS, column_of
from consumer.rules.tree import Aggregate, Window
from consumer.rules.windows import Declaration

MICROSECOND = timedelta(microseconds=1)
MOST_TIES = 2**40
"""At one instant."""

Recipes = Mapping[Aggregate, Callable[[Declaration], str]]


def with_windows(windows: Sequence[Declaration], relation: str, *, is_portable: bool = False) -> str:
    """In DuckDB's dialect; other dialects take it where it ``is_portable``.

    ``relation`` has the columns of `COLUMNS`, and beside them ``trx_id``, in lower case, once each; ``at_us``, its
    transaction_date in microseconds; and ``is_late``: a late one is in no window but its own.
    """
    in_time = PORTABLE if is_portable else OF_PLACES
    added = [_column(window, aggregate, in_time) for window in windows for aggregate in aggregates(window)]
    if not is_portable:
        ranked = f"SELECT *, row_number() OVER (PARTITION BY at_us ORDER BY trx_id) AS tie FROM {relation}"
        relation = f"(SELECT *, at_us::HUGEINT * {MOST_TIES} + tie AS place FROM ({ranked}))"
    return f"SELECT {', '.join(['*', *added])} FROM {relation}"


def _column(window: Declaration, aggregate: Aggregate, in_time: Recipes) -> str:
    value = f"CASE WHEN is_late THEN {ALONE[aggregate]} ELSE {in_time[aggregate](window)} END"
    return f'{value} AS "{column_of(Window(window.name, aggregate))}"'


ALONE: Mapping[Aggregate, str] = {
    Aggregate.COUNT: "1",
    Aggregate.SUM: "amount",
    Aggregate.MAX: "amount",
    Aggregate.DISTINCT: "1",
    Aggregate.PREVIOUS_AMOUNT: "NULL",
    Aggregate.PREVIOUS_SECONDS: "NULL",
}


def _count(window: Declaration) -> str:
    return f"count(*) OVER ({_earlier(window)}) + count(*) OVER ({_peers(window)})"


def _sum(window: Declaration) -> str:
    return f"coalesce(sum(amount) OVER ({_earlier(window)}), 0) + sum(amount) OVER ({_peers(window)})"


def _max(window: Declaration) -> str:
    peers = f"max(amount) OVER ({_peers(window)})"
    return f"greatest(coalesce(max(amount) OVER ({_earlier(window)}), 0), {peers})"


def _gathered(window: Declaration) -> str:
    """Of text columns, which are never null."""
    of = COLUMNS[window.of]
    gathered = [f"coalesce(array_agg({of}) OVER ({frame(window)}), [])" for frame in (_earlier, _peers)]
    return f"array_length(list_distinct(list_concat({', '.join(gathered)})))"


def _previous_amount(window: Declaration) -> str:
    return f"CASE WHEN {_is_recent(window)} THEN {_lag('amount', window)} END"


def _previous_seconds(window: Declaration) -> str:
    between = f"(at_us - {_lag('at_us', window)})"
    return (
        f"CASE WHEN {_is_recent(window)} THEN CAST({between} AS DECIMAL(18, 0)) * CAST('0.000001' AS DECIMAL(7, 6)) END"
    )


def _placed(window: Declaration) -> str:
    frame = f"RANGE BETWEEN {_span(window) - 1}::HUGEINT * {MOST_TIES} + tie PRECEDING AND CURRENT ROW"
    return f"OVER (PARTITION BY {_key(window)} ORDER BY place {frame})"


PORTABLE: Recipes = {
    Aggregate.COUNT: _count,
    Aggregate.SUM: _sum,
    Aggregate.MAX: _max,
    Aggregate.DISTINCT: _gathered,
    Aggregate.PREVIOUS_AMOUNT: _previous_amount,
    Aggregate.PREVIOUS_SECONDS: _previous_seconds,
}
OF_PLACES: Recipes = {
    **PORTABLE,
    Aggregate.COUNT: lambda window: f"count(*) {_placed(window)}",
    Aggregate.SUM: lambda window: f"sum(amount) {_placed(window)}",
    Aggregate.MAX: lambda window: f"max(amount) {_placed(window)}",
    Aggregate.DISTINCT: lambda window: f"count(DISTINCT {COLUMNS[window.of]}) {_placed(window)}",
}


def _lag(column: str, window: Declaration) -> str:
    return f"lag({column}) OVER (PARTITION BY {_key(window)} ORDER BY at_us, trx_id)"


def _is_recent(window: Declaration) -> str:
    return f"{_lag('at_us', window)} > at_us - {_span(window)}"


def _earlier(window: Declaration) -> str:
    frame = f"RANGE BETWEEN {_span(window) - 1} PRECEDING AND 1 PRECEDING"
    return f"PARTITION BY {_key(window)} ORDER BY at_us {frame}"


def _peers(window: Declaration) -> str:
    frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    return f"PARTITION BY {_key(window)}, at_us ORDER BY trx_id {frame}"


def _key(window: Declaration) -> str:
    """The late ones apart."""
    return ", ".join(["is_late", *(COLUMNS[field] for field in window.by)])


def _span(window: Declaration) -> int:
    return window.span // MICROSECOND
