"""What rules with windows or lists must have found: the archive's transactions put through the backtest's engine.

Rules that depend on the order of arrivals are left out: nobody can tell what they had to find.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from consumer.archive import ArchiveObject
from consumer.backtest.backtest import Settings, tried
from consumer.backtest.run import Scope
from consumer.domain import Match, Transaction
from consumer.rules.book import LAST, Book
from consumer.rules.entries import Entry
from consumer.rules.ruleset import RuleSet


@dataclass(frozen=True)
class Stateful:
    """A book's rules of that kind, with the entries of all lists."""

    book: Book
    entries: Sequence[Entry]

    def matches(
        self, objects: Sequence[ArchiveObject], begin: datetime, end: datetime
    ) -> Iterator[tuple[Transaction, Match]]:
        """Of what was received from ``begin`` on, before ``end``; windows hold nothing that was received later.

        Raises CrashError, OSError or RetryError.
        """
        for rules, scope in self._in_force(begin, end):
            conditions = [rule.condition for rule in rules.rules]
            settings = Settings(scope, self.entries)
            with tried(conditions, rules.asked, objects, settings, lambda _size: None) as run:
                for number, transaction, values in run.judge.found():
                    yield transaction, rules.rules[number].match(transaction, values)

    def order_dependent(self) -> set[tuple[str, int]]:
        """Rules by id and version."""
        rules = [rule for page in self.book.pages for rule in page.rules.rules]
        return {(rule.id, rule.version) for rule in rules if rule.is_order_dependent}

    def windowed(self) -> set[tuple[str, int]]:
        rules = [rule for page in self.book.pages for rule in page.rules.rules]
        return {(rule.id, rule.version) for rule in rules if rule.windows}

    def _in_force(self, begin: datetime, end: datetime) -> Iterator[tuple[RuleSet, Scope]]:
        ends = [*(page.effective_from for page in self.book.pages[1:]), LAST]
        for page, until in zip(self.book.pages, ends, strict=True):
            first, last = max(begin, page.effective_from), min(end, until)
            if page.rules.lasting.rules and first < last:
                yield page.rules.lasting, Scope(first, last, horizon=end)
