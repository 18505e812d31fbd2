"""What is compiled answers as the tree does when it is walked, whatever conditions share."""

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.domain import Transaction
from consumer.rules.evaluate import matching
from consumer.rules.tree import (
    Arithmetic,
    Compare,
    Comparison,
    Condition,
    Field,
    Listed,
    Literal,
    Not,
    Number,
    Operator,
)
from tests.consumer.builders import ARRIVED, content
from tests.consumer.rules.trees import Plain, conditions, is_listed, transactions, values


@given(st.lists(conditions, max_size=5), transactions, values)
def test_the_conditions_that_are_true_are_told(
    trees: list[Condition], transaction: Transaction, known: Mapping[Any, Any]
) -> None:
    plain = Plain(transaction, known)
    expected = tuple(number for number, tree in enumerate(trees) if plain.condition(tree))
    assert matching(trees)(transaction, known, is_listed) == expected


@given(conditions, conditions, transactions, values)
def test_what_is_shared_is_answered_as_if_it_were_alone(
    one: Condition, other: Condition, transaction: Transaction, known: Mapping[Any, Any]
) -> None:
    found = matching([one, other, one, other, one])(transaction, known, is_listed)
    alone = [matching([tree])(transaction, known, is_listed) == (0,) for tree in (one, other)]
    assert found == tuple(number for number in range(5) if alone[number % 2])


@given(transactions)
def test_a_list_is_asked_once_however_many_rules_want_to_know(transaction: Transaction) -> None:
    asked = []

    def listed(*question: object) -> bool:
        asked.append(question)
        return True

    tree = Listed(Field("senderId"), "blocked")
    assert matching([tree, Not(tree), tree])(transaction, {}, listed) == (0, 2)
    assert asked == [("blocked", transaction.content.sender_id, transaction.received_at)]


@pytest.mark.parametrize("factor", ["1", "1.000000000000000001", "99999999999999999999.999999999999999999"])
def test_no_digit_is_lost(factor: str) -> None:
    amount = f"{'9' * 20}.{'9' * 18}"
    digits = str(int(amount.replace(".", "")) * int(Decimal(factor).scaleb(18, Context(prec=38))))
    exact = Literal(Decimal(f"{digits[:-36]}.{digits[-36:]}"))
    product: Number = Arithmetic(Operator.MULTIPLY, Field("amount"), Literal(Decimal(factor)))
    transaction = Transaction(UUID(int=1), content(amount=Decimal(amount)), ARRIVED)
    compared = [Compare(one, product, exact) for one in (Comparison.EQUAL, Comparison.GREATER, Comparison.LESS)]
    assert matching(compared)(transaction, {}, is_listed) == (0,)
