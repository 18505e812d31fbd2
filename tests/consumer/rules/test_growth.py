"""What is said to only grow never takes a match back, whatever comes into its windows."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.domain import Transaction
from consumer.rules import language
from consumer.rules.growth import only_grows
from consumer.rules.tree import Aggregate, Condition
from consumer.rules.vocabulary import Vocabulary
from consumer.rules.windows import Declaration, span_of
from tests.consumer.rules.trees import ALWAYS, Plain, amounts, conditions, transactions, values

NAMES = {
    "n": Aggregate.COUNT,
    "total": Aggregate.SUM,
    "most": Aggregate.MAX,
    "payees": Aggregate.DISTINCT,
    "mean": Aggregate.AVERAGE,
    "gap": Aggregate.PREVIOUS_SECONDS,
}
VOCABULARY = Vocabulary(
    {name: Declaration(name, one, "amount", ("senderId",), span_of("1h")) for name, one in NAMES.items()}, ["blocked"]
)


@given(conditions, transactions, values, st.lists(amounts.map(int), min_size=len(ALWAYS), max_size=len(ALWAYS)))
def test_a_match_stays_one_while_windows_grow(
    tree: Condition, transaction: Transaction, before: Mapping[Any, Any], more: list[int]
) -> None:
    added = {(window.name, window.aggregate): count for window, count in zip(ALWAYS, more, strict=True)}
    after = {key: value + added[key] if key in added else value for key, value in before.items()}
    if only_grows(tree) and Plain(transaction, before).condition(tree):
        assert Plain(transaction, after).condition(tree)


@pytest.mark.parametrize(
    "text",
    [
        "amount > 1000",
        "amount < 1000 or senderId != receiverId",
        "n > 5",
        "n >= 5 and amount == 7",
        "not (total < 10_000)",
        "10 <= payees",
        "most - 100 > amount",
        "n * amount + total > 3",
        "0 - n < 0 - 5",
        "n * 2 - 1 > transactionDate.hour",
        "not (senderId in blocked) and total > 1",
        "-2 * n < -7",
    ],
)
def test_these_only_grow(text: str) -> None:
    assert only_grows(language.read(text, VOCABULARY))


@pytest.mark.parametrize(
    "text",
    [
        "n < 5",
        "n == 5",
        "n != 5",
        "not (n >= 5)",
        "amount > total",
        "5 - n > 0",
        "-1 * n > -7",
        "n * (amount - 5) > 3",
        "n - payees > 0",
        "mean > 100",
        "mean < 100",
        "gap == null",
        "gap != null",
        "gap != null and gap < 60",
        "n > 5 and total < 7",
        "n > 5 or most <= 7",
    ],
)
def test_these_depend_on_the_order(text: str) -> None:
    assert not only_grows(language.read(text, VOCABULARY))
