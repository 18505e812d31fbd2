"""The outbox against PostgreSQL: who composes, who sends, and what becomes of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from consumer.notify import HOLD
from consumer.outbox import MOST_SHOWN, Claim, Outbox
from tests.integration.alerting import INTERVAL, OPS, Clock, add_alerts, rows

Result = TypeVar("Result")

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(engine: Engine, clock: Clock) -> Outbox:
    return Outbox(engine, clock)


def compose(outbox: Outbox) -> int | None:
    return outbox.compose(uuid4(), OPS, INTERVAL)


def claimed(outbox: Outbox) -> Claim:
    claim = outbox.claim(HOLD)
    assert claim is not None
    return claim


def email(engine: Engine, email_id: UUID, *columns: str) -> tuple[object, ...]:
    return rows(engine, f"SELECT {', '.join(columns)} FROM emails WHERE id = :id", id=email_id)[0]


def test_nothing_to_tell_composes_nothing(outbox: Outbox) -> None:
    assert compose(outbox) is None
    assert outbox.claim(HOLD) is None


def test_all_pending_alerts_become_one_frozen_email(engine: Engine, outbox: Outbox, clock: Clock) -> None:
    email_id = uuid4()
    add_alerts(engine, "1000.01", "99999999999999999999.999999999999999999", "2000")
    assert outbox.compose(email_id, ["risk@example.com", "ops@example.com", "risk@example.com"], INTERVAL) == 3
    add_alerts(engine, "5000")
    assert rows(engine, "SELECT state, email_id, count(*) FROM alerts GROUP BY 1, 2 ORDER BY 3") == [
        ("pending", None, 1),
        ("assigned", email_id, 3),
    ]
    assert email(engine, email_id, "recipients", "state", "alert_count", "amount_sum", "created_at") == (
        ["ops@example.com", "risk@example.com"],
        "pending",
        3,
        Decimal("100000000000000003000.009999999999999999"),
        clock.now,
    )


def test_muted_alerts_are_not_told(engine: Engine, outbox: Outbox) -> None:
    add_alerts(engine, "2000")
    rows(engine, "UPDATE alerts SET state = 'muted' RETURNING 1")
    assert compose(outbox) is None


def test_a_claim_tells_the_whole_digest_with_the_largest_first(engine: Engine, outbox: Outbox) -> None:
    add_alerts(engine, *[str(1000 + n) for n in range(1, MOST_SHOWN + 11)])
    compose(outbox)
    claim = claimed(outbox)
    digest = claim.digest
    assert claim.recipients == OPS
    assert (digest.count, digest.hidden, digest.largest) == (60, 10, Decimal(1060))
    assert digest.total == sum(range(1001, 1061))
    assert [one.amount for one in digest.shown] == list(range(1060, 1010, -1))
    assert digest.first == datetime(2024, 2, 29, 12, 1, tzinfo=UTC)
    assert digest.last == datetime(2024, 2, 29, 13, 0, tzinfo=UTC)


def test_the_sql_of_a_digest_shows_exactly_its_members(engine: Engine, outbox: Outbox) -> None:
    add_alerts(engine, "2000", "3000")
    compose(outbox)
    digest = claimed(outbox).digest
    add_alerts(engine, "4000")
    found = rows(engine, digest.sql.replace("*", "amount, transaction_id, reason"))
    assert found == [(one.amount, one.transaction_id, one.reason) for one in digest.shown]


def test_the_next_email_waits_for_the_interval_and_for_the_unfinished_one(
    engine: Engine, outbox: Outbox, clock: Clock
) -> None:
    add_alerts(engine, "2000")
    assert compose(outbox) == 1
    outbox.sent(claimed(outbox), "ses-1")
    add_alerts(engine, "3000")
    clock.advance(INTERVAL - SECOND)
    assert compose(outbox) is None
    clock.advance(SECOND)
    assert compose(outbox) == 1
    clock.advance(INTERVAL)
    add_alerts(engine, "4000")
    assert compose(outbox) is None
    outbox.sent(claimed(outbox), "ses-2")
    assert compose(outbox) == 1


def test_a_clock_that_once_ran_a_year_ahead_does_not_silence_the_alerts(
    engine: Engine, outbox: Outbox, clock: Clock
) -> None:
    clock.advance(timedelta(days=365))
    add_alerts(engine, "2000")
    compose(outbox)
    outbox.sent(claimed(outbox), "ses-1")
    clock.advance(timedelta(days=-365))
    add_alerts(engine, "3000")
    assert compose(outbox) == 1


def test_a_claim_is_exclusive_until_it_runs_out(engine: Engine, outbox: Outbox, clock: Clock) -> None:
    add_alerts(engine, "2000")
    compose(outbox)
    first = claimed(outbox)
    clock.advance(HOLD)
    assert outbox.claim(HOLD) is None
    clock.advance(SECOND)
    second = claimed(outbox)
    assert second.digest == first.digest
    assert (first.attempt, second.attempt) == (1, 2)


@pytest.mark.parametrize(
    "outcome",
    [
        lambda outbox, claim: outbox.sent(claim, "late"),
        lambda outbox, claim: outbox.failed(claim, "late"),
        lambda outbox, claim: outbox.postponed(claim, "late", SECOND),
    ],
)
def test_a_lost_claim_writes_nothing_over_another_ones_outcome(
    engine: Engine, outbox: Outbox, clock: Clock, outcome: Callable[[Outbox, Claim], bool]
) -> None:
    add_alerts(engine, "2000")
    compose(outbox)
    lost = claimed(outbox)
    clock.advance(HOLD + SECOND)
    current = claimed(outbox)
    assert not outcome(outbox, lost)
    assert email(engine, lost.digest.id, "state", "last_error") == ("sending", None)
    assert outbox.sent(current, "ses-2")
    assert not outcome(outbox, lost)
    assert email(engine, lost.digest.id, "state", "ses_message_id", "last_error") == ("sent", "ses-2", None)


def test_a_late_outcome_counts_while_nobody_took_over(engine: Engine, outbox: Outbox, clock: Clock) -> None:
    add_alerts(engine, "2000")
    compose(outbox)
    claim = claimed(outbox)
    clock.advance(timedelta(hours=1))
    assert outbox.sent(claim, "ses-1")
    assert outbox.claim(HOLD) is None


def test_outcomes_are_visible_in_sql(engine: Engine, outbox: Outbox, clock: Clock) -> None:
    add_alerts(engine, "2000")
    compose(outbox)
    claim = claimed(outbox)
    found = ("state", "attempts", "claimed_until", "next_attempt_at", "sent_at", "ses_message_id", "last_error")
    start = clock.now
    assert email(engine, claim.digest.id, *found) == ("sending", 1, start + HOLD, start, None, None, None)
    assert outbox.postponed(claim, "Throttling: slow down", 90 * SECOND)
    later = start + 90 * SECOND
    assert email(engine, claim.digest.id, *found) == ("pending", 1, None, later, None, None, "Throttling: slow down")
    assert outbox.claim(HOLD) is None
    clock.now = later
    assert outbox.sent(claimed(outbox), "ses-1")
    assert email(engine, claim.digest.id, *found) == ("sent", 2, None, later, later, "ses-1", None)


def test_a_failed_email_stays_with_its_reason_and_the_next_alerts_go_on(
    engine: Engine, outbox: Outbox, clock: Clock
) -> None:
    add_alerts(engine, "2000")
    compose(outbox)
    claim = claimed(outbox)
    assert outbox.failed(claim, "MessageRejected: not verified")
    add_alerts(engine, "3000")
    clock.advance(INTERVAL)
    assert compose(outbox) == 1
    assert claimed(outbox).digest.id != claim.digest.id
    assert email(engine, claim.digest.id, "state", "last_error") == ("failed", "MessageRejected: not verified")
    assert rows(engine, "SELECT amount FROM anomaly_report WHERE email_id = :id", id=claim.digest.id) == [(2000,)]


def test_an_email_to_former_recipients_is_still_sent(engine: Engine, outbox: Outbox) -> None:
    add_alerts(engine, "2000")
    outbox.compose(uuid4(), ["former@example.com"], INTERVAL)
    add_alerts(engine, "3000")
    assert compose(outbox) == 1
    assert [claimed(outbox).recipients for _ in range(2)] == [("former@example.com",), OPS]


def test_an_email_whose_anomalies_were_deleted_can_still_be_sent(engine: Engine, outbox: Outbox, clock: Clock) -> None:
    add_alerts(engine, "2000")
    compose(outbox)
    rows(engine, "DELETE FROM anomalies RETURNING 1")
    digest = claimed(outbox).digest
    assert (digest.count, digest.total, digest.first) == (1, Decimal(2000), clock.now)
    assert not digest.shown


def test_fifty_thousand_alerts_are_one_email(engine: Engine, outbox: Outbox) -> None:
    add_alerts(engine, *[Decimal(100_001 + n).scaleb(-2) for n in range(50_000)])
    assert compose(outbox) == 50_000
    digest = claimed(outbox).digest
    assert (digest.count, len(digest.shown)) == (50_000, MOST_SHOWN)
    assert digest.total == Decimal(sum(range(100_001, 150_001))).scaleb(-2)
