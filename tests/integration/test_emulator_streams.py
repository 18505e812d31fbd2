"""Streams as on AWS: lineage over resharding, iterators, limits of a read."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.emulator import (
    create_stream,
    is_open,
    iterator,
    open_ids,
    put,
    read,
    running,
    shards_of,
    texts_by_lineage,
)

HASH_KEYS = 2**128


@pytest.fixture(scope="module")
def kinesis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running(tmp_path_factory.mktemp("emulator")) as emulator:
        yield emulator.client("kinesis")


@pytest.fixture
def stream(kinesis: Any, request: pytest.FixtureRequest) -> str:
    """A stream of the test's own with two shards."""
    name = request.node.name.replace("[", "-").replace("]", "")
    create_stream(kinesis, name, shards=2)
    return str(name)


def scale(kinesis: Any, stream: str, target: int) -> None:
    kinesis.update_shard_count(StreamName=stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING")


def range_of(shard: dict[str, Any]) -> tuple[int, int]:
    keys = shard["HashKeyRange"]
    return int(keys["StartingHashKey"]), int(keys["EndingHashKey"])


def test_each_record_is_read_once_over_a_scale_up_and_down(kinesis: Any, stream: str) -> None:
    texts = [str(number) for number in range(300)]
    put(kinesis, stream, texts[:100])
    scale(kinesis, stream, 4)
    put(kinesis, stream, texts[100:200])
    scale(kinesis, stream, 3)
    put(kinesis, stream, texts[200:])
    assert sorted(texts_by_lineage(kinesis, stream), key=int) == texts


@pytest.mark.parametrize("targets", [[4], [4, 3], [1], [3, 2]])
def test_scaling_leaves_equal_open_shards_that_cover_all_hash_keys(
    kinesis: Any, stream: str, targets: list[int]
) -> None:
    for target in targets:
        scale(kinesis, stream, target)
    ranges = sorted(range_of(shard) for shard in shards_of(kinesis, stream) if is_open(shard))
    count = targets[-1]
    bounds = [number * HASH_KEYS // count for number in range(count + 1)]
    assert ranges == [(first, following - 1) for first, following in itertools.pairwise(bounds)]
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == count


def test_a_split_closes_the_parent_and_names_it_in_its_children(kinesis: Any, stream: str) -> None:
    low, _high = open_ids(kinesis, stream)
    kinesis.split_shard(StreamName=stream, ShardToSplit=low, NewStartingHashKey="1000")
    parent, _, *children = shards_of(kinesis, stream)
    assert not is_open(parent)
    assert [(child["ParentShardId"], range_of(child)[0]) for child in children] == [(low, 0), (low, 1000)]
    ending = int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
    assert all(int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > ending for child in children)


def test_a_merge_closes_both_parents_and_names_them_in_their_child(kinesis: Any, stream: str) -> None:
    low, high = open_ids(kinesis, stream)
    kinesis.merge_shards(StreamName=stream, ShardToMerge=high, AdjacentShardToMerge=low)
    *parents, child = shards_of(kinesis, stream)
    assert not any(is_open(parent) for parent in parents)
    assert (child["ParentShardId"], child["AdjacentParentShardId"]) == (high, low)
    assert range_of(child) == (0, HASH_KEYS - 1)


def test_records_go_to_the_open_shard_of_their_hash_key(kinesis: Any, stream: str) -> None:
    kinesis.split_shard(StreamName=stream, ShardToSplit=open_ids(kinesis, stream)[0], NewStartingHashKey="1000")
    for shard in shards_of(kinesis, stream):
        if is_open(shard):
            for key in range_of(shard):
                answer = kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="any", ExplicitHashKey=str(key))
                assert answer["ShardId"] == shard["ShardId"]


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("split_shard", {"ShardToSplit": "0", "NewStartingHashKey": "0"}, "InvalidArgumentException"),
        ("split_shard", {"ShardToSplit": "0", "NewStartingHashKey": str(HASH_KEYS)}, "InvalidArgumentException"),
        ("split_shard", {"ShardToSplit": "9", "NewStartingHashKey": "5"}, "ResourceNotFoundException"),
        ("split_shard", {"ShardToSplit": "1", "NewStartingHashKey": str(2**127 + 5)}, "ResourceInUseException"),
        ("merge_shards", {"ShardToMerge": "0", "AdjacentShardToMerge": "1"}, "ResourceInUseException"),
        ("merge_shards", {"ShardToMerge": "0", "AdjacentShardToMerge": "3"}, "InvalidArgumentException"),
        ("update_shard_count", {"TargetShardCount": 7}, "InvalidArgumentException"),
        ("update_shard_count", {"TargetShardCount": 1}, "InvalidArgumentException"),
    ],
)
def test_an_impossible_reshard_is_refused_and_changes_nothing(
    kinesis: Any, stream: str, operation: str, parameters: dict[str, Any], code: str
) -> None:
    high = f"shardId-{1:012d}"
    kinesis.split_shard(StreamName=stream, ShardToSplit=high, NewStartingHashKey=str(3 * 2**126))
    before = shards_of(kinesis, stream)
    options = {"ScalingType": "UNIFORM_SCALING"} if operation == "update_shard_count" else {}
    named = {
        name: f"shardId-{int(value):012d}" if name.endswith(("ToSplit", "ToMerge")) else value
        for name, value in parameters.items()
    }
    with pytest.raises(ClientError) as refusal:
        getattr(kinesis, operation)(StreamName=stream, **named, **options)
    assert refusal.value.response["Error"]["Code"] == code
    assert shards_of(kinesis, stream) == before


def test_shards_are_listed_as_a_consumer_that_starts_asks_for_them(kinesis: Any, stream: str) -> None:
    before = shards_of(kinesis, stream)
    created = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamCreationTimestamp"]
    scale(kinesis, stream, 4)
    ids = [shard["ShardId"] for shard in shards_of(kinesis, stream)]

    def listed(**wanted: Any) -> list[str]:
        return [shard["ShardId"] for shard in shards_of(kinesis, stream, ShardFilter=wanted)]

    assert listed(Type="AT_TRIM_HORIZON") == [shard["ShardId"] for shard in before] == ids[:2]
    assert listed(Type="AT_TIMESTAMP", Timestamp=created) == ids[:2]
    assert listed(Type="AT_LATEST") == ids[2:]
    assert listed(Type="AFTER_SHARD_ID", ShardId=ids[3]) == ids[4:]
    assert listed(Type="FROM_TRIM_HORIZON") == listed(Type="FROM_TIMESTAMP", Timestamp=created) == ids


def test_iterators_start_where_they_say(kinesis: Any, stream: str) -> None:
    shard = open_ids(kinesis, stream)[0]
    latest = iterator(kinesis, stream, shard, "LATEST")
    numbers = [
        kinesis.put_record(StreamName=stream, Data=text, PartitionKey="any", ExplicitHashKey="0")["SequenceNumber"]
        for text in (b"a", b"b", b"c")
    ]

    def found(kind: str, **options: Any) -> bytes:
        return b"".join(record["Data"] for record in read(kinesis, stream, shard, kind, **options))

    assert found("TRIM_HORIZON") == b"abc"
    assert found("AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == b"bc"
    assert found("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == b"c"
    assert found("AT_TIMESTAMP", Timestamp=0) == b"abc"
    assert found("AT_TIMESTAMP", Timestamp=4_000_000_000) == b""
    assert found("LATEST") == b""
    assert b"".join(record["Data"] for record in kinesis.get_records(ShardIterator=latest)["Records"]) == b"abc"


def test_a_sequence_number_is_the_same_as_a_number_and_as_text(kinesis: Any, stream: str) -> None:
    number = kinesis.put_record(StreamName=stream, Data=b"a", PartitionKey="any", ExplicitHashKey="0")["SequenceNumber"]
    kinesis.put_record(StreamName=stream, Data=b"b", PartitionKey="any", ExplicitHashKey="0")
    shard = open_ids(kinesis, stream)[0]
    found = read(kinesis, stream, shard, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=str(int(number)))
    assert [record["Data"] for record in found] == [b"b"]


def test_no_two_records_share_a_sequence_number_and_they_rise(kinesis: Any, stream: str) -> None:
    put(kinesis, stream, [str(number) for number in range(500)])
    put(kinesis, stream, [str(number) for number in range(500)])
    by_shard = [
        [int(record["SequenceNumber"]) for record in read(kinesis, stream, shard)]
        for shard in open_ids(kinesis, stream)
    ]
    assert all(numbers == sorted(numbers) for numbers in by_shard)
    assert len(set().union(*by_shard)) == 1000


def test_a_read_ends_at_ten_megabytes_and_goes_on_behind_them(kinesis: Any, stream: str) -> None:
    for _ in range(12):
        kinesis.put_record(StreamName=stream, Data=bytes(1024 * 1024), PartitionKey="any", ExplicitHashKey="0")
    token = iterator(kinesis, stream, open_ids(kinesis, stream)[0])
    first = kinesis.get_records(ShardIterator=token)
    rest = kinesis.get_records(ShardIterator=first["NextShardIterator"])
    assert [len(first["Records"]), len(rest["Records"])] == [9, 3]
    assert first["MillisBehindLatest"] > rest["MillisBehindLatest"] == 0


def test_an_iterator_serves_a_retry(kinesis: Any, stream: str) -> None:
    put(kinesis, stream, ["a"])
    tokens = [iterator(kinesis, stream, shard) for shard in open_ids(kinesis, stream)]
    twice = [[kinesis.get_records(ShardIterator=token)["Records"] for token in tokens] for _ in range(2)]
    assert twice[0] == twice[1] != [[], []]


@pytest.mark.parametrize("token", ["", "bm9uZQ==", "W10=", "W10"])
def test_what_is_no_iterator_is_refused(kinesis: Any, token: str) -> None:
    with pytest.raises(ClientError, match="Invalid ShardIterator"):
        kinesis.get_records(ShardIterator=token or "x")


def test_an_iterator_does_not_read_a_stream_made_anew(kinesis: Any, stream: str) -> None:
    token = iterator(kinesis, stream, open_ids(kinesis, stream)[0])
    kinesis.delete_stream(StreamName=stream)
    create_stream(kinesis, stream)
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.get_records(ShardIterator=token)
