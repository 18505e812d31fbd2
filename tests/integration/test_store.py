"""The store on a real PostgreSQL: whatever is delivered, and however often, ends in the same rows."""

import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from consumer.database import engine as database_engine
from consumer.domain import Shard
from consumer.login import Database
from tests.consumer.builders import ARRIVED, FIRST, OTHER_SHARD, SHARD, batch, record, wire
from tests.integration.streaming import STREAM, Consumer


@pytest.fixture
def consumer(engine: Engine) -> Consumer:
    return Consumer(engine)


def test_a_batch_is_stored_with_everything_a_person_asks_for(consumer: Consumer) -> None:
    large, exact = uuid.uuid4(), uuid.uuid4()
    consumer.process(batch(record(1, wire(large, "1500.250"), b"poison\n"), record(2, wire(exact, "1000"))))
    (row,) = consumer.rows(
        "SELECT transaction_id, rule, rule_version, reason, amount::text, sender_id, receiver_bank_id, "
        "transaction_date::text, received_at::text, stream, shard, sequence_number, line, alert_state "
        "FROM anomaly_report"
    )
    assert row == (
        large,
        "large-amount",
        1,
        "amount 1500.250 is greater than 1000",
        "1500.250",
        "s-1",
        "b-2",
        "2022-06-30 07:41:46+00",
        "2026-11-23 10:00:00.000001+00",
        *SHARD,
        FIRST + 1,
        1,
        "pending",
    )
    assert consumer.rows("SELECT payload, reason, line, arrived_at FROM dead_letters") == [
        (b"poison", "not JSON", 2, ARRIVED)
    ]
    assert consumer.rows(
        "SELECT sequence_number, arrived_at, transactions, anomalies, dead_letters FROM shard_progress"
    ) == [(FIRST + 2, ARRIVED, 2, 1, 1)]
    assert consumer.rows("SELECT minute, stream, transactions, anomalies, dead_letters FROM throughput") == [
        (ARRIVED.replace(second=0, microsecond=0), STREAM, 2, 1, 1)
    ]


def test_redelivery_and_partial_overlap_change_nothing_and_count_nothing_twice(consumer: Consumer) -> None:
    first, second, third = record(1, wire(), b"x"), record(2, wire()), record(3, wire(), b"y")
    consumer.process(batch(first, second))
    consumer.process(batch(first, second))
    consumer.process(batch(second, third))
    consumer.process(batch(third))
    assert consumer.progress() == [(3, 3, 2)]
    assert consumer.rows("SELECT transactions, anomalies, dead_letters FROM throughput") == [(3, 3, 2)]
    assert consumer.rows("SELECT count(*) FROM alerts") == [3]


def test_thousands_of_dead_letters_are_all_there(consumer: Consumer) -> None:
    consumer.process(batch(*(record(number, b"x\n" * 100) for number in range(1, 61))))
    assert consumer.rows("SELECT count(*), count(DISTINCT (sequence_number, line)) FROM dead_letters") == [
        (6_000, 6_000)
    ]
    assert consumer.progress() == [(0, 0, 6_000)]


@pytest.mark.parametrize("mine", [0, 1, 2])
def test_a_batch_moves_its_own_progress_and_no_other(mine: int, engine: Engine) -> None:
    """Neighbours of each part of the key, before and after it."""
    arns = [f"arn:aws:kinesis:eu-west-1:1:stream/payments@{year}" for year in (2024, 2025, 2026)]
    names = ["application-a", "application-b", "application-c"]
    rows = [
        *((names[mine], Shard(arns[mine], f"shard-{n}")) for n in range(3)),
        *((names[mine], Shard(arn, f"shard-{mine}")) for arn in arns),
        *((name, Shard(arns[mine], f"shard-{mine}")) for name in names),
    ]
    for name, shard in rows:
        Consumer(engine, shard, application=name)
    consumer = Consumer(engine, rows[mine][1], application=names[mine])
    consumer.process(batch(record(1, wire()), shard=rows[mine][1]))
    consumer.end(rows[mine][1])
    moved = consumer.rows(
        "SELECT application, stream_incarnation, shard_id FROM shard_progress "
        "WHERE sequence_number IS NOT NULL OR ended_at IS NOT NULL"
    )
    assert moved == [(names[mine], *rows[mine][1])]


def test_a_transaction_that_was_sent_again_is_one_anomaly_with_one_alert(consumer: Consumer) -> None:
    line = wire()
    consumer.process(batch(record(1, line, line), record(2, line)))
    consumer.process(batch(record(3, line)))
    assert consumer.rows("SELECT count(*) FROM anomalies UNION ALL SELECT count(*) FROM alerts") == [1, 1]
    assert consumer.rows("SELECT count(*) FROM conflicts") == [0]
    assert consumer.progress() == [(4, 1, 0)]


def test_shards_that_meet_the_same_transactions_do_not_deadlock(database_url: str, engine: Engine) -> None:
    ids = [uuid.uuid4() for _ in range(500)]
    engines = [database_engine(Database(database_url), "test") for _ in range(2)]
    consumers = [Consumer(target, shard) for target, shard in zip(engines, (SHARD, OTHER_SHARD), strict=True)]
    orders = [ids, ids[::-1]]

    def run(number: int) -> None:
        shard = (SHARD, OTHER_SHARD)[number]
        for turn in range(6):
            lines = [wire(one, f"{1500 + number + turn}") for one in orders[number]]
            consumers[number].process(batch(record(turn, *lines), shard=shard))

    in_parallel(run, range(2))
    assert [consumer.waits for consumer in consumers] == [[], []]
    assert consumers[0].rows("SELECT count(*), count(DISTINCT transaction_id) FROM anomalies") == [(1000, 500)]
    for target in engines:
        target.dispose()


def test_an_orphan_that_still_reads_the_shard_stores_nothing_twice(database_url: str) -> None:
    lines = [wire() for _ in range(200)]
    engines = [database_engine(Database(database_url), "test") for _ in range(2)]
    consumers = [Consumer(target) for target in engines]

    def run(consumer: Consumer) -> None:
        for number, line in enumerate(lines):
            consumer.process(batch(record(number, line, b"poison\n")))

    in_parallel(run, consumers)
    assert consumers[0].progress() == [(200, 200, 200)]
    assert consumers[0].rows("SELECT count(*) FROM alerts UNION ALL SELECT count(*) FROM dead_letters") == [200, 200]
    for target in engines:
        target.dispose()


def in_parallel(run: Callable[[Any], None], arguments: Sequence[Any]) -> None:
    threads = [threading.Thread(target=run, args=[argument]) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_ten_thousand_records_are_one_transaction(consumer: Consumer, engine: Engine) -> None:
    commits: list[object] = []
    event.listen(engine, "commit", commits.append)
    consumer.process(batch(*(record(number, wire(amount=number % 2000)) for number in range(10_000))))
    assert len(commits) == 1
    large = sum(number % 2000 > 1000 for number in range(10_000))
    assert consumer.progress() == [(10_000, large, 0)]
    assert consumer.rows("SELECT count(*) FROM alerts") == [large]


def test_counts_are_kept_by_the_minute_of_arrival(consumer: Consumer) -> None:
    later = ARRIVED + timedelta(minutes=2)
    consumer.process(batch(record(1, wire()), record(2, wire(), b"x", arrived_at=later)))
    consumer.process(batch(record(3, wire(amount=1), arrived_at=later)))
    assert consumer.rows(
        "SELECT minute - '2026-11-23 10:00Z', transactions, anomalies, dead_letters FROM throughput ORDER BY 1"
    ) == [(timedelta(0), 1, 1, 0), (timedelta(minutes=2), 2, 1, 1)]


def test_a_shard_that_is_taken_up_again_tells_how_far_it_is(consumer: Consumer, engine: Engine) -> None:
    (before,) = consumer.rows("SELECT initialized_at FROM shard_progress")
    assert consumer.done is None
    consumer.process(batch(record(9, wire())))
    assert Consumer(engine).done == FIRST + 9
    (after,) = consumer.rows("SELECT initialized_at FROM shard_progress")
    assert after > before


def test_another_incarnation_of_the_stream_begins_anew(consumer: Consumer, engine: Engine) -> None:
    consumer.process(batch(record(9, wire())))
    reborn = Shard("another", SHARD.shard_id)
    assert Consumer(engine, reborn).done is None
    Consumer(engine, reborn).process(batch(record(1, wire()), shard=reborn))
    assert sorted(consumer.progress()) == [(1, 1, 0), (1, 1, 0)]


def test_an_ended_shard_is_marked(consumer: Consumer) -> None:
    consumer.end(SHARD)
    assert consumer.rows("SELECT ended_at IS NOT NULL FROM shard_progress") == [True]
