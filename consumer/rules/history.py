"""What windows come to, of transactions that are at hand."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from consumer.domain import Transaction
from consumer.rules.evaluate import EXACT, Values
from consumer.rules.tree import Aggregate
from consumer.rules.vocabulary import ATTRIBUTES
from consumer.rules.windows import Declaration

MICROSECOND = timedelta(microseconds=1)
Value = Decimal | int | None


def values_of(windows: Iterable[Declaration], transaction: Transaction, others: Iterable[Transaction]) -> Values:
    """As they are when ``transaction`` is part of them. Each trxId counts once, whatever its content elsewhere."""
    known = {other.transaction_id: other for other in others} | {transaction.transaction_id: transaction}
    values: dict[tuple[str, Aggregate], Value] = {}
    for window in windows:
        held = [other for other in known.values() if holds(window, transaction, other)]
        for aggregate in aggregates(window):
            values[window.name, aggregate] = AGGREGATES[aggregate](window, transaction, held)
    return values


def aggregates(window: Declaration) -> Sequence[Aggregate]:
    """What is kept of it: an average is a sum and a count."""
    return (Aggregate.SUM, Aggregate.COUNT) if window.aggregate is Aggregate.AVERAGE else (window.aggregate,)


def holds(window: Declaration, transaction: Transaction, other: Transaction) -> bool:
    """Whether ``other`` belongs to the window of ``transaction``."""
    latest = transaction.content.transaction_date
    return (
        latest - window.span < other.content.transaction_date
        and _place(other) <= _place(transaction)
        and key(window, other) == key(window, transaction)
    )


def key(window: Declaration, transaction: Transaction) -> tuple[str, ...]:
    return tuple([getattr(transaction.content, ATTRIBUTES[field]) for field in window.by])


def _place(transaction: Transaction) -> tuple[object, int]:
    return transaction.content.transaction_date, transaction.transaction_id.int


def _sum(_window: Declaration, _of: Transaction, held: Sequence[Transaction]) -> Value:
    total = Decimal(0)
    for one in held:
        total = EXACT.add(total, one.content.amount)
    return total


def _distinct(window: Declaration, _of: Transaction, held: Sequence[Transaction]) -> Value:
    return len({getattr(one.content, ATTRIBUTES[window.of]) for one in held})


def _previous(of: Transaction, held: Sequence[Transaction]) -> Transaction | None:
    before = [one for one in held if one.transaction_id != of.transaction_id]
    return max(before, key=_place) if before else None


def _previous_amount(_window: Declaration, of: Transaction, held: Sequence[Transaction]) -> Value:
    previous = _previous(of, held)
    return previous.content.amount if previous else None


def _previous_seconds(_window: Declaration, of: Transaction, held: Sequence[Transaction]) -> Value:
    previous = _previous(of, held)
    if not previous:
        return None
    between = of.content.transaction_date - previous.content.transaction_date
    return Decimal(between // MICROSECOND).scaleb(-6)


AGGREGATES: Mapping[Aggregate, Callable[[Declaration, Transaction, Sequence[Transaction]], Value]] = {
    Aggregate.COUNT: lambda _window, _of, held: len(held),
    Aggregate.SUM: _sum,
    Aggregate.MAX: lambda _window, _of, held: max(one.content.amount for one in held),
    Aggregate.DISTINCT: _distinct,
    Aggregate.PREVIOUS_AMOUNT: _previous_amount,
    Aggregate.PREVIOUS_SECONDS: _previous_seconds,
}
