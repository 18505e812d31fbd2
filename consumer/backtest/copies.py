"""One transaction is received once more where its client posts it again: windows count the first of these copies, and
each of them is asked about, for editions of the rules and lists go by the time when it was received.
"""

from collections.abc import Sequence
from datetime import timedelta

from consumer.rules.history import aggregates
from consumer.rules.sql import COLUMNS, column_of
from consumer.rules.tree import Window
from consumer.rules.window_sql import MICROSECOND, with_windows
from consumer.rules.windows import Declaration

KEPT = ("trx_id", "written", *COLUMNS.values())
"""Of a relation of received transactions, what is asked about and reported."""
PLACED = ("at_us", "delay_us", "content")
"""And beside it: transactionDate in microseconds, how much later it was received, and what stands for its content."""
CONTENT = ", ".join(column for column in COLUMNS.values() if column != "received_at")


def received(events: str) -> str:
    """A query of DuckDB's: of lines that are the same transaction, received at the same time, one; with `PLACED`."""
    return f"{placed(events)} QUALIFY row_number() OVER (PARTITION BY trx_id, received_at) = 1"


def placed(events: str) -> str:
    """A query of DuckDB's: with `PLACED`."""
    times = "epoch_us(transaction_date) AS at_us, epoch_us(received_at) - epoch_us(transaction_date) AS delay_us"
    return f"SELECT *, {times}, hash({CONTENT}) AS content FROM {events}"


def with_windows_of_all(
    windows: Sequence[Declaration],
    table: str,
    *,
    has_copies: bool,
    is_portable: bool = False,
) -> str:
    """A query: `KEPT` and `PLACED` of the table, each trxId and time once, with the windows' values.

    Without ``has_copies`` no trxId may be there twice. ``is_portable``: for other dialects than DuckDB's.
    """
    columns = [*KEPT, *PLACED]
    query = f"SELECT {', '.join(columns)} FROM {table}"
    for lateness in sorted({window.lateness for window in windows}):
        some = [window for window in windows if window.lateness == lateness]
        query = _level(some, query, lateness, columns, has_copies=has_copies, is_portable=is_portable)
        columns += _values(some)
    return query


def _values(windows: Sequence[Declaration]) -> list[str]:
    return [f'"{column_of(Window(window.name, aggregate))}"' for window in windows for aggregate in aggregates(window)]


def _level(
    windows: Sequence[Declaration],
    query: str,
    lateness: timedelta,
    columns: Sequence[str],
    *,
    has_copies: bool,
    is_portable: bool,
) -> str:
    """``part``: a member is in others' windows; a copy has the values of its member; what is alone has its own alone,
    be it dated too far from its receipt, or with another content than the member.
    """
    in_time = f"abs(delay_us) <= {lateness // MICROSECOND}"
    selected = ", ".join([*columns, *_values(windows)])
    if not has_copies:
        timed = f"(SELECT *, NOT ({in_time}) AS is_late FROM ({query}) AS known) AS timed"
        return f"SELECT {selected} FROM ({with_windows(windows, timed, is_portable=is_portable)}) AS valued"
    copies = f"(PARTITION BY trx_id, {in_time} ORDER BY received_at)"
    parts = f"""
        SELECT *, CASE
            WHEN NOT ({in_time}) OR content <> first_value(content) OVER {copies} THEN 'alone'
            WHEN row_number() OVER {copies} = 1 THEN 'member' ELSE 'copy' END AS part
        FROM ({query}) AS known
    """
    asked = "(SELECT *, part = 'alone' AS is_late FROM parted WHERE part <> 'copy') AS asked"
    of_copies = ", ".join([*(f"parted.{one}" for one in columns), *(f"members.{one}" for one in _values(windows))])
    return f"""
        WITH parted AS ({parts}),
        members AS (SELECT {selected}, part FROM ({with_windows(windows, asked, is_portable=is_portable)}) AS valued)
        SELECT {selected} FROM members
        UNION ALL
        SELECT {of_copies} FROM parted JOIN members ON parted.trx_id = members.trx_id
        WHERE parted.part = 'copy' AND members.part = 'member'
    """
