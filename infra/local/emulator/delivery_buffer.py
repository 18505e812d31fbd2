"""Records on their way to an S3 destination of Firehose, and what its configuration asks for."""

from dataclasses import dataclass, field
from typing import Any

from infra.local.emulator.shapes import DeliveryStream, Destination

DEFAULT_HINTS = {"SizeInMBs": 5, "IntervalInSeconds": 300}
EXTENSIONS = {"UNCOMPRESSED": "", "GZIP": ".gz"}
S3_TYPES = ("ExtendedS3", "S3")
RECORD_BY_RECORD = (
    "ProcessingConfiguration",
    "DynamicPartitioningConfiguration",
    "DataFormatConversionConfiguration",
)


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
        return int(hints(self.destination)["SizeInMBs"]) * 1024 * 1024


def is_bufferable(destination: Destination) -> bool:
    """Whether its records may be put together: none is treated by itself."""
    options = [destination["config"].get(name) or {"Enabled": False} for name in RECORD_BY_RECORD]
    by_record = any(option.get("Enabled", True) for option in options)
    return destination["type"] in S3_TYPES and not by_record and compression(destination) in EXTENSIONS


def compression(destination: Destination) -> str:
    return str(destination["config"].get("CompressionFormat", "UNCOMPRESSED"))


def hints(destination: Destination) -> dict[str, Any]:
    return {**DEFAULT_HINTS, **destination["config"].get("BufferingHints", {})}
