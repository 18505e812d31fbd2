"""What a batch adds to the counts that people and checks read, by the minute in which Kinesis took its records."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from consumer.domain import Line


class Tally(NamedTuple):
    """Lines evaluated, anomalies that are new, lines that could not be evaluated; and of those evaluated, where rules
    have windows, the ones that are dated too far from their receipt for any window but their own.
    """

    transactions: int = 0
    anomalies: int = 0
    dead_letters: int = 0
    late: int = 0


def minutes(moments: Iterable[datetime]) -> Counter[datetime]:
    """How many of them in each minute. The lines of one record have one moment."""
    found = Counter[datetime]()
    for moment, times in Counter(moments).items():
        found[moment.replace(second=0, microsecond=0)] += times
    return found


def by_minute(
    evaluated: Counter[datetime], anomalies: Iterable[Line], dead: Iterable[Line], late: Iterable[Line]
) -> dict[datetime, Tally]:
    """``evaluated``: lines a minute. ``anomalies`` holds the line of each anomaly."""
    new, lost, behind = (minutes(line.arrived_at for line in lines) for lines in (anomalies, dead, late))
    all_minutes = evaluated.keys() | new.keys() | lost.keys() | behind.keys()
    return {at: Tally(evaluated[at], new[at], lost[at], behind[at]) for at in all_minutes}


def total(tallies: Iterable[Tally]) -> Tally:
    return Tally(*(sum(column) for column in zip(*tallies, strict=True)))
