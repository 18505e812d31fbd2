"""What the notifier does when SES, the database or its own process fails, over a real outbox."""

import signal
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from consumer.database import engine as database_engine
from consumer.login import Database
from consumer.notify import LONGEST_DELAY
from consumer.outbox import Outbox
from consumer.patience import Patience
from consumer.stopping import Stop
from tests.consumer.fake_ses import FakeSes, ses_error
from tests.integration.alerting import INTERVAL, Clock, add_alerts, notifier, rows, states, turn_of

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


def test_an_outage_of_mail_ends_with_two_emails_and_no_flood(
    engine: Engine, ses: FakeSes, clock: Clock, turn: Callable[[], None]
) -> None:
    ses.script = [ses_error("ServiceUnavailable", 503)] * 10_000
    for _ in range(120):
        add_alerts(engine, "2000")
        turn()
        clock.advance(timedelta(minutes=1))
    attempts = rows(engine, "SELECT attempts, last_error FROM emails")
    ses.script = []
    for _ in range(10):
        turn()
        clock.advance(timedelta(minutes=1))
    assert [message["Subject"].split()[0] for message in ses.messages] == ["1", "119"]
    assert attempts[0][1] == "ServiceUnavailable: as SES says it"
    assert 15 <= attempts[0][0] <= 30  # in two hours, at most LONGEST_DELAY apart


def test_a_passing_error_is_retried_ever_later_but_never_too_late(
    engine: Engine, ses: FakeSes, clock: Clock, turn: Callable[[], None]
) -> None:
    ses.script = [ses_error("Throttling")] * 12
    add_alerts(engine, "2000")
    delays = []
    for _ in range(12):
        turn()
        [(due,)] = rows(engine, "SELECT next_attempt_at FROM emails WHERE state = 'pending'")
        delays.append((due - clock.now).total_seconds())
        clock.now = due
    for attempt, delay in enumerate(delays, start=1):
        longest = min(LONGEST_DELAY, 2.0**attempt)
        assert longest / 2 <= delay <= longest
    turn()
    assert states(engine) == [("sent", 1, 13)]


class CrashError(BaseException):
    """Stands for SIGKILL: nothing that follows is run."""


class CrashingSes(FakeSes):
    def accept(self, message: bytes) -> dict[str, str]:
        super().accept(message)
        if len(self.messages) == 1:
            raise CrashError
        return {"MessageId": "second"}


def test_a_crash_after_ses_accepted_leaves_one_copy_more_of_the_same_digest(engine: Engine, clock: Clock) -> None:
    ses = CrashingSes()
    add_alerts(engine, "2000", "3000")
    with pytest.raises(CrashError):
        turn_of(notifier(engine, ses, clock))()
    add_alerts(engine, "4000")
    restarted = turn_of(notifier(engine, ses, clock))
    for _ in range(10):
        restarted()
        clock.advance(INTERVAL / 8)
    first, copy, following = ses.messages
    assert copy.items()[:-1] == first.items()[:-1]
    assert [part.get_content() for part in copy.iter_parts()] == [part.get_content() for part in first.iter_parts()]
    assert following["Subject"] == "1 anomaly of 4,000.00"
    assert states(engine) == [("sent", 2, 2), ("sent", 1, 1)]


def test_the_quota_of_a_day_is_waited_out_in_sight_of_everyone(
    engine: Engine, ses: FakeSes, clock: Clock, turn: Callable[[], None]
) -> None:
    ses.per_day, ses.spent = 200, 199
    add_alerts(engine, "2000")
    with capture_logs() as logged:
        turn()
    assert [entry["reason"] for entry in logged if entry["event"] == "digest postponed"] == ["SendQuotaSpent"]
    [(state, error)] = rows(engine, "SELECT state, last_error FROM emails")
    assert (state, error[:15]) == ("pending", "SendQuotaSpent:")
    assert ses.calls == []
    ses.spent = 198
    clock.advance(timedelta(minutes=1))
    turn()
    assert len(ses.messages) == 1


def test_a_quota_that_can_not_be_read_delays_the_mail_and_says_why(
    engine: Engine, ses: FakeSes, clock: Clock, turn: Callable[[], None]
) -> None:
    ses.quota_error = ses_error("AccessDenied", 403, "no right to ses:GetSendQuota")
    add_alerts(engine, "2000")
    turn()
    assert ses.calls == []
    assert rows(engine, "SELECT last_error FROM emails") == [("AccessDenied: no right to ses:GetSendQuota",)]
    ses.quota_error = None
    clock.advance(2 * SECOND)
    turn()
    assert states(engine) == [("sent", 1, 2)]


def test_emails_to_two_lists_are_spaced_by_the_rate(engine: Engine, ses: FakeSes, clock: Clock) -> None:
    ses.per_second = 1
    add_alerts(engine, "2000")
    Outbox(engine, clock).compose(uuid4(), ["former@example.com"], INTERVAL)
    turn = turn_of(notifier(engine, ses, clock))
    add_alerts(engine, "3000")
    turn()
    clock.advance(SECOND / 2)
    turn()
    assert len(ses.messages) == 1
    clock.advance(SECOND)
    turn()
    assert len(ses.messages) == 2


def test_a_database_that_is_down_is_waited_for_and_the_outcome_is_not_lost(
    engine: Engine, ses: FakeSes, clock: Clock
) -> None:
    add_alerts(engine, "2000")
    outage = Outage(engine)
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        outage.left -= 1
        return False

    ses_accepts = ses.accept

    def accept_as_the_database_goes_down(message: bytes) -> dict[str, str]:
        outage.left = 20
        return ses_accepts(message)

    ses.accept = accept_as_the_database_goes_down  # type: ignore[method-assign]  # the moment of the outage
    outage.left = 9
    with capture_logs() as logged:
        notifier(engine, ses, clock).turn(Patience(pause))
    assert states(engine) == [("sent", 1, 1)]
    assert len(ses.messages) == 1
    assert (len(pauses), max(pauses) <= 15) == (29, True)
    down = [entry["failures"] for entry in logged if entry["event"] == "database failed, waiting"]
    assert down == [1, 2, 4, 8, 1, 2, 4, 8, 16]
    assert [entry["failures"] for entry in logged if entry["event"] == "database answers again"] == [9, 20]


def test_a_stop_in_an_outage_of_the_database_ends_the_notifier_quietly(
    engine: Engine, ses: FakeSes, clock: Clock
) -> None:
    Outage(engine).left = 1
    notifier(engine, ses, clock).run(poll_seconds=1, pause=lambda _: True)
    assert ses.messages == []


def test_a_signal_in_the_middle_of_a_send_ends_the_notifier_after_its_outcome_is_written(
    engine: Engine, clock: Clock
) -> None:
    class SignallingSes(FakeSes):
        def accept(self, message: bytes) -> dict[str, str]:
            signal.raise_signal(signal.SIGTERM)
            return super().accept(message)

    add_alerts(engine, "2000")
    stop = Stop()
    before = signal.signal(signal.SIGTERM, stop.request)
    try:
        notifier(engine, SignallingSes(), clock).run(poll_seconds=3600, pause=stop.pause)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert states(engine) == [("sent", 1, 1)]


def test_tables_that_are_not_there_yet_are_waited_for(empty_database_url: str, ses: FakeSes, clock: Clock) -> None:
    empty = database_engine(Database(empty_database_url), "test")
    pauses = iter([False, False, True])
    notifier(empty, ses, clock).run(poll_seconds=1, pause=lambda _: next(pauses))
    empty.dispose()
    assert list(pauses) == []


class Outage:
    """Every statement fails while ``left`` is above zero."""

    def __init__(self, engine: Engine) -> None:
        self.left = 0
        event.listen(engine, "before_cursor_execute", self._fail)

    def _fail(self, *_: object) -> None:
        if self.left > 0:
            raise OperationalError("SELECT", {}, Exception("connection refused"))
