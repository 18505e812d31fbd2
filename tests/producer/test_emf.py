"""CloudWatch is told each minute's counts: none left out, none twice, each line in its own minute."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from producer.emf import MinuteReport, to_log_stream
from producer.metrics import CLOUDWATCH
from tests.producer.fakes import FakeTime, metrics

FULL_MINUTE = 1_795_435_200.0


@dataclass
class Told:
    """A report that begins 37.5 seconds after the full minute, and what it has written."""

    time: FakeTime = field(default_factory=lambda: FakeTime(FULL_MINUTE + 37.5))
    lines: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics = metrics()
        self.report = MinuteReport("payments", self.metrics, self.time.clock, self._write)

    def _write(self, line: str) -> None:
        assert "\n" not in line
        self.lines.append(json.loads(line))

    def count(self, **transactions: int) -> None:
        for status, count in transactions.items():
            self.metrics.transactions[status].inc(count)

    def counts(self) -> list[tuple[int, ...]]:
        return [tuple(line[name] for name in CLOUDWATCH) for line in self.lines]


def test_a_line_is_in_the_format_that_cloudwatch_makes_metrics_of() -> None:
    told = Told()
    told.count(accepted=3, rejected=1)
    told.report.tell()
    assert told.lines == [
        {
            "_aws": {
                "Timestamp": 1_795_435_237_500,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "payments",
                        "Dimensions": [["Service"]],
                        "Metrics": [
                            {"Name": "Accepted", "Unit": "Count"},
                            {"Name": "Rejected", "Unit": "Count"},
                            {"Name": "Unavailable", "Unit": "Count"},
                        ],
                    }
                ],
            },
            "Service": "producer",
            "Accepted": 3,
            "Rejected": 1,
            "Unavailable": 0,
        }
    ]


def test_each_line_has_what_was_counted_since_the_one_before() -> None:
    told = Told()
    told.count(accepted=3, unavailable=2)
    told.report.tell()
    told.report.tell()
    told.count(accepted=4, rejected=1)
    told.report.tell()
    assert told.counts() == [(3, 0, 2), (0, 0, 0), (4, 1, 0)]


async def test_a_line_is_written_at_each_full_minute_and_dated_by_its_beginning() -> None:
    told = Told()

    async def sleep(seconds: float) -> None:
        await told.time.sleep(seconds)
        told.time.now += 0.004  # nobody wakes up on time
        told.count(accepted=1)
        if len(told.time.sleeps) == 4:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await told.report.each_minute(sleep)
    assert [round(seconds, 3) for seconds in told.time.sleeps] == [22.5, 59.996, 59.996, 59.996]
    begun = [line["_aws"]["Timestamp"] / 1000 - FULL_MINUTE for line in told.lines]
    assert [round(seconds, 3) for seconds in begun] == [37.5, 60.004, 120.004]
    told.report.tell()
    assert told.counts() == [(1, 0, 0)] * 4, "the last one is told by whoever ends it"


def test_it_is_a_line_of_its_own_where_the_log_is(capsys: pytest.CaptureFixture[str]) -> None:
    to_log_stream("{}")
    assert capsys.readouterr() == ("", "{}\n")


def test_a_log_that_nobody_reads_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def write(self, _: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Broken())
    to_log_stream("{}")
