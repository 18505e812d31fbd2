"""What windows come to, beside the definition written down once more."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.domain import Transaction
from consumer.rules.history import values_of
from consumer.rules.tree import Aggregate
from consumer.rules.windows import Declaration
from tests.consumer.builders import ARRIVED, content

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPAN = timedelta(seconds=10)
ALL = [
    Declaration("n", Aggregate.COUNT, "transactions", ("senderId",), SPAN),
    Declaration("total", Aggregate.SUM, "amount", ("senderId",), SPAN),
    Declaration("most", Aggregate.MAX, "amount", ("senderId",), SPAN),
    Declaration("mean", Aggregate.AVERAGE, "amount", ("senderId",), SPAN),
    Declaration("payees", Aggregate.DISTINCT, "receiverId", ("senderId",), SPAN),
    Declaration("before", Aggregate.PREVIOUS_AMOUNT, "amount", ("senderId",), SPAN),
    Declaration("gap", Aggregate.PREVIOUS_SECONDS, "seconds", ("senderId",), SPAN),
]


def paid(identity: int, seconds: float, amount: str = "1", **changes: Any) -> Transaction:
    at = NOON + timedelta(seconds=seconds)
    return Transaction(UUID(int=identity), content(amount=Decimal(amount), transaction_date=at, **changes), ARRIVED)


ids = st.integers(1, 8)
histories = st.lists(
    st.builds(
        lambda identity, half_seconds, cents, sender, receiver: paid(
            identity, half_seconds / 2, f"{cents / 100:.2f}", sender_id=sender, receiver_id=receiver
        ),
        ids,
        st.integers(0, 60),
        st.integers(0, 500),
        st.sampled_from("ab"),
        st.sampled_from("xyz"),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one.transaction_id,
)


@given(histories)
def test_windows_hold_what_their_definition_says(history: list[Transaction]) -> None:
    of = history[0]
    date, sender = of.content.transaction_date, of.content.sender_id
    held = sorted(
        (one.content.transaction_date, one.transaction_id.int, one.content.amount, one.content.receiver_id)
        for one in history
        if one.content.sender_id == sender
        and date - SPAN < one.content.transaction_date
        and (one.content.transaction_date, one.transaction_id.int) <= (date, of.transaction_id.int)
    )
    values = values_of(ALL, of, history)
    total = sum(Fraction(amount) for _, _, amount, _ in held)
    before = held[-2] if len(held) > 1 else None
    assert Fraction(values["total", Aggregate.SUM] or 0) == Fraction(values["mean", Aggregate.SUM] or 0) == total
    assert values["n", Aggregate.COUNT] == values["mean", Aggregate.COUNT] == len(held)
    assert values["most", Aggregate.MAX] == max(amount for _, _, amount, _ in held)
    assert values["payees", Aggregate.DISTINCT] == len(Counter(receiver for *_, receiver in held))
    assert values["before", Aggregate.PREVIOUS_AMOUNT] == (before and before[2])
    gap = values["gap", Aggregate.PREVIOUS_SECONDS]
    assert gap == (None if before is None else Decimal(str((date - before[0]).total_seconds())))


@given(histories, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_a_window(history: list[Transaction], chance: Any) -> None:
    often = [*history, *chance.sample(history, len(history) // 2)]
    chance.shuffle(often)
    assert values_of(ALL, history[0], often) == values_of(ALL, history[0], history)


@pytest.mark.parametrize(
    ("others", "count"),
    [
        ([], 1),
        ([paid(1, -10)], 1),
        ([paid(1, -9.999999)], 2),
        ([paid(9, -9.999999), paid(8, 0.000001)], 2),
        ([paid(4, 0), paid(6, 0)], 2),
        ([paid(5, -3)], 1),
        ([paid(1, -1, sender_id="another")], 1),
    ],
    ids=["alone", "at its begin", "after its begin", "after its end", "ties", "itself again", "another key"],
)
def test_a_window_begins_after_its_span_and_ends_with_the_transaction(
    others: Sequence[Transaction], count: int
) -> None:
    assert values_of(ALL, paid(5, 0), others)["n", Aggregate.COUNT] == count


def test_a_key_can_be_of_several_fields() -> None:
    pair = Declaration("n", Aggregate.COUNT, "transactions", ("senderId", "receiverId"), SPAN)
    others = [paid(1, -1), paid(2, -1, receiver_id="r-2"), paid(3, -1, sender_id="s-2")]
    assert values_of([pair], paid(5, 0), others)["n", Aggregate.COUNT] == 2


def test_a_sum_of_the_largest_amounts_is_exact() -> None:
    largest = f"{'9' * 20}.{'9' * 18}"
    total = values_of(ALL, paid(1, 0, largest), [paid(2, 0, largest), paid(0, -1, largest)])["total", Aggregate.SUM]
    assert total == Decimal("199999999999999999999.999999999999999998")
