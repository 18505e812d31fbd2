"""What SES refuses for good, what it does not, and how refused alerts are told after all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from consumer.__main__ import main
from consumer.emails import retry_failed
from consumer.notify import HOLD
from consumer.outbox import Outbox
from tests.consumer.fake_ses import FakeSes, ses_error
from tests.integration.alerting import INTERVAL, OPS, Clock, add_alerts, notifier, rows, states, turn_of

SECOND = timedelta(seconds=1)
LEFT_OVER = "SELECT count(*) FROM anomaly_report WHERE email_state IS DISTINCT FROM 'sent'"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ses() -> FakeSes:
    return FakeSes()


@pytest.fixture
def turn(engine: Engine, ses: FakeSes, clock: Clock) -> Callable[[], None]:
    return turn_of(notifier(engine, ses, clock))


@pytest.fixture
def retry(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], list[int]]:
    """The command; answers the figures that it prints."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr("sys.argv", ["consumer", "emails", "retry"])

    def run() -> list[int]:
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        return [int(word) for word in capsys.readouterr().out.split() if word.isdigit()]

    return run


UNVERIFIED = "Email address is not verified: ops@example.com"


@pytest.mark.parametrize("code", ["MessageRejected", "MailFromDomainNotVerifiedException", "InvalidParameterValue"])
def test_a_refused_email_fails_with_its_reason_and_the_next_alerts_are_sent(
    engine: Engine, ses: FakeSes, clock: Clock, turn: Callable[[], None], code: str
) -> None:
    ses.script = [ses_error(code, message=UNVERIFIED)]
    add_alerts(engine, "2000")
    with capture_logs() as logged:
        turn()
    add_alerts(engine, "3000")
    clock.advance(INTERVAL)
    turn()
    assert states(engine) == [("failed", 1, 1), ("sent", 1, 1)]
    assert rows(engine, "SELECT last_error FROM emails WHERE state = 'failed'") == [(f"{code}: {UNVERIFIED}",)]
    assert [entry["reason"] for entry in logged if entry["event"] == "digest refused"] == [code]
    assert "example.com" not in str(logged)


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("MessageRejected", 400, "Sending suspended for this account: alerts@example.com"),
        ("RequestThrottled", 400, "too fast for alerts@example.com"),
        ("LimitExceeded", 400, "too much for alerts@example.com"),
        ("SomethingNew", 400, "of alerts@example.com"),
        ("404", 404, "Not Found: alerts@example.com"),
    ],
)
def test_a_week_of_it_costs_no_digest_and_ends_with_two_emails(
    engine: Engine, ses: FakeSes, clock: Clock, turn: Callable[[], None], code: str, status: int, message: str
) -> None:
    ses.script = [ses_error(code, status, message)] * 10_000
    with capture_logs() as logged:
        for _ in range(7):
            add_alerts(engine, "2000")
            turn()
            clock.advance(timedelta(days=1))
    assert states(engine) == [("pending", 1, 7)]
    assert rows(engine, "SELECT last_error FROM emails") == [(f"{code}: {message}",)]
    assert "example.com" not in str(logged)
    ses.script = []
    turn()
    turn()
    clock.advance(SECOND)
    turn()
    assert [sent["Subject"].split()[0] for sent in ses.messages] == ["1", "6"]


def test_the_alerts_of_failed_emails_are_told_together_in_the_next_one(
    engine: Engine, ses: FakeSes, clock: Clock, turn: Callable[[], None], retry: Callable[[], list[int]]
) -> None:
    ses.script = [None, *[ses_error("MessageRejected", message=UNVERIFIED)] * 2]
    for amounts in (["1500"], ["2000", "2500"], ["3000"]):
        add_alerts(engine, *amounts)
        turn()
        clock.advance(INTERVAL)
    add_alerts(engine, "4000")
    assert retry() == [3, 2]
    assert retry() == [0, 0]
    turn()
    assert [message["Subject"] for message in ses.messages] == [
        "1 anomaly of 1,500.00",
        "4 anomalies, 11,500.00 in all (largest 4,000.00)",
    ]
    assert states(engine) == [("sent", 1, 1), ("failed", 2, 1), ("failed", 1, 1), ("sent", 4, 1)]
    assert (
        rows(engine, "SELECT last_error FROM emails WHERE state = 'failed'")
        == [(f"MessageRejected: {UNVERIFIED}",)] * 2
    )
    assert rows(engine, LEFT_OVER) == [(0,)]
    assert retry() == [0, 0]


def test_nothing_but_failed_emails_is_told_again(engine: Engine, clock: Clock, retry: Callable[[], list[int]]) -> None:
    outbox = Outbox(engine, clock)
    for recipient in ("sent@example.com", "sending@example.com", "pending@example.com"):
        add_alerts(engine, "2000")
        outbox.compose(uuid4(), [recipient], INTERVAL)
        clock.advance(SECOND)
    claims = [outbox.claim(HOLD), outbox.claim(HOLD)]
    assert claims[0]
    assert outbox.sent(claims[0], "ses-1")
    add_alerts(engine, "2000")
    rows(engine, "UPDATE alerts SET state = 'muted' WHERE state = 'pending' RETURNING 1")
    before = rows(engine, "SELECT * FROM alerts ORDER BY anomaly_id")
    assert retry() == [0, 0]
    assert rows(engine, "SELECT * FROM alerts ORDER BY anomaly_id") == before


def test_commands_at_once_and_a_composing_notifier_tell_every_alert_once(
    engine: Engine, clock: Clock, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    outbox = Outbox(engine, clock)
    for _ in range(5):
        add_alerts(engine, *["2000"] * 500)
        outbox.compose(uuid4(), OPS, INTERVAL)
        claim = outbox.claim(HOLD)
        assert claim
        assert outbox.failed(claim, "MessageRejected: no")
        clock.advance(INTERVAL)
    with ThreadPoolExecutor(4) as pool:
        released = [pool.submit(retry_failed) for _ in range(3)]
        pool.submit(outbox.compose, uuid4(), OPS, INTERVAL).result()
        assert sorted(one.result().alerts for one in released) == [0, 0, 2500]
    outbox.compose(uuid4(), OPS, INTERVAL)
    assert rows(engine, "SELECT state, sum(alert_count) FROM emails GROUP BY 1 ORDER BY 1") == [
        ("failed", 2500),
        ("pending", 2500),
    ]
    assert rows(engine, "SELECT count(*) FROM alerts WHERE state = 'pending'") == [(0,)]


def test_a_quota_that_is_refused_is_logged_without_the_account(engine: Engine, ses: FakeSes, clock: Clock) -> None:
    ses.quota_error = ses_error("AccessDenied", 403, "User arn:aws:iam::123456789012:user/ops@example.com may not")
    add_alerts(engine, "2000")
    with capture_logs() as logged:
        notifier(engine, ses, clock).run(poll_seconds=1, pause=lambda _: True)
    assert [entry["reason"] for entry in logged if "reason" in entry] == ["AccessDenied"] * 2
    assert "123456789012" not in str(logged)
    assert "example.com" not in str(logged)
