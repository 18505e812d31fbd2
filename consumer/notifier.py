"""Composition root of the notifier's process: `python -m consumer notify` checks its settings, and becomes this one.

What checks them and tells of them, pydantic and typer, would be a quarter of it.
"""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from consumer import logs
from consumer.database import engine
from consumer.errors import ConsumerError
from consumer.handover import Handover
from consumer.heartbeat import beating
from consumer.mail import DigestMail
from consumer.metrics import Gauges, Metrics, Report, reporting, write_line
from consumer.notify import COMPOSING_MS, Notifier
from consumer.outbox import Outbox
from consumer.pace import Pace
from consumer.patience import Pause
from consumer.ses import Ses, ses_client
from consumer.stopping import Stop

if TYPE_CHECKING:
    from consumer.exposed import MailMetrics

# How old what `/metrics` tells of the database may be.
EXPOSED_SECONDS = 10.0
FAILED = 1


def compose_notifier(settings: Handover, database: Engine, exposed: "MailMetrics | None") -> Notifier:
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


def compose_pause(settings: Handover, database: Engine, stop: Stop, exposed: "MailMetrics | None" = None) -> Pause:
    """What happens between two steps of the work, where it is asked for: a beat, and the metrics when they are due."""
    pause: Pause = stop.pause
    if exposed:
        pause = reporting(pause, Report(Gauges(database).read, exposed.show, period_seconds=EXPOSED_SECONDS))
    if settings.metrics_namespace:
        pause = reporting(pause, Metrics(settings.metrics_namespace, Gauges(database).read, write_line))
    return beating(pause, Path(settings.heartbeat_file)) if settings.heartbeat_file else pause


def run(settings: Handover) -> None:
    """Until SIGTERM or SIGINT."""
    logs.configure(settings.log_format, settings.log_level)
    stop = Stop.on_signals()
    database = engine(settings.database, "payment-analytics notify", statement_timeout_ms=COMPOSING_MS)
    exposed = _exposed(settings)
    notifier = compose_notifier(settings, database, exposed)
    notifier.run(settings.notify_poll_seconds, compose_pause(settings, database, stop, exposed))


def _exposed(settings: Handover) -> "MailMetrics | None":
    if settings.metrics_port is None:
        return None
    from prometheus_client import CollectorRegistry, disable_created_metrics

    from consumer.exposed import MailMetrics, serve

    disable_created_metrics()  # type: ignore[no-untyped-call]  # unannotated in prometheus_client
    registry = CollectorRegistry()
    serve(registry, settings.metrics_host, settings.metrics_port)
    return MailMetrics(registry)


def main() -> None:
    try:
        run(Handover.from_environment(os.environ))
    except (ConsumerError, OSError, DBAPIError) as error:
        sys.stderr.write(f"Error: {error if isinstance(error, ConsumerError) else logs.describe(error)}\n")
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
