"""The AWS resources that Terraform makes on AWS, made on an emulator: safe to repeat, at every start."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import ShardTypeDef

ARCHIVE_PREFIX = "transactions/dt=!{timestamp:yyyy-MM-dd}/hr=!{timestamp:HH}/"
ARCHIVE_ERRORS = "errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/"
RETENTION_HOURS = 168
ROLE = "arn:aws:iam::000000000000:role/local"


class ResourcesFailedError(Exception):
    """The emulator refused a resource; the message is its answer."""


def create_resources(
    *, stream: str, shards: int, bucket: str, keys_secret: str, sender: str, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Stream (7 days' retention), archive bucket, Firehose between them, sender identity, secret for API keys.

    Raises ResourcesFailedError.
    """
    try:
        create_stream(stream, shards, sleep)
        _create_bucket(bucket)
        _create_delivery_stream(stream, bucket)
        boto3.client("ses").verify_email_identity(EmailAddress=sender)
        _create_secret(keys_secret)
    except ClientError as error:
        raise ResourcesFailedError(str(error)) from error


def seed_leases(*, stream: str, application: str, worker: str | None) -> None:
    """Makes KCL's lease table with one lease a shard, to be read from its beginning; leaves one that is there alone.

    KCL waits up to two minutes over an empty lease table; over one that its ``worker`` owns, 5 seconds. For one worker
    alone; None leaves the leases to whoever takes them.
    """
    with _unless("ResourceInUseException"):
        boto3.client("dynamodb").create_table(
            TableName=application,
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        leases = boto3.resource("dynamodb").Table(application)
        for shard in open_shards(stream):
            leases.put_item(Item=_lease(shard, worker))


def open_shards(stream: str) -> "list[ShardTypeDef]":
    shards = boto3.client("kinesis").list_shards(StreamName=stream)["Shards"]
    return [shard for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]


def _lease(shard: "ShardTypeDef", worker: str | None) -> dict[str, Any]:
    return {
        **({"leaseOwner": worker} if worker else {}),
        "leaseKey": shard["ShardId"],
        "leaseCounter": 0,
        "checkpoint": "TRIM_HORIZON",
        "checkpointSubSequenceNumber": 0,
        "ownerSwitchesSinceCheckpoint": 0,
        "startingHashKey": shard["HashKeyRange"]["StartingHashKey"],
        "endingHashKey": shard["HashKeyRange"]["EndingHashKey"],
    }


def create_stream(stream: str, shards: int, sleep: Callable[[float], None] = time.sleep) -> None:
    """Returns when it can be written to."""
    kinesis = boto3.client("kinesis")
    with _unless("ResourceInUseException"):
        kinesis.create_stream(StreamName=stream, ShardCount=shards)
    while (found := kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"])[
        "StreamStatus"
    ] != "ACTIVE":
        sleep(0.2)
    if found["RetentionPeriodHours"] < RETENTION_HOURS:
        kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=RETENTION_HOURS)


def _create_bucket(bucket: str) -> None:
    s3 = boto3.client("s3")
    with _unless("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})  # type: ignore[typeddict-item]


def delivery_stream(stream: str) -> str:
    """The name of the delivery stream that archives ``stream``."""
    return f"{stream}-archive"


def _create_delivery_stream(stream: str, bucket: str) -> None:
    arn = boto3.client("kinesis").describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    with _unless("ResourceInUseException"):
        boto3.client("firehose").create_delivery_stream(
            DeliveryStreamName=delivery_stream(stream),
            DeliveryStreamType="KinesisStreamAsSource",
            KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
            ExtendedS3DestinationConfiguration={
                "RoleARN": ROLE,
                "BucketARN": f"arn:aws:s3:::{bucket}",
                "Prefix": ARCHIVE_PREFIX,
                "ErrorOutputPrefix": ARCHIVE_ERRORS,
                "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
                "CompressionFormat": "GZIP",
            },
        )


def _create_secret(name: str) -> None:
    with _unless("ResourceExistsException"):
        boto3.client("secretsmanager").create_secret(Name=name, SecretString='{"keys": []}')


@contextlib.contextmanager
def _unless(*codes: str) -> Iterator[None]:
    """What follows is already there where AWS answers one of ``codes``."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise


def secret_value(name: str) -> str:
    return boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
