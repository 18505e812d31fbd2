"""A store in memory that keeps the real one's promises: all or nothing, and fenced by the progress."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import psycopg2
from sqlalchemy.exc import OperationalError

from consumer.breaker import Trip
from consumer.counts import Tally
from consumer.domain import Anomaly, DeadLetter, Finding, Record, Shard
from consumer.refusals import Stored


def outage() -> OperationalError:
    """What SQLAlchemy raises while the database is down."""
    return OperationalError("SELECT 1", {}, psycopg2.OperationalError("connection refused"))


class FakeStore:
    """``failures`` are raised, one a transaction: ("begin", error), or ("commit", error) after it was stored."""

    def __init__(self, *failures: tuple[str, Exception]) -> None:
        self.failures = list(failures)
        self.done: dict[Shard, int | None] = {}
        self.ended: list[Shard] = []
        self.trips: list[Trip] = []
        self.held = False
        self.findings: list[Finding] = []
        self.dead_letters: list[DeadLetter] = []
        self.counts: list[Mapping[datetime, Tally]] = []

    def take_up(self, shard: Shard) -> int | None:
        self._fail("begin")
        return self.done.setdefault(shard, None)

    @contextmanager
    def shard(self, shard: Shard) -> Iterator["FakeWork"]:
        self._fail("begin")
        work = FakeWork(self.done[shard])
        self.held = True
        yield work
        self.held = False
        self.done[shard] = work.done
        self.findings += work.findings
        self.dead_letters += work.dead_letters
        self.counts += work.counts
        self.ended += [shard] * work.ended
        self._fail("commit")

    def trip(self, shard: Shard, trip: Trip, seen: datetime | None) -> None:
        self.trips.append(trip)

    def _fail(self, where: str) -> None:
        if self.failures and self.failures[0][0] == where:
            raise self.failures.pop(0)[1]


class FakeWork:
    passes_until: datetime | None = None

    def __init__(self, done: int | None) -> None:
        self.done = done
        self.ended = False
        self.findings: list[Finding] = []
        self.dead_letters: list[DeadLetter] = []
        self.counts: list[Mapping[datetime, Tally]] = []

    def insert(self, findings: Sequence[Finding], undecodable: Sequence[DeadLetter]) -> Stored:
        self.findings += [one for one in findings if one.matches]
        self.dead_letters += undecodable
        return Stored([Anomaly(one.line, one.transaction, match) for one in findings for match in one.matches], [])

    def move_to(self, last: Record, counts: Mapping[datetime, Tally]) -> None:
        self.done = last.sequence_number
        self.counts.append(counts)

    def end(self) -> None:
        self.ended = True
