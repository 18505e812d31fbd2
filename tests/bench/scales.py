"""A stream that weighs what it is given, as Kinesis and Firehose would bill it, and takes no more than its shards do.

`python -m tests.bench.scales PORT SHARDS` serves until it is ended; GET / tells what was taken. With LIMITED=1 each
shard takes 1,000 records and 1 MiB a second.
"""

import asyncio
import hashlib
import os
import sys
import time
from typing import Any

import msgspec
import uvloop

from tests.bench.sink import Sink, answer

KIB, MIB = 1024, 1024 * 1024
RECORDS_A_SECOND = 1000
REFUSED = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded"}


class Weights(msgspec.Struct):
    """Of what was taken, in bytes; ``kinesis`` and ``firehose`` as billed, in steps of 1 KB and 5 KB a record."""

    transactions: int = 0
    records: int = 0
    size: int = 0
    kinesis: int = 0
    firehose: int = 0

    def add(self, data: bytes) -> None:
        self.transactions += data.count(b"\n")
        self.records += 1
        self.size += len(data)
        self.kinesis += -(-len(data) // KIB) * KIB
        self.firehose += -(-len(data) // (5 * KIB)) * 5 * KIB


class _Record(msgspec.Struct, rename="pascal"):
    data: bytes
    partition_key: str


class _Put(msgspec.Struct, rename="pascal"):
    records: list[_Record]


class _Shard:
    """What it may still take now: records and bytes; no more than a quarter of a second's worth is saved up."""

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._records = self._bytes = 0.0

    def takes(self, size: int) -> bool:
        now = time.monotonic()
        passed, self._at = now - self._at, now
        self._records = min(RECORDS_A_SECOND / 4, self._records + passed * RECORDS_A_SECOND)
        self._bytes = min(MIB / 4, self._bytes + passed * MIB)
        if self._records < 1 or self._bytes < size:
            return False
        self._records -= 1
        self._bytes -= size
        return True


_put = msgspec.json.Decoder(_Put).decode


class Scales(Sink):
    def __init__(self, shards: list[_Shard], weights: Weights, *, limited: bool) -> None:
        super().__init__(len(shards))
        self._shards = shards
        self._weights = weights
        self._limited = limited
        self._whole = bytearray()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._whole.clear()
        self._target = b""

    def on_body(self, body: bytes) -> None:
        self._whole += body

    def on_message_complete(self) -> None:
        if self._target == b"Kinesis_20131202.PutRecords":
            outcomes = [self._outcome(record) for record in _put(self._whole).records]
            failed = sum("ErrorCode" in one for one in outcomes)
            self._transport.write(answer({"FailedRecordCount": failed, "Records": outcomes}))
        elif not self._target:
            self._transport.write(answer(self._weights))
        else:
            super().on_message_complete()

    def _outcome(self, record: _Record) -> dict[str, Any]:
        digest = int.from_bytes(hashlib.md5(record.partition_key.encode(), usedforsecurity=False).digest())
        shard = self._shards[digest * len(self._shards) >> 128]
        if self._limited and not shard.takes(len(record.data) + len(record.partition_key)):
            return REFUSED
        self._weights.add(record.data)
        return {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}


async def _serve(port: int, count: int, *, limited: bool) -> None:
    shards, weights = [_Shard() for _ in range(count)], Weights()
    server = await asyncio.get_running_loop().create_server(
        lambda: Scales(shards, weights, limited=limited), "127.0.0.1", port, backlog=2048
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2]), limited=os.environ.get("LIMITED") == "1"))
