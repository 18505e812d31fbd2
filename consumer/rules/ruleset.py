"""A checked file of rules: what each says, and which of them match a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from consumer.domain import Match, Transaction
from consumer.rules.evaluate import IsListed, Matching, Values, matching
from consumer.rules.explain import Explanation
from consumer.rules.growth import only_grows
from consumer.rules.tree import Condition, windows_in
from consumer.rules.windows import Declaration


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

    @property
    def is_order_dependent(self) -> bool:
        """Evaluated once, on arrival: what comes later could take the match back. See `growth`."""
        return not only_grows(self.condition)


@dataclass(frozen=True)
class RuleSet:
    rules: tuple[Rule, ...]
    windows: Mapping[str, Declaration]
    lists: Mapping[str, ListKind]

    def windows_of(self, rule: Rule) -> list[Declaration]:
        """Those that its condition asks for, or its explanation."""
        names = {window.name for window in windows_in(rule.condition)} | rule.explanation.windows
        return [window for name, window in self.windows.items() if name in names]

    def matches(self, transaction: Transaction, values: Values, is_listed: IsListed) -> tuple[Match, ...]:
        found = self._matching(transaction, values, is_listed)
        return tuple([self._match(self.rules[number], transaction, values) for number in found]) if found else ()

    def _match(self, rule: Rule, transaction: Transaction, values: Values) -> Match:
        return Match(rule.id, rule.version, rule.explanation.words(transaction, values))

    @cached_property
    def _matching(self) -> Matching:
        return matching([rule.condition for rule in self.rules])
