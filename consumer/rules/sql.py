"""Walks a rule's tree into SQL, which is then written in an engine's own dialect.

Where a value might not fit an engine's decimals, which have 38 digits, the expression comes to NULL: it is not decided
there, and `evaluate` decides it. Nothing else makes one NULL, for the language asks about null before it compares.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from consumer.rules.operands import digits
from consumer.rules.tree import (
    Aggregate,
    Among,
    Arithmetic,
    Both,
    Compare,
    Comparison,
    Condition,
    Digits,
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
from consumer.rules.vocabulary import ATTRIBUTES

WIDEST = 38
COLUMNS = {**ATTRIBUTES, "receivedAt": "received_at"}
"""Of the relation that is asked: text, ``amount`` a decimal, times without a zone, in UTC."""
COMPARISONS: Mapping[Comparison, Callable[..., Any]] = {
    Comparison.EQUAL: exp.EQ,
    Comparison.UNEQUAL: exp.NEQ,
    Comparison.LESS: exp.LT,
    Comparison.LESS_OR_EQUAL: exp.LTE,
    Comparison.GREATER: exp.GT,
    Comparison.GREATER_OR_EQUAL: exp.GTE,
}
OPERATORS: Mapping[Operator, type[exp.Binary]] = {
    Operator.ADD: exp.Add,
    Operator.SUBTRACT: exp.Sub,
    Operator.MULTIPLY: exp.Mul,
}
PORTIONS: Mapping[Portion, Callable[..., Any]] = {
    Portion.STARTS: exp.StartsWith,
    Portion.ENDS: exp.EndsWith,
    Portion.CONTAINS: exp.Contains,
}
LISTS = "list_entries"


def column_of(window: Window) -> str:
    """The relation's column that holds its value."""
    return f"{window.name} {window.aggregate.value}".replace(" ", "_")


def decided(tree: Condition) -> exp.Expression:
    """True or false; NULL where the engine's decimals do not hold what is compared."""
    match tree:
        case Both(left, right):
            return exp.Paren(this=exp.And(this=decided(left), expression=decided(right)))
        case Either(left, right):
            return exp.Paren(this=exp.Or(this=decided(left), expression=decided(right)))
        case Not(inner):
            return exp.Not(this=exp.Paren(this=decided(inner)))
        case Truth(value):
            return exp.Boolean(this=value)
        case Known(window):
            return exp.Paren(this=exp.Not(this=exp.Is(this=_value(window), expression=exp.Null())))
        case Compare():
            return _compared(tree)
    return _text_asked(tree)


def _compared(tree: Compare) -> exp.Expression:
    computed = [digits(side) for side in (tree.left, tree.right) if isinstance(side, Arithmetic)]
    if any(side.after > WIDEST for side in computed):  # a digit behind the point would be cut off
        return exp.Cast(this=exp.Null(), to=exp.DataType.build("boolean"))
    found: exp.Expression = COMPARISONS[tree.comparison](this=_value(tree.left), expression=_value(tree.right))
    if computed:
        found = exp.Try(this=found)
    return found


def _text_asked(tree: Same | Among | Listed | Has) -> exp.Expression:
    match tree:
        case Same(left, right):
            return exp.EQ(this=_value(left), expression=_value(right))
        case Among(_, ()):
            return exp.Boolean(this=False)
        case Among(text, members):
            return exp.In(this=_value(text), expressions=[exp.Literal.string(one) for one in members])
        case Has(portion, text, other):
            asked: exp.Expression = PORTIONS[portion](this=_value(text), expression=exp.Literal.string(other))
            return asked
        case Listed(text, named):
            return _listed(text, named)
    raise AssertionError(tree)


def _listed(text: Text, named: str) -> exp.Expression:
    at = exp.column(COLUMNS["receivedAt"], quoted=True)
    entry = exp.select("1").from_(exp.to_table(LISTS).as_("entry"))
    return exp.Exists(
        this=entry.where(
            exp.column("list", "entry").eq(exp.Literal.string(named)),
            exp.column("value", "entry").eq(_value(text)),
            exp.column("effective_from", "entry") <= at,
            at < exp.column("expires_at", "entry"),
        )
    )


def _value(tree: Number | Text) -> exp.Expression:
    match tree:
        case Letters(letters):
            return exp.Literal.string(letters)
        case Literal(value):
            return _decimal(exp.Literal.string(f"{value:f}"), digits(tree))
        case Field(name):
            return exp.column(COLUMNS[name], quoted=True)
        case PartOf(part, field):
            return _part(part, _value(field))
        case Window(_, aggregate):
            column = exp.column(column_of(tree), quoted=True)
            is_count = aggregate in (Aggregate.COUNT, Aggregate.DISTINCT)
            return _decimal(column, digits(tree)) if is_count else column
        case Arithmetic(operator, left, right):
            return exp.Paren(this=OPERATORS[operator](this=_value(left), expression=_value(right)))
    raise AssertionError(tree)


def _part(part: Part, instant: exp.Expression) -> exp.Expression:
    found: exp.Expression = exp.Extract(this=exp.var(part.name), expression=instant)
    if part is Part.WEEKDAY:
        found = exp.Sub(this=exp.Paren(this=exp.DayOfWeekIso(this=instant)), expression=exp.Literal.number(1))
    return _decimal(exp.Paren(this=found), Digits(4, 0))


def _decimal(value: exp.Expression, of: Digits) -> exp.Expression:
    return exp.Cast(this=value, to=exp.DataType.build(f"decimal({min(of.total, WIDEST)}, {of.after})"))
