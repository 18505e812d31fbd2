"""The audit finds each thing that can be wrong when it is done on purpose, and nothing where nothing is."""

import gzip
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from consumer.archive import archive_objects
from consumer.audit.comparison import Comparison
from consumer.audit.run import Scope, audit, repair
from consumer.domain import Shard
from consumer.errors import CrashError
from tests.consumer.builders import ARRIVED, SHARD, batch, record, wire
from tests.integration.streaming import STREAM, Consumer

END = datetime.fromisoformat("2026-11-23T12:00:00Z")
LARGE, SMALL, OTHER, TWICE = (uuid.UUID(int=number) for number in range(1, 5))
RECORDS = [
    wire(LARGE) + wire(SMALL, "5"),
    wire(OTHER, "2000", receivedAt="2026-11-23T10:00:05Z") + b"poison\n",
    wire(TWICE) + wire(TWICE, receivedAt="2026-11-23T10:01:00Z"),
]


@pytest.fixture
def consumer(engine: Engine) -> Consumer:
    """Has stored all there is, and its one dead letter is discarded."""
    found = Consumer(engine)
    found.process(batch(*(record(number, data) for number, data in enumerate(RECORDS, start=1))))
    found.rows("SELECT 1")
    with engine.begin() as connection:
        connection.execute(text("UPDATE dead_letters SET state = 'discarded'"))
    return found


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    for number, data in enumerate(RECORDS):
        (folder / f"{number}.gz").write_bytes(gzip.compress(data))
    return folder


def audited(engine: Engine, archive: Path, begin: datetime | None = None, end: datetime = END) -> Comparison:
    return audit(engine, archive_objects([str(archive)]), Scope(STREAM, begin, end), lambda _size: None)


def execute(owner: Engine, statement: str, **values: Any) -> None:
    with owner.begin() as connection:
        connection.execute(text(statement), values)


def test_nothing_differs_after_a_clean_run(consumer: Consumer, engine: Engine, archive: Path) -> None:
    found = audited(engine, archive)
    assert found.is_clean
    assert (found.transactions, found.distinct, found.dead_letters) == (5, 4, 1)
    assert (found.expected, found.stored) == (3, 3)
    assert found.begin.isoformat() == "2026-11-23T10:00:00.000001+00:00"


def test_a_deleted_anomaly_is_named_with_its_object_and_line(
    consumer: Consumer, engine: Engine, owner: Engine, archive: Path
) -> None:
    execute(owner, "DELETE FROM anomalies WHERE transaction_id = :id", id=OTHER)
    found = audited(engine, archive)
    assert not found.is_clean
    ((trx_id, rule, where, line),) = [(one.trx_id, one.rule_id, one.object, one.line) for one in found.missing]
    assert (trx_id, rule, where, line) == (OTHER, "large-amount", str(archive / "1.gz"), 1)
    assert (found.unexpected, found.unsettled, found.forgotten) == ([], [], [])


def test_a_forged_anomaly_is_named(consumer: Consumer, engine: Engine, owner: Engine, archive: Path) -> None:
    execute(owner, "UPDATE anomalies SET transaction_id = :forged WHERE transaction_id = :id", forged=SMALL, id=OTHER)
    found = audited(engine, archive)
    assert [(one.trx_id, one.rule_id) for one in found.unexpected] == [(SMALL, "large-amount")]
    assert [one.trx_id for one in found.missing] == [OTHER]


def test_a_rule_that_nobody_has_is_forged_too(consumer: Consumer, engine: Engine, owner: Engine, archive: Path) -> None:
    execute(owner, "UPDATE anomalies SET rule_id = 'invented' WHERE transaction_id = :id", id=OTHER)
    assert [one.rule_id for one in audited(engine, archive).unexpected] == ["invented"]


def test_a_missing_object_is_noticed_by_its_anomalies(consumer: Consumer, engine: Engine, archive: Path) -> None:
    (archive / "1.gz").unlink()
    found = audited(engine, archive)
    assert [one.trx_id for one in found.unexpected] == [OTHER]


def test_a_missing_object_without_anomalies_is_noticed_by_what_was_counted(engine: Engine, archive: Path) -> None:
    Consumer(engine).process(batch(*(record(number, wire(amount="5")) for number in range(1, 8))))
    (archive / "0.gz").write_bytes(wire(amount="5") * 5)
    for name in ("1.gz", "2.gz"):
        (archive / name).unlink()
    hour = timedelta(hours=1)
    found = audited(engine, archive, ARRIVED - hour, ARRIVED + hour)
    assert found.lacking == 2
    assert not found.is_clean


def test_another_stream_in_the_same_database_is_not_asked(
    consumer: Consumer, engine: Engine, owner: Engine, archive: Path
) -> None:
    other = Shard(SHARD.stream_incarnation.replace("stream/payments@", "stream/refunds@"), SHARD.shard_id)
    Consumer(engine, other).process(batch(record(1, wire() + b"poison\n"), shard=other))
    execute(owner, "UPDATE throughput SET stream = 'refunds', transactions = 900")
    assert audited(engine, archive, ARRIVED - timedelta(hours=1), ARRIVED + timedelta(hours=1)).is_clean


def test_an_open_dead_letter_is_named(consumer: Consumer, engine: Engine, owner: Engine, archive: Path) -> None:
    execute(owner, "UPDATE dead_letters SET state = 'open'")
    ((shard, line),) = [(one.shard_id, one.line) for one in audited(engine, archive).unsettled]
    assert (shard, line) == ("shardId-000000000000", 2)


def test_a_line_that_nobody_kept_is_named(consumer: Consumer, engine: Engine, owner: Engine, archive: Path) -> None:
    execute(owner, "DELETE FROM dead_letters")
    ((where, line, reason),) = [(one.object, one.line, one.reason) for one in audited(engine, archive).forgotten]
    assert (where, line, reason) == (str(archive / "1.gz"), 2, "not JSON")


def test_a_line_whose_object_goes_beyond_the_audit_is_not_yet_due(
    consumer: Consumer, engine: Engine, owner: Engine, archive: Path
) -> None:
    execute(owner, "DELETE FROM dead_letters")
    with gzip.open(archive / "1.gz", "ab") as file:
        file.write(wire(amount="5", receivedAt="2026-11-23T12:00:00Z"))
    assert audited(engine, archive).forgotten == []


def test_what_was_received_at_another_time_is_not_asked(
    consumer: Consumer, engine: Engine, owner: Engine, archive: Path
) -> None:
    execute(owner, "DELETE FROM anomalies WHERE transaction_id IN (:one, :other)", one=LARGE, other=OTHER)
    found = audited(engine, archive, datetime.fromisoformat("2026-11-23T10:00:01Z"))
    assert [one.trx_id for one in found.missing] == [OTHER]
    assert audited(engine, archive, end=datetime.fromisoformat("2026-11-23T10:00:05Z")).missing[0].trx_id == LARGE


def test_a_conflict_that_the_archive_explains_is_expected(consumer: Consumer, engine: Engine, archive: Path) -> None:
    changed = wire(LARGE, "9999")
    consumer.process(batch(record(9, changed)))
    assert [one.rule_id for one in audited(engine, archive).unexpected] == ["conflicting-content"]
    (archive / "9.gz").write_bytes(gzip.compress(changed))
    assert audited(engine, archive).is_clean


def test_a_repair_stores_what_is_missing_and_tells_nobody(
    consumer: Consumer, engine: Engine, owner: Engine, archive: Path
) -> None:
    execute(owner, "DELETE FROM anomalies WHERE transaction_id IN (:one, :other)", one=LARGE, other=OTHER)
    objects = archive_objects([str(archive)])
    left = repair(engine, objects, audited(engine, archive), "muted")
    assert left.is_clean
    assert audited(engine, archive).is_clean
    assert consumer.rows("SELECT state, count(*) FROM alerts GROUP BY 1 ORDER BY 1") == [("muted", 2), ("pending", 1)]
    assert repair(engine, objects, audited(engine, archive), "muted").is_clean
    assert consumer.rows("SELECT count(*) FROM anomalies") == [3]


def test_an_archive_of_nothing_is_no_proof(engine: Engine, archive: Path) -> None:
    for file in archive.iterdir():
        file.write_bytes(b"")
    with pytest.raises(CrashError, match="there is nothing to audit"):
        audited(engine, archive)
