"""What waits to be published: bounded, first come first served, one outcome a transaction."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from producer.errors import BufferFullError
from producer.packing import Lines

# PutRecords takes 500 records and 5 MB, partition keys included.
MAX_CALL_ENTRIES = 500
MAX_CALL_BYTES = 4_500_000
# Once so much waits, a call gains nothing by waiting for more.
WORTH_A_CALL_BYTES = 1_000_000
# So little of it must be free again, as one part of so many, that a full buffer takes more.
FREE_SHARE = 10


class Entry(NamedTuple):
    """What becomes one Kinesis record."""

    partition_key: str
    data: bytes


@dataclass(frozen=True)
class Room:
    """How many transactions and bytes may wait, and how many bytes of them share a record."""

    records: int
    bytes: int
    record_bytes: int


@dataclass(slots=True, eq=False)
class Submission:
    """What was submitted together; `settled` is done when each transaction of it has its outcome."""

    deadline: float
    outcomes: list[bool]
    unsettled: int
    settled: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class Pending:
    """Lines without an outcome; `attempts` is how often they were sent."""

    lines: Lines
    size: int
    submission: Submission
    attempts: int = 0


@dataclass(slots=True, eq=False)
class Pack:
    """Pending lines of one bucket that go as one record, and share its fate."""

    members: list[Pending] = field(default_factory=list)
    size: int = 0

    def add(self, pending: Pending) -> None:
        self.members.append(pending)
        self.size += pending.size

    @property
    def entry(self) -> Entry:
        first = self.members[0].lines
        if len(self.members) == 1:
            return Entry(first.partition_key, first.data)
        return Entry(first.partition_key, b"".join([member.lines.data for member in self.members]))


class Buffer:
    """Holds no more than there is room for of what is not settled, that which is being sent included.

    Lines that are still here `deadline_seconds` after their submission are settled as not durable. Once it was too full
    for a submission, it `has_room` again when that one would fit and a tenth is free.
    """

    def __init__(self, room: Room, deadline_seconds: float, clock: Callable[[], float]) -> None:
        self._room = room
        self._deadline_seconds = deadline_seconds
        self._clock = clock
        self._queue: deque[Pending] = deque()
        self._queued_bytes = 0
        self.records = 0
        self.bytes = 0
        self.submissions = 0
        self._reopens_at = room.records, room.bytes

    @property
    def has_room(self) -> bool:
        records, size = self._reopens_at
        return self.records <= records and self.bytes <= size

    def submit(self, parts: Sequence[Lines]) -> Submission:
        """Takes all, or nothing: then raises BufferFullError."""
        count = sum([len(part.places) for part in parts])
        sizes = [len(part.data) + len(part.partition_key.encode()) for part in parts]
        size = sum(sizes)
        self._require_room(count, size)
        self.submissions += 1
        self.records += count
        self.bytes += size
        self._queued_bytes += size
        settled = asyncio.get_running_loop().create_future()
        submission = Submission(self._clock() + self._deadline_seconds, [False] * count, len(parts), settled)
        self._queue.extend([Pending(part, one, submission) for part, one in zip(parts, sizes, strict=True)])
        return submission

    def _require_room(self, count: int, size: int) -> None:
        room = self._room
        if self.records + count > room.records or self.bytes + size > room.bytes:
            self._reopens_at = _below(room.records, count), _below(room.bytes, size)
            raise BufferFullError(f"{self.records} transactions wait to be published")
        if self.has_room:
            self._reopens_at = room.records, room.bytes

    def put_back(self, refused: Sequence[Pending]) -> None:
        """Takes up again what `take` gave out, ahead of what came later."""
        self._queue.extendleft(reversed(refused))
        self._queued_bytes += sum(pending.size for pending in refused)

    def is_worth_a_call(self) -> bool:
        return self._queued_bytes >= WORTH_A_CALL_BYTES

    def has_waiting(self) -> bool:
        return bool(self._queue)

    def take(self) -> list[Pack]:
        """The records of the next call; none if all that waited has expired."""
        packs: list[Pack] = []
        growing: dict[int, Pack] = {}
        size = 0
        while self._queue and size + self._queue[0].size <= MAX_CALL_BYTES:
            pending = self._queue[0]
            if self.is_expired(pending):
                self._drop()
                self.settle(pending, durable=False)
                continue
            pack = growing.get(pending.lines.bucket)
            if pack is None or pack.size + pending.size > self._room.record_bytes:
                if len(packs) == MAX_CALL_ENTRIES:
                    break
                pack = growing[pending.lines.bucket] = Pack()
                packs.append(pack)
            self._drop()
            pack.add(pending)
            size += pending.size
        return packs

    def _drop(self) -> None:
        self._queued_bytes -= self._queue.popleft().size

    def is_expired(self, pending: Pending, after_seconds: float = 0.0) -> bool:
        return self._clock() + after_seconds >= pending.submission.deadline

    def settle(self, pending: Pending, *, durable: bool) -> None:
        """Gives each transaction of the lines its outcome and frees their room."""
        submission, places = pending.submission, pending.lines.places
        self.records -= len(places)
        self.bytes -= pending.size
        for place in places:
            submission.outcomes[place] = durable
        submission.unsettled -= 1
        if submission.unsettled == 0 and not submission.settled.done():  # it is cancelled when its client is gone
            submission.settled.set_result(None)


def _below(most: int, needed: int) -> int:
    return most - max(needed, most // FREE_SHARE)
