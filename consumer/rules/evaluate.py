"""Makes one Python function of many conditions, which tells which of them are true of a transaction.

What several conditions have in common is evaluated once, and nothing that need not be. The function is compiled of
source that holds no word of a rule: its texts and numbers are constants beside it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

from consumer.domain import Transaction
from consumer.rules.tree import (
    MOST_DIGITS,
    Aggregate,
    Among,
    Arithmetic,
    Both,
    Compare,
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
from consumer.rules.vocabulary import ATTRIBUTES

Values = Mapping[tuple[str, Aggregate], Decimal | int | None]
"""Of the windows that the conditions use, as they are when the transaction is part of them."""
IsListed = Callable[[str, str, datetime], bool]
"""Whether a list held a text at a time."""
Matching = Callable[[Transaction, Values, IsListed], tuple[int, ...]]
"""The numbers, from 0, of the conditions that are true."""

EXACT = Context(prec=MOST_DIGITS, traps=[Inexact, InvalidOperation])
FIELDS = {**{name: f"c.{attribute}" for name, attribute in ATTRIBUTES.items()}, "receivedAt": "t.received_at"}
OPERATORS = {Operator.ADD: "add", Operator.SUBTRACT: "subtract", Operator.MULTIPLY: "multiply"}
PORTIONS = {Portion.STARTS: "{}.startswith({})", Portion.ENDS: "{}.endswith({})", Portion.CONTAINS: "{1} in {0}"}
Node = Condition | Number | Text


def matching(conditions: Sequence[Condition]) -> Matching:
    writer = _Writer(conditions)
    tests = [f" if {writer.written(condition)}: f = (*f, {number})" for number, condition in enumerate(conditions)]
    begin = [" c = t.content", *(f" {name} = u" for name in writer.shared.values()), " f = ()"]
    source = "\n".join(["def matching(t, w, l):", *begin, *tests, " return f"])
    scope: dict[str, Any] = {"__builtins__": {}, "u": object(), **writer.constants}
    exec(compile(source, "<rules>", "exec"), scope)  # noqa: S102 - of what this module wrote alone
    found: Matching = scope["matching"]
    return found


class _Writer:
    """``shared``: the variables that keep what is asked more than once."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        asked = Counter(node for condition in conditions for node in _costly(condition))
        often = [node for node, times in asked.items() if times > 1]
        self.shared: dict[Node, str] = {node: f"v{number}" for number, node in enumerate(often)}
        self.constants: dict[str, Any] = {name: getattr(EXACT, name) for name in OPERATORS.values()}

    def written(self, node: Node) -> str:
        if node not in self.shared:
            return self._once(node)
        name = self.shared[node]
        return f"({name} if {name} is not u else ({name} := {self._once(node)}))"

    def _once(self, node: Node) -> str:
        match node:
            case Both() | Either():
                return f"({self._chain(node)})"
            case Not(inner):
                return f"(not {self.written(inner)})"
            case Truth() | Compare() | Known():
                return self._compared(node)
            case Same() | Among() | Listed() | Has():
                return self._text_asked(node)
        return self._number(node)

    def _chain(self, node: Both | Either) -> str:
        """Without parentheses about what is joined alike: Python takes only so many."""
        word = "and" if isinstance(node, Both) else "or"
        left = self._chain(node.left) if isinstance(node.left, type(node)) else self.written(node.left)
        return f"{left} {word} {self.written(node.right)}"

    def _compared(self, node: Truth | Compare | Known) -> str:
        match node:
            case Truth(value):
                return str(value)
            case Compare(comparison, left, right):
                return f"({self.written(left)} {comparison.value} {self.written(right)})"
            case Known(window):
                return f"({self.written(window)} is not None)"

    def _text_asked(self, node: Same | Among | Listed | Has) -> str:
        if isinstance(node, Same):
            return f"({self.written(node.left)} == {self.written(node.right)})"
        text = self.written(node.text)
        match node:
            case Among(_, members):
                return f"({text} in {self._constant(frozenset(members))})"
            case Listed(_, named):
                return f"l({self._constant(named)}, {text}, t.received_at)"
            case Has(portion, _, other):
                return f"({PORTIONS[portion].format(text, self._constant(other))})"

    def _number(self, node: Number | Letters) -> str:
        match node:
            case Literal(value) | Letters(value):
                return self._constant(value)
            case Field(name):
                return FIELDS[name]
            case PartOf(Part.WEEKDAY, instant):
                return f"{FIELDS[instant.name]}.weekday()"
            case PartOf(part, instant):
                return f"{FIELDS[instant.name]}.{part.value}"
            case Window(name, aggregate):
                return f"w[{self._constant((name, aggregate))}]"
            case Arithmetic(operator, left, right):
                return f"{OPERATORS[operator]}({self.written(left)}, {self.written(right)})"

    def _constant(self, value: Any) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name


def _costly(node: Node) -> Iterator[Node]:
    """What is worth a variable; each comes as often as it stands there."""
    match node:
        case Both(left, right) | Either(left, right):
            yield from (*_costly(left), *_costly(right))
        case Not(inner):
            yield from _costly(inner)
        case Compare(_, left, right):
            yield node
            yield from (*_costly(left), *_costly(right))
        case Arithmetic(_, left, right):
            yield node
            yield from (*_costly(left), *_costly(right))
        case Same() | Among() | Listed() | Has() | PartOf():
            yield node
