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
from consumer.rules import rulefile
from consumer.rules.book import ALWAYS, Book, InForce
from tests.consumer.builders import ARRIVED, BOOK, SHARD, batch, record, wire
from tests.integration.streaming import STREAM, Consumer

END = datetime.fromisoformat("2026-11-23T12:00:00Z")
CHANGE = datetime.fromisoformat("2026-11-23T10:30:00Z")
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
    return audit(engine, BOOK, archive_objects([str(archive)]), Scope(STREAM, begin, end), lambda _size: None)


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
    left = repair(engine, BOOK, objects, audited(engine, archive), "muted")
    assert left.is_clean
    assert audited(engine, archive).is_clean
    assert consumer.rows("SELECT state, count(*) FROM alerts GROUP BY 1 ORDER BY 1") == [("muted", 2), ("pending", 1)]
    assert repair(engine, BOOK, objects, audited(engine, archive), "muted").is_clean
    assert consumer.rows("SELECT count(*) FROM anomalies") == [3]


def test_an_archive_of_nothing_is_no_proof(engine: Engine, archive: Path) -> None:
    for file in archive.iterdir():
        file.write_bytes(b"")
    with pytest.raises(CrashError, match="there is nothing to audit"):
        audited(engine, archive)


TEST = "tests: [{given: [{amount: 0}], expect: no match}]"
WINDOWED = Book(
    [
        InForce(
            begin,
            rulefile.read(f"""
lateness: 30m
windows: {{sent: {{sum: amount, by: senderId, over: 1h}}, gap: {{previous: seconds, by: senderId, over: 1h}}}}
lists: {{blocked: {{kind: deny, title: T}}}}
rules:
  - {{id: much, version: {version}, title: T, severity: low, when: sent > {limit}, explain: "sent {{sent}}", {TEST}}}
  - {{id: blocked, version: 1, title: T, severity: low, when: senderId in blocked, explain: x, {TEST}}}
  - {{id: quick, version: 1, title: T, severity: low, when: gap != null and gap < 90, explain: "{{gap}}", {TEST}}}
"""),
        )
        for begin, version, limit in ((ALWAYS, 1, 250), (CHANGE, 2, 150))
    ]
)


class Windowed:
    """Ten payments of 100, a minute apart, the last three of them under the second edition."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        folder.mkdir()
        self.engine = engine
        self.objects = [folder / f"{number}" for number in range(10)]
        lines = [payment(number) for number in range(10)]
        for path, line in zip(self.objects, lines, strict=True):
            path.write_bytes(line)
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO list_entries (list, value, reason, effective_from, added_by) "
                    "VALUES ('blocked', 's-1', 'r', :begin, 'ann')"
                ),
                {"begin": CHANGE},
            )
        self.consumer = Consumer(engine, book=WINDOWED)
        for number, line in enumerate([*lines[4:], *lines[:4]]):
            self.consumer.process(batch(record(number, line)))

    def audited(self, end: datetime = END) -> Comparison:
        objects = archive_objects([str(path) for path in self.objects if path.exists()])
        return audit(self.engine, WINDOWED, objects, Scope(STREAM, None, end), lambda _size: None)

    def stored(self, rule_id: str) -> list[int]:
        query = f"SELECT transaction_id FROM anomalies WHERE rule_id = '{rule_id}' ORDER BY 1"
        return [one.int for one in self.consumer.rows(query)]


def payment(number: int) -> bytes:
    at = CHANGE + timedelta(minutes=number - 7)
    return wire(uuid.UUID(int=number), 100, transactionDate=at.isoformat(), receivedAt=at.isoformat())


def test_rules_with_windows_and_lists_are_audited_by_the_edition_of_each_line(engine: Engine, tmp_path: Path) -> None:
    windowed = Windowed(engine, tmp_path / "windowed")
    assert windowed.stored("much") == [2, 3, 4, 5, 6, 7, 8, 9]
    assert windowed.stored("blocked") == [7, 8, 9]
    found = windowed.audited()
    assert found.is_clean
    assert (found.expected, found.stored, found.order_dependent) == (11, 19, 8)


def test_what_windows_expect_is_named_and_stored_by_the_repair(engine: Engine, owner: Engine, tmp_path: Path) -> None:
    windowed = Windowed(engine, tmp_path / "windowed")
    was = windowed.consumer.rows("SELECT transaction_id, rule_id, rule_version, reason FROM anomalies ORDER BY 1, 2")
    execute(owner, "DELETE FROM anomalies WHERE rule_id IN ('much', 'blocked') AND amount = 100")
    execute(owner, "TRUNCATE recent_transactions")
    found = windowed.audited()
    assert len(found.missing) == 11
    assert (found.missing[0].object, found.missing[0].line) == (str(windowed.objects[2]), 1)
    left = repair(engine, WINDOWED, archive_objects([str(path) for path in windowed.objects]), found, "muted")
    assert left.is_clean
    assert windowed.audited().is_clean
    again = "SELECT transaction_id, rule_id, rule_version, reason FROM anomalies ORDER BY 1, 2"
    assert [row[:3] for row in windowed.consumer.rows(again)] == [row[:3] for row in was]


def test_a_window_that_lacks_an_object_and_a_forged_match_are_named(
    engine: Engine, owner: Engine, tmp_path: Path
) -> None:
    windowed = Windowed(engine, tmp_path / "windowed")
    windowed.objects[0].unlink()
    assert [(one.trx_id.int, one.rule_id) for one in windowed.audited().unexpected] == [(2, "much")]
    execute(
        owner,
        "UPDATE anomalies SET rule_id = 'much', rule_version = 1 WHERE rule_id = 'quick' AND line = 1 "
        "AND transaction_id = :id",
        id=uuid.UUID(int=1),
    )
    assert [one.trx_id.int for one in windowed.audited().unexpected] == [1, 2]


def test_what_is_received_after_the_end_may_have_made_a_match(engine: Engine, tmp_path: Path) -> None:
    """Lines 0 to 3 came last: an audit that ends before them cannot explain what they did, and says nothing of it."""
    windowed = Windowed(engine, tmp_path / "windowed")
    for path in windowed.objects[:2]:
        path.unlink()
    found = windowed.audited(CHANGE + timedelta(minutes=3))
    assert found.unexpected == []
    assert found.missing == []
