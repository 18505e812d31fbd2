"""The typed tree of an expression: what `language` makes of a rule's text, and what every engine walks.

Numbers are decimals. Each carries how many digits it can have, so that no engine need ever round: see `Digits`.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

import msgspec


class Digits(NamedTuple):
    """The most digits before and after the point that a number can have."""

    before: int
    after: int

    def plus(self, other: "Digits") -> "Digits":
        return Digits(max(self.before, other.before) + 1, max(self.after, other.after))

    def times(self, other: "Digits") -> "Digits":
        return Digits(self.before + other.before, self.after + other.after)

    @property
    def total(self) -> int:
        return self.before + self.after


MOST_DIGITS = 76
"""Of any number that an expression comes to: PostgreSQL, and the decimal context here, hold as many exactly."""


class Node(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Trees are values: they compare, and can be written as JSON and read again."""


class Literal(Node, frozen=True):
    """A number as it was written."""

    value: Decimal


class Letters(Node, frozen=True):
    """A text as it was written."""

    value: str


class Truth(Node, frozen=True):
    value: bool


class Field(Node, frozen=True):
    """A field of the transaction by its name on the wire."""

    name: str


class Part(Enum):
    """Of a time, in UTC. Weekdays count from Monday, which is 0."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    WEEKDAY = "weekday"
    HOUR = "hour"
    MINUTE = "minute"
    SECOND = "second"


class PartOf(Node, frozen=True):
    part: Part
    instant: Field


class Aggregate(Enum):
    """PREVIOUS_AMOUNT and PREVIOUS_SECONDS look at the key's transaction just before, which there may not be."""

    COUNT = "count"
    SUM = "sum"
    MAX = "max"
    AVERAGE = "average"
    DISTINCT = "distinct"
    PREVIOUS_AMOUNT = "previous amount"
    PREVIOUS_SECONDS = "previous seconds"


class Window(Node, frozen=True):
    """The value of a named window, as it is when the transaction is part of it. No tree holds an AVERAGE: it has been
    made a SUM and a COUNT of that window, for no engine divides.
    """

    name: str
    aggregate: Aggregate


class Operator(Enum):
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"


class Arithmetic(Node, frozen=True):
    operator: Operator
    left: "Number"
    right: "Number"


Number = Literal | Field | PartOf | Window | Arithmetic
Text = Letters | Field


class Comparison(Enum):
    EQUAL = "=="
    UNEQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


class Compare(Node, frozen=True):
    comparison: Comparison
    left: Number
    right: Number


class Same(Node, frozen=True):
    """Whether two texts are equal, letter by letter."""

    left: Text
    right: Text


class Among(Node, frozen=True):
    """Whether the text is one of those."""

    text: Text
    members: tuple[str, ...]


class Listed(Node, frozen=True):
    """Whether the text is an entry of the named list when the transaction was received."""

    text: Text
    list: str


class Portion(Enum):
    STARTS = "starts_with"
    ENDS = "ends_with"
    CONTAINS = "contains"


class Has(Node, frozen=True):
    """Whether the text starts with, ends with or contains another, letter by letter."""

    portion: Portion
    text: Text
    other: str


class Known(Node, frozen=True):
    """Whether the window has a value: there may be no previous transaction."""

    window: Window


class Both(Node, frozen=True):
    left: "Condition"
    right: "Condition"


class Either(Node, frozen=True):
    left: "Condition"
    right: "Condition"


class Not(Node, frozen=True):
    condition: "Condition"


Condition = Truth | Compare | Same | Among | Listed | Has | Known | Both | Either | Not


def windows_in(node: Condition | Number) -> Iterator[Window]:
    match node:
        case Window():
            yield node
        case Known(window):
            yield window
        case Not(inner):
            yield from windows_in(inner)
        case Both(left, right) | Either(left, right) | Compare(_, left, right) | Arithmetic(_, left, right):
            yield from windows_in(left)
            yield from windows_in(right)


def fields_in(node: Condition | Number | Text) -> Iterator[str]:
    """Their names, in the order in which they stand there."""
    match node:
        case Field(name):
            yield name
        case PartOf(_, instant):
            yield instant.name
        case Not(inner):
            yield from fields_in(inner)
        case Among(text) | Listed(text) | Has(_, text):
            yield from fields_in(text)
        case Same(left, right):
            yield from (*fields_in(left), *fields_in(right))
        case Both(left, right) | Either(left, right) | Compare(_, left, right) | Arithmetic(_, left, right):
            yield from (*fields_in(left), *fields_in(right))


def lists_in(node: Condition) -> Iterator[str]:
    match node:
        case Listed(_, name):
            yield name
        case Not(inner):
            yield from lists_in(inner)
        case Both(left, right) | Either(left, right):
            yield from (*lists_in(left), *lists_in(right))


def renamed(tree: Condition, names: Mapping[str, str]) -> Condition:
    """With windows called otherwise."""
    match tree:
        case Known(window):
            return Known(_renamed(window, names))
        case Not(inner):
            return Not(renamed(inner, names))
        case Both(left, right):
            return Both(renamed(left, names), renamed(right, names))
        case Either(left, right):
            return Either(renamed(left, names), renamed(right, names))
        case Compare(comparison, left, right):
            return Compare(comparison, _renamed_in(left, names), _renamed_in(right, names))
    return tree


def _renamed_in(number: Number, names: Mapping[str, str]) -> Number:
    match number:
        case Window():
            return _renamed(number, names)
        case Arithmetic(operator, left, right):
            return Arithmetic(operator, _renamed_in(left, names), _renamed_in(right, names))
    return number


def _renamed(window: Window, names: Mapping[str, str]) -> Window:
    return Window(names.get(window.name, window.name), window.aggregate)
