"""Why a rule matched, in words with the values: a template that names fields and windows in braces."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from typing import Any

from consumer.domain import Transaction, plain
from consumer.rules.evaluate import Values
from consumer.rules.syntax import Fault
from consumer.rules.tree import Aggregate
from consumer.rules.vocabulary import ATTRIBUTES, FIELDS, Vocabulary, meant
from consumer.rules.windows import Declaration

MOST_LETTERS = 1_000
TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[^{}]+|[{}]")
SHOWN = Context(prec=40)
CENT = Decimal("0.01")
Piece = Callable[[Transaction, Values], str]


@dataclass(frozen=True)
class Explanation:
    """``names``: the fields and windows that it tells of."""

    template: str
    pieces: tuple[Piece, ...]
    names: tuple[str, ...]

    def words(self, transaction: Transaction, values: Values) -> str:
        return "".join([piece(transaction, values) for piece in self.pieces])


def read(template: str, vocabulary: Vocabulary) -> Explanation:
    """Raises Fault."""
    if not template.strip() or len(template) > MOST_LETTERS:
        raise Fault(1, 1, f"an explanation has 1 to {MOST_LETTERS:,} letters")
    pieces: list[Piece] = []
    for token in TOKEN.finditer(template):
        text, name = token[0], token["name"]
        if name is not None:
            pieces.append(_piece(template, token.start("name"), name, vocabulary))
        elif text in ("{", "}"):
            raise _fault(
                template, token.start(), "a name stands in a pair of braces, and a brace itself is written twice"
            )
        else:
            pieces.append(_literal(text[:1] if text in ("{{", "}}") else text))
    names = dict.fromkeys(token["name"] for token in TOKEN.finditer(template) if token["name"])
    return Explanation(template, tuple(pieces), tuple(names))


def piece_of(name: str, vocabulary: Vocabulary) -> Piece | None:
    """What tells the value of a field or a window; None where it is neither."""
    window = vocabulary.windows.get(name)
    if window:
        return _window(window)
    return _field(name) if name in FIELDS else None


def _piece(template: str, offset: int, name: str, vocabulary: Vocabulary) -> Piece:
    found = piece_of(name, vocabulary)
    if found:
        return found
    names = [*FIELDS, *vocabulary.windows]
    words = f"{name} is not known{meant(name, names)}" if name.isidentifier() else "a name alone stands in the braces"
    raise _fault(template, offset, words)


def _literal(words: str) -> Piece:
    return lambda _transaction, _values: words


def _field(name: str) -> Piece:
    if name == "receivedAt":
        return lambda transaction, _values: shown(transaction.received_at)
    attribute = ATTRIBUTES[name]
    return lambda transaction, _values: shown(getattr(transaction.content, attribute))


def _window(window: Declaration) -> Piece:
    if window.aggregate is Aggregate.AVERAGE:
        return lambda _transaction, values: _average(values, window.name)
    return lambda _transaction, values: _measured(values[window.name, window.aggregate])


def _average(values: Values, name: str) -> str:
    """For the reader alone, to the cent: what the rule compares is exact."""
    total, count = values[name, Aggregate.SUM], values[name, Aggregate.COUNT]
    assert total is not None
    assert count is not None
    return shown(SHOWN.quantize(SHOWN.divide(Decimal(total), Decimal(count)), CENT))


def _measured(value: Decimal | int | None) -> str:
    """Without zeros at its end: how many a sum has is the engine's affair."""
    digits = shown(value)
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def shown(value: Any) -> str:
    match value:
        case Decimal():
            return plain(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case None:
            return "none"
    return str(value)


def _fault(template: str, offset: int, words: str) -> Fault:
    before = template[:offset]
    return Fault(before.count("\n") + 1, len(before) - before.rfind("\n"), words)
