"""KCL's leader lock. Only the leader hands out leases that nobody has: those of new shards, and of workers that died.

A worker that crashed holds the lock for two minutes more, and KCL does not take it for its own when it comes back. New
shards would then be read by nobody for so long.
"""

from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from consumer.errors import RetryError
from consumer.leases import TIMEOUTS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEADER = {"key": {"S": "Leader"}}
NOT_OURS = frozenset({"ResourceNotFoundException", "ConditionalCheckFailedException"})


def give_up_leadership(application: str, worker: str, region: str) -> None:
    """Frees the lock where the former life of ``worker`` has it, so that whoever is first becomes the leader.

    A worker that lives after all stops leading at its next heartbeat. Raises RetryError.
    """
    _delete(
        boto3.client("dynamodb", region_name=region, config=TIMEOUTS),
        TableName=f"{application}-CoordinatorState",
        Key=LEADER,
        ConditionExpression="ownerName = :worker",
        ExpressionAttributeValues={":worker": {"S": worker}},
    )


def leave(application: str, worker: str, region: str) -> None:
    """What KCL leaves behind at its stop: the lock, where it had no time to free it, and the worker's figures.

    By those it counts as there for a minute more, and the leader gives it leases that nobody reads. Raises RetryError.
    """
    give_up_leadership(application, worker, region)
    dynamodb = boto3.client("dynamodb", region_name=region, config=TIMEOUTS)
    _delete(dynamodb, TableName=f"{application}-WorkerMetricStats", Key={"wid": {"S": worker}})


def _delete(dynamodb: "DynamoDBClient", **item: Any) -> None:
    try:
        dynamodb.delete_item(**item)
    except ClientError as error:
        if error.response["Error"]["Code"] not in NOT_OURS:
            raise RetryError(f"the table {item['TableName']} cannot be changed: {error}") from error
    except BotoCoreError as error:
        raise RetryError(f"the table {item['TableName']} cannot be changed: {error}") from error
