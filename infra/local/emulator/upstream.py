"""What the corrections use and replace of ministack 1.5.33: its private names, once, with types.

They may change with any release of it, so its version is pinned exactly. Importing this reads ministack's environment.
"""

# ruff: noqa: SLF001 - the corrections reach ministack's private names, here and nowhere else

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NotRequired, TypedDict

from ministack import app
from ministack.core import persistence, responses
from ministack.services import firehose, kinesis, s3, ses

from infra.local.emulator.shard_log import ShardLog

Request = Mapping[str, Any]
Body = dict[str, Any]
Answer = tuple[int, dict[str, str], Any]
Handler = Callable[[Request], Answer]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Shard(TypedDict):
    """A shard as ministack holds it; it is closed once it has an ``ending_sequence_number``. Hash keys are decimal."""

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
    """A stream as ministack holds it."""

    StreamName: str
    StreamARN: str
    StreamStatus: str
    StreamModeDetails: dict[str, str]
    RetentionPeriodHours: int
    CreationTimestamp: float
    EncryptionType: str
    shards: dict[str, Shard]


class DeliveryStream(TypedDict):
    """A Firehose delivery stream as ministack holds it."""

    name: str
    arn: str
    version: int


class Destination(TypedDict):
    """A delivery stream's destination as ministack holds it."""

    id: str
    config: dict[str, Any]
    records: list[Any]


StreamingResponse: Callable[[Callable[[Send, Receive], Awaitable[None]]], Any] = responses.StreamingResponse
error_answer: Callable[[str, str, int], Answer] = responses.error_response_json
request_scope: Callable[[str, str], AbstractContextManager[None]] = responses.request_scope
ScopedDict: Callable[[], Any] = responses.AccountRegionScopedDict

to_json: Callable[[Any], Any] = persistence._json_default
from_json: Callable[[dict[str, Any]], Any] = persistence._json_object_hook

streams: Any = kinesis._streams
consumers: Any = kinesis._consumers
resource_policies: Any = kinesis._resource_policies
stream_by_arn: Callable[[str], Stream | None] = kinesis._resolve_stream_by_arn
consumer_by_arn: Callable[[str], Mapping[str, str] | None] = kinesis._consumer_from_arn
eventstream_message: Callable[[Mapping[str, str], bytes], bytes] = kinesis._eventstream_message

evaluated_prefix: Callable[[str, Any], str] = firehose._evaluate_prefix
bucket_of_arn: Callable[[str], str] = firehose._s3_bucket_from_arn

sent_mails: Any = ses._sent_emails
mails_of_this_account: Callable[[], list[dict[str, Any]]] = ses._sent_emails_list


def find_stream(request: Request) -> Stream | None:
    """The stream that ``StreamName`` or ``StreamARN`` names."""
    found: Stream | None = kinesis._resolve_stream(request)[1]
    return found


__all__ = ["app", "firehose", "kinesis", "s3", "ses"]
