"""The repair of a gap: archived lines add what is missing, once, and tell nobody unless asked."""

import gzip
import uuid
from pathlib import Path

import pytest
from sqlalchemy import Engine

from consumer.__main__ import main
from tests.consumer.builders import batch, record, wire
from tests.integration.streaming import Consumer

STATES = "SELECT state, count(*) FROM alerts GROUP BY 1 ORDER BY 1"
KNOWN, CHANGED = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.fixture
def consumer(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    """Has stored two transactions, in a database that the commands find."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    found = Consumer(engine)
    found.process(batch(record(1, wire(KNOWN), wire(CHANGED))))
    return found


@pytest.fixture
def archive(tmp_path: Path) -> list[Path]:
    """What is known, what is missing, a changed version, a small amount, and a line that nobody can read."""
    plain, packed = tmp_path / "a.ndjson", tmp_path / "b.gz"
    plain.write_bytes(wire(KNOWN) + b"poison\n" + wire(amount=5))
    # Firehose appends gzip members as they come.
    packed.write_bytes(
        gzip.compress(wire() + wire(receivedAt="2026-11-24T00:00:00Z")) + gzip.compress(wire(CHANGED, 9999))
    )
    return [plain, packed]


def replay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> list[int]:
    """The figures of the summary: read, added, conflicts, known, undecodable."""
    monkeypatch.setattr("sys.argv", ["consumer", "replay", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    return [int(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]


def test_a_replay_adds_what_is_missing_and_tells_nobody(
    consumer: Consumer, archive: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(monkeypatch, capsys, *archive) == [6, 2, 1, 2, 1]
    assert consumer.rows(STATES) == [("muted", 3), ("pending", 2)]
    assert consumer.rows("SELECT shard_id, line FROM anomalies WHERE stream_incarnation = 'archive' ORDER BY line") == [
        (str(archive[1]), line) for line in (1, 2, 3)
    ]
    assert consumer.progress() == [(2, 2, 0)]
    assert consumer.rows("SELECT count(*) FROM dead_letters") == [0]


def test_a_replay_can_be_repeated(
    consumer: Consumer, archive: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replay(monkeypatch, capsys, *archive)
    assert replay(monkeypatch, capsys, *archive) == [6, 0, 0, 4, 1]
    assert consumer.rows("SELECT count(*) FROM anomalies") == [5]


def test_a_replay_can_be_kept_to_a_time_and_can_tell(
    consumer: Consumer, archive: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    window = ("--from", "2026-11-24T01:00:00+01:00", "--to", "2026-11-24T00:00:01Z")
    assert replay(monkeypatch, capsys, "--alert", *window, *archive) == [6, 1, 0, 0, 1]
    assert consumer.rows(STATES) == [("pending", 3)]


def test_a_damaged_object_ends_the_replay_and_what_was_added_stays(
    consumer: Consumer, archive: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive[1].write_bytes(archive[1].read_bytes()[:-9])
    archive[0].write_bytes(wire())
    monkeypatch.setattr("sys.argv", ["consumer", "replay", *map(str, archive)])
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "damaged" in capsys.readouterr().err
    assert consumer.rows("SELECT count(*) FROM anomalies") == [3]
