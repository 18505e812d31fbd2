"""Whether a condition can only become true, and never false again, when more transactions come into its windows.

Such a rule matches the same transactions in whatever order, and however often, they are delivered: each is evaluated
again whenever its window grows. Of the others the answer depends on what had come when they were evaluated.
"""

from enum import Flag, auto

from consumer.rules.tree import (
    Arithmetic,
    Both,
    Compare,
    Comparison,
    Condition,
    Either,
    Known,
    Literal,
    Not,
    Number,
    Operator,
    Window,
)
from consumer.rules.windows import GROWING


class Growth(Flag):
    """Where a value can go while its windows grow: nowhere, up, down, or both ways."""

    NOWHERE = 0
    UP = auto()
    DOWN = auto()
    ANYHOW = UP | DOWN

    @property
    def turned(self) -> "Growth":
        return {Growth.UP: Growth.DOWN, Growth.DOWN: Growth.UP}.get(self, self)


def only_grows(condition: Condition) -> bool:
    return Growth.DOWN not in growth(condition)


def growth(condition: Condition) -> Growth:
    """UP is from false to true."""
    match condition:
        case Compare(comparison, left, right):
            return _of_comparison(comparison, _of_number(left) | _of_number(right).turned)
        case Known():
            return Growth.ANYHOW
        case Not(inner):
            return growth(inner).turned
        case Both(left, right) | Either(left, right):
            return growth(left) | growth(right)
    return Growth.NOWHERE


def _of_comparison(comparison: Comparison, difference: Growth) -> Growth:
    """``difference`` is how left minus right goes."""
    match comparison:
        case Comparison.GREATER | Comparison.GREATER_OR_EQUAL:
            return difference
        case Comparison.LESS | Comparison.LESS_OR_EQUAL:
            return difference.turned
    return Growth.ANYHOW if difference else Growth.NOWHERE


def _of_number(number: Number) -> Growth:
    match number:
        case Window(_, aggregate):
            return Growth.UP if aggregate in GROWING else Growth.ANYHOW
        case Arithmetic(Operator.ADD, left, right):
            return _of_number(left) | _of_number(right)
        case Arithmetic(Operator.SUBTRACT, left, right):
            return _of_number(left) | _of_number(right).turned
        case Arithmetic(Operator.MULTIPLY, left, right):
            return _of_factor(left, right) | _of_factor(right, left)
    return Growth.NOWHERE


def _of_factor(factor: Number, other: Number) -> Growth:
    """How a product goes while ``factor`` goes and the other stays."""
    moved = _of_number(factor)
    if not moved or _is_never_negative(other):
        return moved
    return moved.turned if isinstance(other, Literal) else Growth.ANYHOW


def _is_never_negative(number: Number) -> bool:
    match number:
        case Literal(value):
            return value >= 0
        case Arithmetic(Operator.SUBTRACT):
            return False
        case Arithmetic(_, left, right):
            return _is_never_negative(left) and _is_never_negative(right)
    return True
