"""Which life of a stream this is: made anew under the old name, a stream begins anew."""

from datetime import UTC
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from consumer.errors import CrashError, RetryError

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

TIMEOUTS = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 5})


def kinesis_client(region: str) -> "KinesisClient":
    return boto3.client("kinesis", region_name=region, config=TIMEOUTS)


def stream_incarnation(kinesis: "KinesisClient", stream_name: str) -> str:
    """The stream's ARN and creation time, ``ARN@RFC3339``. Raises CrashError or RetryError."""
    try:
        summary = kinesis.describe_stream_summary(StreamName=stream_name)["StreamDescriptionSummary"]
    except kinesis.exceptions.ResourceNotFoundException:
        raise CrashError(f"there is no stream {stream_name} in {kinesis.meta.region_name}") from None
    except (ClientError, BotoCoreError) as error:
        raise RetryError(f"Kinesis does not describe the stream {stream_name}: {error}") from error
    created = summary["StreamCreationTimestamp"].astimezone(UTC)
    return f"{summary['StreamARN']}@{created.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"
