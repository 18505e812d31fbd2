"""Which rules are in force for a line: an edition of them is picked by the line's ``receivedAt`` alone.

So everything that evaluates the line picks the same: live, after a restart, in a replay years later. This module reads
no YAML: a consumer's child is given its book compiled.
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from consumer.domain import Finding, Match, Transaction
from consumer.errors import CrashError
from consumer.rules import explain
from consumer.rules.entries import nobody
from consumer.rules.ruleset import NO_VALUES, NOTHING, ListKind, RuleSet, Severity, rule
from consumer.rules.tree import Condition
from consumer.rules.vocabulary import Vocabulary
from consumer.rules.windows import Declaration

ALWAYS = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
NOTICE = timedelta(seconds=60)
"""Before what is new takes effect: by then everybody knows of it."""
NO_RULES = RuleSet((), {}, {})


@dataclass(frozen=True)
class InForce:
    """``rules`` from ``effective_from`` on, until the next ones' time comes."""

    effective_from: datetime
    rules: RuleSet


class Book:
    """``pages`` in the order of their times, each later than the one before."""

    def __init__(self, pages: Sequence[InForce] = ()) -> None:
        self.turn_to(pages)

    def turn_to(self, pages: Sequence[InForce]) -> None:
        """Has these pages from now on. They are to agree with the former ones about all that was received so far."""
        self.pages = tuple(pages)
        self._open = _Opened(LAST, ALWAYS, NO_RULES)
        self.has_windows = any(page.rules.asked for page in self.pages)
        self.has_lists = any(rule.lists for page in self.pages for rule in page.rules.rules)
        self.lateness = max((page.rules.lateness for page in self.pages), default=timedelta(0))
        """The most that any of the pages allows."""

    def at(self, received_at: datetime) -> RuleSet:
        """No rules before the first page."""
        return self._opened(received_at).rules

    def matches(self, transaction: Transaction) -> tuple[Match, ...]:
        """Of the rules that look at the transaction alone. All that is done for most transactions is done here."""
        opened, received_at = self._open, transaction.received_at
        if not opened.begin <= received_at < opened.end:
            opened = self._opened(received_at)
        found = opened.matching(transaction, NO_VALUES, nobody)
        return opened.simple.explained(found, transaction, NO_VALUES) if found else NOTHING

    def late(self, findings: Sequence[Finding]) -> list[Finding]:
        """Those that are dated too far from their receipt for any window but their own, where there are windows."""
        return [one for one in findings if self._is_late(one.transaction)] if self.has_windows else []

    def _is_late(self, transaction: Transaction) -> bool:
        rules = self.at(transaction.received_at)
        return bool(rules.asked) and not rules.is_in_time(transaction)

    def _opened(self, received_at: datetime) -> "_Opened":
        """Most that is asked for follows on what was asked before."""
        if not self._open.begin <= received_at < self._open.end:
            self._open = self._turned_to(received_at)
        return self._open

    def _turned_to(self, received_at: datetime) -> "_Opened":
        number = bisect.bisect_right(self.pages, received_at, key=_effective_from)
        begin = self.pages[number - 1].effective_from if number else ALWAYS
        end = self.pages[number].effective_from if number < len(self.pages) else LAST
        return _Opened(begin, end, self.pages[number - 1].rules if number else NO_RULES)

    def oldest_reaching(self, received_at: datetime) -> int:
        """The number of the oldest page whose rules may be asked again because of what is received then: those of
        whatever is dated within their lateness of it. All pages after it may be, too.
        """
        reach = 2 * self.lateness
        oldest = received_at - reach if received_at - ALWAYS > reach else ALWAYS
        return max(0, bisect.bisect_right(self.pages, oldest, key=_effective_from) - 1)


class _Opened:
    """The page that is in force from ``begin`` until before ``end``."""

    def __init__(self, begin: datetime, end: datetime, rules: RuleSet) -> None:
        self.begin = begin
        self.end = end
        self.rules = rules
        self.simple = rules.simple
        self.matching = self.simple.matching


def _effective_from(page: InForce) -> datetime:
    return page.effective_from


class _Rule(msgspec.Struct):
    id: str
    version: int
    title: str
    severity: Severity
    when: str
    condition: Condition
    explain: str


class _Page(msgspec.Struct):
    effective_from: datetime
    rules: list[_Rule]
    windows: dict[str, Declaration]
    lists: dict[str, ListKind]
    lateness: timedelta


def compiled(book: Book) -> bytes:
    """JSON, which `load` reads."""
    return msgspec.json.encode([_page(page) for page in book.pages])


def _page(page: InForce) -> _Page:
    rules = page.rules
    written = [
        _Rule(one.id, one.version, one.title, one.severity, one.when, one.condition, one.explanation.template)
        for one in rules.rules
    ]
    return _Page(page.effective_from, written, dict(rules.windows), dict(rules.lists), rules.lateness)


def load(data: bytes) -> list[InForce]:
    """What `compiled` wrote. Raises CrashError."""
    try:
        return [_in_force(page) for page in msgspec.json.decode(data, type=list[_Page])]
    except msgspec.MsgspecError as error:
        raise CrashError(f"these are no compiled rules: {error}") from None


def _in_force(page: _Page) -> InForce:
    vocabulary = Vocabulary(page.windows, page.lists)
    rules = tuple(
        rule(
            one.id,
            one.version,
            one.title,
            one.severity,
            one.when,
            one.condition,
            explain.read(one.explain, vocabulary),
            vocabulary,
        )
        for one in page.rules
    )
    return InForce(page.effective_from, RuleSet(rules, page.windows, page.lists, page.lateness))
