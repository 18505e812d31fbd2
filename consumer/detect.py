"""The rules. Each looks at one transaction alone and says why it matches, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from consumer.domain import Content, Match, Transaction, plain

CONFLICTING_CONTENT = "conflicting-content"


class Rule(Protocol):
    """``id`` and ``version`` are stored with each anomaly: whoever changes what a rule matches raises its version."""

    @property
    def id(self) -> str: ...

    @property
    def version(self) -> int: ...

    def reason(self, transaction: Transaction) -> str | None:
        """Why the transaction matches, in words with the values; None where it does not."""
        ...


@dataclass(frozen=True)
class LargeAmount:
    """An amount above ``limit``, exactly: the limit itself is none."""

    limit: Decimal
    id: str = "large-amount"
    version: int = 1

    def reason(self, transaction: Transaction) -> str | None:
        amount = transaction.content.amount
        return f"amount {plain(amount)} is greater than {plain(self.limit)}" if amount > self.limit else None


RULES: tuple[Rule, ...] = (LargeAmount(Decimal(1000)),)


def matches(rules: Sequence[Rule], transaction: Transaction) -> tuple[Match, ...]:
    found: tuple[Match, ...] = ()
    for rule in rules:
        reason = rule.reason(transaction)
        if reason is not None:
            found = (*found, Match(rule.id, rule.version, reason))
    return found


def conflict(known: Content, other: Content) -> Match | None:
    """The anomaly of two contents under one trxId; None where they are the same."""
    if known == other:
        return None
    different = [field for field in known.__struct_fields__ if getattr(known, field) != getattr(other, field)]
    named = [_named(field, known, other) for field in different]
    return Match(CONFLICTING_CONTENT, 1, f"different content under a known trxId: {', '.join(named)}")


def _named(field: str, known: Content, other: Content) -> str:
    if field == "amount":
        return f"amount {plain(known.amount)} is now {plain(other.amount)}"
    return field.replace("_", " ")
