"""Rules with windows on real payments: live, DuckDB and an oracle that slides over sorted lists agree.

The payments are of 1993 to 1998 and are received today, so lateness is set accordingly.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import pytest
import sqlalchemy

from consumer.archive import archive_objects
from consumer.backtest.backtest import Engine, Settings, tried
from consumer.backtest.run import Scope
from consumer.decode import lines
from consumer.rules import rulefile
from consumer.rules.editions import always
from tests.consumer.builders import batch, record, wire
from tests.e2e.truth import BERKA, real_lines
from tests.engines import spark_is_missing
from tests.engines.spark import started
from tests.integration.streaming import Consumer

pytestmark = [
    pytest.mark.skipif(not BERKA.exists(), reason="the real payments are not beside the checkout"),
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # PySpark leaves sockets open
]
MOST = 8_000
"""Of the 79,302: what a test has time for."""
DAY = timedelta(days=1)
TEST = "tests: [{given: [{amount: 0}], expect: no match}]"
RULES = rulefile.read(f"""
lateness: 20000d
windows:
  sent_30d: {{sum: amount, by: senderId, over: 30d}}
  payees_90d: {{distinct: receiverId, by: senderId, over: 90d}}
  most_60d: {{max: amount, by: [senderId, receiverId], over: 60d}}
  got_7d: {{count: transactions, by: receiverBankId, over: 7d}}
rules:
  - {{id: sent, version: 1, title: T, severity: low, when: sent_30d > 60_000, explain: "{{sent_30d}}", {TEST}}}
  - {{id: payees, version: 1, title: T, severity: low, when: payees_90d >= 4, explain: "{{payees_90d}}", {TEST}}}
  - {{id: most, version: 1, title: T, severity: low, when: most_60d > 2 * amount and amount > 5000, explain: x, {TEST}}}
  - {{id: got, version: 1, title: T, severity: low, when: got_7d >= 60, explain: "{{got_7d}}", {TEST}}}
""")
Found = set[tuple[UUID, str]]


class Payment(NamedTuple):
    date: datetime
    id: UUID
    amount: Decimal
    sender: str
    receiver: str
    bank: str


@pytest.fixture(scope="module")
def wired() -> list[bytes]:
    """By and large in the order of their dates, and some of them much later."""
    chance, received = Random(3), datetime.now(UTC).isoformat()  # noqa: S311 - can be had again
    found = [json.loads(line, parse_float=str, parse_int=str) for line in real_lines(MOST)]
    places = [number + chance.random() * 300 + 6_000 * (chance.random() < 0.003) for number in range(len(found))]
    found = [one for _, one in sorted(zip(places, found, strict=True), key=lambda pair: pair[0])]
    return [wire(one.pop("trxId"), one.pop("amount"), receivedAt=received, **one) for one in found]


def payments(wired: Iterable[bytes]) -> Iterator[Payment]:
    for line in wired:
        fields = json.loads(line)
        date = datetime.fromisoformat(fields["transactionDate"])
        parties = (fields[name] for name in ("senderId", "receiverId", "receiverBankId"))
        yield Payment(date, UUID(fields["trxId"]), Decimal(fields["amount"]), *parties)


def sliding(
    wired: Sequence[bytes], key: Callable[[Payment], Any], span: timedelta, holds: Callable[[Sequence[Payment]], bool]
) -> Iterator[UUID]:
    """Of those for whose window it holds; the window ends with the payment itself."""
    by_key = defaultdict[Any, list[Payment]](list)
    for one in sorted(payments(wired)):
        by_key[key(one)].append(one)
    for mine in by_key.values():
        first = 0
        for number, one in enumerate(mine):
            while mine[first].date <= one.date - span:
                first += 1
            if holds(mine[first : number + 1]):
                yield one.id


def oracle(wired: Sequence[bytes]) -> Found:
    answers = {
        "sent": sliding(wired, lambda p: p.sender, 30 * DAY, lambda w: sum(p.amount for p in w) > 60_000),
        "payees": sliding(wired, lambda p: p.sender, 90 * DAY, lambda w: len({p.receiver for p in w}) >= 4),
        "most": sliding(
            wired,
            lambda p: (p.sender, p.receiver),
            60 * DAY,
            lambda w: max(p.amount for p in w) > 2 * w[-1].amount and w[-1].amount > 5000,
        ),
        "got": sliding(wired, lambda p: p.bank, 7 * DAY, lambda w: len(w) >= 60),
    }
    return {(trx_id, rule) for rule, ids in answers.items() for trx_id in ids}


@pytest.fixture(scope="module")
def expected(wired: list[bytes]) -> Found:
    found = oracle(wired)
    assert min(Counter(rule for _, rule in found).values()) > 50
    assert {rule for _, rule in found} == {"sent", "payees", "most", "got"}
    return found


def test_live_finds_what_the_oracle_says(wired: list[bytes], expected: Found, engine: sqlalchemy.Engine) -> None:
    consumer = Consumer(engine, book=always(RULES))
    for number in range(0, len(wired), 2_000):
        some = wired[number : number + 2_000]
        consumer.process(batch(*(record(number + one, line) for one, line in enumerate(some, start=1))))
    assert set(consumer.rows("SELECT transaction_id, rule_id FROM anomalies")) == expected
    assert consumer.progress()[0][0] == len(wired)


@pytest.fixture
def engines() -> Iterator[Sequence[Engine]]:
    """DuckDB, and Spark where it is."""
    if spark_is_missing():
        yield [Engine.DUCKDB]
        return
    with started():
        yield [Engine.DUCKDB, Engine.SPARK]


def test_backtests_find_what_the_oracle_says(
    wired: list[bytes], expected: Found, engines: Sequence[Engine], tmp_path: Path
) -> None:
    (tmp_path / "lines").write_bytes(b"".join(wired))
    conditions, objects = [rule.condition for rule in RULES.rules], archive_objects([str(tmp_path)])
    for engine in engines:
        with tried(conditions, RULES.asked, objects, Settings(Scope(), engine=engine), lambda _: None) as run:
            rows = run.database.execute("SELECT trx_id, number FROM found").fetchall()
        assert {(UUID(trx_id), RULES.rules[number].id) for trx_id, number in rows} == expected, engine
        assert run.counted.transactions == len(lines(b"".join(wired)))
