"""A whole view as CSV or as NDJSON, streamed: some rows at a time, each time from where the last ended.

No transaction stays open and no row waits in memory, however long the file and however slow its reader.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Engine, Row

from consumer.console import anomalies
from consumer.console.anomalies import Severities
from consumer.console.views import View
from consumer.domain import plain

ROWS = 2_000
COLUMNS = (
    "id",
    "transaction_id",
    "rule_id",
    "rule_version",
    "severity",
    "state",
    "assignee",
    "amount",
    "reason",
    "sender_id",
    "receiver_id",
    "sender_iban",
    "receiver_iban",
    "sender_bank_id",
    "receiver_bank_id",
    "transaction_date",
    "received_at",
    "detected_at",
)
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of one."""


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def media_type(self) -> str:
        return "text/csv; charset=utf-8" if self is Format.CSV else "application/x-ndjson"


def lines(engine: Engine, view: View, severities: Severities, kind: Format) -> Iterator[bytes]:
    """The amounts are exact, the times in UTC. In CSV a text that a spreadsheet would calculate begins with '."""
    write = WRITERS[kind]
    if kind is Format.CSV:
        yield write([dict(zip(COLUMNS, COLUMNS, strict=True))])
    following: View | None = view.from_the_start()
    while following:
        with engine.connect() as connection:
            page = anomalies.page(connection, following, severities, ROWS)
        yield write([_cells(row, severities) for row in page.rows])
        following = page.next


def _cells(row: Row[Any], severities: Severities) -> dict[str, object]:
    return {name: severities.get(row.rule_id, "") if name == "severity" else getattr(row, name) for name in COLUMNS}


def _csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([[_written(cell) for cell in row.values()] for row in rows])
    return text.getvalue().encode()


def _written(cell: object) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return plain(cell)
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULAS) else text


def _ndjson(rows: Sequence[Mapping[str, object]]) -> bytes:
    return b"".join(_encode(row) + b"\n" for row in rows)


_encode = msgspec.json.Encoder(decimal_format="number").encode
WRITERS: Mapping[Format, Callable[[Sequence[Mapping[str, object]]], bytes]] = {
    Format.CSV: _csv,
    Format.NDJSON: _ndjson,
}
