"""Record by record, near its borders: the document's schema and the service judge alike."""

import json
from fractions import Fraction
from typing import Any

import jsonschema_rs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from producer import fields
from producer.amount import TEXT_PATTERN
from producer.openapi import describe
from producer.validate import validate
from producer.wire import Transaction
from tests.fuzz import EXAMPLES
from tests.producer.builders import FIELDS, TRX_ID, with_amount
from tests.producer.service import LIMITS

DOCUMENT = describe(LIMITS)
SCHEMA = {"$ref": "#/components/schemas/Record", "components": DOCUMENT["components"]}
ALLOWS = jsonschema_rs.validator_for(SCHEMA).is_valid

many = settings(max_examples=10 * EXAMPLES, deadline=None)

near_times = st.builds(
    "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{}".format,
    st.sampled_from([1969, 1970, 1972, 1999, 2000, 2023, 2024, 2096, 2100, 2101]),
    st.integers(0, 13),
    st.integers(0, 32) | st.integers(28, 31),
    st.sampled_from("TTTTt "),
    st.integers(0, 24),
    st.integers(0, 60),
    st.integers(0, 60),
    st.sampled_from(["", "", ".", ".1", ".123456", ".1234567"]),
    st.sampled_from(["Z", "Z", "z", "+0000", "+00:00", "-23:59", "+24:00", "+01:60", "+00", ""]),
)
near_ids = st.builds(
    str.__add__, st.sampled_from([TRX_ID, TRX_ID.upper(), TRX_ID[1:], TRX_ID[:-1]]), st.text("0fGg-\n", max_size=1)
)
near_texts = st.text(max_size=3) | st.sampled_from(
    ["x" * 128, "💶" * 128, "x" * 129, "💶" * 129, "\x7f", "\x9f", "\xa0", "a\n"]
)
digits = st.text("0123456789", min_size=1, max_size=25)
near_amounts = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "", "-"]),
    digits | st.sampled_from(["0", "1", "12", "9" * 20, "9" * 21]),
    st.just("")
    | digits.map(".{}".format)
    | st.sampled_from([".0", "." + "0" * 18, "." + "1" * 18 + "00", "." + "0" * 18 + "1"]),
    st.just("")
    | st.builds("{}{}{}".format, st.sampled_from(["e", "E"]), st.sampled_from(["", "+", "-"]), st.integers(0, 40)),
)
others: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.just([]) | st.just({})


def accepts(record: bytes) -> bool:
    return isinstance(validate(record), Transaction)


def is_judged_alike(record: dict[str, Any]) -> bool:
    return ALLOWS(record) == accepts(json.dumps(record).encode())


@many
@given(st.sampled_from(list(FIELDS)), near_times | near_ids | near_texts | near_amounts | others)
def test_any_value_of_any_field(name: str, value: Any) -> None:
    assert is_judged_alike(FIELDS | {name: value})


@many
@given(near_times)
def test_times(value: str) -> None:
    assert is_judged_alike(FIELDS | {"transactionDate": value})


@many
@given(near_ids)
def test_ids(value: str) -> None:
    assert is_judged_alike(FIELDS | {"trxId": value})


@many
@given(near_texts)
def test_texts(value: str) -> None:
    assert is_judged_alike(FIELDS | {"senderId": value})


@many
@given(near_amounts)
@example("1E-18")
@example("1e-019")
@example("1.5e19")
@example("0.1e1")
@example("0e-999999999999")
def test_amounts_in_strings(value: str) -> None:
    assert is_judged_alike(FIELDS | {"amount": value})


@many
@given(st.from_regex(TEXT_PATTERN.removesuffix("$") + r"\Z"))
def test_every_string_of_the_pattern_is_an_amount(value: str) -> None:
    assert accepts(json.dumps(FIELDS | {"amount": value}).encode())


@many
@given(st.from_regex(fields.TIME_PATTERN.removesuffix("$") + r"\Z"))
def test_every_string_of_the_pattern_is_a_time(value: str) -> None:
    assert accepts(json.dumps(FIELDS | {"transactionDate": value}).encode())


@many
@given(near_amounts)
def test_amounts_that_are_numbers_by_their_value(value: str) -> None:
    try:
        number = Fraction(json.loads(value, parse_float=str, parse_int=str))
    except ValueError:
        return
    is_allowed = 0 <= number < 10**20 and (number * 10**18).denominator == 1
    assert accepts(with_amount(value)) == is_allowed


@many
@given(
    st.dictionaries(st.sampled_from([*FIELDS, "x", "Amount", "trxid"]), st.just("x"), max_size=3),
    st.sets(st.sampled_from(list(FIELDS))),
)
def test_missing_and_unknown_fields(more: dict[str, str], left_out: set[str]) -> None:
    record = {name: value for name, value in (FIELDS | more).items() if name not in left_out}
    assert is_judged_alike(record)
