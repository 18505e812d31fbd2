"""Rules with windows, live: what the database remembers, in whatever order, and however often, it is told."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from consumer.database import engine as database_engine
from consumer.domain import Shard
from consumer.login import Database
from consumer.pipeline import evaluate_records
from consumer.rules import rulefile
from consumer.rules.book import ALWAYS, Book, InForce
from consumer.rules.editions import always
from tests.consumer.builders import OTHER_SHARD, SHARD, batch, record, wire
from tests.integration.conftest import as_owner
from tests.integration.histories import BOOK, oracle, payments
from tests.integration.streaming import Consumer

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEST = "tests: [{given: [{amount: 0}], expect: no match}]"
RULES = always(
    rulefile.read(f"""
windows:
  sent: {{sum: amount, by: senderId, over: 1h}}
  payers: {{distinct: senderId, by: receiverId, over: 1h}}
  gap: {{previous: seconds, by: senderId, over: 1h}}
rules:
  - {{id: much, version: 2, title: T, severity: low, when: sent > 1000, explain: "sent {{sent}}", {TEST}}}
  - {{id: mule, version: 1, title: T, severity: low, when: payers >= 3, explain: "{{payers}} payers", {TEST}}}
  - {{id: quick, version: 1, title: T, severity: low, when: gap != null and gap < 2, explain: "{{gap}} s", {TEST}}}
  - {{id: big, version: 1, title: T, severity: low, when: amount > 5000, explain: "{{amount}}", {TEST}}}
""")
)
FOUND = "SELECT transaction_id, rule_id, reason FROM anomalies ORDER BY transaction_id, rule_id"


def line(number: int, amount: object = 600, minute: float = 0, *, late: float = 0, **changes: object) -> bytes:
    date = NOON + timedelta(minutes=minute)
    received = date + timedelta(minutes=late)
    return wire(UUID(int=number), amount, transactionDate=date.isoformat(), receivedAt=received.isoformat(), **changes)


def found(consumer: Consumer) -> list[tuple[int, str, str]]:
    return [(one[0].int, *one[1:]) for one in consumer.rows(FOUND)]


def matches(consumer: Consumer, rule_id: str) -> list[tuple[int, str]]:
    return [(number, reason) for number, its_rule, reason in found(consumer) if its_rule == rule_id]


def test_windows_hold_what_earlier_batches_brought(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    consumer.process(batch(record(1, line(1, minute=0)), record(2, line(2, minute=59))))
    consumer.process(batch(record(3, line(3, minute=59.5), line(4, minute=61, amount=6000))))
    assert found(consumer) == [
        (2, "much", "sent 1200"),
        (3, "much", "sent 1800"),
        (4, "big", "6000"),
        (4, "much", "sent 7200"),
    ]
    assert consumer.progress() == [(4, 4, 0)]


def test_an_anomaly_has_the_values_that_made_it_match(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    consumer.process(batch(record(1, line(1), line(2, "600.50", minute=59), line(3, 6000, minute=200))))
    query = "SELECT rule_version, rule_values FROM anomaly_report ORDER BY transaction_id, rule"
    assert consumer.rows(query) == [(2, {"sent": "1200.5"}), (1, {"amount": "6000"}), (2, {"sent": "6000"})]


def test_what_comes_later_but_was_earlier_makes_known_ones_match(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    consumer.process(batch(record(1, line(2, minute=30))))
    consumer.process(batch(record(2, line(3, minute=89, amount=1, senderId="other"), line(4, minute=90))))
    assert found(consumer) == []
    consumer.process(batch(record(3, line(1, minute=0))))
    assert found(consumer) == [(2, "much", "sent 1200")]
    query = "SELECT sequence_number, line, sender_id, amount FROM anomalies"
    ((number, its_line, sender, amount),) = consumer.rows(query)
    assert (number, its_line, sender, amount) == (record(1).sequence_number, 1, "s-1", Decimal(600))
    assert consumer.rows("SELECT count(*) FROM alerts") == [1]


def test_each_transaction_counts_once_however_often_it_comes(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    again = line(1), line(1), line(1, late=3)
    consumer.process(batch(record(1, *again), record(2, *again)))
    consumer.process(batch(record(3, *again)))
    assert found(consumer) == []
    assert consumer.rows("SELECT count(*) FILTER (WHERE counts), count(*) FROM recent_transactions") == [(2, 4)]


def test_what_is_late_or_ahead_by_more_than_a_day_is_alone(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    day = 24 * 60
    consumer.process(batch(record(1, line(1), line(2, late=day + 0.001), line(3, late=-day - 0.001))))
    assert found(consumer) == []
    consumer.process(batch(record(2, line(4, amount=1001, late=2 * day), line(5, amount=300, late=day))))
    assert matches(consumer, "much") == [(4, "sent 1001")]
    consumer.process(batch(record(3, line(6, amount=101, late=-day))))
    assert matches(consumer, "much") == [(4, "sent 1001"), (6, "sent 1001")]
    counts = "SELECT sum(transactions), sum(late) FROM {}"
    assert consumer.rows(counts.format("stream_progress")) == consumer.rows(counts.format("throughput_by_minute"))
    assert consumer.rows(counts.format("stream_progress")) == [(6, 3)]


def test_a_late_copy_takes_nothing_back_and_one_in_time_counts_after_a_late_one(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    late = line(1, late=25 * 60)
    consumer.process(batch(record(1, late, line(2))))
    assert found(consumer) == []
    consumer.process(batch(record(2, line(1), late)))
    assert found(consumer) == [(2, "much", "sent 1200")]


def test_another_content_under_a_known_id_is_in_no_window_but_its_own(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    consumer.process(batch(record(1, line(1, 500), line(1, 900, minute=1), line(2, 1))))
    consumer.process(batch(record(2, line(1, 1001, minute=2), line(3, 499))))
    assert matches(consumer, "much") == [(1, "sent 1001")]


def test_the_same_ids_content_under_another_key_is_in_no_window_either(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    consumer.process(batch(record(1, line(1, 500))))
    consumer.process(batch(record(2, line(1, 500, senderId="other"))))
    consumer.process(batch(record(3, line(2, 501, senderId="other"))))
    assert found(consumer) == []


def test_a_rule_that_depends_on_the_order_is_asked_once(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    consumer.process(batch(record(1, line(2, 1, minute=1))))
    consumer.process(batch(record(2, line(1, 1, minute=0.99))))
    consumer.process(batch(record(3, line(2, 1, minute=1))))
    assert found(consumer) == []
    consumer.process(batch(record(4, line(3, 1, minute=1.01))))
    assert found(consumer) == [(3, "quick", "0.6 s")]


def test_equal_times_are_ordered_by_their_ids(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    consumer.process(batch(record(1, line(3), line(1), line(2))))
    assert matches(consumer, "much") == [(2, "sent 1200"), (3, "sent 1800")]
    assert matches(consumer, "quick") == [(2, "0 s"), (3, "0 s")]


def test_nothing_is_remembered_where_no_rule_has_a_window(engine: Engine) -> None:
    consumer = Consumer(engine)
    consumer.process(batch(record(1, line(1, 2000))))
    assert len(found(consumer)) == 1
    assert consumer.rows("SELECT count(*) FROM recent_transactions") == [0]


def test_a_line_that_the_database_refuses_is_set_aside_and_its_neighbours_are_remembered(engine: Engine) -> None:
    with as_owner(engine).begin() as connection:
        connection.execute(text("ALTER TABLE recent_transactions ADD CHECK (amount <> 601)"))
    consumer = Consumer(engine, book=RULES)
    consumer.process(batch(record(1, line(1), line(2, 601), line(3, minute=1))))
    assert found(consumer) == [(3, "much", "sent 1200")]
    ((number, reason),) = consumer.rows("SELECT line, reason FROM dead_letters")
    assert (number, reason) == (2, "the database refused a value: check violation (23514)")
    assert consumer.progress() == [(2, 1, 1)]


def test_two_shards_that_meet_in_a_receiver_miss_nothing(engine: Engine, database_url: str) -> None:
    """Each holds its keys from its first look to its commit: one of the two sees the other."""
    shards = [SHARD, OTHER_SHARD, *(SHARD._replace(shard_id=f"shardId-{number:012}") for number in (2, 3))]
    ready = threading.Barrier(len(shards))
    failures: list[BaseException] = []

    def run(own: int, shard: Shard) -> None:
        mine = database_engine(Database(database_url), f"shard {own}")
        try:
            consumer = Consumer(mine, shard, book=RULES)
            for turn in range(40):
                ready.wait(60)
                payment = line(turn * 10 + own, 1, turn * 60, senderId=f"sender-{own}", receiverId=f"r-{turn}")
                consumer.process(batch(record(turn + 1, payment), shard=shard))
        except BaseException as error:
            failures.append(error)
            ready.abort()
        finally:
            mine.dispose()

    threads = [threading.Thread(target=run, args=given) for given in enumerate(shards)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    consumer = Consumer(engine, SHARD, book=RULES)
    expected = [(turn * 10 + own, "mule") for turn in range(40) for own in (2, 3)]
    assert [(number, rule_id) for number, rule_id, _ in found(consumer)] == expected


def test_what_was_taken_back_is_as_if_it_had_never_come(engine: Engine) -> None:
    consumer = Consumer(engine, book=RULES)
    findings = evaluate_records(RULES, batch(record(1, line(1)))).findings
    with suppress(KeyboardInterrupt), consumer.store.shard(SHARD) as work:
        work.insert(findings, [])
        raise KeyboardInterrupt
    assert consumer.rows("SELECT count(*) FROM recent_transactions") == [0]


@pytest.mark.parametrize("seed", range(6))
def test_a_history_in_any_order_matches_what_the_oracle_says(seed: int, engine: Engine) -> None:
    chance = Random(seed)  # noqa: S311 - can be had again
    received = [(one, at) for one in payments(chance, 120, 1) for at in one.receipts]
    chance.shuffle(received)
    consumer = Consumer(engine, book=BOOK)
    for number in range(0, len(received), 11):
        some = received[number : number + 11]
        consumer.process(batch(record(number + 1, *(payment.line(at) for payment, at in some))))
    stored = {(one[0], one[1]) for one in consumer.rows(FOUND)}
    assert stored == oracle(received)
    assert len(stored) > 20


def test_partitions_are_made_ahead_and_dropped_when_no_window_reaches_them(engine: Engine) -> None:
    owner = as_owner(engine)
    tend = "SELECT tend_recent_transactions('2 days')"
    now = datetime.now(UTC)
    consumer = Consumer(engine, book=RULES)
    lines = [
        wire(UUID(int=days + 9), transactionDate=at.isoformat(), receivedAt=at.isoformat())
        for days in (-9, -1, 0, 1)
        for at in [now + timedelta(days=days)]
    ]
    consumer.process(batch(record(1, *lines, arrived_at=now)))
    by_day = "SELECT tableoid::regclass::text, count(*) FROM recent_transactions GROUP BY 1 ORDER BY 1"
    assert consumer.rows(by_day) == [("recent_transactions_other", 8)]
    with engine.begin() as connection:  # as the services' role
        assert connection.execute(text(tend)).scalar_one() == "partitions: 3 made, 0 dropped, 0 in use by others"
        assert connection.execute(text(tend)).scalar_one() == "partitions: 0 made, 0 dropped, 0 in use by others"
    days = [f"recent_transactions_{now + timedelta(days=number):%Y%m%d}" for number in range(3)]
    assert consumer.rows(by_day) == [(days[0], 2), (days[1], 2), ("recent_transactions_other", 2)]
    with owner.begin() as connection:
        connection.execute(text("UPDATE shard_progress SET arrived_at = now() + interval '4 days'"))
        assert connection.execute(text(tend)).scalar_one() == "partitions: 0 made, 2 dropped, 0 in use by others"
    assert consumer.rows(by_day) == []


def test_a_reader_of_the_table_does_not_hold_up_payments(engine: Engine) -> None:
    owner = as_owner(engine)
    with owner.begin() as reader:
        reader.execute(text("SELECT count(*) FROM recent_transactions"))
        with engine.begin() as connection:
            said = connection.execute(text("SELECT tend_recent_transactions('2 days')")).scalar_one()
    assert said == "others are at it: nothing was done"


def sequence(book: Book, lines: Sequence[bytes], engine: Engine) -> list[tuple[int, str, str]]:
    consumer = Consumer(engine, book=book)
    for number, one in enumerate(lines, start=1):
        consumer.process(batch(record(number, one)))
    return found(consumer)


def test_each_line_is_judged_by_the_edition_of_its_receipt_also_when_it_is_judged_again(engine: Engine) -> None:
    lenient = rulefile.read(f"""
windows: {{n: {{count: transactions, by: senderId, over: 1h}}}}
rules:
  - {{id: many, version: 2, title: T, severity: low, when: n >= 2, explain: "{{n}}", {TEST}}}
""")
    book = Book((*RULES.pages, InForce(NOON + timedelta(minutes=30), lenient)))
    lines = [line(2, minute=29), line(3, minute=31), line(1, minute=0)]
    assert sequence(book, lines, engine) == [(2, "much", "sent 1200"), (3, "many", "2")]
    assert book.pages[0].effective_from == ALWAYS
