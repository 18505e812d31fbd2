"""The notifier over a real outbox and a scripted SES: what arrives in the mailbox, whatever happens on the way."""

import math
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tests.consumer.fake_ses import FakeSes, ses_error
from tests.integration.alerting import INTERVAL, OPS, Clock, add_alerts, notifier, rows, turn_of

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ses() -> FakeSes:
    return FakeSes()


@pytest.fixture
def turn(engine: Engine, ses: FakeSes, clock: Clock) -> Callable[[], None]:
    return turn_of(notifier(engine, ses, clock))


def test_the_first_alert_goes_out_at_once_and_what_follows_as_one_digest(
    engine: Engine, ses: FakeSes, clock: Clock, turn: Callable[[], None]
) -> None:
    add_alerts(engine, "1000.01")
    turn()
    for _ in range(4):
        add_alerts(engine, "2000", "1500.25")
        turn()
        clock.advance(timedelta(minutes=1))
    assert len(ses.messages) == 1
    clock.advance(timedelta(minutes=1))
    turn()
    subjects = [message["Subject"] for message in ses.messages]
    assert subjects == ["1 anomaly of 1,000.01", "8 anomalies, 14,001.00 in all (largest 2,000.00)"]
    assert ses.calls[0] == {"Source": "alerts@example.com", "Destinations": list(OPS)}
    assert rows(engine, "SELECT id::text, ses_message_id FROM emails ORDER BY created_at") == [
        (ses.digest_ids[0], "ses-1"),
        (ses.digest_ids[1], "ses-2"),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_however_many_notifiers_the_emails_are_bounded_and_hold_every_alert_once(
    engine: Engine, clock: Clock, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a simulation
    codes = [None, None, None, "Throttling", "ServiceUnavailable", "MessageRejected"]
    ses = FakeSes([ses_error(code) if code else None for code in chance.choices(codes, k=200)])
    turns = [turn_of(notifier(engine, ses, clock)) for _ in range(3)]
    start = clock.now
    for _ in range(60):
        if chance.random() < 0.7:
            add_alerts(engine, *["2000"] * chance.randint(1, 5))
        for turn in chance.sample(turns, k=chance.randint(1, 3)):
            turn()
        clock.advance(SECOND * chance.randint(0, 120))
    emails = rows(engine, "SELECT count(*), count(DISTINCT id), sum(alert_count) FROM emails")[0]
    assert 1 < emails[0] <= 1 + math.ceil((clock.now - start) / INTERVAL)
    assert rows(engine, "SELECT count(*) FROM alerts WHERE state = 'assigned'") == [(emails[2],)]
    assert sorted(ses.digest_ids) == sorted(
        one for (one,) in rows(engine, "SELECT id::text FROM emails WHERE state = 'sent'")
    )


def test_hostile_text_in_a_payment_arrives_harmless(engine: Engine, ses: FakeSes, turn: Callable[[], None]) -> None:
    add_alerts(
        engine, "2000", sender_id="<script>alert(1)</script>\r\nBcc: thief@example.com", reason="\u202e</td>{{ 1 }}"
    )
    turn()
    [message] = ses.messages
    assert message["Bcc"] is None
    text, html = (part.get_content() for part in message.iter_parts())
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "\\u202e</td>{{ 1 }}" in text
