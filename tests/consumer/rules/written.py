"""A tree written out as an analyst would write it."""

from consumer.rules.tree import (
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
    PartOf,
    Portion,
    Same,
    Text,
    Truth,
    Window,
)


def written(tree: Condition) -> str:
    match tree:
        case Truth(value):
            return str(value).lower()
        case Not(inner):
            return f"not ({written(inner)})"
        case Both(left, right):
            return f"({written(left)} and {written(right)})"
        case Either(left, right):
            return f"({written(left)} or {written(right)})"
    return _leaf(tree)


def _leaf(tree: Condition) -> str:
    match tree:
        case Compare(comparison, left, right):
            return f"{_value(left)} {comparison.value} {_value(right)}"
        case Same(left, right):
            return f"{_value(left)} == {_value(right)}"
        case Known(window):
            return f"{window.name} != null"
        case Among(text, members):
            return f"{_value(text)} in [{', '.join(map(_quoted, members))}]"
        case Listed(text, named):
            return f"{_value(text)} in {named}"
        case Has(Portion.CONTAINS, text, other):
            return f"{_quoted(other)} in {_value(text)}"
        case Has(portion, text, other):
            return f"{_value(text)}.{portion.value}({_quoted(other)})"
    raise AssertionError(tree)


def _value(tree: Number | Text) -> str:
    match tree:
        case Literal(value):
            return f"{value:f}"
        case Letters(letters):
            return _quoted(letters)
        case Field(name) | Window(name, _):
            return name
        case PartOf(part, field):
            return f"{field.name}.{part.value}"
        case Arithmetic(operator, left, right):
            return f"({_value(left)} {operator.value} {_value(right)})"
    raise AssertionError(tree)


def _quoted(letters: str) -> str:
    return f'"{letters}"'
