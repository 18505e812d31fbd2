"""Load above capacity: what was accepted is kept, the rest is refused quickly, and the work goes on at full speed."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.load.open_loop import Load, Outcome, run
from tests.load.process import MIB, elsewhere, percentile, resident_bytes, watching
from tests.load.sink import Manner, Sink, serving
from tests.producer.process import Producer, producing
from tests.producer.service import KEY, KEY_TEXT

TIMES_CAPACITY = (0.5, 1.0, 2.0, 5.0, 10.0)
LEAST_GOODPUT = 0.8
MOST_GROWTH_BYTES = 64 * MIB


@dataclass(frozen=True)
class Step:
    """One load, and what became of it; rates are records a second."""

    times: float
    offered: float
    accepted: float
    outcome: Outcome
    missing: int
    peak_bytes: int

    def seconds(self, status: int, share: float) -> float:
        return percentile(self.outcome.seconds.get(status, []), share)


@dataclass(frozen=True)
class Measured:
    steps: list[Step]
    idle_bytes: int

    @property
    def goodput_share(self) -> float:
        """At the highest load, of the best."""
        return self.steps[-1].accepted / max(1.0, *(step.accepted for step in self.steps))

    @property
    def growth_bytes(self) -> int:
        """From the first light load to the most that any load took."""
        return max(step.peak_bytes for step in self.steps) - self.idle_bytes

    def broken(self) -> list[str]:
        """The promises that do not hold."""
        found = [
            (self.goodput_share < LEAST_GOODPUT, f"goodput falls to {self.goodput_share:.0%} of its peak"),
            (self.growth_bytes > MOST_GROWTH_BYTES, f"memory grows by {self.growth_bytes / MIB:.0f} MiB"),
            (any(step.missing for step in self.steps), "accepted transactions are missing"),
        ]
        return [words for is_broken, words in found if is_broken]


def measure(
    capacity: float, records: int, seconds: float, manner: Manner, loads: Sequence[float] = TIMES_CAPACITY
) -> Measured:
    """Loads a producer whose stream takes `capacity` records a second, so many times that, one after the other."""
    settings = {"KEY_QUOTA_PER_SECOND": "100000000", "API_KEYS_REFRESH_SECONDS": "30"}
    with serving(KEY, capacity, manner) as sink, producing(sink.url, **settings) as producer:
        producer.wait_for("keys loaded")
        load = Load(producer.port, KEY_TEXT, 0.1 * capacity / records, records, 5)
        elsewhere(run, load)
        idle = resident_bytes(producer.process.pid)
        steps = [_step(times, capacity, records, seconds, producer, sink) for times in loads]
    return Measured(steps, idle)


def _step(times: float, capacity: float, records: int, seconds: float, producer: Producer, sink: Sink) -> Step:
    rate = times * capacity / records
    load = Load(producer.port, KEY_TEXT, rate, records, seconds, first=int(times * 1_000_000))
    with watching(producer.process.pid) as peak:
        outcome = elsewhere(run, load)
    missing = len(outcome.accepted - sink.taken())
    return Step(times, rate * records, outcome.in_time / seconds, outcome, missing, peak.bytes)
