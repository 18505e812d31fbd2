"""Firehose that buffers.

Defects: ministack writes one S3 object a record, at once, and keeps every record in memory for ever; BufferingHints
and CompressionFormat are stored and ignored; a failed write is lost in silence.
Destinations that treat each record by itself (processors, partitions, conversion) stay ministack's.
"""

import asyncio
import gzip
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence

from infra.local.emulator.delivery_buffer import EXTENSIONS, Buffer, compression, hints, is_bufferable
from infra.local.emulator.sequence import SequenceNumbers
from infra.local.emulator.shapes import DeliveryStream, Destination
from infra.local.emulator.upstream import bucket_of_arn, delivery_streams, evaluated_prefix

TICK_SECONDS = 0.1
RETRY_SECONDS = 1.0

PutObject = Callable[[str, str, str, bytes], Awaitable[None]]
Records = Sequence[tuple[str, bytes]]
Deliver = Callable[[DeliveryStream, Destination, Records], None]
Ingest = Callable[[str, Records], None]

logger = logging.getLogger("firehose")


class DeliveryFailedError(Exception):
    """S3 refused an object; the message is its answer. The records stay in the buffer."""


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

        def deliver_later(stream: DeliveryStream, destination: Destination, records: Records) -> None:
            destination["records"].clear()
            if is_bufferable(destination):
                self._add(stream, destination, records)
            else:
                deliver(stream, destination, records)

        return deliver_later

    def ingesting(self, ingest: Ingest) -> Ingest:
        """``ingest``, which treats records one by one, is for destinations that do."""

        def ingest_batch(stream_arn: str, records: Records) -> None:
            found = [(stream, destination) for stream in _fed_by(stream_arn) for destination in stream["destinations"]]
            if not all(is_bufferable(destination) for _, destination in found):
                ingest(stream_arn, records)
                return
            for stream, destination in found:
                self._add(stream, destination, records)

        return ingest_batch

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

    def _add(self, stream: DeliveryStream, destination: Destination, records: Records) -> None:
        with self._lock:
            buffer = self._buffer(stream, destination)
            buffer.parts += [data for _, data in records]
            buffer.size += sum(len(data) for _, data in records)

    def _buffer(self, stream: DeliveryStream, destination: Destination) -> Buffer:
        key = (stream["arn"], destination["id"])
        if key not in self._buffers:
            due_at = self._monotonic() + min(float(hints(destination)["IntervalInSeconds"]), self._max_interval)
            self._buffers[key] = Buffer(stream, destination, self._clock(), due_at)
        return self._buffers[key]

    def _due(self) -> list[tuple[str, str]]:
        now = self._monotonic()
        with self._lock:
            return [key for key, buffer in self._buffers.items() if buffer.is_due(now)]

    async def _flush(self, keys: list[tuple[str, str]]) -> None:
        for key in keys:
            with self._lock:
                buffer = self._buffers.pop(key, None)
            if buffer is not None:
                await self._try(key, buffer)

    async def _try(self, key: tuple[str, str], buffer: Buffer) -> None:
        try:
            await self._deliver(buffer)
        except Exception as error:  # whatever is wrong with one destination, the others get theirs
            if any(stream is buffer.stream for stream in delivery_streams.all_values()):
                logger.warning("%s: %r; its records wait", buffer.stream["name"], error)
                self._put_back(key, buffer)

    async def _deliver(self, buffer: Buffer) -> None:
        body = b"".join(buffer.parts)
        if compression(buffer.destination) == "GZIP":
            body = await asyncio.to_thread(gzip.compress, body, 6)
        bucket = bucket_of_arn(buffer.config["BucketARN"])
        await self._put_object(buffer.stream["arn"], bucket, self._key(buffer), body)

    def _key(self, buffer: Buffer) -> str:
        """Prefix by the first record's arrival in UTC; names rise with time and no two are the same."""
        begun = time.gmtime(buffer.begun_at)
        prefix = evaluated_prefix(buffer.config.get("Prefix", ""), begun)
        name = f"{buffer.stream['name']}-{buffer.stream['version']}-{time.strftime('%Y-%m-%d-%H-%M-%S', begun)}"
        extension = buffer.config.get("FileExtension") or EXTENSIONS[compression(buffer.destination)]
        return f"{prefix}{name}-{self._numbers.next()}{extension}"

    def _put_back(self, key: tuple[str, str], buffer: Buffer) -> None:
        with self._lock:
            if later := self._buffers.get(key):
                buffer.parts += later.parts
                buffer.size += later.size
            buffer.retry_at = self._monotonic() + RETRY_SECONDS
            self._buffers[key] = buffer


def _fed_by(stream_arn: str) -> list[DeliveryStream]:
    return [
        stream
        for stream in delivery_streams.values()
        if stream["status"] == "ACTIVE" and (stream["kinesis_source"] or {}).get("KinesisStreamARN") == stream_arn
    ]
