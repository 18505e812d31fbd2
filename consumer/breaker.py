"""When so many records cannot be evaluated that it is a bad deploy and not bad data. No database, no clock.

The window is counted in records of one shard and not in seconds, so that a quiet night and a flood are judged alike,
and a batch that comes again is judged as before. A packed record counts once, by the share of its lines, so that one
poisoned record is never a flood.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from consumer.domain import DeadLetter, Record

MOST_REASONS = 5


@dataclass(frozen=True)
class Limit:
    """Trips when more than ``share`` of a shard's last ``window`` records cannot be evaluated. A share of 1: never."""

    share: float = 0.5
    window: int = 100


class Count(NamedTuple):
    """Of one batch; ``undecodable`` counts a packed record in part."""

    records: int
    undecodable: float


class Window(NamedTuple):
    """The counts of a shard's last batches, as few as hold the limit's number of records."""

    counts: tuple[Count, ...] = ()

    @property
    def records(self) -> int:
        return sum(count.records for count in self.counts)

    @property
    def undecodable(self) -> float:
        return math.fsum(count.undecodable for count in self.counts)

    def after(self, count: Count, limit: Limit) -> "Window":
        counts = (*self.counts, count)
        while len(counts) > 1 and sum(one.records for one in counts[1:]) >= limit.window:
            counts = counts[1:]
        return Window(counts)

    def exceeds(self, limit: Limit) -> bool:
        return self.records >= limit.window and self.undecodable > limit.share * self.records


class Trip(NamedTuple):
    """What tripped it: the window, the first record that could not be evaluated, and the reasons."""

    window: Window
    sequence_number: int
    reasons: str


def is_judged(arrived_at: datetime, passes_until: datetime | None) -> bool:
    """What Kinesis took before the reset passes."""
    return passes_until is None or arrived_at >= passes_until


def count(records: Sequence[Record], lines: Counter[int], dead: Sequence[DeadLetter]) -> Count:
    """``lines``: how many each record has, by sequence number."""
    lost = Counter(letter.line.position.sequence_number for letter in dead)
    numbers = [record.sequence_number for record in records]
    return Count(len(numbers), math.fsum(lost[number] / lines[number] for number in numbers if lost[number]))


def trip(window: Window, dead: Sequence[DeadLetter]) -> Trip:
    reasons = Counter(letter.reason for letter in dead).most_common(MOST_REASONS)
    words = "; ".join(f"{reason} ({number:,})" for reason, number in reasons)
    return Trip(window, min(letter.line.position.sequence_number for letter in dead), words)
