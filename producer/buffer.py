"""What waits to be published: bounded, first come first served, one outcome an entry."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from producer.errors import BufferFullError

# PutRecords takes 500 records and 5 MB, partition keys included.
MAX_CALL_ENTRIES = 500
MAX_CALL_BYTES = 4_500_000
# So little of it must be free again, as one part of so many, that a full buffer takes more.
FREE_SHARE = 10


class Entry(NamedTuple):
    """What becomes one Kinesis record."""

    partition_key: str
    data: bytes


@dataclass(slots=True, eq=False)
class Submission:
    """Entries that were submitted together; `settled` is done when each of them has its outcome."""

    deadline: float
    outcomes: list[bool]
    unsettled: int
    settled: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class Pending:
    """An entry without an outcome; `attempts` is how often it was sent."""

    entry: Entry
    size: int
    submission: Submission
    position: int
    attempts: int = 0


class Buffer:
    """Holds at most `most_records` and `most_bytes` that are not settled, those being sent included.

    An entry that is still here `deadline_seconds` after its submission is settled as not durable. Once it was too full
    for a submission, it `has_room` again when that one would fit and a tenth is free.
    """

    def __init__(self, most_records: int, most_bytes: int, deadline_seconds: float, clock: Callable[[], float]) -> None:
        self._most_records = most_records
        self._most_bytes = most_bytes
        self._deadline_seconds = deadline_seconds
        self._clock = clock
        self._queue: deque[Pending] = deque()
        self._queued_bytes = 0
        self.records = 0
        self.bytes = 0
        self._reopens_at = most_records, most_bytes

    @property
    def has_room(self) -> bool:
        records, size = self._reopens_at
        return self.records <= records and self.bytes <= size

    def submit(self, entries: Sequence[Entry]) -> Submission:
        """Takes all entries, or none: then raises BufferFullError."""
        sizes = [len(entry.data) + len(entry.partition_key.encode()) for entry in entries]
        if self.records + len(entries) > self._most_records or self.bytes + sum(sizes) > self._most_bytes:
            self._reopens_at = _below(self._most_records, len(entries)), _below(self._most_bytes, sum(sizes))
            raise BufferFullError(f"{self.records} records wait to be published")
        if self.has_room:
            self._reopens_at = self._most_records, self._most_bytes
        self.records += len(entries)
        self.bytes += sum(sizes)
        deadline = self._clock() + self._deadline_seconds
        settled = asyncio.get_running_loop().create_future()
        submission = Submission(deadline, [False] * len(entries), len(entries), settled)
        for position, (entry, size) in enumerate(zip(entries, sizes, strict=True)):
            self._queue.append(Pending(entry, size, submission, position))
        self._queued_bytes += sum(sizes)
        return submission

    def put_back(self, refused: Sequence[Pending]) -> None:
        """Takes up again what `take` gave out, ahead of what came later."""
        self._queue.extendleft(reversed(refused))
        self._queued_bytes += sum(pending.size for pending in refused)

    def fills_a_call(self) -> bool:
        return len(self._queue) >= MAX_CALL_ENTRIES or self._queued_bytes >= MAX_CALL_BYTES

    def has_waiting(self) -> bool:
        return bool(self._queue)

    def take(self) -> list[Pending]:
        """What goes into the next call; empty if all that waited has expired."""
        batch: list[Pending] = []
        size = 0
        while self._queue and len(batch) < MAX_CALL_ENTRIES:
            if batch and size + self._queue[0].size > MAX_CALL_BYTES:
                break
            pending = self._queue.popleft()
            self._queued_bytes -= pending.size
            if self.is_expired(pending):
                self.settle(pending, durable=False)
            else:
                batch.append(pending)
                size += pending.size
        return batch

    def is_expired(self, pending: Pending, after_seconds: float = 0.0) -> bool:
        return self._clock() + after_seconds >= pending.submission.deadline

    def settle(self, pending: Pending, *, durable: bool) -> None:
        """Gives the entry its outcome and frees its room."""
        self.records -= 1
        self.bytes -= pending.size
        submission = pending.submission
        submission.outcomes[pending.position] = durable
        submission.unsettled -= 1
        if submission.unsettled == 0 and not submission.settled.done():  # it is cancelled when its client is gone
            submission.settled.set_result(None)


def _below(most: int, needed: int) -> int:
    return most - max(needed, most // FREE_SHARE)
