"""Streams and shards told of as they are.

Defects: ministack knows no closed shard, so it tells no EndingSequenceNumber, counts every shard as open and ignores
ListShards' ShardFilter, by which KCL finds where to start; a stream's creation time is in whole seconds, so a stream
made anew within a second could pass for the old one.
"""

from collections.abc import Callable
from typing import Any

from infra.local.emulator.lineage import is_open, open_shards, was_open
from infra.local.emulator.shapes import OK, Answer, Handler, Request, Shard, Stream
from infra.local.emulator.shard_log import ShardLog
from infra.local.emulator.upstream import find_stream

Clock = Callable[[], float]


def creating(create_stream: Handler, clock: Clock) -> Handler:
    """Creation time to the millisecond."""

    def create(request: Request) -> Answer:
        answer = create_stream(request)
        if answer[0] == OK and (stream := find_stream(request)):
            stream["CreationTimestamp"] = round(clock(), 3)
        return answer

    return create


def building(build_shards: Callable[..., dict[str, Shard]], clock: Clock) -> Callable[..., dict[str, Shard]]:
    """New streams' shards hold packed records and know when they were opened."""

    def build(*arguments: Any, **options: Any) -> dict[str, Shard]:
        shards, now = build_shards(*arguments, **options), clock()
        for shard in shards.values():
            shard["records"] = ShardLog()
            shard["opened_at"] = now
        return shards

    return build


def telling(shard_out: Callable[[str, Shard], dict[str, Any]]) -> Callable[[str, Shard], dict[str, Any]]:
    def tell(shard_id: str, shard: Shard) -> dict[str, Any]:
        told = shard_out(shard_id, shard)
        if not is_open(shard):
            told["SequenceNumberRange"]["EndingSequenceNumber"] = shard["ending_sequence_number"]
        return told

    return tell


def summarizing(describe_stream_summary: Handler) -> Handler:
    def summarize(request: Request) -> Answer:
        answer = describe_stream_summary(request)
        if answer[0] == OK and (stream := find_stream(request)):
            answer[2]["StreamDescriptionSummary"]["OpenShardCount"] = len(open_shards(stream))
        return answer

    return summarize


def filtering(list_shards: Handler, clock: Clock) -> Handler:
    """ListShards' ShardFilter, applied to each page."""

    def list_filtered(request: Request) -> Answer:
        answer = list_shards(request)
        if answer[0] == OK and "ShardFilter" in request and (stream := find_stream(request)):
            body = answer[2]
            body["Shards"] = [
                told
                for told in body["Shards"]
                if _passes(request["ShardFilter"], told["ShardId"], stream["shards"][told["ShardId"]], stream, clock())
            ]
        return answer

    return list_filtered


def _passes(wanted: dict[str, Any], shard_id: str, shard: Shard, stream: Stream, now: float) -> bool:
    horizon = max(stream["CreationTimestamp"], now - stream["RetentionPeriodHours"] * 3600)
    match wanted["Type"]:
        case "AT_LATEST":
            return is_open(shard)
        case "AT_TRIM_HORIZON":
            return was_open(shard, max(horizon, _first_opening(stream)))
        case "AT_TIMESTAMP":
            return was_open(shard, max(float(wanted["Timestamp"]), _first_opening(stream)))
        case "FROM_TIMESTAMP":
            return shard.get("closed_at", float("inf")) > float(wanted["Timestamp"])
        case "AFTER_SHARD_ID":
            return shard_id > str(wanted["ShardId"])
        case _:
            return True


def _first_opening(stream: Stream) -> float:
    return min(shard["opened_at"] for shard in stream["shards"].values())
