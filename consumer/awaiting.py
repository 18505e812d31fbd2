"""Waits until a transaction's anomaly is stored: so a deploy knows that all works from its URL to the database."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from rich.table import Table
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from consumer.database import engine
from consumer.domain import plain
from consumer.errors import RetryError
from consumer.logs import describe
from consumer.settings import DatabaseSettings
from consumer.tables import anomalies

LOOK_SECONDS = 1.0
STATEMENT_MS = 10_000


@dataclass(frozen=True)
class Stored:
    """A row of `anomalies`, as far as it is told here."""

    amount: Decimal
    rule_id: str
    reason: str
    detected_at: datetime


def await_stored(transaction_id: UUID, seconds: float) -> list[Stored]:
    """In the settings' database. Raises SettingsError, or RetryError after ``seconds``."""
    target = engine(DatabaseSettings.load().database, "payment-analytics await", statement_timeout_ms=STATEMENT_MS)
    try:
        return await_anomaly(target, transaction_id, seconds)
    finally:
        target.dispose()


def await_anomaly(
    database: Engine,
    transaction_id: UUID,
    seconds: float,
    sleep: Callable[[float], object] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> list[Stored]:
    """Its anomalies, the first of them first, as soon as there is one. Waits also for a database that does not answer.

    Raises RetryError after ``seconds``.
    """
    end = now() + seconds
    while True:
        found, hindrance = _look(database, transaction_id)
        if found:
            return found
        if now() >= end:
            raise RetryError(f"no anomaly of transaction {transaction_id} was stored in {seconds:g} s{hindrance}")
        sleep(max(0.0, min(LOOK_SECONDS, end - now())))


def _look(database: Engine, transaction_id: UUID) -> tuple[list[Stored], str]:
    columns = [anomalies.c[name] for name in Stored.__dataclass_fields__]
    query = select(*columns).where(anomalies.c.transaction_id == transaction_id).order_by(anomalies.c.id)
    try:
        with database.connect() as connection:
            return [Stored(*row) for row in connection.execute(query)], ""
    except DBAPIError as error:
        return [], f"; the database failed: {describe(error)}"


def as_json(transaction_id: UUID, found: Stored) -> str:
    """One line; the amount is a string, for it is exact."""
    return json.dumps(
        {
            "trxId": str(transaction_id),
            "amount": plain(found.amount),
            "rule": found.rule_id,
            "reason": found.reason,
            "detectedAt": found.detected_at.isoformat(),
        },
        ensure_ascii=False,
    )


def as_table(found: Sequence[Stored]) -> Table:
    table = Table(show_edge=False)
    for name in ("amount", "rule", "reason", "detected"):
        table.add_column(name, overflow="fold")
    for one in found:
        table.add_row(plain(one.amount), one.rule_id, one.reason, f"{one.detected_at:%Y-%m-%dT%H:%M:%S.%fZ}")
    return table
