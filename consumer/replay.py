"""Archived lines once more through decode ▸ detect ▸ insert, without the stream's fence: the repair of a gap."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from consumer.archive import ArchiveObject, lines_of
from consumer.detect import CONFLICTING_CONTENT, Rules
from consumer.domain import DeadLetter, Finding, Line, Position, Shard
from consumer.errors import CrashError
from consumer.pipeline import Evaluation, evaluate
from consumer.refusals import Stored

LINES_A_TRANSACTION = 5_000
ARCHIVE = "archive"  # stands where a replayed anomaly's stream would: the archive does not tell shard and number
FIRST_TIME = datetime.min.replace(tzinfo=UTC)
LAST_TIME = datetime.max.replace(tzinfo=UTC)

Insert = Callable[[Sequence[Finding]], Stored]


@dataclass(frozen=True)
class Window:
    """By the producer's clock: from ``begin``, before ``end``."""

    begin: datetime = FIRST_TIME
    end: datetime = LAST_TIME

    def holds(self, finding: Finding) -> bool:
        return self.begin <= finding.transaction.received_at < self.end


def instant(text: str) -> datetime:
    """An RFC 3339 time with its offset. Raises CrashError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = FIRST_TIME.replace(tzinfo=None)
    if found.tzinfo is None:
        raise CrashError(f"{text} is no time with an offset, like 2026-11-23T10:00:00Z")
    return found


@dataclass
class Summary:
    """Lines read; anomalies and conflicts added; anomalies that were there; lines that cannot be evaluated."""

    lines: int = 0
    added: int = 0
    conflicts: int = 0
    known: int = 0
    undecodable: int = 0


class Replay:
    """Safe to repeat, and to interrupt. ``tell`` hears of each line that cannot be evaluated."""

    def __init__(self, rules: Rules, insert: Insert, window: Window, tell: Callable[[DeadLetter], None]) -> None:
        self.summary = Summary()
        self._rules = rules
        self._insert = insert
        self._window = window
        self._tell = tell

    def read(self, archived: ArchiveObject, advance: Callable[[int], None]) -> None:
        """``advance`` hears of the object's stored bytes that are behind. Raises what insert and open raise."""
        behind = 0
        with archived.open() as stored:
            for lines in portions(archived_lines(archived.name, lines_of(stored))):
                self._replay(lines)
                advance(stored.tell() - behind)
                behind = stored.tell()

    def _replay(self, lines: list[Line]) -> None:
        evaluation = evaluate(self._rules, lines)
        findings = [finding for finding in evaluation.findings if self._window.holds(finding)]
        stored = self._insert(findings)
        self._count(len(lines), findings, evaluation, stored)
        for letter in (*evaluation.undecodable, *stored.refused):
            self._tell(letter)

    def _count(self, lines: int, findings: Sequence[Finding], evaluation: Evaluation, stored: Stored) -> None:
        conflicts = sum(anomaly.match.rule_id == CONFLICTING_CONTENT for anomaly in stored.anomalies)
        added = len(stored.anomalies) - conflicts
        refused = {letter.line.position for letter in stored.refused}
        matches = sum(len(finding.matches) for finding in findings if finding.line.position not in refused)
        self.summary.lines += lines
        self.summary.added += added
        self.summary.conflicts += conflicts
        self.summary.known += matches - added
        self.summary.undecodable += len(evaluation.undecodable) + len(refused)


def archived_lines(name: str, payloads: Iterable[bytes]) -> Iterator[Line]:
    for number, payload in enumerate(payloads, start=1):
        yield Line(Position(Shard(ARCHIVE, name), 0, number), payload, FIRST_TIME)


def portions(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while portion := list(islice(lines, LINES_A_TRANSACTION)):
        yield portion
