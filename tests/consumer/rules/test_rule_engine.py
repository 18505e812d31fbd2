"""The language means what rule-engine, which shares its words, takes it to mean: the same text, both answers."""

from collections.abc import Mapping
from decimal import Context
from typing import Any

import rule_engine
from hypothesis import assume, given

from consumer.domain import Transaction
from consumer.rules import language
from consumer.rules.evaluate import matching
from consumer.rules.syntax import Fault
from consumer.rules.tree import MOST_DIGITS, Condition
from consumer.rules.vocabulary import FIELDS, Type, Vocabulary
from consumer.rules.windows import Declaration, span_of
from tests.consumer.rules.trees import ALWAYS, NULLABLE, Plain, conditions, is_listed, transactions, values
from tests.consumer.rules.written import written

WINDOWS = (*ALWAYS, NULLABLE)
LISTS = {"one": ["a", "ab"], "other": ["", "b", "ba", "é"]}
"""As `is_listed` has them since 1981."""
VOCABULARY = Vocabulary(
    {one.name: Declaration(one.name, one.aggregate, "amount", ("senderId",), span_of("1h")) for one in WINDOWS}, LISTS
)
TYPES = {
    Type.NUMBER: rule_engine.DataType.FLOAT,
    Type.TEXT: rule_engine.DataType.STRING,
    Type.INSTANT: rule_engine.DataType.DATETIME,
    Type.LIST: rule_engine.DataType.ARRAY(rule_engine.DataType.STRING),
}
CONTEXT = rule_engine.Context(
    type_resolver=rule_engine.type_resolver_from_dict(
        {name: TYPES[type_] for name in VOCABULARY.names if (type_ := VOCABULARY.type_of(name))}
    ),
    default_timezone="utc",
    decimal_context=Context(prec=MOST_DIGITS),
)


def read(text: str) -> Condition | None:
    """None where it could come to too many digits."""
    try:
        return language.read(text, VOCABULARY)
    except Fault as fault:
        if "would not be exact" in fault.words:
            return None
        raise


@given(conditions, transactions, values)
def test_both_answer_alike(tree: Condition, transaction: Transaction, known: Mapping[Any, Any]) -> None:
    text = written(tree)
    assume(transaction.received_at.year > 1980)
    assume("weekday" not in text)  # a number here, a name there
    ours = read(text)
    assume(ours is not None)
    assert ours is not None
    plain = Plain(transaction, known)
    thing = {**LISTS, **{name: plain.field(name) for name in FIELDS}, **{name: one for (name, _), one in known.items()}}
    theirs = rule_engine.Rule(text, context=CONTEXT).matches(thing)
    assert (matching([ours])(transaction, known, is_listed) == (0,)) == theirs == plain.condition(tree)
