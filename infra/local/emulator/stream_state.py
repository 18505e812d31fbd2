"""Streams saved and restored: packed records, and sequence numbers that go on where they stopped.

Defect: ministack copies every record to save it, which doubles its memory, and begins its counter anew.
"""

from collections.abc import Callable
from typing import Any

from infra.local.emulator.sequence import SequenceNumbers
from infra.local.emulator.shapes import Stream
from infra.local.emulator.shard_log import ShardLog
from infra.local.emulator.upstream import ScopedDict, consumers, resource_policies, streams


def saving(numbers: SequenceNumbers) -> Callable[[], dict[str, Any]]:
    def save() -> dict[str, Any]:
        packed = ScopedDict()
        for (account, region, name), stream in streams.all_items():
            packed.set_scoped(account, region, name, _packed(stream))
        return {
            "streams": packed,
            "consumers": consumers,
            "resource_policies": resource_policies,
            "last_sequence_number": numbers.last,
        }

    return save


def restoring(
    load_state: Callable[[dict[str, Any]], None], numbers: SequenceNumbers
) -> Callable[[dict[str, Any]], None]:
    def load(state: dict[str, Any]) -> None:
        numbers.resume(state.pop("last_sequence_number"))
        for stream in state["streams"].all_values():
            for shard in stream["shards"].values():
                shard["records"] = ShardLog.unpacked(shard["records"])
        load_state(state)

    return load


def _packed(stream: Stream) -> dict[str, Any]:
    shards = {name: {**shard, "records": shard["records"].packed()} for name, shard in stream["shards"].items()}
    return {**stream, "shards": shards}
