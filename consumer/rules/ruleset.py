"""A checked file of rules: what each says, and which of them match a transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from consumer.domain import Match, Transaction
from consumer.rules.evaluate import IsListed, Matching, Values, matching
from consumer.rules.explain import Explanation, Piece, piece_of
from consumer.rules.growth import only_grows
from consumer.rules.tree import Condition, fields_in, lists_in, windows_in
from consumer.rules.vocabulary import FIELDS, Vocabulary
from consumer.rules.windows import LATENESS, Declaration

NO_VALUES: Values = {}
NOTHING: tuple[Match, ...] = ()


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class ListKind(StrEnum):
    """For people: what it means to stand in the list."""

    DENY = "deny"
    ALLOW = "allow"


@dataclass(frozen=True)
class Rule:
    """``when`` is its text, ``condition`` the tree of it. Whoever changes what a rule matches raises its version."""

    id: str
    version: int
    title: str
    severity: Severity
    when: str
    condition: Condition
    explanation: Explanation
    values: tuple[tuple[str, Piece], ...]
    """What tells of each field and window that it asks for or explains itself by."""

    @cached_property
    def is_order_dependent(self) -> bool:
        """Evaluated once, on arrival: what comes later could take the match back. See `growth`."""
        return not only_grows(self.condition)

    @cached_property
    def windows(self) -> frozenset[str]:
        """The names of those that its condition asks for, or its explanation."""
        return frozenset(name for name, _ in self.values if name not in FIELDS)

    @cached_property
    def lists(self) -> frozenset[str]:
        return frozenset(lists_in(self.condition))

    @property
    def is_simple(self) -> bool:
        """It looks at the transaction alone."""
        return not self.windows and not self.lists

    def match(self, transaction: Transaction, values: Values) -> Match:
        told = {name: piece(transaction, values) for name, piece in self.values}
        return Match(self.id, self.version, self.explanation.words(transaction, values), told)


def rule(
    id: str,  # noqa: A002 - as the field
    version: int,
    title: str,
    severity: Severity,
    when: str,
    condition: Condition,
    explanation: Explanation,
    vocabulary: Vocabulary,
) -> Rule:
    """Both are checked against the vocabulary."""
    names = *fields_in(condition), *(window.name for window in windows_in(condition)), *explanation.names
    pieces = {name: piece_of(name, vocabulary) for name in names}
    values = tuple((name, piece) for name, piece in pieces.items() if piece)
    return Rule(id, version, title, severity, when, condition, explanation, values)


@dataclass(frozen=True)
class RuleSet:
    """What is dated further than ``lateness`` from its receivedAt is in no window but its own."""

    rules: tuple[Rule, ...]
    windows: Mapping[str, Declaration]
    lists: Mapping[str, ListKind]
    lateness: timedelta = LATENESS

    def windows_of(self, rule: Rule) -> list[Declaration]:
        return [window for name, window in self.windows.items() if name in rule.windows]

    @cached_property
    def asked(self) -> list[Declaration]:
        """The windows that a rule uses."""
        names = frozenset[str]().union(*(rule.windows for rule in self.rules))
        return [window for name, window in self.windows.items() if name in names]

    @cached_property
    def simple(self) -> "RuleSet":
        """The rules that look at a transaction alone."""
        return self._only(lambda rule: rule.is_simple)

    @cached_property
    def stateful(self) -> "RuleSet":
        """The others: they are asked in the database transaction that stores what they say."""
        return self._only(lambda rule: not rule.is_simple)

    @cached_property
    def lasting(self) -> "RuleSet":
        """Those of the stateful ones that are asked of a transaction however often it comes."""
        return self._only(lambda rule: not rule.is_simple and not rule.is_order_dependent)

    @cached_property
    def growing(self) -> "RuleSet":
        """Those that are asked again whenever a window of theirs has grown."""
        return self._only(lambda rule: bool(rule.windows) and not rule.is_order_dependent)

    def _only(self, wanted: Callable[[Rule], bool]) -> "RuleSet":
        return replace(self, rules=tuple(rule for rule in self.rules if wanted(rule)))

    def is_in_time(self, transaction: Transaction) -> bool:
        """Whether it belongs to other transactions' windows, and they to its."""
        return abs(transaction.received_at - transaction.content.transaction_date) <= self.lateness

    def matches(self, transaction: Transaction, values: Values, is_listed: IsListed) -> tuple[Match, ...]:
        """``values``: of all windows that the rules use."""
        found = self.matching(transaction, values, is_listed)
        return self.explained(found, transaction, values) if found else NOTHING

    def explained(self, numbers: Sequence[int], transaction: Transaction, values: Values) -> tuple[Match, ...]:
        """Of the rules of these numbers, which match."""
        return tuple([self.rules[number].match(transaction, values) for number in numbers])

    @cached_property
    def matching(self) -> Matching:
        """Compiled of all conditions."""
        return matching([rule.condition for rule in self.rules])
