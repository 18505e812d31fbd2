"""What the database refuses for the data's sake becomes a dead letter, line by line."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from consumer.errors import CrashError
from consumer.patience import StoppedError
from tests.consumer.builders import FIRST, SHARD, batch, finding, record, wire
from tests.integration.streaming import MOST_WAITS, Consumer


@pytest.fixture
def consumer(engine: Engine) -> Consumer:
    return Consumer(engine)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "numeric overflow": (
        {"amount": Decimal("1E+200000")},
        "the database refused a value: numeric value out of range (22003)",
    ),
    "NUL": ({"sender_id": "s\0"}, "the database refused a value: untranslatable character (22P05)"),
    "half a character": ({"sender_iban": "\ud800"}, "the database driver refused a value (UnicodeEncodeError)"),
    "not null": ({"receiver_id": None}, "the database refused a value: not null violation (23502)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_line_that_the_database_refuses_is_a_dead_letter_and_its_neighbours_are_stored(
    name: str, consumer: Consumer
) -> None:
    changes, reason = REFUSED[name]
    findings = [finding(number=number) for number in range(25)]
    findings[7] = finding(number=7, **changes)
    with consumer.store.shard(SHARD) as work:
        stored = work.insert(findings, [])
    assert [(letter.line, letter.reason) for letter in stored.refused] == [(findings[7].line, reason)]
    assert consumer.rows("SELECT sequence_number, payload, reason FROM dead_letters") == [
        (FIRST + 7, b"the line", reason)
    ]
    assert consumer.rows("SELECT sequence_number FROM anomalies ORDER BY 1") == [
        FIRST + number for number in range(25) if number != 7
    ]
    assert len(stored.anomalies) == 24


def test_a_refused_line_counts_as_dead_and_not_as_evaluated(consumer: Consumer, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE anomalies ADD CHECK (sender_id <> 'refused')"))
    consumer.process(batch(record(1, wire(), wire(senderId="refused"), wire(amount=1), wire())))
    assert consumer.progress() == [(3, 2, 1)]
    assert consumer.rows("SELECT transactions, anomalies, dead_letters FROM throughput") == [(3, 2, 1)]
    assert consumer.rows("SELECT line, reason FROM dead_letters") == [
        (2, "the database refused a value: check violation (23514)")
    ]


@pytest.mark.parametrize(
    "broken",
    [
        "SELECT setval(pg_get_serial_sequence('anomalies', 'id'), 1, false)",
        "ALTER TABLE alerts ADD FOREIGN KEY (anomaly_id) REFERENCES other_ids (id)",
    ],
)
def test_good_payments_are_not_blamed_for_a_key_of_our_own_that_is_broken(
    broken: str, consumer: Consumer, owner: Engine
) -> None:
    consumer.process(batch(*(record(number, wire()) for number in range(30))))
    with owner.begin() as connection:
        connection.execute(text("CREATE TABLE other_ids (id bigint PRIMARY KEY)"))
        connection.execute(text("DELETE FROM alerts"))
        connection.execute(text(broken))
    with pytest.raises(StoppedError):
        consumer.process(batch(record(31, wire())))
    assert len(consumer.waits) == MOST_WAITS
    assert consumer.rows("SELECT count(*) FROM dead_letters") == [0]
    assert consumer.progress() == [(30, 30, 0)]


def test_data_that_is_refused_outside_the_findings_stops_the_consumer(consumer: Consumer, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE throughput ADD CHECK (transactions < 2)"))
    with pytest.raises(CrashError, match="23514"):
        consumer.process(batch(record(1, wire(), wire())))
    assert consumer.progress() == [(0, 0, 0)]
