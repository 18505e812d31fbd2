"""One transaction is received once more where its client posts it again: windows count the first of these copies, and
each of them is asked about, for editions of the rules and lists go by the time when it was received.
"""

from collections.abc import Sequence
from datetime import timedelta

import duckdb

from consumer.rules.history import aggregates
from consumer.rules.sql import COLUMNS, column_of
from consumer.rules.tree import Window
from consumer.rules.window_sql import MICROSECOND, with_windows
from consumer.rules.windows import Declaration

CONTENT = ", ".join(column for column in COLUMNS.values() if column != "received_at")


def received(events: str) -> str:
    """A query: of lines that are the same transaction, received at the same time, one."""
    once = "row_number() OVER (PARTITION BY trx_id, received_at) = 1"
    times = "epoch_us(transaction_date) AS at_us, epoch_us(received_at) - epoch_us(transaction_date) AS delay_us"
    return f"SELECT *, {times}, hash({CONTENT}) AS content FROM {events} QUALIFY {once}"


def with_windows_of_all(database: duckdb.DuckDBPyConnection, windows: Sequence[Declaration], table: str) -> str:
    """A query: what `received` made the table of, with the windows' values."""
    ((rows, transactions),) = database.execute(f"SELECT count(*), count(DISTINCT trx_id) FROM {table}").fetchall()
    query = f"SELECT * FROM {table}"
    for lateness in sorted({window.lateness for window in windows}):
        some = [window for window in windows if window.lateness == lateness]
        query = _level(some, f"({query})", lateness, has_copies=rows > transactions)
    return query


def _level(windows: Sequence[Declaration], relation: str, lateness: timedelta, *, has_copies: bool) -> str:
    """``part``: a member is in others' windows; a copy has the values of its member; what is alone has its own alone,
    be it dated too far from its receipt, or with another content than the member.
    """
    in_time = f"abs(delay_us) <= {lateness // MICROSECOND}"
    if not has_copies:
        alone = with_windows(windows, f"(SELECT *, NOT {in_time} AS is_late FROM {relation})")
        return f"SELECT * EXCLUDE (is_late) FROM ({alone})"
    values = ", ".join(
        f'members."{column_of(Window(window.name, aggregate))}"'
        for window in windows
        for aggregate in aggregates(window)
    )
    return f"""
        WITH parted AS MATERIALIZED (
            SELECT *, CASE
                WHEN NOT {in_time} OR content <> first_value(content) OVER copies THEN 'alone'
                WHEN row_number() OVER copies = 1 THEN 'member' ELSE 'copy' END AS part
            FROM {relation} WINDOW copies AS (PARTITION BY trx_id, {in_time} ORDER BY received_at)
        ), members AS MATERIALIZED (
            {with_windows(windows, "(SELECT *, part = 'alone' AS is_late FROM parted WHERE part <> 'copy')")}
        )
        SELECT * EXCLUDE (is_late, part) FROM members
        UNION ALL BY NAME
        SELECT parted.* EXCLUDE (part), {values} FROM parted JOIN members USING (trx_id)
        WHERE parted.part = 'copy' AND members.part = 'member'
    """
