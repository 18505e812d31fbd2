"""UpdateShardCount, SplitShard and MergeShards that lose nothing.

Defect: ministack deletes the parents with their data and starts unrelated shards; a reader in the middle gets
ResourceNotFoundException and what it had not read is gone.
"""

from collections.abc import Callable

from infra.local.emulator.answers import RefusedError, invalid, stream_of
from infra.local.emulator.lineage import HASH_KEYS, hash_range, is_open, open_shards
from infra.local.emulator.sequence import SequenceNumbers
from infra.local.emulator.shapes import Body, Request, Shard, Stream
from infra.local.emulator.shard_log import ShardLog


class Resharding:
    """A parent is closed and keeps its records until they expire; ``clock`` gives seconds since 1970."""

    def __init__(self, numbers: SequenceNumbers, clock: Callable[[], float]) -> None:
        self._numbers = numbers
        self._clock = clock

    def split_shard(self, request: Request) -> Body:
        stream = stream_of(request)
        shard_id = _open_shard(stream, request["ShardToSplit"])
        first, last = hash_range(stream["shards"][shard_id])
        start = _hash_key(request["NewStartingHashKey"])
        if not first < start <= last:
            raise invalid(f"NewStartingHashKey {start} is not within {shard_id}, {first} to {last}")
        self._split(stream, shard_id, start)
        return {}

    def merge_shards(self, request: Request) -> Body:
        stream = stream_of(request)
        pair = [_open_shard(stream, request[name]) for name in ("ShardToMerge", "AdjacentShardToMerge")]
        low, high = sorted(hash_range(stream["shards"][shard_id]) for shard_id in pair)
        if low[1] + 1 != high[0]:
            raise invalid(f"Shards {pair[0]} and {pair[1]} are not an adjacent pair")
        self._merge(stream, pair[0], pair[1])
        return {}

    def update_shard_count(self, request: Request) -> Body:
        stream = stream_of(request)
        current, target = len(open_shards(stream)), int(request["TargetShardCount"])
        _check_count(stream, current, target)
        for start in range(target):
            self._split_at(stream, start * HASH_KEYS // target)
        for start in range(target):
            self._merge_from(stream, start * HASH_KEYS // target, (start + 1) * HASH_KEYS // target - 1)
        return {
            "StreamName": stream["StreamName"],
            "StreamARN": stream["StreamARN"],
            "CurrentShardCount": current,
            "TargetShardCount": target,
        }

    def _split_at(self, stream: Stream, start: int) -> None:
        for shard_id in open_shards(stream):
            first, last = hash_range(stream["shards"][shard_id])
            if first < start <= last:
                self._split(stream, shard_id, start)

    def _merge_from(self, stream: Stream, first: int, last: int) -> None:
        """Merges the shards that make up ``first`` to ``last``, from the left, as AWS does: in pairs."""
        within = [found for found in open_shards(stream) if first <= hash_range(stream["shards"][found])[0] <= last]
        merged = within[0]
        for shard_id in within[1:]:
            merged = self._merge(stream, merged, shard_id)

    def _split(self, stream: Stream, parent: str, start: int) -> None:
        first, last = hash_range(stream["shards"][parent])
        self._close(stream["shards"][parent])
        self._open(stream, first, start - 1, parent)
        self._open(stream, start, last, parent)

    def _merge(self, stream: Stream, parent: str, adjacent: str) -> str:
        ranges = [hash_range(stream["shards"][shard_id]) for shard_id in (parent, adjacent)]
        self._close(stream["shards"][parent])
        self._close(stream["shards"][adjacent])
        return self._open(stream, min(ranges)[0], max(ranges)[1], parent, adjacent)

    def _close(self, shard: Shard) -> None:
        shard["ending_sequence_number"] = self._numbers.next()
        shard["closed_at"] = self._clock()

    def _open(self, stream: Stream, first: int, last: int, parent: str, adjacent: str | None = None) -> str:
        shard_id = f"shardId-{1 + max(int(known.split('-')[1]) for known in stream['shards']):012d}"
        stream["shards"][shard_id] = Shard(
            records=ShardLog(),
            starting_hash_key=str(first),
            ending_hash_key=str(last),
            starting_sequence_number=self._numbers.next(),
            parent_shard_id=parent,
            adjacent_parent_shard_id=adjacent,
            opened_at=self._clock(),
        )
        return shard_id


def _open_shard(stream: Stream, shard_id: str) -> str:
    shard = stream["shards"].get(shard_id)
    if shard is None:
        raise RefusedError("ResourceNotFoundException", f"Shard {shard_id} not found in {stream['StreamName']}")
    if not is_open(shard):
        raise RefusedError("ResourceInUseException", f"Shard {shard_id} has already been merged or split")
    return shard_id


def _hash_key(text: str) -> int:
    if not text.isdecimal() or int(text) >= HASH_KEYS:
        raise invalid(f"{text!r} is no hash key")
    return int(text)


def _check_count(stream: Stream, current: int, target: int) -> None:
    if stream["StreamModeDetails"]["StreamMode"] != "PROVISIONED":
        raise RefusedError("ValidationException", f"Stream {stream['StreamName']} is not in provisioned mode")
    if not current <= 2 * target <= 4 * current:
        raise invalid(f"TargetShardCount {target} is not between half and double of {current} open shards")
