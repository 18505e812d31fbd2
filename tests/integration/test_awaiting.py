"""`await-anomaly`: tells as soon as the anomaly is stored, and in time that it is not."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from consumer.__main__ import main
from consumer.awaiting import await_anomaly
from consumer.database import engine as database_engine
from consumer.errors import RetryError
from consumer.login import Database
from tests.consumer.builders import batch, record, wire
from tests.integration.streaming import Consumer

ID = uuid.UUID("4b4bb47f-44c5-43a2-b7be-2a1cd13a3b0b")
Command = Callable[..., int]


class Time:
    """Passes by sleeping alone. At ``second`` something happens."""

    def __init__(self, second: float, happens: Callable[[], object]) -> None:
        self.now = 0.0
        self._second = second
        self._happens = happens

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now == self._second:
            self._happens()


def nothing() -> None:
    """Time passes."""


@pytest.fixture
def consumer(engine: Engine) -> Consumer:
    return Consumer(engine)


@pytest.fixture
def command(
    database_url: str, monkeypatch: pytest.MonkeyPatch, consumer: Consumer, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs `await-anomaly` and answers its exit code."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["consumer", "await-anomaly", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code))

    return run


def test_it_returns_as_soon_as_the_anomaly_is_stored(engine: Engine, consumer: Consumer) -> None:
    time = Time(3, lambda: consumer.process(batch(record(1, wire(), wire(ID)))))
    (found,) = await_anomaly(engine, ID, 120, time.sleep, time)
    assert time.now == 3
    assert (str(found.amount), found.rule_id, found.reason) == (
        "1500.25",
        "large-amount",
        "amount 1500.25 is greater than 1000",
    )


def test_a_database_that_does_not_answer_yet_is_waited_for(
    engine: Engine, consumer: Consumer, owner: Engine, empty_database_url: str
) -> None:
    consumer.process(batch(record(1, wire(ID))))

    def rename(one: str, other: str) -> None:
        with owner.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {one} RENAME TO {other}")

    rename("anomalies", "away")
    time = Time(2, lambda: rename("away", "anomalies"))
    assert len(await_anomaly(engine, ID, 120, time.sleep, time)) == 1
    assert time.now == 2


def test_it_ends_in_time_and_says_what_it_missed(engine: Engine) -> None:
    time = Time(-1, nothing)
    with pytest.raises(RetryError, match=f"no anomaly of transaction {ID} was stored in 2.5 s$"):
        await_anomaly(engine, ID, 2.5, time.sleep, time)
    assert time.now == 2.5
    away = database_engine(Database("postgresql://u:p@127.0.0.1:1/none"), "test")
    with pytest.raises(RetryError, match=r"was stored in 2 s; the database failed: OperationalError: .*refused"):
        await_anomaly(away, ID, 2, time.sleep, time)


def test_the_anomaly_is_shown_to_people(
    command: Command, consumer: Consumer, capsys: pytest.CaptureFixture[str]
) -> None:
    consumer.process(batch(record(1, wire(ID), wire(ID, "1600"))))
    assert command(str(ID).upper()) == 0
    shown = capsys.readouterr().out
    for words in ("1500.25", "large-amount", "amount 1500.25 is greater than 1000", "conflicting-content", "1600"):
        assert words in shown


def test_the_anomaly_is_shown_to_programs(
    command: Command, consumer: Consumer, capsys: pytest.CaptureFixture[str]
) -> None:
    consumer.process(batch(record(1, wire(ID, "1000.000000000000000001"))))
    assert command(str(ID), "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert datetime.fromisoformat(shown.pop("detectedAt")).tzinfo == UTC
    assert shown == {
        "trxId": str(ID),
        "amount": "1000.000000000000000001",
        "rule": "large-amount",
        "reason": "amount 1000.000000000000000001 is greater than 1000",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([str(ID), "--seconds", "0"], 1, f"Error: no anomaly of transaction {ID} was stored in 0 s"),
        (["1500"], 2, "TRX_ID"),
        ([str(ID), "--seconds", "-1"], 2, "--seconds"),
        ([], 2, "TRX_ID"),
    ],
)
def test_what_is_not_there_and_what_cannot_be_are_told_apart(
    arguments: list[str], code: int, told: str, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(*arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
