"""Firehose buffers, compresses, names objects by time, and loses nothing to a bucket that is not there."""

import gzip
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.emulator import REGION, ROLE, Emulator, create_stream, put, running, wait_for

PREFIX = "transactions/dt=!{timestamp:yyyy-MM-dd}/hr=!{timestamp:HH}/"
NAME = re.compile(r"transactions/dt=\d{4}-\d\d-\d\d/hr=\d\d/[a-z-]+-1-\d{4}(-\d\d){5}-\d{30}\.gz")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator"), FIREHOSE_MAX_INTERVAL_SECONDS="0.2") as found:
        yield found


@pytest.fixture(scope="module")
def unhurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator that waits as long as a delivery stream says."""
    with running(tmp_path_factory.mktemp("emulator")) as found:
        yield found


def archive_of(emulator: Emulator, name: str, source: str | None, **configuration: Any) -> None:
    """A delivery stream from Kinesis stream ``source``, or put to directly, to bucket ``name``."""
    from_stream = {
        "DeliveryStreamType": "KinesisStreamAsSource",
        "KinesisStreamSourceConfiguration": {"KinesisStreamARN": source, "RoleARN": ROLE},
    }
    emulator.client("firehose").create_delivery_stream(
        DeliveryStreamName=f"{name}-archive",
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{name}",
            "Prefix": PREFIX,
            "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 900},
            "CompressionFormat": "GZIP",
            **configuration,
        },
        **(from_stream if source else {"DeliveryStreamType": "DirectPut"}),
    )


def create_bucket(emulator: Emulator, name: str) -> None:
    emulator.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def objects(emulator: Emulator, bucket: str) -> dict[str, bytes]:
    """Body by key, in the order that S3 lists them."""
    s3 = emulator.client("s3")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def has_objects(emulator: Emulator, bucket: str, count: int) -> bool:
    return len(objects(emulator, bucket)) == count


def test_many_records_become_one_object_of_their_bytes(emulator: Emulator) -> None:
    kinesis = emulator.client("kinesis")
    archive_of(emulator, "many", create_stream(kinesis, "many", shards=2))
    create_bucket(emulator, "many")
    lines = [f"line {number}\n" for number in range(1000)]
    put(kinesis, "many", lines[:500])
    put(kinesis, "many", lines[500:])
    found = wait_for(lambda: objects(emulator, "many"))
    assert len(found) == 1
    (key, body), *_ = found.items()
    assert NAME.fullmatch(key)
    assert gzip.decompress(body).decode() == "".join(lines)


def test_the_names_of_objects_rise_with_time(emulator: Emulator) -> None:
    kinesis = emulator.client("kinesis")
    archive_of(emulator, "rising", create_stream(kinesis, "rising"))
    create_bucket(emulator, "rising")
    for count in range(1, 4):
        put(kinesis, "rising", [str(count)])
        wait_for(partial(has_objects, emulator, "rising", count))
    assert [gzip.decompress(body) for body in objects(emulator, "rising").values()] == [b"1", b"2", b"3"]


def test_a_full_buffer_is_delivered_before_its_time(unhurried: Emulator) -> None:
    kinesis = unhurried.client("kinesis")
    arn = create_stream(kinesis, "full")
    hints = {"SizeInMBs": 1, "IntervalInSeconds": 900}
    archive_of(unhurried, "full", arn, BufferingHints=hints, CompressionFormat="UNCOMPRESSED")
    create_bucket(unhurried, "full")
    for _ in range(2):
        kinesis.put_record(StreamName="full", Data=bytes(600_000), PartitionKey="any")
    found = wait_for(lambda: objects(unhurried, "full"))
    assert [len(body) for body in found.values()] == [1_200_000]


def test_records_put_to_the_delivery_stream_itself_are_buffered_too(emulator: Emulator) -> None:
    archive_of(emulator, "direct", source=None)
    create_bucket(emulator, "direct")
    firehose = emulator.client("firehose")
    for number in range(3):
        firehose.put_record(DeliveryStreamName="direct-archive", Record={"Data": str(number).encode()})
    firehose.put_record_batch(DeliveryStreamName="direct-archive", Records=[{"Data": b"3"}, {"Data": b"4"}])
    found = wait_for(lambda: objects(emulator, "direct"))
    assert [gzip.decompress(body) for body in found.values()] == [b"01234"]


def test_records_wait_for_a_bucket_that_is_not_there(emulator: Emulator) -> None:
    kinesis = emulator.client("kinesis")
    archive_of(emulator, "late", create_stream(kinesis, "late"))
    put(kinesis, "late", ["a"])
    # The other archive's object says that this one's time has come too.
    archive_of(emulator, "other", create_stream(kinesis, "other"))
    create_bucket(emulator, "other")
    put(kinesis, "other", ["b"])
    wait_for(lambda: objects(emulator, "other"))
    create_bucket(emulator, "late")
    put(kinesis, "late", ["c"])
    found = wait_for(lambda: objects(emulator, "late"))
    assert b"".join(gzip.decompress(body) for body in found.values()) == b"ac"


def test_a_stop_delivers_what_is_buffered_and_keeps_no_record_in_memory(tmp_path: Path) -> None:
    with running(tmp_path) as emulator:
        kinesis = emulator.client("kinesis")
        archive_of(emulator, "stopped", create_stream(kinesis, "stopped"))
        create_bucket(emulator, "stopped")
        put(kinesis, "stopped", ["a", "b"])
        archive_of(emulator, "direct", source=None)
        record = {"Data": b"nowhere else"}
        emulator.client("firehose").put_record(DeliveryStreamName="direct-archive", Record=record)
        assert objects(emulator, "stopped") == {}
        emulator.restart()
        assert [gzip.decompress(body) for body in objects(emulator, "stopped").values()] == [b"ab"]
        saved = next(emulator.state.glob("*/firehose.json")).read_text()
        assert saved.count('"records": []') == saved.count('"records"') == 2
