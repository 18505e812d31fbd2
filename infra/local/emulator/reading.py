"""GetShardIterator and GetRecords.

Defects: ministack's iterators are indices, so they skip records when older ones expire, and each call leaves one in
memory that every later call looks at; a read has no limit in bytes; the end of a closed shard can't be told.
An iterator here is all that it stands for, written out: nothing is kept, and it lives through a restart as on AWS.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

from infra.local.emulator.answers import RefusedError, invalid, stream_of
from infra.local.emulator.lineage import children, is_open
from infra.local.emulator.sequence import SequenceNumbers
from infra.local.emulator.shapes import Body, Request, Shard, Stream
from infra.local.emulator.shard_log import Record
from infra.local.emulator.upstream import stream_by_arn

ITERATOR_SECONDS = 300
MAX_RECORDS = 10_000
MAX_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Iterator:
    """A place in a shard: behind sequence number ``after``."""

    stream_arn: str
    created_at: float
    shard_id: str
    after: int
    issued_at: float

    def token(self) -> str:
        return base64.urlsafe_b64encode(json.dumps(astuple(self)).encode()).decode()

    @classmethod
    def from_token(cls, token: str) -> "Iterator":
        """Raises RefusedError for what is no token of ours."""
        try:
            return cls(*json.loads(base64.urlsafe_b64decode(token)))
        except (binascii.Error, ValueError, TypeError) as error:
            raise invalid("Invalid ShardIterator.") from error


class Reading:
    """``clock`` gives seconds since 1970, ``expire`` drops what is past a stream's retention."""

    def __init__(self, numbers: SequenceNumbers, clock: Callable[[], float], expire: Callable[[Stream], None]) -> None:
        self._numbers = numbers
        self._clock = clock
        self._expire = expire

    def get_shard_iterator(self, request: Request) -> Body:
        stream = stream_of(request)
        self._expire(stream)
        shard_id = request["ShardId"]
        sequence_number, moment = request.get("StartingSequenceNumber"), request.get("Timestamp")
        after = self.start(shard_of(stream, shard_id), request["ShardIteratorType"], sequence_number, moment)
        return {"ShardIterator": self._iterator(stream, shard_id, after)}

    def get_records(self, request: Request) -> Body:
        iterator = self._valid(request["ShardIterator"])
        stream = self._stream(iterator)
        self._expire(stream)
        shard = shard_of(stream, iterator.shard_id)
        records = shard["records"].read(iterator.after, _limit(request), MAX_BYTES)
        after = records[-1].sequence_number if records else iterator.after
        return {
            "Records": [record_out(record, stream) for record in records],
            "MillisBehindLatest": self.millis_behind(shard, after),
            **self._onward(stream, iterator.shard_id, after),
        }

    def start(self, shard: Shard, kind: str, sequence_number: str | None, moment: float | None) -> int:
        """The sequence number that reading starts behind. Raises RefusedError."""
        match kind:
            case "TRIM_HORIZON":
                return 0
            case "LATEST":
                return self._numbers.last
            case "AT_SEQUENCE_NUMBER":
                return _sequence_number(sequence_number) - 1
            case "AFTER_SEQUENCE_NUMBER":
                return _sequence_number(sequence_number)
            case "AT_TIMESTAMP" if moment is not None:
                found = shard["records"].first_since(float(moment))
                return self._numbers.last if found is None else found - 1
        raise invalid(f"{kind} is no iterator type, or lacks what it needs")

    def millis_behind(self, shard: Shard, after: int) -> int:
        arrival = shard["records"].next_arrival(after)
        return 0 if arrival is None else max(0, int((self._clock() - arrival) * 1000))

    def _onward(self, stream: Stream, shard_id: str, after: int) -> Body:
        if is_ended(stream["shards"][shard_id], after):
            return {"ChildShards": children(stream, shard_id)}
        return {"NextShardIterator": self._iterator(stream, shard_id, after)}

    def _iterator(self, stream: Stream, shard_id: str, after: int) -> str:
        return Iterator(stream["StreamARN"], stream["CreationTimestamp"], shard_id, after, self._clock()).token()

    def _valid(self, token: str) -> Iterator:
        iterator = Iterator.from_token(token)
        if self._clock() - iterator.issued_at > ITERATOR_SECONDS:
            raise RefusedError("ExpiredIteratorException", f"Iterator expired: it is older than {ITERATOR_SECONDS} s")
        return iterator

    def _stream(self, iterator: Iterator) -> Stream:
        stream = stream_by_arn(iterator.stream_arn)
        if stream is None or stream["CreationTimestamp"] != iterator.created_at:
            raise RefusedError("ResourceNotFoundException", f"Stream {iterator.stream_arn} not found")
        return stream


def shard_of(stream: Stream, shard_id: str) -> Shard:
    shard = stream["shards"].get(shard_id)
    if shard is None:
        raise RefusedError("ResourceNotFoundException", f"Shard {shard_id} not found in {stream['StreamName']}")
    return shard


def is_ended(shard: Shard, after: int) -> bool:
    """Whether nothing is behind ``after`` and nothing will ever be."""
    return not is_open(shard) and shard["records"].next_arrival(after) is None


def record_out(record: Record, stream: Stream) -> dict[str, Any]:
    return {
        "SequenceNumber": str(record.sequence_number),
        "ApproximateArrivalTimestamp": record.arrived_at,
        "Data": record.data,
        "PartitionKey": record.partition_key,
        "EncryptionType": stream["EncryptionType"],
    }


def _limit(request: Request) -> int:
    limit = int(request.get("Limit") or MAX_RECORDS)
    if not 1 <= limit <= MAX_RECORDS:
        raise invalid(f"Limit must be 1 to {MAX_RECORDS}")
    return limit


def _sequence_number(text: str | None) -> int:
    if not text or not text.isdecimal():
        raise invalid(f"StartingSequenceNumber {text!r} is no sequence number")
    return int(text)
