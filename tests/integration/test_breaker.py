"""The breaker on a real PostgreSQL: it stops all shards, over restarts, until a person resets it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from consumer.__main__ import main
from consumer.breaker_state import BreakerTrippedError, tripped, wait_until_reset
from consumer.domain import Batch
from consumer.errors import CrashError
from consumer.health import require_daemon
from tests.consumer.builders import ARRIVED, OTHER_SHARD, SHARD, batch, record, wire
from tests.integration.streaming import APPLICATION, Consumer

Command = Callable[..., int]
STREAM = SHARD.stream_incarnation


def flood(first: int = 1, arrived_at: datetime = ARRIVED) -> Batch:
    return batch(*(record(first + number, b"poison\n", arrived_at=arrived_at) for number in range(150)))


@pytest.fixture
def command(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs one of the commands and returns its exit code."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["consumer", "breaker", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code))

    return run


def test_a_flood_stops_the_consumer_before_anything_of_it_is_stored(engine: Engine) -> None:
    consumer = Consumer(engine)
    consumer.process(batch(record(1, wire())))
    with pytest.raises(BreakerTrippedError, match=r"150 of 150 records .*not JSON \(150\).*breaker reset --note"):
        consumer.process(flood(2))
    assert consumer.rows("SELECT count(*) FROM dead_letters") == [0]
    assert consumer.progress() == [(1, 1, 0)]
    assert consumer.rows("SELECT history->0->>'state', records, undecodable FROM breaker_report") == [
        ("tripped", 150, 150)
    ]


def test_it_is_remembered_over_restarts_and_stops_every_shard(engine: Engine) -> None:
    other = Consumer(engine, OTHER_SHARD)
    with pytest.raises(BreakerTrippedError):
        Consumer(engine).process(flood())
    with pytest.raises(BreakerTrippedError):
        Consumer(engine)
    with pytest.raises(BreakerTrippedError):
        other.process(batch(record(1, wire()), shard=OTHER_SHARD))
    Consumer(engine, application="another")


def test_after_a_reset_what_came_before_is_dead_lettered_and_what_comes_later_is_judged(
    engine: Engine, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BreakerTrippedError):
        Consumer(engine).process(flood())
    assert command("show") == 1
    assert "not JSON (150)" in capsys.readouterr().out
    assert command("reset", "--note", " ") == 2
    assert command("reset", "--note", "1.4.1 is out", "--by", "ann") == 0
    assert command("reset", "--note", "again") == 0
    assert command("show") == 0
    consumer = Consumer(engine)
    consumer.process(flood())
    consumer.process(flood(200))
    assert consumer.progress() == [(0, 0, 300)]
    with pytest.raises(BreakerTrippedError):
        consumer.process(flood(400, datetime.now(UTC) + timedelta(minutes=1)))
    assert consumer.progress() == [(0, 0, 300)]
    assert consumer.rows("SELECT e->>'state' FROM breaker, jsonb_array_elements(history) e") == [
        "tripped",
        "reset",
        "tripped",
    ]


def test_a_consumer_that_starts_waits_until_it_is_reset(engine: Engine, command: Command) -> None:
    with pytest.raises(BreakerTrippedError):
        Consumer(engine).process(flood())
    waits: list[float] = []

    def reset_at_the_third(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            assert command("reset", "--note", "mended") == 0

    wait_until_reset(engine, APPLICATION, STREAM, reset_at_the_third)
    assert len(waits) == 3


def test_health_says_why_there_is_no_daemon(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(BreakerTrippedError):
        Consumer(engine).process(flood())
    with pytest.raises(CrashError, match="not running; the breaker is tripped since"):
        require_daemon(lambda _: 0, lambda: STREAM, tmp_path, hindrance=lambda: str(tripped(engine, APPLICATION)))
