"""What the notifier tells CloudWatch, as one line a minute in its embedded metric format.

CloudWatch makes metrics of such lines wherever they are logged: no API is called, and no permission needed. Every
notifier reads the same database and says the same, so the maximum of a minute is its value, and a sum is not.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine, Row, exists, func, select, text
from sqlalchemy.exc import DBAPIError

from consumer.logs import describe
from consumer.outbox import Clock, database_clock, unfinished
from consumer.patience import Pause
from consumer.tables import alerts, dead_letters, emails

# Every metric that there is, with its unit.
GAUGES = {
    # Lines of the stream that could not be evaluated, and that nobody has seen to yet
    "OpenDeadLetters": "Count",
    # Age of the oldest alert or e-mail that waits to be sent; 0 when none does. Up to DIGEST_INTERVAL_SECONDS is normal
    "OldestPendingAlertSeconds": "Seconds",
    # E-mails that SES refused for good and whose alerts nobody was told of: `emails retry` brings it back to 0
    "FailedEmails": "Count",
}
DIMENSION = "Service"
SERVICE = "notifier"
PERIOD_SECONDS = 60
READING_MS = 10_000

log = structlog.get_logger()


class Gauges:
    """The gauges as the database has them. Raises DBAPIError, within seconds."""

    def __init__(self, engine: Engine, clock: Clock = database_clock) -> None:
        self._engine = engine
        self._clock = clock

    def read(self) -> dict[str, float]:
        with self._engine.begin() as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = {READING_MS}"))
            found = _counts(connection)
            age = _age(found.oldest, self._clock(connection))
        return dict(zip(GAUGES, (found.letters, age.total_seconds(), found.failed), strict=True))


def _counts(connection: Connection) -> Row[int, datetime | None, int]:
    letters = select(func.count()).select_from(dead_letters).where(dead_letters.c.state == "open")
    # By number and not by time: the index of pending alerts has the oldest first.
    alert = select(alerts.c.created_at).where(alerts.c.state == "pending").order_by(alerts.c.anomaly_id).limit(1)
    email = select(func.min(emails.c.created_at)).where(unfinished)
    untold = exists().where(alerts.c.email_id == emails.c.id)
    failed = select(func.count()).select_from(emails).where(emails.c.state == "failed", untold)
    return connection.execute(
        select(
            letters.scalar_subquery().label("letters"),
            func.least(alert.scalar_subquery(), email.scalar_subquery()).label("oldest"),
            failed.scalar_subquery().label("failed"),
        )
    ).one()


def _age(oldest: datetime | None, now: datetime) -> timedelta:
    return max(now - oldest, timedelta()) if oldest else timedelta()


class Report:
    """Reads the gauges and tells them every so often. What keeps one away is logged, and costs that one alone."""

    def __init__(
        self,
        read: Callable[[], Mapping[str, float]],
        tell: Callable[[Mapping[str, float], float], object],
        now: Callable[[], float] = time.time,
        period_seconds: float = PERIOD_SECONDS,
    ) -> None:
        self._read = read
        self._tell = tell
        self._now = now
        self._period = period_seconds
        self._last = float("-inf")

    def report(self) -> None:
        now = self._now()
        if abs(now - self._last) < self._period:  # a clock that was set back silences nothing
            return
        self._last = now
        try:
            self._tell(self._read(), now)
        except (DBAPIError, OSError) as error:
            log.warning("metrics could not be told", error=describe(error))


class Metrics(Report):
    """Writes a line a minute."""

    def __init__(
        self,
        namespace: str,
        read: Callable[[], Mapping[str, float]],
        write: Callable[[str], object],
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(read, lambda values, at: write(line(namespace, values, at)), now)


def reporting(pause: Pause, metrics: Report) -> Pause:
    """``pause`` before which the metrics are told where they are due."""

    def report(seconds: float) -> bool:
        metrics.report()
        return pause(seconds)

    return report


def line(namespace: str, values: Mapping[str, float], now: float) -> str:
    """One line of the embedded metric format; ``now`` in seconds since 1970."""
    metrics = [{"Name": name, "Unit": unit} for name, unit in GAUGES.items()]
    declared = {"Namespace": namespace, "Dimensions": [[DIMENSION]], "Metrics": metrics}
    head = {"Timestamp": round(now * 1000), "CloudWatchMetrics": [declared]}
    return json.dumps({"_aws": head, DIMENSION: SERVICE, **values}, separators=(",", ":"))


def write_line(text: str) -> None:
    """On stdout, whole and at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
