"""Sequence numbers and retention under clocks that a real emulator can't be given."""

from typing import Any

from infra.local.emulator.lineage import children
from infra.local.emulator.retention import expiring
from infra.local.emulator.sequence import SequenceNumbers
from infra.local.emulator.shapes import Shard, Stream
from infra.local.emulator.shard_log import ShardLog

HOUR = 3600.0


class Arrivals(list[float]):
    """Counts what is looked at."""

    looks = 0

    def __getitem__(self, index: Any) -> Any:
        self.looks += 1
        return super().__getitem__(index)


def log_of(arrivals: list[float]) -> ShardLog:
    log = ShardLog()
    for number, arrival in enumerate(arrivals):
        log.append(
            {
                "SequenceNumber": str(number),
                "ApproximateArrivalTimestamp": arrival,
                "Data": "AA==",
                "PartitionKey": "any",
            }
        )
    return log


def shard(log: ShardLog, parent: str | None = None, **closed: Any) -> Shard:
    made: Shard = {
        "records": log,
        "starting_hash_key": "0",
        "ending_hash_key": "9",
        "starting_sequence_number": "0",
        "parent_shard_id": parent,
        "adjacent_parent_shard_id": None,
        "opened_at": 0.0,
    }
    made.update(closed)  # type: ignore[typeddict-item]
    return made


def stream_of(**shards: Shard) -> Stream:
    return {
        "StreamName": "s",
        "StreamARN": "arn",
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "RetentionPeriodHours": 24,
        "CreationTimestamp": 0.0,
        "EncryptionType": "NONE",
        "shards": shards,
    }


def test_sequence_numbers_rise_while_the_clock_steps_back() -> None:
    moments = iter([1000.0, 1000.0, 1000.001, 400.0, 999.9, 2000.0])
    numbers = SequenceNumbers(lambda: next(moments))
    given = [int(numbers.next()) for _ in range(6)]
    assert given == sorted(set(given))


def test_sequence_numbers_go_on_above_those_of_an_earlier_process() -> None:
    earlier = SequenceNumbers(lambda: 5000.0)
    last = int(earlier.next())
    later = SequenceNumbers(lambda: 1000.0)
    later.resume(earlier.last)
    assert int(later.next()) > last


def test_records_live_as_long_as_the_retention_and_readers_keep_their_place() -> None:
    stream = stream_of(a=shard(log_of([HOUR * hour for hour in range(1, 49)])))
    expiring(lambda: 48 * HOUR)(stream)
    left = stream["shards"]["a"]["records"]
    assert len(left) == 25
    assert [record.arrived_at / HOUR for record in left.read(after=30, limit=2, max_bytes=100)] == [32, 33]


def test_expiry_looks_at_one_record_when_nothing_has_expired() -> None:
    log = log_of([HOUR] * 1000)
    log._arrivals = arrivals = Arrivals(log._arrivals)  # type: ignore[assignment]
    expiring(lambda: 2 * HOUR)(stream_of(a=shard(log)))
    assert arrivals.looks == 1


def test_a_closed_shard_goes_when_its_records_have_gone_and_its_children_stay() -> None:
    closed: Any = {"ending_sequence_number": "5", "closed_at": 2 * HOUR}
    stream = stream_of(
        gone=shard(log_of([HOUR]), **closed),
        young=shard(log_of([]), ending_sequence_number="6", closed_at=25 * HOUR),
        child=shard(log_of([]), parent="gone"),
    )
    expire = expiring(lambda: 26 * HOUR - 1)
    expire(stream)
    assert set(stream["shards"]) == {"gone", "young", "child"}
    expiring(lambda: 26 * HOUR + 1)(stream)
    assert set(stream["shards"]) == {"young", "child"}
    assert [child["ShardId"] for child in children(stream, "gone")] == ["child"]


def test_a_log_is_the_same_after_it_was_packed() -> None:
    log = log_of([1.0, 2.5, 2.5])
    again = ShardLog.unpacked(log.packed())
    assert again.read(-1, 10, 100) == log.read(-1, 10, 100)
    assert len(again) == 3
