"""KCL's leader lock. Only the leader hands out leases that nobody has: those of new shards, and of workers that died.

A worker that crashed holds the lock for two minutes more, and KCL does not take it for its own when it comes back. New
shards would then be read by nobody for so long.
"""

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from consumer.errors import RetryError
from consumer.leases import TIMEOUTS

LEADER = {"key": {"S": "Leader"}}
NOT_OURS = frozenset({"ResourceNotFoundException", "ConditionalCheckFailedException"})


def give_up_leadership(application: str, worker: str, region: str) -> None:
    """Frees the lock where the former life of ``worker`` has it, so that whoever is first becomes the leader.

    A worker that lives after all stops leading at its next heartbeat. Raises RetryError.
    """
    dynamodb = boto3.client("dynamodb", region_name=region, config=TIMEOUTS)
    table = f"{application}-CoordinatorState"
    try:
        dynamodb.delete_item(
            TableName=table,
            Key=LEADER,
            ConditionExpression="ownerName = :worker",
            ExpressionAttributeValues={":worker": {"S": worker}},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in NOT_OURS:
            raise RetryError(f"the table {table} cannot be changed: {error}") from error
    except BotoCoreError as error:
        raise RetryError(f"the table {table} cannot be changed: {error}") from error
