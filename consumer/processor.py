"""The edge to KCL: one shard's callbacks, none of which lets an error return to kclpy, which would report success."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, NoReturn, Protocol

import structlog
from amazon_kclpy.checkpoint_error import CheckpointError
from amazon_kclpy.v3.processor import RecordProcessorBase

from consumer.checkpoints import ahead, is_ahead
from consumer.counts import Tally, total
from consumer.domain import Batch, Record, Shard
from consumer.errors import CrashError
from consumer.patience import backoff
from consumer.shard_state import Diary

log = structlog.get_logger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What KCL's daemon may answer to a checkpoint, by Java class name. Anything else is a state that we don't know.
LEASE_LOST = "ShutdownException"
PASSING = frozenset({"ThrottlingException", "KinesisClientLibDependencyException"})
LONGEST_CHECKPOINT_WAIT = 10.0
# Evaluated and stored at a time, up to twice of it: KCL may bring 10 MB at once, and evaluated they are ten times that.
PORTION_BYTES = 1280 * 1024

Callback = Callable[["ShardProcessor", Any], None]


class Mark(NamedTuple):
    """Where to checkpoint; None is the end of all that was delivered, and of an ended shard."""

    sequence_number: str | None = None
    sub_sequence_number: int | None = None


class Pipeline(Protocol):
    """Where a shard's records go; each call returns when its work is stored."""

    def take_up(self, shard: Shard) -> int | None: ...

    def process(self, batch: Batch) -> Tally: ...

    def end(self, shard: Shard) -> None: ...


class Checkpointer(Protocol):
    """Raises CheckpointError whose ``value`` is a Java class name."""

    def checkpoint(self, sequence_number: str | None = None, sub_sequence_number: int | None = None) -> None: ...


def guarded(callback: Callback) -> Callback:
    """An error ends the process without a status, so that KCL redelivers what was not checkpointed."""

    @functools.wraps(callback)
    def run(self: "ShardProcessor", received: Any) -> None:
        try:
            callback(self, received)
        except BaseException:
            log.critical("stopping, so that KCL delivers again", callback=callback.__name__, exc_info=True)
            self.crash()

    return run


class ShardProcessor(RecordProcessorBase):  # type: ignore[misc]
    """One shard. ``crash`` ends the process with status 1 at once; ``sleep`` waits out a throttled checkpoint.

    ``refresh`` is called before records are evaluated: the rules may have changed.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        stream_incarnation: str,
        crash: Callable[[], NoReturn],
        sleep: Callable[[float], object],
        diary: Diary | None = None,
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        self.crash = crash
        self._diary = diary or Diary(None)
        self._refresh = refresh
        self._pipeline = pipeline
        self._incarnation = stream_incarnation
        self._sleep = sleep
        self._shard: Shard | None = None
        self._stored: Mark | None = None

    @guarded
    def initialize(self, received: Any) -> None:
        self._shard = Shard(self._incarnation, received.shard_id)
        structlog.contextvars.bind_contextvars(shard=received.shard_id)
        done = self._pipeline.take_up(self._shard)
        _require_not_ahead(received.shard_id, received.sequence_number, done)
        self._diary.take_up(received.shard_id)
        log.info("shard taken up", done=done, checkpoint=received.sequence_number)

    @guarded
    def process_records(self, received: Any) -> None:
        found = received.records
        if not found:
            return
        self._refresh()
        with self._diary.batch(received.millis_behind_latest) as done:
            portions = (Batch(self._current, portion) for portion in _portions(_records(found)))
            done(total(self._pipeline.process(portion) for portion in portions))
        self._stored = Mark(found[-1].sequence_number, found[-1].sub_sequence_number)
        self._checkpoint(received.checkpointer, self._stored)

    @guarded
    def lease_lost(self, _: Any) -> None:
        self._diary.give_up()
        log.info("shard given up")

    @guarded
    def shard_ended(self, received: Any) -> None:
        """Without this checkpoint the shard's children never start."""
        self._pipeline.end(self._current)
        self._checkpoint(received.checkpointer, Mark())
        self._diary.give_up()
        log.info("shard read to its end")

    @guarded
    def shutdown_requested(self, received: Any) -> None:
        """Everything that was delivered is stored: `process_records` returns no earlier."""
        if self._stored:
            self._checkpoint(received.checkpointer, self._stored)
        log.info("shutdown requested")

    @property
    def _current(self) -> Shard:
        assert self._shard, "KCL initializes first"
        return self._shard

    def _checkpoint(self, checkpointer: Checkpointer, at: Mark) -> None:
        """Returns also where the lease is lost: the shard's next owner meets the fence."""
        for attempt in itertools.count(1):
            refusal = _refusal(checkpointer, at)
            if refusal is None or refusal == LEASE_LOST:
                log.debug("checkpoint", refusal=refusal)
                return
            if refusal not in PASSING:
                raise CrashError(f"KCL refused a checkpoint: {refusal}")
            log.warning("checkpoint delayed", refusal=refusal, attempt=attempt)
            self._sleep(backoff(attempt, LONGEST_CHECKPOINT_WAIT))


def _refusal(checkpointer: Checkpointer, at: Mark) -> str | None:
    try:
        checkpointer.checkpoint(at.sequence_number, at.sub_sequence_number)
    except CheckpointError as error:
        return str(error.value)
    return None


def _require_not_ahead(shard_id: str, checkpoint: str | None, done: int | None) -> None:
    if is_ahead(checkpoint, done):
        raise ahead(shard_id, checkpoint, done)


def _portions(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Alike in size, as whole records allow: for each has a commit of its own."""
    whole = sum(len(record.data) for record in records)
    share = max(1, whole) / max(1, whole // PORTION_BYTES)  # also where no record has a byte
    portion, size = list[Record](), 0
    for record in records:
        portion.append(record)
        size += len(record.data)
        if size >= share:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _records(found: Iterable[Any]) -> list[Record]:
    """Records that KCL took out of one aggregated Kinesis record share its number, and are one again."""
    together = (list(group) for _, group in itertools.groupby(found, lambda record: record.sequence_number))
    return [Record(int(group[0].sequence_number), _data(group), _arrival(group[0])) for group in together]


def _data(group: list[Any]) -> bytes:
    *others, last = (record.binary_data for record in group)
    return b"\n".join([*(data.removesuffix(b"\n") for data in others), last])


def _arrival(record: Any) -> datetime:
    return EPOCH + timedelta(milliseconds=record.timestamp_millis)
