"""What the windows of rules that are new begin with: the archive's transactions, as far back as the windows reach."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from consumer.archive import ArchiveObject, lines_of
from consumer.pipeline import evaluate
from consumer.reading import Advance
from consumer.recent.judged import Judge
from consumer.replay import archived_lines, portions
from consumer.rules.book import Book
from consumer.rules.editions import always
from consumer.rules.ruleset import RuleSet

DAY = re.compile(r"(?:^|/)dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/")
NO_RULES = Book()


def fill(engine: Engine, rules: RuleSet, objects: Sequence[ArchiveObject], since: datetime, advance: Advance) -> int:
    """Of the objects' transactions those that were received ``since`` then; returns how many. Safe to repeat, and
    beside consumers. Raises CrashError, DBAPIError, OSError or RetryError.
    """
    judge, count = Judge(always(rules)), 0
    for archived in objects:
        if may_hold(archived.name, since):
            with archived.open() as stored:
                for lines in portions(archived_lines(archived.name, lines_of(stored))):
                    found = [one for one in evaluate(NO_RULES, lines).findings if one.transaction.received_at >= since]
                    with engine.begin() as connection:
                        judge.hold(connection, found)
                        judge.fill(connection, found)
                    count += len(found)
        advance(archived.size)
    return count


def may_hold(name: str, since: datetime) -> bool:
    """Firehose names an object by the day when it began it; lines come to it within that day, or the next."""
    found = DAY.search(name)
    day = datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else since
    return day >= since.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
