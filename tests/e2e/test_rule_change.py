"""Rules are changed while 2,000 transactions a second flow: each line is judged by the edition of its own receipt."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from consumer.archive import archive_objects
from consumer.audit.run import Scope, audit
from consumer.database import engine
from consumer.login import Database
from consumer.publishing.place import place
from consumer.publishing.source import published
from infra.local.settings import BUCKET, RULES, STREAM
from tests.e2e.conftest import running_stack
from tests.e2e.driver import Driver

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
A_SECOND = 2_000
AROUND = 12
"""Seconds before the change, and after it."""
TEST = "tests: [{given: [{amount: 0}], expect: no match}]"
CANDIDATE = f"""
windows:
  n: {{count: transactions, by: senderId, over: 10s}}
  payers: {{distinct: senderId, by: receiverId, over: 20s}}
rules:
  - {{id: large-amount, version: 2, title: T, severity: low, when: amount > 2000, explain: "{{amount}}", {TEST}}}
  - {{id: burst, version: 1, title: T, severity: low, when: n >= 80, explain: "{{n}} in 10 s", {TEST}}}
  - {{id: mule, version: 1, title: T, severity: low, when: payers >= 100, explain: "{{payers}} payers", {TEST}}}
"""
COUNTS = """
SELECT rule_version, received_at >= %s, count(*), min(amount) FROM anomalies WHERE rule_id = 'large-amount'
GROUP BY 1, 2 ORDER BY 1
"""
LARGE = "SELECT transaction_id::text FROM anomalies WHERE rule_id = 'large-amount'"
OTHERS = "SELECT rule_id, count(*), min(received_at) >= %s FROM anomalies WHERE rule_id <> 'large-amount' GROUP BY 1"


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with running_stack(tmp_path / "stack") as driver:
        yield driver


def test_each_line_is_judged_by_the_rules_of_its_time_and_none_is_lost(driver: Driver, tmp_path: Path) -> None:
    candidate = tmp_path / "candidate.yaml"
    candidate.write_text(CANDIDATE)
    change = datetime.now(UTC) + timedelta(seconds=75)
    done = driver.run_as(
        "tool", "consumer", "rules", "publish", str(candidate), "--from", change.isoformat(), "--begin-empty"
    )
    assert done.returncode == 0, done.stderr
    time.sleep(max(0.0, (change - datetime.now(UTC)).total_seconds() - AROUND))
    amounts = send(driver, until=change + timedelta(seconds=AROUND))
    driver.await_settled()
    assert driver.evaluated() == len(amounts)
    assert_the_versions_change_at(driver, change, amounts)
    others = {rule: (number, is_later) for rule, number, is_later in driver.sql(OTHERS, change)}
    assert set(others) == {"burst", "mule"}
    assert all(number > 100 and is_later for number, is_later in others.values())
    assert_the_audit_finds_nothing(driver, len(amounts))


def send(driver: Driver, until: datetime) -> dict[UUID, int]:
    """At a steady rate; a second's transactions in its quarters. Returns each one's amount."""
    chance, amounts = random.Random(7), dict[UUID, int]()  # noqa: S311 - it can be had again
    collector = driver.stack.local.collector_url
    environment = {"COLLECTOR_URL": collector, "COLLECTOR_API_KEY": driver.stack.local.kept_secret("api_key") or ""}
    sender = subprocess.Popen(
        [sys.executable, "-m", "producer", "send", "-", "--json"],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sender.stdin
    begin, count = time.monotonic(), 0
    while datetime.now(UTC) < until:
        for _ in range(A_SECOND // 4):
            trx_id, amount = UUID(int=chance.getrandbits(128)), chance.choice([500, 1_500, 2_500])
            amounts[trx_id] = amount
            sender.stdin.write(line(trx_id, amount, chance))
        sender.stdin.flush()
        count += 1
        time.sleep(max(0.0, begin + count / 4 - time.monotonic()))
    output, _ = sender.communicate(timeout=120)
    assert json.loads(output)["accepted"] == len(amounts)
    return amounts


def line(trx_id: UUID, amount: int, chance: random.Random) -> str:
    parties = {
        "senderId": f"s-{chance.randrange(300)}",
        "receiverId": f"r-{chance.randrange(200)}",
        "senderIban": "GRx",
        "receiverIban": "GRy",
        "senderBankId": "b-1",
        "receiverBankId": "b-2",
    }
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"trxId": str(trx_id), "amount": amount, "transactionDate": date, **parties}) + "\n"


def assert_the_versions_change_at(driver: Driver, change: datetime, amounts: dict[UUID, int]) -> None:
    before, after = driver.sql(COUNTS, change)
    assert [(version, is_later, amount) for version, is_later, _, amount in (before, after)] == [
        (1, False, 1_500),
        (2, True, 2_500),
    ]
    assert min(before[2], after[2]) > AROUND * A_SECOND / 6, "both have their share"
    found = {UUID(trx_id) for (trx_id,) in driver.sql(LARGE)}
    assert {trx_id for trx_id, amount in amounts.items() if amount == 2_500} <= found


def assert_the_audit_finds_nothing(driver: Driver, sent: int) -> None:
    driver.wait_until(lambda: sum(driver.archived_ids().values()) == sent, "the archive to hold everything")
    target = engine(Database(driver.stack.local.postgres.url), "audit")
    book = published(place(RULES, "eu-central-1")).editions.book
    scope = Scope(STREAM, None, datetime.now(UTC))
    found = audit(target, book, archive_objects([f"s3://{BUCKET}/transactions/"]), scope, lambda _size: None)
    target.dispose()
    assert found.is_clean, (found.missing[:3], found.unexpected[:3], found.forgotten[:3], found.lacking)
    assert (found.transactions, found.distinct) == (sent, sent)
    assert found.expected == found.stored
