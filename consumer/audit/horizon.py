"""Up to when everything that was received stands on both sides, in the database and in the archive.

A shard is behind by its first record that is not stored; the archive by what Firehose may still hold.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from consumer.errors import RetryError
from consumer.progress import ShardState

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetShardIteratorInputTypeDef

ON_THE_WAY = timedelta(minutes=1)
"""From receivedAt until Kinesis has it, clocks that differ included."""
EMPTY_ANSWERS = 100
"""Kinesis may answer with no record although there are some further on."""


def horizon(kinesis: "KinesisClient", stream: str, states: Iterable[ShardState], buffer: timedelta) -> datetime:
    """Aware, in UTC. Raises RetryError."""
    stored = {state.shard_id: state for state in states}
    now = datetime.now(UTC)
    try:
        shards = kinesis.get_paginator("list_shards").paginate(StreamName=stream)
        names = [shard["ShardId"] for page in shards for shard in page["Shards"]]
        behind = [first_left(kinesis, stream, name, stored) for name in names]
    except (ClientError, BotoCoreError) as error:
        raise RetryError(f"Kinesis does not tell what is left of {stream}: {error}") from error
    return min([now - buffer, *(one for one in behind if one)]) - ON_THE_WAY


def first_left(
    kinesis: "KinesisClient", stream: str, shard_id: str, stored: Mapping[str, ShardState]
) -> datetime | None:
    """When the first record that is not stored arrived; None where there is none. Raises ClientError, BotoCoreError."""
    state = stored.get(shard_id)
    if state and state.ended:
        return None
    asked: GetShardIteratorInputTypeDef = {
        "StreamName": stream,
        "ShardId": shard_id,
        "ShardIteratorType": "TRIM_HORIZON",
    }
    if state and state.stored is not None:
        asked |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": str(state.stored)}
    iterator: str | None = kinesis.get_shard_iterator(**asked)["ShardIterator"]
    for _ in range(EMPTY_ANSWERS):
        if iterator is None:
            return None
        answer = kinesis.get_records(ShardIterator=iterator, Limit=1)
        if answer["Records"]:
            return answer["Records"][0]["ApproximateArrivalTimestamp"].astimezone(UTC)
        if not answer.get("MillisBehindLatest"):
            return None
        iterator = answer.get("NextShardIterator")
    raise RetryError(f"Kinesis gives no record of {shard_id}, and says that there are some")
