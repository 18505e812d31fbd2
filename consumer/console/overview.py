"""Whether all is well: what came in, what was found, what waits for somebody; as the database has it now."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

MINUTES = 60


class Minute(NamedTuple):
    at: datetime
    transactions: int
    anomalies: int
    dead_letters: int


class ShardState(NamedTuple):
    """``done_up_to``: when Kinesis took the last record that is done; None before the first."""

    shard: str
    done_up_to: datetime | None
    updated_at: datetime


class Firing(NamedTuple):
    rule: str
    anomalies: int


class Concern(NamedTuple):
    """What waits for a person: in words, and where to see to it."""

    words: str
    path: str


class Overview(NamedTuple):
    minutes: Sequence[Minute]
    shards: Sequence[ShardState]
    rules: Sequence[Firing]
    concerns: Sequence[Concern]
    waiting: int
    """Anomalies that are open, up to MOST_COUNTED."""

    @property
    def is_well(self) -> bool:
        return not self.concerns


MOST_COUNTED = 10_000

_MINUTES = text("""
    SELECT minute, sum(transactions)::bigint, sum(anomalies)::bigint, sum(dead_letters)::bigint
    FROM throughput WHERE minute > now() - :minutes * interval '1 minute' GROUP BY minute ORDER BY minute
""")
_SHARDS = text("""
    SELECT shard_id, arrived_at, updated_at FROM shard_progress
    WHERE ended_at IS NULL AND stream_incarnation = (
        SELECT stream_incarnation FROM shard_progress ORDER BY initialized_at DESC LIMIT 1
    )
    ORDER BY shard_id
""")
_RULES = text("""
    SELECT rule_id, count(*) FROM anomalies WHERE detected_at > now() - interval '1 hour'
    GROUP BY rule_id ORDER BY 2 DESC, 1
""")
_WAITING = text("SELECT count(*) FROM (SELECT FROM anomalies WHERE state = 'open' LIMIT :most) AS open")
_CONCERNS = text("""
    SELECT (SELECT count(*) FROM (SELECT FROM dead_letters WHERE state = 'open' LIMIT :most) AS found) AS dead_letters,
        (SELECT count(*) FROM emails WHERE state = 'failed' AND EXISTS (SELECT FROM alerts WHERE email_id = emails.id))
            AS failed,
        (SELECT min(created_at) FROM alerts WHERE state = 'pending') < now() - interval '15 minutes' AS is_mail_late,
        EXISTS (SELECT FROM breaker WHERE tripped_at IS NOT NULL) AS is_tripped,
        (SELECT string_agg(worker, ', ') FROM rule_reports
            WHERE fault IS NOT NULL AND reported_at > now() - interval '1 minute') AS rules
""")


def look(connection: Connection) -> Overview:
    most = {"most": MOST_COUNTED}
    return Overview(
        [Minute(*row) for row in connection.execute(_MINUTES, {"minutes": MINUTES})],
        [ShardState(*row) for row in connection.execute(_SHARDS)],
        [Firing(*row) for row in connection.execute(_RULES)],
        _concerns(connection),
        connection.execute(_WAITING, most).scalar_one(),
    )


def _concerns(connection: Connection) -> list[Concern]:
    row = connection.execute(_CONCERNS, {"most": MOST_COUNTED}).one()
    told = {
        Concern("the breaker stopped the consumer before a flood of dead letters", "/dead-letters"): row.is_tripped,
        Concern(f"{_counted(row.dead_letters)} lines could not be evaluated", "/dead-letters"): row.dead_letters,
        Concern(f"{row.failed} e-mails were refused for good", "/anomalies"): row.failed,
        Concern("alerts wait for an e-mail for more than 15 minutes", "/anomalies"): row.is_mail_late,
        Concern(f"the published rules cannot be taken up by {row.rules}", "/rules"): row.rules,
    }
    return [concern for concern, is_so in told.items() if is_so]


def _counted(number: int) -> str:
    return f"{number:,} or more" if number >= MOST_COUNTED else f"{number:,}"
