"""Anomalies with their alerts as the consumer stores them, a clock to turn by hand, and a notifier over fakes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, text

from consumer.mail import DigestMail
from consumer.notify import Notifier
from consumer.outbox import Outbox
from consumer.pace import Pace
from consumer.patience import Patience
from consumer.ses import Ses
from tests.consumer.fake_ses import FakeSes
from tests.integration.conftest import as_owner

OPS = ("ops@example.com", "risk@example.com")
SENDER = "Payment alerts <alerts@example.com>"
INTERVAL = timedelta(minutes=5)

ADD = text("""
WITH added AS (
  INSERT INTO anomalies (transaction_id, rule_id, rule_version, reason, amount, sender_id, receiver_id, sender_iban,
    receiver_iban, sender_bank_id, receiver_bank_id, transaction_date, received_at, stream_incarnation, shard_id,
    sequence_number, line)
  SELECT gen_random_uuid(), 'large-amount', 1, :reason, amount, :sender_id, 'receiver', 'GR1', 'GR2', 'bank-1',
    'bank-2', timestamptz '2024-02-29 12:00+00' + number * interval '1 minute', now(), 'stream', 'shard-0', number, 1
  FROM unnest(CAST(:amounts AS numeric[])) WITH ORDINALITY AS given (amount, number)
  RETURNING id)
INSERT INTO alerts (anomaly_id) SELECT id FROM added
""")


class Clock:
    """The database's time, as far as the outbox knows."""

    def __init__(self) -> None:
        self.now = datetime(2024, 3, 1, tzinfo=UTC)

    def __call__(self, connection: Connection) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by

    def seconds(self) -> float:
        return self.now.timestamp()


def add_alerts(engine: Engine, *amounts: str | Decimal, sender_id: str = "sender", reason: str = "large") -> None:
    with as_owner(engine).begin() as connection:
        connection.execute(
            ADD, {"amounts": [Decimal(one) for one in amounts], "sender_id": sender_id, "reason": reason}
        )


def rows(engine: Engine, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with as_owner(engine).begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement), values)]


def states(engine: Engine) -> list[tuple[Any, ...]]:
    """State, members and attempts of each e-mail, oldest first."""
    return rows(engine, "SELECT state, alert_count, attempts FROM emails ORDER BY created_at")


def notifier(engine: Engine, client: FakeSes, clock: Clock) -> Notifier:
    ses = Ses(client, SENDER)
    return Notifier(Outbox(engine, clock), DigestMail(SENDER), ses, Pace(ses.quota, clock.seconds), OPS, INTERVAL)


def turn_of(one: Notifier) -> Callable[[], None]:
    """One turn of its loop, which waits for nothing."""
    return lambda: one.turn(Patience(lambda _: False))
