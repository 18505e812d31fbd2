"""The outbox in SQL: alerts become e-mails here, and notifiers take turns at sending them.

Races between notifiers are decided by PostgreSQL: composing holds an advisory lock and meets a unique index, sending
holds a claim whose number (``attempts``) must still be current when its outcome is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate
from sqlalchemy.types import Text

from consumer.digest import Anomaly, Digest
from consumer.tables import alerts, anomalies, emails

Clock = Callable[[Connection], datetime]

MOST_SHOWN = 50
COMPOSING = 4_726_001  # the advisory lock's key; any number that nothing else in this database uses

unfinished = emails.c.state.in_(["pending", "sending"])


def database_clock(connection: Connection) -> datetime:
    """PostgreSQL's time: the notifiers' hosts need not agree."""
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send ``digest``, until it is taken over; ``attempt`` tells this claim from every other."""

    digest: Digest
    recipients: tuple[str, ...]
    attempt: int


@dataclass(frozen=True, slots=True)
class Released:
    """So many alerts wait again that had been told in so many failed e-mails."""

    alerts: int
    emails: int


class Outbox:
    """Each method is one transaction, may raise any `sqlalchemy.exc.DBAPIError`, and may then be called again."""

    def __init__(self, engine: Engine, clock: Clock = database_clock) -> None:
        self._engine = engine
        self._clock = clock

    def compose(self, email_id: UUID, recipients: Sequence[str], interval: timedelta) -> int | None:
        """Freezes every pending alert into the new e-mail ``email_id`` and answers how many.

        None while there is nothing to tell, an e-mail to these recipients is unfinished, the last one was composed
        less than ``interval`` ago, or another notifier is composing.
        """
        to = literal(sorted(set(recipients)), ARRAY(Text))
        with self._engine.begin() as connection:
            alone = connection.execute(select(func.pg_try_advisory_xact_lock(COMPOSING))).scalar_one()
            now = self._clock(connection)
            if not (alone and connection.execute(_may_compose(to, now, interval)).scalar_one()):
                return None
            return connection.execute(_composition(email_id, to, now)).scalar_one_or_none()

    def claim(self, hold: timedelta) -> Claim | None:
        """Takes the oldest e-mail that is due, or whose former claim ran out, for ``hold``; None if there is none."""
        with self._engine.begin() as connection:
            now = self._clock(connection)
            email = connection.execute(_claiming(now, hold)).one_or_none()
            if email is None:
                return None
            return Claim(_digest(connection, email), tuple(email.recipients), email.attempts)

    def sent(self, claim: Claim, ses_message_id: str) -> bool:
        """Each outcome answers False, and changes nothing, if another notifier has taken over the claim since."""
        return self._finish(
            claim, lambda now: {"state": "sent", "sent_at": now, "ses_message_id": ses_message_id, "last_error": None}
        )

    def failed(self, claim: Claim, reason: str) -> bool:
        return self._finish(claim, lambda _: {"state": "failed", "last_error": reason})

    def postponed(self, claim: Claim, reason: str, delay: timedelta) -> bool:
        return self._finish(
            claim, lambda now: {"state": "pending", "next_attempt_at": now + delay, "last_error": reason}
        )

    def release_failed(self) -> Released:
        """Lets the alerts of every failed e-mail wait for the next one; repeated, it finds none.

        The failed e-mails stay as they are, with their counts and reasons, as history without members. Waits for a
        notifier that is composing.
        """
        with self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(COMPOSING)))
            return Released(*connection.execute(_releasing()).one())

    def _finish(self, claim: Claim, outcome: Callable[[datetime], dict[str, Any]]) -> bool:
        current = and_(emails.c.id == claim.digest.id, emails.c.state == "sending", emails.c.attempts == claim.attempt)
        with self._engine.begin() as connection:
            values = outcome(self._clock(connection))
            done = connection.execute(update(emails).where(current).values(claimed_until=None, **values))
            return done.rowcount == 1


def _may_compose(to: ColumnElement[Any], now: datetime, interval: timedelta) -> Select[bool]:
    pending = exists().where(alerts.c.state == "pending")
    waiting = exists().where(emails.c.recipients == to, unfinished)
    # Bounded on both sides: a clock that was wrong once and ran ahead does not silence the alerts.
    recent = exists().where(
        emails.c.recipients == to, emails.c.created_at > now - interval, emails.c.created_at < now + interval
    )
    return select(and_(pending, ~waiting, ~recent))


def _composition(email_id: UUID, to: ColumnElement[Any], now: datetime) -> ReturningInsert[int]:
    members = (
        update(alerts)
        .where(alerts.c.state == "pending")
        .values(state="assigned", email_id=email_id)
        .returning(alerts.c.anomaly_id)
        .cte("members")
    )
    email = (
        select(literal(email_id, emails.c.id.type), to, literal("pending"))
        .add_columns(func.count(), func.sum(anomalies.c.amount), literal(now), literal(now))
        .select_from(members.join(anomalies, anomalies.c.id == members.c.anomaly_id))
        .having(func.count() > 0)
    )
    columns = ["id", "recipients", "state", "alert_count", "amount_sum", "created_at", "next_attempt_at"]
    return insert(emails).from_select(columns, email).returning(emails.c.alert_count)


def _releasing() -> Select[int, int]:
    released = (
        update(alerts)
        .where(alerts.c.email_id == emails.c.id, emails.c.state == "failed")
        .values(state="pending", email_id=None)
        .returning(emails.c.id.label("failed_id"))
        .cte("released")
    )
    return select(func.count(), func.count(released.c.failed_id.distinct())).select_from(released)


def _claiming(now: datetime, hold: timedelta) -> ReturningUpdate[Any]:
    due = or_(
        and_(emails.c.state == "pending", emails.c.next_attempt_at <= now),
        and_(emails.c.state == "sending", emails.c.claimed_until < now),
    )
    oldest = (
        select(emails.c.id)
        .where(unfinished, due)
        .order_by(emails.c.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return (
        update(emails)
        .where(emails.c.id == oldest.scalar_subquery())
        .values(state="sending", claimed_until=now + hold, attempts=emails.c.attempts + 1)
        .returning(*emails.c)
    )


def _digest(connection: Connection, email: Row[Any]) -> Digest:
    date = anomalies.c.transaction_date
    members = alerts.join(anomalies, anomalies.c.id == alerts.c.anomaly_id)
    mine = alerts.c.email_id == email.id
    period = select(func.min(date), func.max(date)).select_from(members).where(mine)
    first, last = connection.execute(period).one()
    largest = (
        select(*(anomalies.c[name] for name in Anomaly.__dataclass_fields__))
        .select_from(members)
        .where(mine)
        .order_by(anomalies.c.amount.desc(), anomalies.c.id)
        .limit(MOST_SHOWN)
    )
    shown = tuple(Anomaly(*row) for row in connection.execute(largest))
    # Its anomalies may have been deleted since; the e-mail still tells how many they were.
    return Digest(
        email.id, email.alert_count, email.amount_sum, first or email.created_at, last or email.created_at, shown
    )
