"""Random conditions over random transactions and window values, and what they come to when nothing is compiled."""

import operator
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from consumer.domain import Content, Transaction
from consumer.rules.tree import (
    Aggregate,
    Among,
    Arithmetic,
    Both,
    Compare,
    Comparison,
    Condition,
    Either,
    Field,
    Has,
    Known,
    Letters,
    Listed,
    Literal,
    Not,
    Number,
    Operator,
    Part,
    PartOf,
    Portion,
    Same,
    Text,
    Truth,
    Window,
)
from consumer.rules.windows import GROWING

EXACT = Context(prec=400)
TEXTS = {
    "senderId": "sender_id",
    "receiverId": "receiver_id",
    "senderIban": "sender_iban",
    "receiverIban": "receiver_iban",
    "senderBankId": "sender_bank_id",
    "receiverBankId": "receiver_bank_id",
}
ATTRIBUTES = {"amount": "amount", "transactionDate": "transaction_date", **TEXTS}
TIMES = {"transactionDate", "receivedAt"}
ALWAYS = [Window(f"w{number}", aggregate) for number, aggregate in enumerate(sorted(GROWING, key=str))]
NULLABLE = Window("gap", Aggregate.PREVIOUS_SECONDS)
COMPARISONS = {
    Comparison.EQUAL: operator.eq,
    Comparison.UNEQUAL: operator.ne,
    Comparison.LESS: operator.lt,
    Comparison.LESS_OR_EQUAL: operator.le,
    Comparison.GREATER: operator.gt,
    Comparison.GREATER_OR_EQUAL: operator.ge,
}

letters = st.sampled_from(["", "a", "b", "ab", "ba", "é"])
amounts = st.decimals(0, 50, places=2, allow_nan=False)
literals = st.builds(Literal, st.decimals(-5, 50, places=1))
texts = st.builds(Field, st.sampled_from(sorted(TEXTS)))
parts = st.builds(PartOf, st.sampled_from(Part), st.builds(Field, st.sampled_from(sorted(TIMES))))
numbers: st.SearchStrategy[Number] = st.recursive(
    st.one_of(literals, st.just(Field("amount")), st.sampled_from(ALWAYS), parts),
    lambda inner: st.builds(Arithmetic, st.sampled_from(Operator), inner, inner),
    max_leaves=4,
)
gap = st.builds(
    lambda comparison, value: Both(Known(NULLABLE), Compare(comparison, NULLABLE, value)),
    st.sampled_from(Comparison),
    literals,
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(
        st.builds(Truth, st.booleans()),
        st.builds(Compare, st.sampled_from(Comparison), numbers, numbers),
        st.builds(Same, texts | st.builds(Letters, letters), texts),
        st.builds(Among, texts, st.lists(letters, max_size=3).map(tuple)),
        st.builds(Listed, texts, st.sampled_from(["one", "other"])),
        st.builds(Has, st.sampled_from(Portion), texts, letters),
        gap,
    ),
    lambda inner: st.one_of(st.builds(Not, inner), st.builds(Both, inner, inner), st.builds(Either, inner, inner)),
    max_leaves=8,
)
instants = st.datetimes(datetime(1970, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
contents = st.builds(Content, amounts, letters, letters, letters, letters, letters, letters, instants)
transactions = st.builds(Transaction, st.builds(UUID, int=st.integers(0, 2**128 - 1)), contents, instants)
AMOUNTS = (Aggregate.SUM, Aggregate.MAX)
values = st.fixed_dictionaries(
    {
        (NULLABLE.name, NULLABLE.aggregate): st.none() | amounts,
        **{(one.name, one.aggregate): amounts if one.aggregate in AMOUNTS else st.integers(0, 50) for one in ALWAYS},
    }
)


def is_listed(named: str, text: str, at: datetime) -> bool:
    return (named == "one") == (text in ("a", "ab")) and at.year > 1980


class Plain:
    """Walks the tree for one transaction and its windows' values."""

    def __init__(self, transaction: Transaction, values: Mapping[Any, Any]) -> None:
        self._transaction = transaction
        self._values = values

    def condition(self, tree: Condition) -> bool:
        match tree:
            case Not(inner):
                return not self.condition(inner)
            case Both(left, right):
                return self.condition(left) and self.condition(right)
            case Either(left, right):
                return self.condition(left) or self.condition(right)
        return self._leaf(tree)

    def _leaf(self, tree: Condition) -> bool:
        match tree:
            case Truth(value):
                return value
            case Known(window):
                return self.value(window) is not None
            case Same(left, right):
                return bool(self.value(left) == self.value(right))
            case Compare(comparison, left, right):
                return bool(COMPARISONS[comparison](self.value(left), self.value(right)))
            case Among(text, members):
                return self.value(text) in members
            case Listed(text, named):
                return is_listed(named, self.value(text), self._transaction.received_at)
            case Has(portion, text, other):
                return self._has(portion, self.value(text), other)
        raise AssertionError(tree)

    def value(self, tree: Number | Text) -> Any:
        match tree:
            case Literal(value) | Letters(value):
                return value
            case Field(name):
                return self.field(name)
            case PartOf(part, field):
                at = self.field(field.name)
                return at.isoweekday() - 1 if part is Part.WEEKDAY else getattr(at, part.value)
            case Window(name, aggregate):
                return self._values[name, aggregate]
            case Arithmetic(joined, left, right):
                one, two = Decimal(self.value(left)), Decimal(self.value(right))
                if joined is Operator.MULTIPLY:
                    return EXACT.multiply(one, two)
                return EXACT.add(one, two if joined is Operator.ADD else EXACT.minus(two))

    def field(self, name: str) -> Any:
        if name == "receivedAt":
            return self._transaction.received_at
        return getattr(self._transaction.content, ATTRIBUTES[name])

    def _has(self, portion: Portion, text: str, other: str) -> bool:
        places = [number for number in range(len(text) + 1) if text[number : number + len(other)] == other]
        match portion:
            case Portion.STARTS:
                return 0 in places
            case Portion.ENDS:
                return len(text) - len(other) in places
            case Portion.CONTAINS:
                return bool(places)
