"""The file to read first: decode ▸ detect ▸ store.

One batch is one database transaction. Whatever interrupts it, also a COMMIT whose answer is lost, it begins again at
the fence: the shard's progress row, which says what is stored already.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from consumer.counts import Tally, by_minute, minute
from consumer.decode import decode, lines
from consumer.detect import Rule, matches
from consumer.domain import Batch, DeadLetter, Finding, Line, Position, Record, Shard
from consumer.errors import CrashError, RejectedError
from consumer.patience import Patience
from consumer.refusals import Stored


class ShardWork(Protocol):
    """One database transaction that holds a shard's progress."""

    done: int | None

    def insert(self, findings: Sequence[Finding], undecodable: Sequence[DeadLetter]) -> Stored: ...

    def move_to(self, last: Record, counts: "dict[datetime, Tally]") -> None: ...

    def end(self) -> None: ...


class Store(Protocol):
    """Where results go. Raises `sqlalchemy.exc.DBAPIError` while the world is down, having stored all or nothing."""

    def take_up(self, shard: Shard) -> int | None: ...

    def shard(self, shard: Shard) -> AbstractContextManager[ShardWork]: ...


@dataclass
class Evaluation:
    """What became of lines: evaluated (counted by minute of arrival) or undecodable; some are findings."""

    evaluated: Counter[datetime] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    undecodable: list[DeadLetter] = field(default_factory=list)


class Pipeline:
    """Takes a shard's batches to the store, however long the database is down.

    `process` and `end` raise CrashError where the progress moved back since it was last seen: KCL goes on behind it.
    """

    def __init__(self, rules: Sequence[Rule], store: Store, patience: Patience) -> None:
        self._rules = rules
        self._store = store
        self._patience = patience
        self._seen: dict[Shard, int | None] = {}

    def take_up(self, shard: Shard) -> int | None:
        """The last sequence number that is stored; None before the first."""
        self._seen[shard] = self._patience.run(lambda: self._store.take_up(shard))
        return self._seen[shard]

    def process(self, batch: Batch) -> None:
        """Returns when every record of the batch is stored, as evaluated or as dead letters."""
        self._patience.run(lambda: self._process_once(batch))

    def end(self, shard: Shard) -> None:
        self._patience.run(lambda: self._end_once(shard))

    def _process_once(self, batch: Batch) -> None:
        with self._held(batch.shard) as work:
            fresh = [record for record in batch.records if work.done is None or record.sequence_number > work.done]
            if not fresh:
                return
            evaluation = evaluate(self._rules, stream_lines(batch.shard, fresh))
            stored = work.insert(evaluation.findings, evaluation.undecodable)
            work.move_to(fresh[-1], _counts(evaluation, stored))

    def _end_once(self, shard: Shard) -> None:
        with self._held(shard) as work:
            work.end()

    @contextmanager
    def _held(self, shard: Shard) -> Iterator[ShardWork]:
        with self._store.shard(shard) as work:
            _require_not_behind(shard, self._seen.get(shard), work.done)
            yield work
        self._seen[shard] = work.done  # not before the commit was answered


def _require_not_behind(shard: Shard, seen: int | None, done: int | None) -> None:
    """Ahead is another worker, or a COMMIT whose answer was lost."""
    if seen is not None and (done is None or done < seen):
        raise CrashError(
            f"the progress of {shard.shard_id} fell from {seen} to {done or 'nothing'} while the shard was read: the "
            "database was restored from an older state, or failed over to one. Nothing more is stored, and the next "
            "start names the repair"
        )


def stream_lines(shard: Shard, records: Iterable[Record]) -> Iterable[Line]:
    for record in records:
        for number, payload in enumerate(lines(record.data), start=1):
            yield Line(Position(shard, record.sequence_number, number), payload, record.arrived_at)


def evaluate(rules: Sequence[Rule], all_lines: Iterable[Line]) -> Evaluation:
    """Whatever exception one line raises is that line's dead letter; its neighbours go on."""
    evaluation = Evaluation()
    for line in all_lines:
        try:
            transaction = decode(line.payload)
            matched = matches(rules, transaction)
        except RejectedError as error:
            evaluation.undecodable.append(DeadLetter(line, str(error)))
        except Exception as error:
            evaluation.undecodable.append(DeadLetter(line, f"could not be evaluated ({type(error).__name__})"))
        else:
            evaluation.evaluated[minute(line.arrived_at)] += 1
            if matched:
                evaluation.findings.append(Finding(line, transaction, matched))
    return evaluation


def _counts(evaluation: Evaluation, stored: Stored) -> dict[datetime, Tally]:
    refused = [letter.line for letter in stored.refused]
    evaluated = evaluation.evaluated - Counter(minute(line.arrived_at) for line in refused)
    dead = [*(letter.line for letter in evaluation.undecodable), *refused]
    return by_minute(evaluated, [anomaly.line for anomaly in stored.anomalies], dead)
