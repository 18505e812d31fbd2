"""The notifier: composes e-mails from the outbox and sends them, in a process of its own.

The first alert after quiet goes out at once, what follows as digests. Any number of notifiers may run.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Engine

from consumer import logs
from consumer.database import engine
from consumer.heartbeat import beating
from consumer.mail import DigestMail
from consumer.metrics import Gauges, Metrics, Report, reporting, write_line
from consumer.outbox import Claim, Outbox, Released
from consumer.pace import Pace
from consumer.patience import Patience, Pause, StoppedError, backoff
from consumer.ses import MailPassingError, MailRefusedError, Ses, ses_client
from consumer.settings import DatabaseSettings, NotifierSettings
from consumer.stopping import Stop

HOLD = timedelta(seconds=45)  # an attempt takes 30 at most: SES is given 15, for the quota and for the mail
LONGEST_DELAY = 600.0  # what SES advises against throttling; a stopped account is asked no more often
COMPOSING_MS = 600_000  # the backlog of a long stop may be millions of alerts, at 80,000 a second

if TYPE_CHECKING:
    from consumer.exposed import MailMetrics

# How old what `/metrics` tells of the database may be.
EXPOSED_SECONDS = 10.0

log = structlog.get_logger()


class Notifier:
    """Tells ``recipients`` at most once in ``interval``, and sends whatever is unfinished, whoever composed it."""

    def __init__(
        self,
        outbox: Outbox,
        mail: DigestMail,
        ses: Ses,
        pace: Pace,
        recipients: Sequence[str],
        interval: timedelta,
        count: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._outbox = outbox
        self._mail = mail
        self._ses = ses
        self._pace = pace
        self._recipients = recipients
        self._interval = interval
        self._count = count

    def run(self, poll_seconds: float, pause: Pause) -> None:
        """Until ``pause`` says stop. A send at hand is finished first."""
        self._greet()
        with suppress(StoppedError):
            self.turn(Patience(pause))
            while not pause(poll_seconds):
                self.turn(Patience(pause))
        log.info("notifier stopped")

    def turn(self, database: Patience) -> None:
        """Composes an e-mail if it is time, and tries to send one if one is due."""
        digest_id = uuid.uuid4()
        count = database.run(lambda: self._outbox.compose(digest_id, self._recipients, self._interval))
        if count is not None:
            log.info("digest composed", digest_id=str(digest_id), alerts=count)
        claim = database.run(lambda: self._outbox.claim(HOLD))
        if claim is not None:
            self._send(claim, database)

    def _send(self, claim: Claim, database: Patience) -> None:
        told = log.bind(digest_id=str(claim.digest.id), alerts=claim.digest.count, attempt=claim.attempt)
        try:
            message_id = self._deliver(claim)
        except MailPassingError as error:
            reason, delay = str(error), error.delay or backoff(claim.attempt, LONGEST_DELAY)
            told.warning("digest postponed", reason=error.code, seconds=round(delay, 1))
            self._count("postponed")
            written = database.run(lambda: self._outbox.postponed(claim, reason, timedelta(seconds=delay)))
        except MailRefusedError as error:
            reason = str(error)
            told.error("digest refused", reason=error.code)
            self._count("refused")
            written = database.run(lambda: self._outbox.failed(claim, reason))
        else:
            told.info("digest sent", ses_message_id=message_id)
            self._count("sent")
            written = database.run(lambda: self._outbox.sent(claim, message_id))
        if not written:
            told.warning("digest was taken over by another notifier meanwhile")

    def _deliver(self, claim: Claim) -> str:
        self._pace.take(len(claim.recipients))
        return self._ses.send(self._mail.render(claim.digest, claim.recipients), claim.recipients)

    def _greet(self) -> None:
        try:
            quota = self._pace.refresh()
        except MailPassingError as error:
            log.warning("SES does not tell its quota", reason=error.code)
        else:
            log.info("notifier started", per_day=quota.per_day, per_second=quota.per_second, sent=quota.sent)


def compose_notifier(settings: NotifierSettings, database: Engine, exposed: "MailMetrics | None") -> Notifier:
    ses = Ses(ses_client(settings.aws_region), settings.alert_sender, settings.ses_configuration_set)
    return Notifier(
        Outbox(database),
        DigestMail(settings.alert_sender),
        ses,
        Pace(ses.quota, time.monotonic),
        settings.alert_recipients,
        timedelta(seconds=settings.digest_interval_seconds),
        exposed.count if exposed else lambda _: None,
    )


def compose_pause(
    settings: NotifierSettings, database: Engine, stop: Stop, exposed: "MailMetrics | None" = None
) -> Pause:
    """What happens between two steps of the work, where it is asked for: a beat, and the metrics when they are due."""
    pause: Pause = stop.pause
    if exposed:
        pause = reporting(pause, Report(Gauges(database).read, exposed.show, period_seconds=EXPOSED_SECONDS))
    if settings.metrics_namespace:
        pause = reporting(pause, Metrics(settings.metrics_namespace, Gauges(database).read, write_line))
    return beating(pause, settings.heartbeat_file) if settings.heartbeat_file else pause


def retry_failed() -> Released:
    """The alerts of failed e-mails wait for the next one. Raises SettingsError or DBAPIError, and may be repeated."""
    target = engine(
        DatabaseSettings.load().database,
        "payment-analytics emails",
        statement_timeout_ms=COMPOSING_MS,
        lock_timeout_ms=COMPOSING_MS,
    )
    try:
        return Outbox(target).release_failed()
    finally:
        target.dispose()


def main() -> None:
    """Runs until SIGTERM or SIGINT. Raises SettingsError."""
    settings = NotifierSettings.load()
    logs.configure(settings.log_format, settings.log_level)
    stop = Stop.on_signals()
    database = engine(settings.database, "payment-analytics notify", statement_timeout_ms=COMPOSING_MS)
    exposed = _exposed(settings)
    notifier = compose_notifier(settings, database, exposed)
    notifier.run(settings.notify_poll_seconds, compose_pause(settings, database, stop, exposed))


def _exposed(settings: NotifierSettings) -> "MailMetrics | None":
    if settings.metrics_port is None:
        return None
    from prometheus_client import CollectorRegistry, disable_created_metrics

    from consumer.exposed import MailMetrics, serve

    disable_created_metrics()  # type: ignore[no-untyped-call]  # unannotated in prometheus_client
    registry = CollectorRegistry()
    serve(registry, settings.metrics_host, settings.metrics_port)
    return MailMetrics(registry)
