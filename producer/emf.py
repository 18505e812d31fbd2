"""What CloudWatch is told once a minute: a line of the log, in the embedded metric format that it makes metrics of."""

import contextlib
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from producer.metrics import CLOUDWATCH, Metrics

MINUTE_SECONDS = 60.0
SERVICE = "producer"


def to_log_stream(line: str) -> None:
    """Past the log, which would add to the line, or leave it out at some levels. It is no fault if nobody reads."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


@dataclass
class MinuteReport:
    """The counts since the line before, dated by when they began, so that each line belongs to one minute.

    `clock` counts the seconds since 1970.
    """

    namespace: str
    metrics: Metrics
    clock: Callable[[], float]
    write: Callable[[str], None]
    _since: float = field(init=False)
    _told: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._since = self.clock()

    async def each_minute(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """For ever, at the full minute. What was counted since the last one is left to whoever ends it."""
        while True:
            await sleep(MINUTE_SECONDS - self.clock() % MINUTE_SECONDS)
            self.tell()

    def tell(self) -> None:
        counted = {name: self.metrics.transactions_answered(status) for name, status in CLOUDWATCH.items()}
        self.write(json.dumps(self._line({name: count - self._told.get(name, 0) for name, count in counted.items()})))
        self._since, self._told = self.clock(), counted

    def _line(self, counts: dict[str, int]) -> dict[str, Any]:
        directive = {
            "Namespace": self.namespace,
            "Dimensions": [["Service"]],
            "Metrics": [{"Name": name, "Unit": "Count"} for name in counts],
        }
        return {
            "_aws": {"Timestamp": int(self._since * 1000), "CloudWatchMetrics": [directive]},
            "Service": SERVICE,
            **counts,
        }
