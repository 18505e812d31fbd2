"""Whether all is well: what came in, what was found, what waits for somebody; as the database has it now."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text

MINUTES = 60
MOST_COUNTED = 10_000
LATE_MAIL = timedelta(minutes=15)
LATE_RECORD = timedelta(minutes=1)


class Minute(NamedTuple):
    at: datetime
    transactions: int
    anomalies: int
    dead_letters: int


class Firing(NamedTuple):
    rule: str
    anomalies: int
    amount: Decimal


class Waiting(NamedTuple):
    """Counted up to MOST_COUNTED each."""

    open: int
    investigating: int
    dead_letters: int
    alerts: int


class Mails(NamedTuple):
    """Of the last 24 hours; ``failed`` of all time, while their alerts wait for a retry."""

    sent: int
    failed: int


class Concern(NamedTuple):
    """What waits for a person: in words, and where to see to it."""

    words: str
    path: str


class Reading(NamedTuple):
    """``oldest``: when the oldest record that is not stored came to Kinesis; None where all is stored.

    ``fault``: why that is not known.
    """

    oldest: datetime | None
    fault: str | None


class Overview(NamedTuple):
    at: datetime
    minutes: Sequence[Minute]
    total: Minute
    """Of the last 24 hours, as of now."""
    rules: Sequence[Firing]
    waiting: Waiting
    mails: Mails
    shards: int
    last_stored: datetime | None
    """When Kinesis took the last record that is stored."""
    consumers: int
    audit: Any
    concerns: Sequence[Concern]

    @property
    def is_well(self) -> bool:
        return not self.concerns

    @property
    def chart(self) -> dict[str, Any]:
        """A minute without transactions is one of nought."""
        counted = {one.at: one for one in self.minutes}
        first = self.at.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
        every = [first + timedelta(minutes=number) for number in range(MINUTES)]
        return {
            "at": [int(one.timestamp()) for one in every],
            "transactions": [counted[one].transactions if one in counted else 0 for one in every],
            "anomalies": [counted[one].anomalies if one in counted else 0 for one in every],
        }


_MINUTES = text("""
    SELECT minute, sum(transactions)::bigint, sum(anomalies)::bigint, sum(dead_letters)::bigint
    FROM throughput WHERE minute > date_trunc('minute', CAST(:now AS timestamptz)) - :minutes * interval '1 minute'
    GROUP BY minute ORDER BY minute
""")
_TOTAL = text("""
    SELECT CAST(:now AS timestamptz), coalesce(sum(transactions), 0)::bigint, coalesce(sum(anomalies), 0)::bigint,
        coalesce(sum(dead_letters), 0)::bigint
    FROM throughput WHERE minute > CAST(:now AS timestamptz) - interval '1 day'
""")
_SHARDS = text("""
    SELECT count(*), max(arrived_at) FROM shard_progress
    WHERE ended_at IS NULL AND stream_incarnation = (
        SELECT stream_incarnation FROM shard_progress ORDER BY initialized_at DESC LIMIT 1
    )
""")
_RULES = text("""
    SELECT rule_id, count(*), sum(amount)
    FROM (
        SELECT rule_id, amount FROM anomalies WHERE detected_at > CAST(:now AS timestamptz) - interval '1 hour'
        ORDER BY detected_at DESC LIMIT :most
    ) AS latest
    GROUP BY rule_id ORDER BY 2 DESC, 1
""")
_WAITING = text("""
    SELECT (SELECT count(*) FROM (SELECT FROM anomalies WHERE state = 'open' LIMIT :most) AS found),
        (SELECT count(*) FROM (SELECT FROM anomalies WHERE state = 'investigating' LIMIT :most) AS found),
        (SELECT count(*) FROM (SELECT FROM dead_letters WHERE state = 'open' LIMIT :most) AS found),
        (SELECT count(*) FROM (SELECT FROM alerts WHERE state = 'pending' LIMIT :most) AS found)
""")
_MAILS = text("""
    SELECT count(*) FILTER (WHERE state = 'sent' AND sent_at > CAST(:now AS timestamptz) - interval '1 day'),
        count(*) FILTER (WHERE state = 'failed')
    FROM emails
    WHERE created_at > CAST(:now AS timestamptz) - interval '2 days'
        OR (state = 'failed' AND EXISTS (SELECT FROM alerts WHERE email_id = emails.id))
""")
_CONSUMERS = text("""
    SELECT count(*), string_agg(worker, ', ' ORDER BY worker) FILTER (WHERE fault IS NOT NULL)
    FROM rule_reports WHERE application = :application AND reported_at > CAST(:now AS timestamptz) - interval '1 minute'
""")
_OTHERS = text("""
    SELECT (SELECT min(created_at) FROM alerts WHERE state = 'pending')
            < CAST(:now AS timestamptz) - :late * interval '1 second',
        EXISTS (SELECT FROM breaker WHERE application = :application AND tripped_at IS NOT NULL)
""")
_AUDIT = text("SELECT ended_at, by, stream, is_clean, found FROM audits ORDER BY id DESC LIMIT 1")


def look(connection: Connection, application: str, reading: Reading | None, now: datetime | None = None) -> Overview:
    """As of ``now``: of the database's clock, if nobody says another time."""
    at = {"now": now or connection.execute(select(func.now())).scalar_one()}
    most, mine = {"most": MOST_COUNTED, **at}, {"application": application, **at}
    total = Minute(*connection.execute(_TOTAL, at).one())
    waiting = Waiting(*connection.execute(_WAITING, {"most": MOST_COUNTED}).one())
    mails = Mails(*connection.execute(_MAILS, at).one())
    consumers, faulty = connection.execute(_CONSUMERS, mine).one()
    shards, last = connection.execute(_SHARDS).one()
    audit = connection.execute(_AUDIT).one_or_none()
    is_mail_late, is_tripped = connection.execute(_OTHERS, {**mine, "late": LATE_MAIL.total_seconds()}).one()
    told = {
        Concern("The breaker has stopped the consumer before a flood of dead letters", "/dead-letters"): is_tripped,
        Concern("No consumer has said within a minute that it runs", "/rules"): not consumers,
        Concern(_behind(total.at, reading), "/"): _is_late(total.at, reading),
        Concern(f"{_many(waiting.dead_letters, 'line')} could not be evaluated", "/dead-letters"): waiting.dead_letters,
        Concern(f"SES has refused {_many(mails.failed, 'e-mail')} for good", "/anomalies"): mails.failed,
        Concern("Alerts have waited for an e-mail for more than 15 minutes", "/anomalies"): is_mail_late,
        Concern(f"The published rules cannot be taken up by {faulty}", "/rules"): faulty,
        Concern("The last audit found a difference between archive and database", "/"): audit and not audit.is_clean,
    }
    minutes = [Minute(*row) for row in connection.execute(_MINUTES, {"minutes": MINUTES, **at})]
    firing = [Firing(*row) for row in connection.execute(_RULES, most)]
    concerns = [concern for concern, is_so in told.items() if is_so]
    return Overview(total.at, minutes, total, firing, waiting, mails, shards, last, consumers, audit, concerns)


def _is_late(now: datetime, reading: Reading | None) -> bool:
    return bool(reading and reading.oldest and now - reading.oldest > LATE_RECORD)


def _behind(now: datetime, reading: Reading | None) -> str:
    if not reading or not reading.oldest:
        return ""
    return f"The oldest record that waits for the consumer is {(now - reading.oldest).total_seconds():,.0f} s old"


def _many(number: int, what: str) -> str:
    return f"{counted(number)} {what}{'' if number == 1 else 's'}"


def counted(number: int) -> str:
    return f"{number:,} or more" if number >= MOST_COUNTED else f"{number:,}"
