"""What is asked of each line by itself, and of two contents under one trxId."""

from collections.abc import Sequence
from typing import Protocol

from consumer.domain import Content, Finding, Match, Transaction, plain

CONFLICTING_CONTENT = "conflicting-content"


class Rules(Protocol):
    """`consumer.rules.book.Book` as `pipeline` sees it: what the rules say of a transaction that they look at alone.

    Those with windows are asked where the result is stored, in the same database transaction: see `consumer.recent`.
    """

    def matches(self, transaction: Transaction) -> tuple[Match, ...]: ...

    def late(self, findings: Sequence[Finding]) -> list[Finding]:
        """Those that are in no window but their own, where there are windows."""
        ...


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
