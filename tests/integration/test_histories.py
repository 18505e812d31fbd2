"""Whatever the order, doubling, lateness and interruption of a history: live, backtest and an oracle find the same."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, text

from consumer.archive import archive_objects
from consumer.backtest.backtest import Settings, tried
from consumer.backtest.run import Scope
from consumer.domain import Batch, Shard
from consumer.patience import Patience
from consumer.pipeline import Pipeline, evaluate_records
from consumer.store import Store
from tests.consumer.builders import record
from tests.fuzz import HISTORIES
from tests.integration.histories import BOOK, CHANGE, Payment, oracle, payments

MOST_EVENTS = 300
HISTORIES_A_BACKTEST = 50
SHARDS = 2
Found = set[tuple[UUID, str]]


class Archive:
    """The lines of some histories, and what all of them were found to match."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: list[bytes] = []
        self._found: Found = set()
        self._histories = 0

    def add(self, lines: list[bytes], found: Found) -> None:
        self._lines += lines
        self._found |= found
        self._histories += 1
        if self._histories == HISTORIES_A_BACKTEST:
            self.compare()

    def compare(self) -> None:
        lines, found = self._lines, self._found
        self._lines, self._found, self._histories = [], set(), 0
        if lines:
            (self._folder / "lines").write_bytes(b"".join(lines))
            assert self._backtest() == found

    def _backtest(self) -> Found:
        """Each edition over what was received while it was in force."""
        scopes = Scope(end=CHANGE), Scope(begin=CHANGE)
        matched: Found = set()
        for page, scope in zip(BOOK.pages, scopes, strict=True):
            rules, objects = page.rules, archive_objects([str(self._folder)])
            conditions = [one.condition for one in rules.rules]
            with tried(conditions, rules.asked, objects, Settings(scope), lambda _: None) as run:
                rows = run.database.execute("SELECT DISTINCT trx_id, number FROM found").fetchall()
            matched |= {(UUID(trx_id), rules.rules[number].id) for trx_id, number in rows}
        return matched


class History(RuleBasedStateMachine):
    """Batches of one history's lines, of two shards, in any order, some again, some after a crash."""

    engine: Engine
    archive: Archive
    numbers: Iterator[int]

    @initialize(chance=st.randoms(use_true_random=False), size=st.integers(1, MOST_EVENTS // 2))
    def begin(self, chance: Random, size: int) -> None:
        number = next(self.numbers)
        self.received: list[tuple[Payment, datetime]] = []
        self.sequence = count(1)
        made = payments(chance, size, number * 1_000_000)
        self.left = [(one, at) for one in made for at in one.receipts]
        chance.shuffle(self.left)
        self.left = self.left[:MOST_EVENTS]
        self.shards = [Shard(f"history-{number}", f"shard-{one}") for one in range(SHARDS)]
        self.start()

    def start(self) -> None:
        self.store = Store(self.engine, "histories", "payments", BOOK)
        self.pipeline = Pipeline(BOOK, self.store, Patience(lambda _: True))
        for shard in self.shards:
            self.pipeline.take_up(shard)

    @precondition(lambda self: self.left)
    @rule(most=st.integers(1, 60), shard=st.integers(0, SHARDS - 1))
    def deliver(self, most: int, shard: int) -> None:
        some, self.left = self.left[:most], self.left[most:]
        self.process(some, shard)

    @precondition(lambda self: self.received)
    @rule(chance=st.randoms(use_true_random=False), shard=st.integers(0, SHARDS - 1))
    def deliver_again(self, chance: Random, shard: int) -> None:
        self.process(chance.sample(self.received, min(5, len(self.received))), shard)

    @precondition(lambda self: self.left)
    @rule(most=st.integers(1, 20))
    def crash_before_the_commit(self, most: int) -> None:
        batch = self.batch(self.left[:most], 0)
        findings = evaluate_records(BOOK, batch).findings
        with suppress(KeyboardInterrupt), self.store.shard(batch.shard) as work:
            work.insert(findings, [])
            raise KeyboardInterrupt
        self.start()

    def process(self, some: list[tuple[Payment, datetime]], shard: int) -> None:
        self.pipeline.process(self.batch(some, shard))
        self.received += some

    def batch(self, some: list[tuple[Payment, datetime]], shard: int) -> Batch:
        lines = [payment.line(at) for payment, at in some]
        packed = [lines[number : number + 7] for number in range(0, len(lines), 7)]
        return Batch(self.shards[shard], [record(next(self.sequence), *one) for one in packed])

    def stored(self) -> Found:
        query = text("SELECT transaction_id, rule_id FROM anomalies WHERE stream_incarnation = :own")
        with self.engine.connect() as connection:
            rows = connection.execute(query, {"own": self.shards[0].stream_incarnation})
            return {(row.transaction_id, row.rule_id) for row in rows}

    def teardown(self) -> None:
        if hasattr(self, "shards"):
            if self.left:
                self.process(self.left, 0)
            found = oracle(self.received)
            assert self.stored() == found
            self.archive.add([payment.line(at) for payment, at in self.received], found)


@pytest.mark.timeout(0)  # hypothesis takes one for a fault of the last history
def test_live_backtest_and_oracle_agree(engine: Engine, tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    numbers = count(1)
    machine = type("AHistory", (History,), {"engine": engine, "archive": archive, "numbers": numbers})
    run_state_machine_as_test(machine, settings=settings(max_examples=HISTORIES, stateful_step_count=8, deadline=None))
    archive.compare()
