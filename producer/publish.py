"""Publishes to the stream: a bounded micro-batcher.

Entries that arrive together share PutRecords calls, whichever requests they came with. Each entry gets its own outcome,
and only the refused ones are sent again, until the deadline of their submission.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from producer.buffer import Buffer, Entry, Pending
from producer.errors import StreamBrokenError, StreamUnavailableError
from producer.metrics import Metrics

BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 2.0
# A slot rests so long after a call of which nothing was taken, and less after a better one: calls that a busy stream
# refuses cost this process as much as those that it takes.
RECOVERY_SECONDS = 0.2
# After a call that no retry helps, this process counts as unable to publish for so long.
BROKEN_SECONDS = 30.0

log = structlog.get_logger(__name__)


class Stream(Protocol):
    """Where entries become durable."""

    async def put(self, entries: Sequence[Entry]) -> list[str | None]:
        """Writes up to 500 entries; for each, None if it is durable, or the code of the error that refused it.

        Ends within seconds, whatever happens. Raises StreamUnavailableError if the call failed as a whole (it may
        have written all the same), and StreamBrokenError if making it again is no use.
        """


@dataclass(frozen=True)
class PublishLimits:
    """`linger_seconds` is how long a call waits for company; the deadline counts from the submission."""

    linger_seconds: float
    concurrency: int
    buffer_records: int
    buffer_bytes: int
    deadline_seconds: float


@dataclass(frozen=True)
class Timing:
    """Time and chance, handed in: `clock` in seconds, `random` from 0 to 1."""

    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    random: Callable[[], float]


class Publisher:
    def __init__(self, stream: Stream, limits: PublishLimits, timing: Timing, metrics: Metrics) -> None:
        self._stream = stream
        self._linger_seconds = limits.linger_seconds
        self._timing = timing
        self._metrics = metrics
        self._buffer = Buffer(limits.buffer_records, limits.buffer_bytes, limits.deadline_seconds, timing.clock)
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sender: asyncio.Task[None] | None = None
        self._broken_until = float("-inf")
        metrics.buffered_records.set_function(lambda: self._buffer.records)
        metrics.buffered_bytes.set_function(lambda: self._buffer.bytes)

    @property
    def can_publish(self) -> bool:
        """False for a while after a call that no retry would have helped."""
        return self._timing.clock() >= self._broken_until

    @property
    def has_room(self) -> bool:
        """False from a submission that found the buffer full until it has room for another."""
        return self._buffer.has_room

    async def publish(self, entries: Sequence[Entry]) -> list[bool]:
        """For each entry whether it is durable; False means not known to be.

        Raises BufferFullError at once, with nothing taken. To cancel it cancels the wait, not the publishing.
        """
        if not entries:
            return []
        submission = self._buffer.submit(entries)
        self._wake_sender()
        await submission.settled
        return submission.outcomes

    async def drain(self) -> None:
        """Returns when all that was submitted is settled."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _wake_sender(self) -> None:
        if self._sender is None or self._sender.done():
            self._sender = self._start(self._send())

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _send(self) -> None:
        while self._buffer.has_waiting():
            if not self._buffer.fills_a_call():
                await self._timing.sleep(self._linger_seconds)
            await self._slots.acquire()
            if batch := self._buffer.take():
                self._start(self._call(batch))
            else:
                self._slots.release()

    async def _call(self, batch: list[Pending]) -> None:
        try:
            refused = await self._put(batch)
            if refused:
                await self._timing.sleep(RECOVERY_SECONDS * len(refused) / len(batch))
        finally:
            self._slots.release()
        if refused:
            await self._back_off(refused)

    async def _put(self, batch: list[Pending]) -> list[Pending]:
        """Returns what is worth sending again; all else is settled."""
        try:
            with self._metrics.put_seconds.time():
                codes = await self._stream.put([pending.entry for pending in batch])
            answered = list(zip(batch, codes, strict=True))
        except StreamUnavailableError as error:
            self._metrics.put_calls.labels("failed").inc()
            log.warning("call failed, entries are sent again", entries=len(batch), reason=str(error))
            return batch
        except Exception as error:
            self._give_up(batch, error)
            return []
        self._metrics.put_calls.labels("done").inc()
        self._broken_until = float("-inf")
        return self._settle_durable(answered)

    def _give_up(self, batch: list[Pending], error: Exception) -> None:
        self._metrics.put_calls.labels("broken").inc()
        self._broken_until = self._timing.clock() + BROKEN_SECONDS
        if isinstance(error, StreamBrokenError):
            log.error("call refused, entries are given up", entries=len(batch), reason=str(error))
        else:
            log.error("call failed unexpectedly, entries are given up", entries=len(batch), exc_info=error)
        for pending in batch:
            self._buffer.settle(pending, durable=False)

    def _settle_durable(self, answered: list[tuple[Pending, str | None]]) -> list[Pending]:
        refused = []
        for pending, code in answered:
            if code is None:
                self._buffer.settle(pending, durable=True)
            else:
                self._metrics.refused_entries.labels(code).inc()
                refused.append(pending)
        return refused

    async def _back_off(self, refused: list[Pending]) -> None:
        attempts = min(max(pending.attempts for pending in refused), 10)
        longest = min(LONGEST_BACKOFF_SECONDS, BACKOFF_SECONDS * 2**attempts)
        seconds = longest * (0.5 + self._timing.random() / 2)
        again = []
        for pending in refused:
            pending.attempts += 1
            if self._buffer.is_expired(pending, after_seconds=seconds):
                self._buffer.settle(pending, durable=False)
            else:
                again.append(pending)
        if again:
            await self._timing.sleep(seconds)
            self._buffer.put_back(again)
            self._wake_sender()
