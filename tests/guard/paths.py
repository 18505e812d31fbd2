"""The four hot paths, on the same transactions every time.

`python -m tests.guard.paths PATH TIMES [DATABASE_URL]` does one of them so often. All that is not the path itself is
done as often whatever TIMES is.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count, islice

from consumer.database import engine
from consumer.domain import Batch, Record, Shard
from consumer.login import Database
from consumer.pipeline import Evaluation, evaluate_records
from consumer.rules.editions import shipped
from consumer.store import Store
from producer import swift
from producer.packing import Layout, Packer
from producer.wire import Transaction
from tests.bench.requests import requests, wire_lines

TRANSACTIONS = 500
MOST_TIMES = 6
LINES = 13
ANOMALIES = 0.1
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHARDS = [Shard("payments@2026", f"shardId-{number:012}") for number in range(MOST_TIMES + 1)]
BOOK = shipped()
Work = Callable[[], object]


def validate(_: int, __: str) -> list[Work]:
    return [partial(_read, body) for body in requests(TRANSACTIONS, MOST_TIMES)]


def pack(_: int, __: str) -> list[Work]:
    packer = Packer(10 * 1024, Layout.even(4))
    valid = [_read(body) for body in requests(TRANSACTIONS, MOST_TIMES)]
    return [partial(packer.pack, some, "2026-01-01T00:00:00.000000Z") for some in valid]


def detect(_: int, __: str) -> list[Work]:
    return [partial(_evaluated, batch) for batch in _batches(SHARDS[0])]


def store(times: int, database_url: str) -> list[Work]:
    """What the consumer does of it: PostgreSQL's part is another process'. For each TIMES there is a shard."""
    found, shard = Store(engine(Database(database_url), "guard"), "guard", "payments", BOOK), SHARDS[times]
    found.take_up(shard)

    def insert(evaluation: Evaluation) -> None:
        with found.shard(shard) as held:
            held.insert(evaluation.findings, [])

    evaluations = [_evaluated(batch) for batch in _batches(shard)]
    return [partial(insert, one) for one in evaluations]


PATHS = {"validate": validate, "pack": pack, "detect": detect, "store": store}


def _read(body: bytes) -> list[Transaction]:
    found = swift.read(body)
    assert found is not None
    return found


def _evaluated(batch: Batch) -> Evaluation:
    found = evaluate_records(BOOK, batch)
    assert len(found.findings) == TRANSACTIONS
    return found


def _batches(shard: Shard) -> list[Batch]:
    lines, numbers = wire_lines(ANOMALIES, SHARDS.index(shard) * 10**6), count(1)
    return [Batch(shard, list(_records(list(islice(lines, TRANSACTIONS)), numbers))) for _ in range(MOST_TIMES)]


def _records(lines: Sequence[bytes], numbers: Iterator[int]) -> Iterator[Record]:
    for at in range(0, TRANSACTIONS, LINES):
        yield Record(next(numbers), b"".join(lines[at : at + LINES]), NOW)


if __name__ == "__main__":
    name, times, *url = sys.argv[1:]
    for work in PATHS[name](int(times), *url or [""])[: int(times)]:
        work()
