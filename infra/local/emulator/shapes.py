"""What ministack's operations take, hold and answer, with types."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NotRequired, TypedDict

from infra.local.emulator.shard_log import ShardLog

Request = Mapping[str, Any]
Body = dict[str, Any]
# Status, headers, body
Answer = tuple[int, dict[str, str], Any]
Handler = Callable[[Request], Answer]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
OK = 200


class Shard(TypedDict):
    """Closed once it has an ``ending_sequence_number``. Hash keys are decimal, times in seconds since 1970."""

    records: ShardLog
    starting_hash_key: str
    ending_hash_key: str
    starting_sequence_number: str
    parent_shard_id: str | None
    adjacent_parent_shard_id: str | None
    opened_at: float
    ending_sequence_number: NotRequired[str]
    closed_at: NotRequired[float]


class Stream(TypedDict):
    StreamName: str
    StreamARN: str
    StreamStatus: str
    StreamModeDetails: dict[str, str]
    RetentionPeriodHours: int
    CreationTimestamp: float
    EncryptionType: str
    shards: dict[str, Shard]


class Destination(TypedDict):
    """Of a delivery stream; ``config`` as the API has it."""

    id: str
    type: str
    config: dict[str, Any]
    records: list[Any]


class DeliveryStream(TypedDict):
    """Firehose's; ``kinesis_source`` as the API describes it."""

    name: str
    arn: str
    status: str
    version: int
    kinesis_source: dict[str, Any] | None
    destinations: list[Destination]
