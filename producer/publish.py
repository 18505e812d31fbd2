"""Publishes to the stream: a bounded micro-batcher.

Transactions that arrive together share records and PutRecords calls, whichever requests they came with. A record that
is refused is sent again, and no other, until the deadline of each request in it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from producer.buffer import Buffer, Entry, Pack, Pending, Room
from producer.errors import StreamBrokenError, StreamUnavailableError
from producer.metrics import Metrics
from producer.packing import Lines

BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 2.0
# A slot rests so long after a call of which nothing was taken, and less after a better one: calls that a busy stream
# refuses cost this process as much as those that it takes.
RECOVERY_SECONDS = 0.2
# A request that arrives takes a turn of the event loop to be read, and another to be judged.
QUIET_TURNS = 2
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
    """`linger_seconds`: how long a call waits for company that keeps coming. The deadline counts from a submission."""

    linger_seconds: float
    concurrency: int
    room: Room
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
        self._buffer = Buffer(limits.room, limits.deadline_seconds, timing.clock)
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

    async def publish(self, parts: Sequence[Lines]) -> list[bool]:
        """For each transaction, by its place, whether it is durable; False means not known to be.

        Raises BufferFullError at once, with nothing taken. To cancel it cancels the wait, not the publishing.
        """
        if not parts:
            return []
        submission = self._buffer.submit(parts)
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
            await self._slots.acquire()
            await self._gather()
            if packs := self._buffer.take():
                self._start(self._call(packs))
            else:
                self._slots.release()

    async def _gather(self) -> None:
        """Returns when the event loop brings no more: a lone request goes at once, a crowd together."""
        ends = self._timing.clock() + self._linger_seconds
        known, quiet = self._buffer.submissions, 0
        while quiet < QUIET_TURNS and not self._buffer.is_worth_a_call() and self._timing.clock() < ends:
            await self._timing.sleep(0)
            quiet = quiet + 1 if known == self._buffer.submissions else 0
            known = self._buffer.submissions

    async def _call(self, packs: list[Pack]) -> None:
        again: list[Pending] = []
        wait = 0.0
        try:
            if refused := await self._put(packs):
                rest = RECOVERY_SECONDS * len(refused) / len(packs)
                wait = self._backoff(refused)
                again = self._not_expiring(refused, rest + wait)
                await self._timing.sleep(rest)
        finally:
            self._slots.release()
        if again:
            await self._timing.sleep(wait)
            self._buffer.put_back(again)
            self._wake_sender()

    async def _put(self, packs: list[Pack]) -> list[Pack]:
        """Returns what is worth sending again; all else is settled."""
        try:
            with self._metrics.put_seconds.time():
                codes = await self._stream.put([pack.entry for pack in packs])
            answered = list(zip(packs, codes, strict=True))
        except StreamUnavailableError as error:
            self._metrics.put_calls.labels("failed").inc()
            log.warning("call failed, its records are sent again", records=len(packs), reason=str(error))
            return packs
        except Exception as error:
            self._give_up(packs, error)
            return []
        self._metrics.put_calls.labels("done").inc()
        self._broken_until = float("-inf")
        return self._settle_durable(answered)

    def _give_up(self, packs: list[Pack], error: Exception) -> None:
        self._metrics.put_calls.labels("broken").inc()
        self._broken_until = self._timing.clock() + BROKEN_SECONDS
        if isinstance(error, StreamBrokenError):
            log.error("call refused, its records are given up", records=len(packs), reason=str(error))
        else:
            log.error("call failed unexpectedly, its records are given up", records=len(packs), exc_info=error)
        for pack in packs:
            self._settle(pack, durable=False)

    def _settle_durable(self, answered: list[tuple[Pack, str | None]]) -> list[Pack]:
        refused = []
        for pack, code in answered:
            if code is None:
                self._settle(pack, durable=True)
            else:
                self._metrics.refused_entries.labels(code).inc()
                refused.append(pack)
        return refused

    def _settle(self, pack: Pack, *, durable: bool) -> None:
        for member in pack.members:
            self._buffer.settle(member, durable=durable)

    def _backoff(self, refused: list[Pack]) -> float:
        attempts = min(max(member.attempts for pack in refused for member in pack.members), 10)
        longest: float = min(LONGEST_BACKOFF_SECONDS, BACKOFF_SECONDS * 2**attempts)
        return longest * (0.5 + self._timing.random() / 2)

    def _not_expiring(self, refused: list[Pack], seconds: float) -> list[Pending]:
        """Those whose deadline is not over so much later; the others are settled."""
        again = []
        for member in (member for pack in refused for member in pack.members):
            member.attempts += 1
            if self._buffer.is_expired(member, after_seconds=seconds):
                self._buffer.settle(member, durable=False)
            else:
                again.append(member)
        return again
