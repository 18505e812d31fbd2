"""Reads the text of a rule's `when` into its typed tree, or says where it is wrong and what to do.

The words are those that Python and rule-engine share: ``and or not == != < <= > >= in + - *``, ``null true false``,
``senderBankId in ["b1", "b2"]``, ``senderIban.starts_with("GR")``, ``"x" in senderId``, ``transactionDate.hour``.
"""

import ast
from collections.abc import Mapping, Sequence

from consumer.rules.operands import Operands, Sure
from consumer.rules.syntax import Source
from consumer.rules.tree import (
    Among,
    Both,
    Compare,
    Comparison,
    Condition,
    Either,
    Field,
    Has,
    Known,
    Listed,
    Not,
    Portion,
    Same,
    Truth,
    Window,
)
from consumer.rules.vocabulary import Type, Vocabulary, meant

COMPARISONS: Mapping[type[ast.cmpop], Comparison] = {
    ast.Eq: Comparison.EQUAL,
    ast.NotEq: Comparison.UNEQUAL,
    ast.Lt: Comparison.LESS,
    ast.LtE: Comparison.LESS_OR_EQUAL,
    ast.Gt: Comparison.GREATER,
    ast.GtE: Comparison.GREATER_OR_EQUAL,
}
EQUALITIES = (Comparison.EQUAL, Comparison.UNEQUAL)
PORTIONS = {"starts_with": Portion.STARTS, "ends_with": Portion.ENDS}
HINTS: Mapping[Type, str] = {
    Type.TEXT: "text is compared with == or != alone, or asked by in, starts_with or ends_with",
    Type.INSTANT: "a time is compared by its parts, like transactionDate.hour < 6",
    Type.LIST: "a list is asked with in, like senderId in blocked",
}


def read(text: str, vocabulary: Vocabulary) -> Condition:
    """Raises Fault."""
    source = Source(text)
    return _Reader(source, vocabulary).condition(source.tree, frozenset())


class _Reader:
    def __init__(self, source: Source, vocabulary: Vocabulary) -> None:
        self._fault = source.fault
        self._operands = Operands(source, vocabulary)
        self._vocabulary = vocabulary

    def condition(self, node: ast.expr, sure: Sure) -> Condition:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return self._joined(Both, values, sure)
            case ast.BoolOp(values=values):
                return self._joined(Either, values, sure)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self.condition(operand, sure))
            case ast.Compare():
                return self._compared(node, sure)
            case ast.Call():
                return self._called(node)
            case ast.Name(id="true" | "false" as name):
                return Truth(name == "true")
        value = self._operands.value(node, sure)
        raise self._fault(node, f"this is {value.type}, and a rule is true or false: compare it with something")

    def _joined(self, join: type[Both | Either], parts: Sequence[ast.expr], sure: Sure) -> Condition:
        """Each part is evaluated where all before it were true, or false, and knows what that makes sure."""
        joined = self.condition(parts[0], sure)
        for part in parts[1:]:
            joined = join(joined, self.condition(part, sure | _sure(joined, when=join is Both)))
        return joined

    def _compared(self, node: ast.Compare, sure: Sure) -> Condition:
        """``a < b < c`` is both."""
        joined: Condition | None = None
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            one = self._compare(left, operator, right, sure)
            joined = one if joined is None else Both(joined, one)
        assert joined is not None
        return joined

    def _compare(self, left: ast.expr, operator: ast.cmpop, right: ast.expr, sure: Sure) -> Condition:
        if isinstance(operator, ast.In | ast.NotIn):
            found = self._contained(left, right)
            return found if isinstance(operator, ast.In) else Not(found)
        if type(operator) not in COMPARISONS:
            raise self._fault(right, "compare with ==, !=, <, <=, >, >= or in")
        comparison = COMPARISONS[type(operator)]
        for side, other in ((left, right), (right, left)):
            if isinstance(side, ast.Constant) and side.value is None:
                raise self._fault(side, "write null")
            if isinstance(side, ast.Name) and side.id == "null":
                return self._null(other, comparison)
        return self._of_values(left, comparison, right, sure)

    def _of_values(self, left: ast.expr, comparison: Comparison, right: ast.expr, sure: Sure) -> Condition:
        one, two = self._operands.value(left, sure), self._operands.value(right, sure)
        if one.type is not two.type:
            raise self._fault(right, f"this is {two.type}, and it is compared with {one.type}")
        if one.type is Type.TEXT and comparison in EQUALITIES:
            same = Same(self._operands.text(left), self._operands.text(right))
            return same if comparison is Comparison.EQUAL else Not(same)
        if one.type is not Type.NUMBER:
            raise self._fault(left, HINTS[one.type])
        return Compare(comparison, *self._operands.sides(left, one, two))

    def _null(self, node: ast.expr, comparison: Comparison) -> Condition:
        window = self._vocabulary.windows.get(node.id) if isinstance(node, ast.Name) else None
        if comparison not in EQUALITIES:
            raise self._fault(node, "null is compared with == or != alone")
        if not window:
            self._operands.value(node, frozenset())  # which may know better what is wrong
            raise self._fault(node, "this is never null")
        if not window.is_nullable:
            raise self._fault(node, f"{window.name} is never null: the transaction itself is part of it")
        known = Known(Window(window.name, window.aggregate))
        return known if comparison is Comparison.UNEQUAL else Not(known)

    def _contained(self, left: ast.expr, right: ast.expr) -> Condition:
        if isinstance(right, ast.List | ast.Tuple):
            return Among(self._operands.text(left), tuple(self._operands.letters(one) for one in right.elts))
        if isinstance(right, ast.Name) and self._vocabulary.type_of(right.id) is Type.LIST:
            return Listed(self._operands.text(left), right.id)
        value = self._operands.value(right, frozenset())
        if value.type is Type.TEXT and isinstance(value.tree, Field):
            return Has(Portion.CONTAINS, value.tree, self._operands.letters(left))
        raise self._fault(right, 'after "in" stands a list, like ["a", "b"] or one by its name, or a text field')

    def _called(self, node: ast.Call) -> Condition:
        match node:
            case ast.Call(func=ast.Attribute(value=text, attr=name), args=[other], keywords=[]) if name in PORTIONS:
                return Has(PORTIONS[name], self._operands.text(text), self._operands.letters(other))
            case ast.Call(func=ast.Attribute(attr=name)):
                asked = meant(name, PORTIONS)
                raise self._fault(node, f'{name} is not known so{asked or ":"} senderIban.starts_with("GR")')
        raise self._fault(node, 'nothing is called here but text, like senderIban.starts_with("GR")')


def _sure(condition: Condition, *, when: bool) -> Sure:
    """The windows that have a value where ``condition`` came out as ``when``."""
    match condition:
        case Known(window):
            return frozenset({window.name}) if when else frozenset()
        case Not(inner):
            return _sure(inner, when=not when)
        case Both(left, right) | Either(left, right):
            of_left, of_right = _sure(left, when=when), _sure(right, when=when)
            return of_left | of_right if isinstance(condition, Both) == when else of_left & of_right
    return frozenset()
