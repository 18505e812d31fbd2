"""The gauges as PostgreSQL has them, and the notifier that writes them."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from consumer.metrics import Gauges, Metrics, reporting
from consumer.notify import HOLD
from consumer.outbox import Outbox
from tests.consumer.builders import batch, record
from tests.consumer.fake_ses import FakeSes, ses_error
from tests.integration.alerting import INTERVAL, OPS, Clock, add_alerts, notifier, rows, turn_of
from tests.integration.streaming import Consumer

MINUTE = timedelta(minutes=1)
QUIET = {"OpenDeadLetters": 0, "OldestPendingAlertSeconds": 0, "FailedEmails": 0}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def read(engine: Engine, clock: Clock) -> Callable[[], dict[str, float]]:
    return Gauges(engine, clock).read


def add_alert(engine: Engine, clock: Clock) -> None:
    add_alerts(engine, "2000")
    rows(engine, "UPDATE alerts SET created_at = :now WHERE created_at > :now RETURNING 1", now=clock.now)


def test_where_all_is_well_every_gauge_is_0(read: Callable[[], dict[str, float]]) -> None:
    assert read() == QUIET


def test_dead_letters_count_until_somebody_has_seen_to_them(
    engine: Engine, read: Callable[[], dict[str, float]]
) -> None:
    Consumer(engine).process(batch(record(1, b"x\n", b"y\n", b"z\n")))
    assert read()["OpenDeadLetters"] == 3
    rows(engine, "UPDATE dead_letters SET state = 'discarded' WHERE line = 2 RETURNING 1")
    assert read()["OpenDeadLetters"] == 2


def test_an_alert_ages_until_it_is_sent_also_while_it_is_part_of_an_email(
    engine: Engine, clock: Clock, read: Callable[[], dict[str, float]]
) -> None:
    outbox = Outbox(engine, clock)
    add_alert(engine, clock)
    clock.advance(MINUTE)
    add_alert(engine, clock)
    clock.advance(MINUTE)
    assert read()["OldestPendingAlertSeconds"] == 120
    outbox.compose(uuid4(), OPS, INTERVAL)
    clock.advance(MINUTE)
    assert read()["OldestPendingAlertSeconds"] == 60
    claim = outbox.claim(HOLD)
    assert claim
    clock.advance(MINUTE)
    assert read()["OldestPendingAlertSeconds"] == 120
    outbox.sent(claim, "ses-1")
    assert read() == QUIET


def test_a_clock_that_is_behind_makes_no_negative_age(
    engine: Engine, clock: Clock, read: Callable[[], dict[str, float]]
) -> None:
    add_alert(engine, clock)
    clock.advance(-MINUTE)
    assert read()["OldestPendingAlertSeconds"] == 0


def test_a_failed_email_counts_until_its_alerts_are_told_after_all(
    engine: Engine, clock: Clock, read: Callable[[], dict[str, float]]
) -> None:
    turn = turn_of(notifier(engine, FakeSes([ses_error("MessageRejected")]), clock))
    add_alert(engine, clock)
    turn()
    assert read() == QUIET | {"FailedEmails": 1}
    Outbox(engine).release_failed()
    assert read() == QUIET
    clock.advance(INTERVAL)
    turn()
    assert rows(engine, "SELECT state FROM emails ORDER BY created_at") == [("failed",), ("sent",)]
    assert read() == QUIET


def test_a_query_that_fails_does_not_keep_the_mail_back(engine: Engine, owner: Engine, clock: Clock) -> None:
    with owner.begin() as connection:
        connection.execute(text("REVOKE SELECT ON dead_letters FROM consumer"))
    lines: list[str] = []
    metrics = Metrics("payments", Gauges(engine, clock).read, lines.append, clock.seconds)
    stops = iter([False, True])
    ses = FakeSes()
    add_alerts(engine, "2000")
    with capture_logs() as logged:
        notifier(engine, ses, clock).run(1, reporting(lambda _: next(stops), metrics))
    assert len(ses.messages) == 1
    assert [entry["error"] for entry in logged if entry["event"] == "metrics could not be told"] == [
        "InsufficientPrivilege (42501): permission denied for table dead_letters"
    ]
    assert lines == []


def test_a_notifier_at_work_writes_a_line_each_minute(engine: Engine, clock: Clock) -> None:
    lines: list[str] = []
    metrics = Metrics("payments", Gauges(engine, clock).read, lines.append, clock.seconds)

    def pause(seconds: float) -> bool:
        clock.advance(timedelta(seconds=seconds))
        return len(lines) == 3

    ses = FakeSes([ses_error("ServiceUnavailable", 503)] * 100)
    add_alert(engine, clock)
    notifier(engine, ses, clock).run(20, reporting(pause, metrics))
    assert [json.loads(text)["OldestPendingAlertSeconds"] for text in lines] == [0, 60, 120]
