"""Different content under a known trxId is kept and told, once, and replaces nothing."""

import uuid
from decimal import Decimal

import pytest
from sqlalchemy import Engine, NullPool, create_engine, event

from tests.consumer.builders import OTHER_SHARD, batch, record, wire
from tests.integration.streaming import Consumer

ID = uuid.UUID("4b4bb47f-44c5-43a2-b7be-2a1cd13a3b0b")
CONFLICTS = "SELECT known_amount, other_amount, different_fields FROM conflict_report ORDER BY other_amount"
ANOMALIES = "SELECT rule, amount::text, reason, alert_state FROM anomaly_report ORDER BY anomaly_id"

KNOWN = ("large-amount", "1500.25", "amount 1500.25 is greater than 1000", "pending")


@pytest.fixture
def consumer(engine: Engine) -> Consumer:
    return Consumer(engine)


def told(amount: str, named: str) -> tuple[str, ...]:
    return "conflicting-content", amount, f"different content under a known trxId: {named}", "pending"


def test_another_amount_is_recorded_with_both_versions_and_alerted(consumer: Consumer) -> None:
    consumer.process(batch(record(1, wire(ID, "1500.25"))))
    consumer.process(batch(record(2, b"x\n", wire(ID, "1600.50"))))
    assert consumer.rows(ANOMALIES) == [KNOWN, told("1600.50", "amount 1500.25 is now 1600.50")]
    assert consumer.rows(CONFLICTS) == [("1500.25", "1600.50", ["amount"])]
    assert consumer.rows("SELECT other ->> 'sender_iban', line FROM conflicts") == [("GRxxxxxxxxxxxxxxx", 2)]
    assert consumer.progress() == [(2, 2, 1)]


def test_two_versions_in_one_batch_conflict_too(consumer: Consumer) -> None:
    consumer.process(batch(record(1, wire(ID, "1500.25"), wire(ID, "1600.50")), record(2, wire(ID, "1500.25"))))
    assert consumer.rows(ANOMALIES) == [KNOWN, told("1600.50", "amount 1500.25 is now 1600.50")]
    assert consumer.progress() == [(3, 2, 0)]


@pytest.mark.parametrize("versions", [["5000", "500"], ["500", "5000"]])
def test_a_version_that_matches_no_rule_conflicts_too_in_the_same_batch(
    versions: list[str], consumer: Consumer
) -> None:
    consumer.process(batch(*(record(number, wire(ID, amount)) for number, amount in enumerate(versions))))
    assert consumer.rows(CONFLICTS) == [("5000", "500", ["amount"])]
    assert [row[:2] for row in consumer.rows(ANOMALIES)] == [("large-amount", "5000"), ("conflicting-content", "500")]
    assert consumer.progress() == [(2, 2, 0)]


def test_a_version_that_matches_no_rule_conflicts_with_what_was_stored_before(consumer: Consumer) -> None:
    consumer.process(batch(record(1, wire(ID, "5000")), record(2, wire(ID, "6000"))))
    consumer.process(batch(record(3, wire(ID, "500")), record(4, wire(amount="500"))))
    consumer.process(batch(record(5, wire(ID, "500"))))
    assert consumer.rows(CONFLICTS) == [("5000", "500", ["amount"]), ("5000", "6000", ["amount"])]
    assert [row[:2] for row in consumer.rows(ANOMALIES)] == [("large-amount", "5000"), ("conflicting-content", "6000")]
    assert consumer.progress() == [(5, 2, 0)]


def test_a_version_that_another_shard_stores_at_the_same_time_conflicts(consumer: Consumer, engine: Engine) -> None:
    looked_up: list[str] = []

    def store_elsewhere(_: object, __: object, statement: str, *rest: object) -> None:
        if "ANY" in statement and not looked_up:
            looked_up.append(statement)
            Consumer(elsewhere, OTHER_SHARD).process(batch(record(1, wire(ID, "5000")), shard=OTHER_SHARD))

    elsewhere = create_engine(engine.url, poolclass=NullPool)
    event.listen(engine, "after_cursor_execute", store_elsewhere)
    consumer.process(batch(record(1, wire(ID, "6000"))))
    assert consumer.rows(CONFLICTS) == [("5000", "6000", ["amount"])]


def test_a_conflict_that_is_delivered_again_is_told_once(consumer: Consumer, engine: Engine) -> None:
    consumer.process(batch(record(1, wire(ID, "1500.25")), record(2, wire(ID, "1600"))))
    consumer.process(batch(record(3, wire(ID, "1600")), record(4, wire(ID, "1500.25"))))
    other = Consumer(engine, OTHER_SHARD)
    other.process(batch(record(1, wire(ID, "1600")), shard=OTHER_SHARD))
    assert len(consumer.rows(ANOMALIES)) == 2
    assert len(consumer.rows(CONFLICTS)) == 1


def test_each_further_version_is_kept_and_one_anomaly_tells_of_them(consumer: Consumer) -> None:
    amounts = ["1500.25", "1600", "1700", "1600.00"]
    consumer.process(batch(*(record(number, wire(ID, amount)) for number, amount in enumerate(amounts))))
    assert [row[0] for row in consumer.rows(ANOMALIES)] == ["large-amount", "conflicting-content"]
    assert consumer.rows(CONFLICTS) == [("1500.25", "1600", ["amount"]), ("1500.25", "1700", ["amount"])]


@pytest.mark.parametrize(
    "same",
    [
        {"amount": "1500.250"},
        {"amount": Decimal("1500.25").__float__()},
        {"transactionDate": "2022-06-30T09:41:46+02:00"},
        {"receivedAt": "2026-11-24T00:00:00.000000Z"},
        {"later": "a field of a later version"},
    ],
)
def test_the_same_content_written_otherwise_is_no_conflict(same: dict[str, object], consumer: Consumer) -> None:
    consumer.process(batch(record(1, wire(ID, "1500.25")), record(2, wire(ID, **({"amount": "1500.25"} | same)))))
    assert consumer.rows(ANOMALIES) == [KNOWN]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"senderId": "x"}, "sender_id"),
        ({"receiverIban": "x"}, "receiver_iban"),
        ({"senderBankId": "x"}, "sender_bank_id"),
        ({"transactionDate": "2022-06-30T07:41:46.000001Z"}, "transaction_date"),
    ],
)
def test_any_other_field_that_differs_is_named(changed: dict[str, str], field: str, consumer: Consumer) -> None:
    consumer.process(batch(record(1, wire(ID, "1500.25")), record(2, wire(ID, "1500.250", **changed))))
    assert consumer.rows(ANOMALIES)[1:] == [told("1500.250", field.replace("_", " "))]
    assert consumer.rows(CONFLICTS) == [("1500.25", "1500.250", [field])]
