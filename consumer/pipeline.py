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

from consumer.breaker import Limit, Trip, Window, count, is_judged, trip
from consumer.counts import Tally, by_minute, minutes, total
from consumer.decode import MOST_LINES, decode, has_too_many_lines, lines
from consumer.detect import Rules
from consumer.domain import Batch, DeadLetter, Finding, Line, Position, Record, Shard
from consumer.errors import CrashError, RejectedError
from consumer.patience import Patience
from consumer.refusals import Stored

DEFAULT_LIMIT = Limit()
TOO_MANY_LINES = f"a record of more than {MOST_LINES:,} lines, or of too many short ones: kept as one"


class ShardWork(Protocol):
    """One database transaction that holds a shard's progress."""

    done: int | None
    passes_until: datetime | None

    def insert(self, findings: Sequence[Finding], undecodable: Sequence[DeadLetter]) -> Stored: ...

    def move_to(self, last: Record, counts: "dict[datetime, Tally]") -> None: ...

    def end(self) -> None: ...


class Store(Protocol):
    """Where results go. Raises `sqlalchemy.exc.DBAPIError` while the world is down, having stored all or nothing."""

    def take_up(self, shard: Shard) -> int | None: ...

    def shard(self, shard: Shard) -> AbstractContextManager[ShardWork]: ...

    def trip(self, shard: Shard, trip: Trip, seen: datetime | None) -> None: ...


@dataclass
class Evaluation:
    """What became of lines: evaluated, or undecodable."""

    findings: list[Finding] = field(default_factory=list)
    undecodable: list[DeadLetter] = field(default_factory=list)

    def after(self, done: int | None) -> "Evaluation":
        """Without the records up to ``done``."""
        if done is None:
            return self
        return Evaluation(
            [finding for finding in self.findings if finding.line.position.sequence_number > done],
            [letter for letter in self.undecodable if letter.line.position.sequence_number > done],
        )


class _FloodError(Exception):
    """The breaker trips; ``seen``: until when records passed it."""

    def __init__(self, trip: Trip, seen: datetime | None) -> None:
        self.trip = trip
        self.seen = seen


class Pipeline:
    """Takes a shard's batches to the store, however long the database is down.

    `process` and `end` raise CrashError where the progress moved back since it was last seen: KCL goes on behind it.
    `process` raises it too, having stored nothing of the batch, where the breaker trips: see `breaker`.
    """

    def __init__(self, rules: Rules, store: Store, patience: Patience, limit: Limit = DEFAULT_LIMIT) -> None:
        self._rules = rules
        self._store = store
        self._patience = patience
        self._limit = limit
        self._windows: dict[Shard, Window] = {}
        self._seen: dict[Shard, int | None] = {}

    def take_up(self, shard: Shard) -> int | None:
        """The last sequence number that is stored; None before the first."""
        self._seen[shard] = self._patience.run(lambda: self._store.take_up(shard))
        return self._seen[shard]

    def process(self, batch: Batch) -> Tally:
        """Returns when every record of the batch is stored, as evaluated or as dead letters: what of it is new."""
        evaluation = evaluate_records(self._rules, batch)  # before the row is held, and once
        try:
            return self._patience.run(lambda: self._process_once(batch, evaluation))
        except _FloodError as error:
            flood = error
            self._patience.run(lambda: self._store.trip(batch.shard, flood.trip, flood.seen))
            self._patience.run(lambda: self._store.take_up(batch.shard))  # which raises what a person must know
            raise CrashError("the breaker tripped and was reset at once: the batch is read again") from None

    def end(self, shard: Shard) -> None:
        self._patience.run(lambda: self._end_once(shard))

    def _process_once(self, batch: Batch, evaluation: Evaluation) -> Tally:
        window, counts = self._windows.get(batch.shard, Window()), dict[datetime, Tally]()
        with self._held(batch.shard) as work:
            last = batch.records[-1]
            if work.done is None or last.sequence_number > work.done:
                fresh = evaluation.after(work.done)
                stored = work.insert(fresh.findings, fresh.undecodable)
                window = self._judge(window, batch, fresh, stored, work)
                counts = _counts(fresh, stored, self._rules.late(fresh.findings))
                work.move_to(last, counts)
        self._windows[batch.shard] = window  # not before it is stored
        return total(counts.values())

    def _judge(self, window: Window, batch: Batch, fresh: Evaluation, stored: Stored, work: ShardWork) -> Window:
        """The window with this batch. Raises _FloodError, which takes the transaction back."""
        begin = work.passes_until
        new = (one for one in batch.records if work.done is None or one.sequence_number > work.done)
        records = [one for one in new if is_judged(one.arrived_at, begin)]
        dead = [one for one in (*fresh.undecodable, *stored.refused) if is_judged(one.line.arrived_at, begin)]
        moved = window.after(count(records, _lines_a_record(fresh) if dead else Counter(), dead), self._limit)
        if dead and moved.exceeds(self._limit):
            raise _FloodError(trip(moved, dead), work.passes_until)
        return moved

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


def evaluate_records(rules: Rules, batch: Batch) -> Evaluation:
    """A record of too many lines is one dead letter, with all its bytes."""
    fitting = [record for record in batch.records if not has_too_many_lines(record.data)]
    evaluation = evaluate(rules, stream_lines(batch.shard, fitting))
    if len(fitting) < len(batch.records):
        whole = (record for record in batch.records if has_too_many_lines(record.data))
        evaluation.undecodable += [
            DeadLetter(Line(Position(batch.shard, one.sequence_number, 1), one.data, one.arrived_at), TOO_MANY_LINES)
            for one in whole
        ]
    return evaluation


def stream_lines(shard: Shard, records: Iterable[Record]) -> Iterable[Line]:
    for record in records:
        for number, payload in enumerate(lines(record.data), start=1):
            yield Line(Position(shard, record.sequence_number, number), payload, record.arrived_at)


def evaluate(rules: Rules, all_lines: Iterable[Line]) -> Evaluation:
    """Whatever exception one line raises is that line's dead letter; its neighbours go on."""
    evaluation = Evaluation()
    for line in all_lines:
        try:
            transaction = decode(line.payload)
            matched = rules.matches(transaction)
        except RejectedError as error:
            evaluation.undecodable.append(DeadLetter(line, str(error)))
        except Exception as error:
            evaluation.undecodable.append(DeadLetter(line, f"could not be evaluated ({type(error).__name__})"))
        else:
            evaluation.findings.append(Finding(line, transaction, matched))
    return evaluation


def _lines_a_record(evaluation: Evaluation) -> Counter[int]:
    lines = [*(one.line for one in evaluation.findings), *(one.line for one in evaluation.undecodable)]
    return Counter(line.position.sequence_number for line in lines)


def _counts(evaluation: Evaluation, stored: Stored, late: Iterable[Finding]) -> dict[datetime, Tally]:
    refused = [letter.line for letter in stored.refused]
    evaluated = minutes(finding.line.arrived_at for finding in evaluation.findings)
    evaluated.subtract(minutes(line.arrived_at for line in refused))
    dead = [*(letter.line for letter in evaluation.undecodable), *refused]
    return by_minute(evaluated, [one.line for one in stored.anomalies], dead, [one.line for one in late])
