"""What a stream's shards are to each other: open or closed, parents and children."""

from collections.abc import Mapping
from typing import Any

from infra.local.emulator.shapes import Shard, Stream

HASH_KEYS = 2**128


def is_open(shard: Shard) -> bool:
    return "ending_sequence_number" not in shard


def was_open(shard: Shard, moment: float) -> bool:
    return shard["opened_at"] <= moment < shard.get("closed_at", float("inf"))


def hash_range(shard: Shard) -> tuple[int, int]:
    """First and last hash key."""
    return int(shard["starting_hash_key"]), int(shard["ending_hash_key"])


def open_shards(stream: Stream) -> list[str]:
    """In the order of their hash keys."""
    found = [shard_id for shard_id, shard in stream["shards"].items() if is_open(shard)]
    return sorted(found, key=lambda shard_id: hash_range(stream["shards"][shard_id]))


def shard_for(hash_key: int, stream: Stream) -> str:
    """The open shard that ``hash_key`` belongs to."""
    for shard_id, shard in stream["shards"].items():
        first, last = hash_range(shard)
        if first <= hash_key <= last and is_open(shard):
            return shard_id
    raise AssertionError(f"no open shard holds {hash_key}")


def parents(shard: Shard) -> list[str]:
    return [parent for parent in (shard["parent_shard_id"], shard["adjacent_parent_shard_id"]) if parent]


def children(stream: Stream, parent: str) -> list[dict[str, Any]]:
    """The shards that follow ``parent``, as GetRecords and SubscribeToShard tell of them at its end."""
    return [
        {"ShardId": shard_id, "ParentShards": parents(shard), "HashKeyRange": hash_key_range(shard)}
        for shard_id, shard in sorted(stream["shards"].items())
        if parent in parents(shard)
    ]


def hash_key_range(shard: Shard) -> Mapping[str, str]:
    return {"StartingHashKey": shard["starting_hash_key"], "EndingHashKey": shard["ending_hash_key"]}
