"""KCL's lease table, read only."""

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from consumer.checkpoints import SHARD_END
from consumer.errors import RetryError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TIMEOUTS = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})


def held_leases(application: str, worker: str, region: str) -> int:
    """How many shards that are not read to their end are ``worker``'s; 0 before KCL has made its table.

    Raises RetryError.
    """
    leases = _leases(boto3.client("dynamodb", region_name=region, config=TIMEOUTS), application)
    mine = [lease for lease in leases if lease.get("leaseOwner") == {"S": worker}]
    return sum(lease.get("checkpoint") != {"S": SHARD_END} for lease in mine)


def _leases(dynamodb: "DynamoDBClient", application: str) -> list[dict[str, Any]]:
    try:
        pages = dynamodb.get_paginator("scan").paginate(TableName=application, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]
    except dynamodb.exceptions.ResourceNotFoundException:
        return []
    except (ClientError, BotoCoreError) as error:
        raise RetryError(f"the lease table {application} cannot be read: {error}") from error
