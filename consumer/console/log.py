"""The console's log, in the database: who did what."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from consumer.tables import console_events


def tell(
    connection: Connection, by: str, action: str, subject: str = "", details: Mapping[str, Any] | None = None
) -> None:
    values = {"by": by, "action": action, "subject": subject, "details": dict(details or {})}
    connection.execute(insert(console_events).values(**values))


def latest(connection: Connection, limit: int = 200) -> Sequence[Row[Any]]:
    return connection.execute(select(console_events).order_by(console_events.c.id.desc()).limit(limit)).all()
