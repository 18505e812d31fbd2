"""The world around the producer, written by hand."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from prometheus_client import CollectorRegistry

from api_keys.document import ApiKey
from producer.buffer import Entry, Room
from producer.metrics import Metrics
from producer.publish import Publisher, PublishLimits, Timing

ROOMY = PublishLimits(
    linger_seconds=0.005, concurrency=4, room=Room(20_000, 100_000_000, record_bytes=1), deadline_seconds=10
)


def with_room(**changes: int) -> PublishLimits:
    return replace(ROOMY, room=replace(ROOMY.room, **changes))


@dataclass
class FakeTime:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        await asyncio.sleep(0)
        self.now += seconds

    def timing(self) -> Timing:
        return Timing(self.clock, self.sleep, lambda: 0.6)


def accept(_: Entry) -> str | None:
    return None


@dataclass
class FakeStream:
    """Kinesis, as far as PutRecords goes.

    `refuse` gives each entry its error code. `failures` are raised by the next calls, one each, and with
    `writes_anyway` only after the entries were written, as by a call that timed out. A closed `gate` holds every call.
    """

    refuse: Callable[[Entry], str | None] = accept
    failures: list[Exception] = field(default_factory=list)
    writes_anyway: bool = False
    calls: list[list[Entry]] = field(default_factory=list)
    written: list[Entry] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    in_flight: int = 0
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def put(self, entries: Sequence[Entry]) -> list[str | None]:
        self.calls.append(list(entries))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self.gate.wait()
        finally:
            self.in_flight -= 1
        if self.failures:
            if self.writes_anyway:
                self.written += entries
            raise self.failures.pop(0)
        codes = [self.refuse(entry) for entry in entries]
        self.written += [entry for entry, code in zip(entries, codes, strict=True) if code is None]
        return codes


class Refusals:
    """Refuses an entry so many times before it takes it."""

    def __init__(self, times: dict[bytes, int], code: str = "ProvisionedThroughputExceededException") -> None:
        self._left = dict(times)
        self._code = code

    def __call__(self, entry: Entry) -> str | None:
        if self._left.get(entry.data, 0) <= 0:
            return None
        self._left[entry.data] -= 1
        return self._code


@dataclass
class FakeSecrets:
    """Where the key document is kept: answers with `document`, or raises it."""

    document: str | Exception
    reads: int = 0

    async def read(self) -> str:
        self.reads += 1
        if isinstance(self.document, Exception):
            raise self.document
        return self.document

    @classmethod
    def holding(cls, *keys: ApiKey) -> "FakeSecrets":
        return cls(key_document(*keys))


def key_document(*keys: ApiKey) -> str:
    return msgspec.json.encode({"keys": keys}).decode()


def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def publisher(stream: FakeStream, time: FakeTime | None = None, limits: PublishLimits = ROOMY) -> Publisher:
    return Publisher(stream, limits, (time or FakeTime()).timing(), metrics())
