"""Kinesis in CBOR, as the Java SDK speaks it: by hand, from its bytes."""

import contextlib
import http.client
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from botocore.eventstream import EventStreamBuffer

from infra.local.emulator.codecs import CBOR
from tests.integration.emulator import (
    Emulator,
    create_stream,
    iterator,
    open_ids,
    put,
    running,
    shards_of,
)

CONTENT_TYPE = "application/x-amz-cbor-1.1"
NOT_TEXT = b"\x00\xff\xc1not text"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as found:
        yield found


@pytest.fixture
def kinesis(emulator: Emulator) -> Any:
    return emulator.client("kinesis")


@pytest.fixture
def stream(kinesis: Any, request: pytest.FixtureRequest) -> str:
    name = request.node.name.replace("[", "-").replace("]", "")
    create_stream(kinesis, name)
    return str(name)


def ask(emulator: Emulator, operation: str, parameters: dict[str, Any]) -> tuple[int, str, bytes]:
    """Status, content type and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=10)
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": f"Kinesis_20131202.{operation}"}
    connection.request("POST", "/", cbor2.dumps(parameters), headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, str(response.headers["Content-Type"]), body


def ask_well(emulator: Emulator, operation: str, **parameters: Any) -> Any:
    status, content_type, body = ask(emulator, operation, parameters)
    assert (status, content_type) == (200, CONTENT_TYPE), body
    return CBOR.decode(body)


def tagged(seconds: float) -> bytes:
    """A timestamp's bytes as AWS writes them: tag 1, then milliseconds as an integer of eight bytes."""
    return b"\xc1\x1b" + round(seconds * 1000).to_bytes(8, "big")


def test_data_are_byte_strings_both_ways(emulator: Emulator, kinesis: Any, stream: str) -> None:
    records = [{"Data": NOT_TEXT, "PartitionKey": "a"}, {"Data": b"", "PartitionKey": "b"}]
    assert ask_well(emulator, "PutRecords", StreamName=stream, Records=records)["FailedRecordCount"] == 0
    ask_well(emulator, "PutRecord", StreamName=stream, Data=b"one", PartitionKey="c")
    token = iterator(kinesis, stream, open_ids(kinesis, stream)[0])
    in_cbor = ask_well(emulator, "GetRecords", ShardIterator=token)["Records"]
    in_json = kinesis.get_records(ShardIterator=token)["Records"]
    expected = [NOT_TEXT, b"", b"one"]
    assert [record["Data"] for record in in_cbor] == [record["Data"] for record in in_json] == expected


def test_timestamps_are_tagged_milliseconds(emulator: Emulator, kinesis: Any, stream: str) -> None:
    put(kinesis, stream, ["a"])
    token = iterator(kinesis, stream, open_ids(kinesis, stream)[0])
    arrived = kinesis.get_records(ShardIterator=token)["Records"][0]["ApproximateArrivalTimestamp"]
    assert tagged(arrived.timestamp()) in ask(emulator, "GetRecords", {"ShardIterator": token})[2]
    summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    answer = ask(emulator, "DescribeStreamSummary", {"StreamName": stream})[2]
    assert tagged(summary["StreamCreationTimestamp"].timestamp()) in answer


def test_a_request_for_a_moment_is_understood(emulator: Emulator, kinesis: Any, stream: str) -> None:
    put(kinesis, stream, ["before"])
    time.sleep(0.01)
    moment = time.time()
    put(kinesis, stream, ["after"])
    token = ask_well(
        emulator,
        "GetShardIterator",
        StreamName=stream,
        ShardId=open_ids(kinesis, stream)[0],
        ShardIteratorType="AT_TIMESTAMP",
        Timestamp=cbor2.CBORTag(1, int(moment * 1000)),
    )["ShardIterator"]
    found = ask_well(emulator, "GetRecords", ShardIterator=token)["Records"]
    assert [record["Data"] for record in found] == [b"after"]


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("DescribeStream", {"StreamName": "none"}, "ResourceNotFoundException"),
        ("GetRecords", {"ShardIterator": "none"}, "InvalidArgumentException"),
        ("NoSuchThing", {}, "InvalidAction"),
    ],
)
def test_errors_come_in_cbor(emulator: Emulator, operation: str, parameters: dict[str, Any], code: str) -> None:
    status, content_type, body = ask(emulator, operation, parameters)
    assert (status, content_type, cbor2.loads(body)["__type"]) == (400, CONTENT_TYPE, code)


@pytest.mark.parametrize("language", ["json", "cbor"])
def test_a_subscription_to_a_parent_ends_with_its_children(
    emulator: Emulator, kinesis: Any, stream: str, language: str
) -> None:
    texts = [str(number) for number in range(5)]
    put(kinesis, stream, texts)
    parent = open_ids(kinesis, stream)[0]
    kinesis.split_shard(StreamName=stream, ShardToSplit=parent, NewStartingHashKey="1000")
    ask_for = events_in_json if language == "json" else events_in_cbor
    events = list(ask_for(emulator, stream, parent))
    found = [record["Data"].decode() for event in events for record in event["Records"]]
    assert sorted(found) == texts
    *going_on, last = events
    assert all(event["ContinuationSequenceNumber"] for event in going_on)
    assert "ContinuationSequenceNumber" not in last
    assert [child["ShardId"] for child in last["ChildShards"]] == [
        shard["ShardId"] for shard in shards_of(kinesis, stream)[1:]
    ]


def test_a_subscription_to_an_open_shard_brings_what_comes(emulator: Emulator, kinesis: Any, stream: str) -> None:
    events = events_in_json(emulator, stream, open_ids(kinesis, stream)[0])
    assert next(events)["Records"] == []
    put(kinesis, stream, ["a"])
    assert [record["Data"] for record in next(events)["Records"]] == [b"a"]
    events.close()


def test_a_stop_ends_subscriptions(tmp_path: Path) -> None:
    with running(tmp_path) as emulator:
        kinesis = emulator.client("kinesis")
        create_stream(kinesis, "s")
        events = events_in_json(emulator, "s", open_ids(kinesis, "s")[0])
        next(events)
        code, _, err = emulator.stop()
        assert (code, err) == (0, "")
        assert list(events) == []


def consumer_of(kinesis: Any, stream: str) -> str:
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="test")["Consumer"]
    return str(consumer["ConsumerARN"])


def events_in_json(emulator: Emulator, stream: str, shard: str) -> Generator[Any, None, None]:
    kinesis = emulator.client("kinesis")
    answer = kinesis.subscribe_to_shard(
        ConsumerARN=consumer_of(kinesis, stream), ShardId=shard, StartingPosition={"Type": "TRIM_HORIZON"}
    )
    with contextlib.closing(answer["EventStream"]) as events:
        for event in events:
            yield event["SubscribeToShardEvent"]


def events_in_cbor(emulator: Emulator, stream: str, shard: str) -> list[Any]:
    consumer = consumer_of(emulator.client("kinesis"), stream)
    _, _, body = ask(
        emulator,
        "SubscribeToShard",
        {"ConsumerARN": consumer, "ShardId": shard, "StartingPosition": {"Type": "TRIM_HORIZON"}},
    )
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    messages: list[Any] = list(buffer)
    initial, *events = messages
    assert initial.headers[":event-type"] == "initial-response"
    return [CBOR.decode(event.payload) for event in events]
