"""Whether the consumer of this container does its work: what a container engine's health check asks."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from consumer.checkpoints import SHARD_END
from consumer.errors import CrashError, RetryError
from consumer.multilang import MAIN_CLASS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PROC = Path("/proc")
CHILD = "consumer.main"
TIMEOUTS = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})


def lease_client(region: str) -> "DynamoDBClient":
    return boto3.client("dynamodb", region_name=region, config=TIMEOUTS)


def require_daemon(dynamodb: "DynamoDBClient", application: str, worker: str, proc: Path = PROC) -> None:
    """KCL's daemon runs here, with a child for each shard whose lease this worker holds.

    Raises CrashError where it does not, and RetryError where the lease table cannot be read. Linux only. The database
    is not asked: an outage is waited out, and a new process would only wait anew.
    """
    commands = list(_commands(proc))
    if not any(MAIN_CLASS in command for command in commands):
        raise CrashError("KCL's daemon is not running")
    children, leases = sum(CHILD in command for command in commands), _held(dynamodb, application, worker)
    if children < leases:
        raise CrashError(f"{leases} shards are this worker's and {children} of them are being read")


def _commands(proc: Path) -> Iterator[list[str]]:
    for file in proc.glob("[0-9]*/cmdline"):
        try:
            yield file.read_text(errors="replace").split("\0")
        except OSError:  # it ended meanwhile
            continue


def _held(dynamodb: "DynamoDBClient", application: str, worker: str) -> int:
    """Leases of shards that are not read to their end; 0 before KCL has made its table."""
    try:
        pages = dynamodb.get_paginator("scan").paginate(TableName=application, ConsistentRead=True)
        leases = [item for page in pages for item in page["Items"]]
    except dynamodb.exceptions.ResourceNotFoundException:
        return 0
    except (ClientError, BotoCoreError) as error:
        raise RetryError(f"the lease table {application} cannot be read: {error}") from error
    return sum(
        lease.get("leaseOwner") == {"S": worker} and lease.get("checkpoint") != {"S": SHARD_END} for lease in leases
    )
