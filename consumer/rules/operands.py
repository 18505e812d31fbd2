"""What stands in conditions: numbers, texts, times and lists, each with its type and with all its digits."""

import ast
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from consumer.rules.syntax import Fault, Source
from consumer.rules.tree import (
    MOST_DIGITS,
    Aggregate,
    Arithmetic,
    Digits,
    Field,
    Letters,
    Literal,
    Number,
    Operator,
    Part,
    PartOf,
    Text,
    Window,
)
from consumer.rules.vocabulary import Type, Vocabulary, meant
from consumer.rules.windows import AMOUNT, DIGITS

NUMBER = re.compile(r"[0-9][0-9_]*(?:\.[0-9]+)?")
OPERATORS: Mapping[type[ast.operator], Operator] = {
    ast.Add: Operator.ADD,
    ast.Sub: Operator.SUBTRACT,
    ast.Mult: Operator.MULTIPLY,
}
REFUSED: Mapping[type[ast.operator], str] = {
    ast.Pow: "there are no powers: write a * a",
    **dict.fromkeys(
        (ast.Div, ast.FloorDiv, ast.Mod), "nothing is divided, for that is not exact: multiply the other side"
    ),
}
PARTS = {part.value: part for part in Part}
ZERO = Literal(Decimal(0))

Sure = frozenset[str]
"""The windows that have a value where this is evaluated, for what stands before it asked that."""


class Value(NamedTuple):
    """An operand. A number is ``over`` another, a product of counts, where an average is part of it."""

    type: Type
    tree: Number | Letters | None = None
    over: Number | None = None


class Operands:
    """Reads them out of ``source``. Every method raises Fault."""

    def __init__(self, source: Source, vocabulary: Vocabulary) -> None:
        self._fault = source.fault
        self._written = source.written
        self._vocabulary = vocabulary

    def value(self, node: ast.expr, sure: Sure) -> Value:
        match node:
            case ast.Constant(value=str()):
                return Value(Type.TEXT, Letters(self.letters(node)))
            case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
                return Value(Type.NUMBER, Literal(self._decimal(node)))
            case ast.Name():
                return self._named(node, sure)
            case ast.Attribute():
                return self._part(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._negative(node, self.number(operand, sure))
            case ast.BinOp(left=left, op=operator, right=right):
                return self._arithmetic(
                    node, self._operator(node, operator), self.number(left, sure), self.number(right, sure)
                )
        raise self._unknown(node)

    def number(self, node: ast.expr, sure: Sure) -> Value:
        value = self.value(node, sure)
        if value.type is not Type.NUMBER:
            raise self._fault(node, f"this is {value.type}, where a number is wanted")
        return value

    def text(self, node: ast.expr) -> Text:
        value = self.value(node, frozenset())
        if value.type is not Type.TEXT or not isinstance(value.tree, Letters | Field):
            raise self._fault(node, f"this is {value.type}, where text is wanted")
        return value.tree

    def letters(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=str(letters)) if letters.isprintable():
                return letters
            case ast.Constant(value=str()):
                raise self._fault(node, "text here holds no control characters and no surrogates")
        raise self._fault(node, 'text in quotes is wanted here, like "GR"')

    def sides(self, node: ast.expr, left: Value, right: Value) -> tuple[Number, Number]:
        """Both times what the other is over, counts of at least 1: neither is over anything then."""
        if left.over == right.over:
            return _tree(left), _tree(right)
        return self._exact(node, _times(_tree(left), right.over)), self._exact(node, _times(_tree(right), left.over))

    def _arithmetic(self, node: ast.expr, operator: Operator, left: Value, right: Value) -> Value:
        if operator is Operator.MULTIPLY:
            over = left.over if right.over is None else _times(right.over, left.over)
            return Value(Type.NUMBER, self._exact(node, _times(_tree(left), _tree(right))), over)
        over = left.over if right.over in (None, left.over) else _times(right.over, left.over)
        return Value(Type.NUMBER, self._exact(node, Arithmetic(operator, *self.sides(node, left, right))), over)

    def _negative(self, node: ast.expr, value: Value) -> Value:
        if isinstance(value.tree, Literal):
            return Value(Type.NUMBER, Literal(-value.tree.value))
        return self._arithmetic(node, Operator.SUBTRACT, Value(Type.NUMBER, ZERO), value)

    def _operator(self, node: ast.BinOp, operator: ast.operator) -> Operator:
        if type(operator) not in OPERATORS:
            raise self._fault(node.right, REFUSED.get(type(operator), "numbers are joined by +, - and * alone"))
        return OPERATORS[type(operator)]

    def _exact(self, node: ast.expr, tree: Number) -> Number:
        if digits(tree).total > MOST_DIGITS:
            raise self._fault(node, f"this can come to more than {MOST_DIGITS} digits, and would not be exact")
        return tree

    def _decimal(self, node: ast.Constant) -> Decimal:
        written = self._written(node)
        if not NUMBER.fullmatch(written):
            raise self._fault(node, "write the number in plain decimal digits, like 1000 or 0.25")
        value = Decimal(written.replace("_", ""))
        found = digits(Literal(value))
        if found.before > AMOUNT.before or found.after > AMOUNT.after:
            most = f"{AMOUNT.before} digits before the point and {AMOUNT.after} after it"
            raise self._fault(node, f"a number here has at most {most}, as an amount has")
        return value

    def _named(self, node: ast.Name, sure: Sure) -> Value:
        type_ = self._vocabulary.type_of(node.id)
        if type_ is None:
            raise self._unknown(node)
        window = self._vocabulary.windows.get(node.id)
        if not window:
            return Value(type_, Field(node.id))
        if window.is_nullable and node.id not in sure:
            ask = f"ask first, like {node.id} != null and …"
            raise self._fault(node, f"{node.id} is null where there was no transaction before: {ask}")
        if window.aggregate is not Aggregate.AVERAGE:
            return Value(type_, Window(node.id, window.aggregate))
        return Value(type_, Window(node.id, Aggregate.SUM), Window(node.id, Aggregate.COUNT))

    def _part(self, node: ast.Attribute) -> Value:
        if not isinstance(node.value, ast.Name):
            raise self._fault(node, "only a time has parts, like transactionDate.hour")
        value = self._named(node.value, frozenset())
        if value.type is not Type.INSTANT or not isinstance(value.tree, Field):
            raise self._fault(
                node, f"{node.value.id} is {value.type}: only a time has parts, like transactionDate.hour"
            )
        if node.attr not in PARTS:
            asked = meant(node.attr, PARTS)
            raise self._fault(node, f"a time has no {node.attr}{asked}: it has {', '.join(PARTS)}")
        return Value(Type.NUMBER, PartOf(PARTS[node.attr], value.tree))

    def _unknown(self, node: ast.expr) -> Fault:
        match node:
            case ast.Name(id="null"):
                return self._fault(node, "null is compared with == or != alone")
            case ast.Name(id="True" | "False" | "None" as name):
                return self._fault(node, f"write {name.lower().replace('none', 'null')}")
            case ast.Name(id=name) if name not in ("true", "false"):
                return self._fault(node, f"{name} is not known{meant(name, self._vocabulary.names)}")
            case ast.Name() | ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return self._fault(node, "this is true or false, where a value is wanted")
            case ast.Constant(value=bool() | None):
                return self._fault(node, f"write {str(node.value).lower().replace('none', 'null')}")
        known = "and, or, not, in, comparisons, +, -, *, fields, windows and lists"
        return self._fault(node, f"this is not part of the language, which has {known}")


def digits(tree: Number) -> Digits:
    """The most that it can come to."""
    match tree:
        case Literal(value):
            return Digits(max(value.adjusted() + 1, 1), -int(value.as_tuple().exponent))
        case Window(_, aggregate):
            return DIGITS[aggregate]
        case PartOf():
            return Digits(4, 0)
        case Arithmetic(Operator.MULTIPLY, left, right):
            return digits(left).times(digits(right))
        case Arithmetic(_, left, right):
            return digits(left).plus(digits(right))
    return AMOUNT


def _times(left: Number, right: Number | None) -> Number:
    return left if right is None else Arithmetic(Operator.MULTIPLY, left, right)


def _tree(value: Value) -> Number:
    assert value.tree is not None
    assert not isinstance(value.tree, Letters)
    return value.tree
