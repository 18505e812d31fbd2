"""A shard's records, packed.

Defect: ministack keeps a record as a dict of texts, its data in base64 (measured: 797 bytes for a record of 340, 517
here), and finds a sequence number by looking at every record.
"""

import base64
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """``arrived_at`` in seconds since 1970."""

    sequence_number: int
    arrived_at: float
    partition_key: str
    data: bytes

    @property
    def size(self) -> int:
        """Bytes that count towards the limits of a read."""
        return len(self.data) + len(self.partition_key)


class ShardLog:
    """Records in the order of their sequence numbers."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._arrivals = array("d")
        self._keys: list[str] = []
        self._data: list[bytes] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def append(self, record: Mapping[str, Any]) -> None:
        """Takes a record as ministack's PutRecord and PutRecords make it."""
        data = base64.b64decode(record["Data"])
        self._numbers.append(int(record["SequenceNumber"]))
        self._arrivals.append(record["ApproximateArrivalTimestamp"])
        self._keys.append(record["PartitionKey"])
        self._data.append(data)

    def read(self, after: int, limit: int, max_bytes: int) -> list[Record]:
        """What is behind sequence number ``after``: at most ``limit`` records and ``max_bytes``, but one at least."""
        found: list[Record] = []
        size = 0
        for index in range(bisect_right(self._numbers, after), len(self)):
            record = self._at(index)
            size += record.size
            if len(found) == limit or (found and size > max_bytes):
                break
            found.append(record)
        return found

    def next_arrival(self, after: int) -> float | None:
        """When the first record behind ``after`` arrived; None where there is none."""
        index = bisect_right(self._numbers, after)
        return self._arrivals[index] if index < len(self) else None

    def first_since(self, moment: float) -> int | None:
        """Sequence number of the first record that arrived at ``moment`` or later."""
        return next((self._numbers[at] for at, arrival in enumerate(self._arrivals) if arrival >= moment), None)

    def forget(self, before: float) -> None:
        """Drops the oldest records up to the first that arrived at ``before`` or later; looks at one if that is it."""
        count = 0
        while count < len(self) and self._arrivals[count] < before:
            count += 1
        if count:
            for column in (self._numbers, self._arrivals, self._keys, self._data):
                del column[:count]

    def packed(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return {
            "numbers": self._numbers,
            "arrivals": self._arrivals.tolist(),
            "keys": self._keys,
            "sizes": [len(data) for data in self._data],
            "data": base64.b64encode(zlib.compress(b"".join(self._data), level=1)).decode(),
        }

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any]) -> "ShardLog":
        log = cls()
        log._numbers = packed["numbers"]
        log._arrivals = array("d", packed["arrivals"])
        log._keys = packed["keys"]
        data = memoryview(zlib.decompress(base64.b64decode(packed["data"])))
        start = 0
        for size in packed["sizes"]:
            log._data.append(bytes(data[start : start + size]))
            start += size
        return log

    def _at(self, index: int) -> Record:
        return Record(self._numbers[index], self._arrivals[index], self._keys[index], self._data[index])
