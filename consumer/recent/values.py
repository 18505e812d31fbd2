"""The values of windows, of what the database has beside the transactions that ask."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from consumer.domain import Finding, Transaction
from consumer.recent import state
from consumer.recent.keys import Kind
from consumer.recent.state import NOBODY, Asked, Others
from consumer.rules.evaluate import EXACT, Values
from consumer.rules.history import MICROSECOND, Value, aggregates
from consumer.rules.ruleset import RuleSet
from consumer.rules.tree import Aggregate
from consumer.rules.vocabulary import ATTRIBUTES
from consumer.rules.windows import Declaration


class Question(NamedTuple):
    """What ``rules`` say of a finding; of it alone, if it is in no window but its own."""

    finding: Finding
    rules: RuleSet
    is_alone: bool = False


def values_of(connection: Connection, questions: Sequence[Question], lateness: timedelta) -> list[Values]:
    """Of each question, in their order."""
    windows = defaultdict[Declaration, list[int]](list)
    for number, one in enumerate(questions):
        if not one.is_alone:
            for window in one.rules.asked:
                windows[window].append(number)
    held: dict[tuple[int, str], Others] = {}
    for window, numbers in windows.items():
        asked = [_asked(window, number, questions[number].finding.transaction) for number in numbers]
        found = state.others(connection, window, asked, lateness)
        held |= {(number, window.name): others for number, others in found.items()}
    return [_values(one, number, held) for number, one in enumerate(questions)]


def _asked(window: Declaration, number: int, transaction: Transaction) -> Asked:
    content = transaction.content
    of = getattr(content, ATTRIBUTES[window.of]) if window.aggregate is Aggregate.DISTINCT else ""
    key = Kind(window.by, timedelta(0)).key(content)
    return Asked(number, key, content.transaction_date, transaction.transaction_id, of)


def _values(question: Question, number: int, held: Mapping[tuple[int, str], Others]) -> Values:
    transaction = question.finding.transaction
    return {
        (window.name, aggregate): VALUES[aggregate](transaction, held.get((number, window.name), NOBODY))
        for window in question.rules.asked
        for aggregate in aggregates(window)
    }


def _sum(transaction: Transaction, others: Others) -> Value:
    return EXACT.add(transaction.content.amount, others.sum or Decimal(0))


def _max(transaction: Transaction, others: Others) -> Value:
    return max(transaction.content.amount, others.max or Decimal(0))


def _seconds(transaction: Transaction, others: Others) -> Value:
    if not others.previous_date:
        return None
    return Decimal((transaction.content.transaction_date - others.previous_date) // MICROSECOND).scaleb(-6)


VALUES: Mapping[Aggregate, Callable[[Transaction, Others], Value]] = {
    Aggregate.COUNT: lambda _, others: 1 + others.number,
    Aggregate.SUM: _sum,
    Aggregate.MAX: _max,
    Aggregate.DISTINCT: lambda _, others: 1 + others.distinct,
    Aggregate.PREVIOUS_AMOUNT: lambda _, others: others.previous_amount,
    Aggregate.PREVIOUS_SECONDS: _seconds,
}
