"""What a database holds after an hour of payments, always the same."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from tests.consumer.builders import SHARD, wire

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
COUNT = 130
RULES = """
rules:
  - id: large-amount
    version: 1
    title: Large amount
    severity: medium
    when: amount > 1000
    explain: amount {amount} is greater than 1000
    tests:
      - given: [{amount: 1000}]
        expect: no match
      - given: [{amount: 1000.01}]
        expect: match
  - id: burst
    version: 2
    title: Many payments in an hour
    severity: high
    when: sent_1h_count > 3
    explain: "{sent_1h_count} payments in an hour"
    tests:
      - given: [{amount: 1}, {amount: 1}, {amount: 1}, {amount: 1}]
        expect: match
windows:
  sent_1h_count: {count: transactions, by: senderId, over: 1h}
lists:
  trusted: {kind: allow, title: Payees that are known to us}
"""
ANOMALIES = """
INSERT INTO anomalies (transaction_id, rule_id, rule_version, reason, rule_values, amount, sender_id, receiver_id,
    sender_iban, receiver_iban, sender_bank_id, receiver_bank_id, transaction_date, received_at, detected_at,
    stream_incarnation, shard_id, sequence_number, line)
SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), CASE n % 3 WHEN 0 THEN 'burst' ELSE 'large-amount' END,
    CASE n % 3 WHEN 0 THEN 2 ELSE 1 END,
    CASE n % 3 WHEN 0 THEN n % 5 + 4 || ' payments in an hour' ELSE
        'amount ' || 1000 + n * 17.25 || ' is greater than 1000' END,
    CASE n % 3 WHEN 0 THEN jsonb_build_object('sent_1h_count', n % 5 + 4) ELSE
        jsonb_build_object('amount', 1000 + n * 17.25) END,
    1000 + n * 17.25, 'sender-' || n % 5, 'receiver-' || n % 4, 'GR16' || lpad(n::text, 12, '0'), 'GR99xxxxxxxxxx12',
    CASE n % 2 WHEN 0 THEN 'ETHNGRAA' ELSE 'ALPHAGRAA' END, 'PIRBGRAA', :noon - n * interval '21 seconds',
    :noon - n * interval '20 seconds', :noon - n * interval '20 seconds', :stream, :shard, n, 1
FROM generate_series(1, :count) AS n
"""
THROUGHPUT = """
INSERT INTO throughput (minute, stream, transactions, anomalies, dead_letters)
SELECT :noon - n * interval '1 minute', 'payments', 400 + (n * 37) % 160, (n * 7) % 12, CASE n WHEN 7 THEN 2 ELSE 0 END
FROM generate_series(0, 59) AS n
"""
PROGRESS = """
INSERT INTO shard_progress (application, stream_incarnation, shard_id, sequence_number, arrived_at, initialized_at)
VALUES ('payment-anomalies', :stream, :shard, 5, :noon, :noon)
"""
REPORT = """
INSERT INTO rule_reports (application, worker, tag, edition, reported_at)
VALUES ('payment-anomalies', 'worker-0', 'none', 0, greatest(:noon, now() + interval '1 hour'))
"""
AUDIT = """
INSERT INTO audits (ended_at, by, stream, is_clean, found)
VALUES (:noon, 'ann', 'payments', TRUE, CAST(:found AS jsonb))
"""
EMAIL = """
INSERT INTO emails (id, recipients, state, alert_count, amount_sum, created_at, sent_at)
VALUES (:id, ARRAY['analysts@payments.example'], 'sent', 130, 1000, :noon, :noon)
"""
ALERTS = "INSERT INTO alerts (anomaly_id, state, email_id) SELECT id, 'assigned', CAST(:id AS uuid) FROM anomalies"
LETTER = """
INSERT INTO dead_letters (stream_incarnation, shard_id, sequence_number, line, payload, reason, arrived_at,
    first_seen_at)
VALUES (:stream, :shard, :number, 1, :payload, :reason, :noon, :noon)
"""
FOUND = {
    "begin": "2026-11-23T11:00:00Z",
    "end": "2026-11-23T11:58:00Z",
    "horizon": "2026-11-23T11:58:00Z",
    "transactions": 27_640,
    "distinct": 27_640,
    "evaluated": 27_640,
    "expected": 130,
    "stored": 130,
    "deadLetters": 2,
    "orderDependent": 0,
    "missing": 0,
    "unexpected": 0,
    "unsettled": 0,
    "forgotten": 0,
    "repaired": None,
}
GOOD_LETTER = wire(UUID(int=10_001), "4321.50", senderId="sender-1").rstrip()
BAD_LETTER = b'{"v": 1, "trxId": <b>\xff'


def fill(owner: Engine) -> None:
    place = {"stream": SHARD.stream_incarnation, "shard": SHARD.shard_id, "noon": NOON}
    digest = str(UUID(int=77))
    with owner.begin() as connection:
        _run(connection, ANOMALIES, place, count=COUNT)
        _run(connection, THROUGHPUT, place)
        _run(connection, PROGRESS, place)
        _run(connection, REPORT, place)
        _run(connection, AUDIT, place, found=json.dumps(FOUND))
        _run(connection, EMAIL, place, id=digest)
        _run(connection, ALERTS, place, id=digest)
        _run(connection, LETTER, place, number=1_000, payload=GOOD_LETTER, reason="schema version 2 is not known")
        _run(connection, LETTER, place, number=1_001, payload=BAD_LETTER, reason="this is not JSON")


def _run(connection: Connection, statement: str, place: dict[str, object], **more: object) -> None:
    connection.execute(text(statement), {**place, **more})


def archived(count: int = 200) -> bytes:
    """Lines of the hour before NOON, of five senders."""
    lines = []
    for number in range(count):
        at = NOON - timedelta(seconds=18 * number)
        received = f"{at + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S.%f}Z"
        changes = {"transactionDate": at.isoformat(), "receivedAt": received, "senderId": f"sender-{number % 5}"}
        lines.append(wire(UUID(int=20_000 + number), str(100 + number * 11), **changes))
    return b"".join(lines)
