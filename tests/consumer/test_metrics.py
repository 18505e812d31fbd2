"""What the notifier tells CloudWatch: one valid line a minute, whatever goes wrong with it."""

import json
from collections.abc import Mapping

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from consumer.metrics import GAUGES, PERIOD_SECONDS, Metrics, line, reporting

VALUES = {"OpenDeadLetters": 2, "OldestPendingAlertSeconds": 12.5, "FailedEmails": 0}
START = 1_790_000_000.25


class World:
    """A clock to turn by hand, a database that answers or not, and the lines that were written."""

    def __init__(self) -> None:
        self.now = START
        self.error: Exception | None = None
        self.lines: list[str] = []
        self.metrics = Metrics("payments", self.read, self.write, lambda: self.now)

    def read(self) -> Mapping[str, float]:
        if isinstance(self.error, OperationalError):
            raise self.error
        return VALUES

    def write(self, text: str) -> None:
        if isinstance(self.error, OSError):
            raise self.error
        self.lines.append(text)


@pytest.fixture
def world() -> World:
    return World()


def test_a_line_is_what_cloudwatch_reads() -> None:
    written = line("payments", VALUES, START)
    assert "\n" not in written
    document = json.loads(written)
    head = document.pop("_aws")
    assert document == {"Service": "consumer", **VALUES}
    assert head == {
        "Timestamp": 1_790_000_000_250,
        "CloudWatchMetrics": [
            {
                "Namespace": "payments",
                "Dimensions": [["Service"]],
                "Metrics": [
                    {"Name": "OpenDeadLetters", "Unit": "Count"},
                    {"Name": "OldestPendingAlertSeconds", "Unit": "Seconds"},
                    {"Name": "FailedEmails", "Unit": "Count"},
                ],
            }
        ],
    }
    assert set(VALUES) == set(GAUGES)


def test_there_is_one_line_a_minute_however_often_the_notifier_looks(world: World) -> None:
    for _ in range(10 * PERIOD_SECONDS):
        world.metrics.report()
        world.now += 1
    stamps = [json.loads(text)["_aws"]["Timestamp"] for text in world.lines]
    assert stamps == [1000 * (START + PERIOD_SECONDS * minute) for minute in range(10)]


def test_a_clock_that_is_set_back_silences_nothing(world: World) -> None:
    world.metrics.report()
    world.now -= 86_400
    world.metrics.report()
    assert len(world.lines) == 2


@pytest.mark.parametrize("error", [OperationalError("SELECT", {}, Exception("gone")), BrokenPipeError("no reader")])
def test_what_keeps_a_line_away_costs_that_line_and_is_told(error: Exception, world: World) -> None:
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    pause = reporting(wait, world.metrics)
    world.error = error
    with capture_logs() as logged:
        assert [pause(1.0), pause(1.0)] == [False, False]
    assert [entry["event"] for entry in logged] == ["metrics could not be told"]
    world.error = None
    world.now += PERIOD_SECONDS
    assert not pause(1.0)
    assert pauses == [1.0] * 3
    assert len(world.lines) == 1
