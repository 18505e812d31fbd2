"""Firehose that buffers.

Defect: ministack writes one S3 object a record, at once, and keeps every record in memory for ever; BufferingHints and
CompressionFormat are stored and ignored; a failed write is lost in silence.
Destinations that treat each record by itself (processors, partitions, conversion) stay ministack's.
"""

import asyncio
import gzip
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.local.emulator.sequence import SequenceNumbers
from infra.local.emulator.upstream import DeliveryStream, Destination, bucket_of_arn, evaluated_prefix

DEFAULT_HINTS = {"SizeInMBs": 5, "IntervalInSeconds": 300}
EXTENSIONS = {"UNCOMPRESSED": "", "GZIP": ".gz"}
RECORD_BY_RECORD = (
    "ProcessingConfiguration",
    "DynamicPartitioningConfiguration",
    "DataFormatConversionConfiguration",
)
TICK_SECONDS = 0.1
RETRY_SECONDS = 1.0

PutObject = Callable[[str, str, str, bytes], Awaitable[None]]
Deliver = Callable[[DeliveryStream, Destination, Sequence[tuple[str, bytes]]], None]

logger = logging.getLogger("firehose")


class DeliveryFailedError(Exception):
    """S3 refused an object; the message is its answer. The records stay in the buffer."""


@dataclass
class Buffer:
    """Records on their way to one destination. ``begun_at`` in seconds since 1970, ``due_at`` by the steady clock."""

    stream: DeliveryStream
    destination: Destination
    begun_at: float
    due_at: float
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    retry_at: float = 0.0

    def is_due(self, now: float) -> bool:
        return now >= self.retry_at and (now >= self.due_at or self.size >= self.max_size)

    @property
    def config(self) -> dict[str, Any]:
        return self.destination["config"]

    @property
    def max_size(self) -> int:
        return int(_hints(self.destination)["SizeInMBs"]) * 1024 * 1024


class Deliveries:
    """``put_object`` (delivery stream's ARN, bucket, key, body) raises DeliveryFailedError.

    ``max_interval`` caps the seconds that a buffer waits. ``clock`` is seconds since 1970, ``monotonic`` a steady one.
    """

    def __init__(
        self,
        put_object: PutObject,
        numbers: SequenceNumbers,
        max_interval: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._put_object = put_object
        self._numbers = numbers
        self._max_interval = max_interval
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buffers: dict[tuple[str, str], Buffer] = {}

    def buffering(self, deliver: Deliver) -> Deliver:
        """In the place of ``deliver``, which may be called from any thread."""

        def add(stream: DeliveryStream, destination: Destination, records: Sequence[tuple[str, bytes]]) -> None:
            destination["records"].clear()
            if not _is_buffered(destination):
                deliver(stream, destination, records)
                return
            with self._lock:
                buffer = self._buffer(stream, destination)
                for _, data in records:
                    buffer.parts.append(data)
                    buffer.size += len(data)

        return add

    def forgetting(self, reset: Callable[[], None]) -> Callable[[], None]:
        """``reset``, which drops what is buffered too."""

        def forget() -> None:
            with self._lock:
                self._buffers.clear()
            reset()

        return forget

    async def run(self, stopping: asyncio.Event) -> None:
        """Delivers what is due, until ``stopping``."""
        while not stopping.is_set():
            await self._flush(self._due())
            await asyncio.sleep(TICK_SECONDS)

    async def flush(self) -> None:
        """Delivers all that is buffered."""
        await self._flush(list(self._buffers))

    def _buffer(self, stream: DeliveryStream, destination: Destination) -> Buffer:
        key = (stream["arn"], destination["id"])
        if key not in self._buffers:
            due_at = self._monotonic() + min(float(_hints(destination)["IntervalInSeconds"]), self._max_interval)
            self._buffers[key] = Buffer(stream, destination, self._clock(), due_at)
        return self._buffers[key]

    def _due(self) -> list[tuple[str, str]]:
        now = self._monotonic()
        with self._lock:
            return [key for key, buffer in self._buffers.items() if buffer.is_due(now)]

    async def _flush(self, keys: list[tuple[str, str]]) -> None:
        for key in keys:
            with self._lock:
                buffer = self._buffers.pop(key)
            try:
                await self._deliver(buffer)
            except DeliveryFailedError as error:
                logger.warning("%s: %s; its records stay in the buffer", buffer.stream["name"], error)
                self._put_back(key, buffer)

    async def _deliver(self, buffer: Buffer) -> None:
        body = b"".join(buffer.parts)
        if buffer.config.get("CompressionFormat") == "GZIP":
            body = await asyncio.to_thread(gzip.compress, body, 6)
        bucket = bucket_of_arn(buffer.config["BucketARN"])
        await self._put_object(buffer.stream["arn"], bucket, self._key(buffer), body)

    def _key(self, buffer: Buffer) -> str:
        """Prefix by the first record's arrival in UTC; names rise with time and no two are the same."""
        begun = time.gmtime(buffer.begun_at)
        prefix = evaluated_prefix(buffer.config.get("Prefix", ""), begun)
        name = f"{buffer.stream['name']}-{buffer.stream['version']}-{time.strftime('%Y-%m-%d-%H-%M-%S', begun)}"
        extension = buffer.config.get("FileExtension") or EXTENSIONS[_compression(buffer.destination)]
        return f"{prefix}{name}-{self._numbers.next()}{extension}"

    def _put_back(self, key: tuple[str, str], buffer: Buffer) -> None:
        with self._lock:
            if later := self._buffers.get(key):
                buffer.parts += later.parts
                buffer.size += later.size
            buffer.retry_at = self._monotonic() + RETRY_SECONDS
            self._buffers[key] = buffer


def _is_buffered(destination: Destination) -> bool:
    options = [destination["config"].get(name) or {"Enabled": False} for name in RECORD_BY_RECORD]
    return not any(option.get("Enabled", True) for option in options) and _compression(destination) in EXTENSIONS


def _compression(destination: Destination) -> str:
    return str(destination["config"].get("CompressionFormat", "UNCOMPRESSED"))


def _hints(destination: Destination) -> dict[str, Any]:
    return {**DEFAULT_HINTS, **destination["config"].get("BufferingHints", {})}
