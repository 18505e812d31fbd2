"""Records and closed shards that live as long as their stream's retention says.

Defect: ministack rebuilds every shard's list of records at every call, expired or not: the rate of PutRecords halves in
seconds.
"""

from collections.abc import Callable

from infra.local.emulator.lineage import is_open
from infra.local.emulator.shapes import Shard, Stream


def expiring(clock: Callable[[], float]) -> Callable[[Stream], None]:
    """Looks at one record a shard when nothing has expired."""

    def expire(stream: Stream) -> None:
        horizon = clock() - stream["RetentionPeriodHours"] * 3600
        for shard in stream["shards"].values():
            shard["records"].forget(before=horizon)
        for shard_id in [found for found, shard in stream["shards"].items() if _is_past(shard, horizon)]:
            del stream["shards"][shard_id]

    return expire


def _is_past(shard: Shard, horizon: float) -> bool:
    return not is_open(shard) and not shard["records"] and shard["closed_at"] < horizon
