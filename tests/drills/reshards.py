"""The stream is resharded under load."""

import itertools
from typing import TYPE_CHECKING

import boto3

from infra.local.resources import open_shards
from infra.local.settings import SHARDS, STREAM
from tests.drills.registry import fault
from tests.drills.sabotage import SHARD_END
from tests.drills.scene import Scene

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import ShardTypeDef

MOVED = "SELECT count(*) FROM shard_progress WHERE shard_id = ANY(%s) AND sequence_number IS NOT NULL"
FEWEST, MOST = 2, 5
HASH_KEYS = 2**128


def splits_and_merges() -> int:
    """That the stream has been through, by its lineage."""
    shards = boto3.client("kinesis").list_shards(StreamName=STREAM)["Shards"]
    merged = sum("AdjacentParentShardId" in shard for shard in shards)
    return merged + (sum("ParentShardId" in shard for shard in shards) - merged) // 2


def size(shard: "ShardTypeDef") -> int:
    return int(shard["HashKeyRange"]["EndingHashKey"]) - int(shard["HashKeyRange"]["StartingHashKey"])


def scale_to(scene: Scene, count: int) -> None:
    """By steps of half at most, as AWS demands; returns when each new shard has stored something."""
    while (found := len(open_shards(STREAM))) != count:
        target = max(count, -(-found // 2)) if count < found else min(count, 2 * found)
        boto3.client("kinesis").update_shard_count(
            StreamName=STREAM, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )
    until_all_move(scene)
    scene.note(f"{count} shards")


def until_all_move(scene: Scene) -> float:
    new = [shard["ShardId"] for shard in open_shards(STREAM)]
    return scene.until(lambda: scene.rig.driver.sql(MOVED, new) == [(len(new),)], "the new shards to be read")


def split_or_merge(scene: Scene) -> None:
    """The largest shard, at a point of chance, or the two neighbours that are the smallest."""
    kinesis, shards = boto3.client("kinesis"), sorted(open_shards(STREAM), key=_start)
    if len(shards) <= FEWEST or (len(shards) < MOST and scene.random.random() < 0.5):
        largest = max(shards, key=size)
        point = _start(largest) + int(size(largest) * scene.random.uniform(0.3, 0.7))
        kinesis.split_shard(StreamName=STREAM, ShardToSplit=largest["ShardId"], NewStartingHashKey=str(point))
    else:
        left, right = min(itertools.pairwise(shards), key=lambda pair: size(pair[0]) + size(pair[1]))
        kinesis.merge_shards(StreamName=STREAM, ShardToMerge=left["ShardId"], AdjacentShardToMerge=right["ShardId"])


def _start(shard: "ShardTypeDef") -> int:
    return int(shard["HashKeyRange"]["StartingHashKey"])


@fault("a reshard 2, 4, 3 under load", kind="reshard")
def reshard(scene: Scene) -> None:
    before = splits_and_merges()
    for count in (4, 3, SHARDS):
        scale_to(scene, count)
    scene.reshards += splits_and_merges() - before


@fault("splits and merges", kind="reshard")
def many(scene: Scene) -> None:
    """The next comes before all of the last one's shards are read."""
    before = splits_and_merges()
    for _ in range(int(scene.pick(3, 10))):
        split_or_merge(scene)
        scene.pause(scene.random.uniform(0, 6))
    until_all_move(scene)
    scale_to(scene, SHARDS)
    scene.reshards += splits_and_merges() - before


@fault("kills at a shard's end", kind="SIGKILL at a named step")
def kills_at_the_end(scene: Scene) -> None:
    before = splits_and_merges()
    for step in scene.random.sample(list(SHARD_END), len(SHARD_END)):
        struck = scene.arm(step)
        split_or_merge(scene)
        struck()
        scene.slowest = max(scene.slowest, until_all_move(scene))
        scene.note(f"{step} struck, and the new shards are read")
    scene.reshards += splits_and_merges() - before
