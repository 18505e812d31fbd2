"""A record is a transaction, or everything that is wrong with it is named at once."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer import amount, fields
from producer.validate import (
    MAX_NAMED_FIELDS,
    MAX_RECORD_BYTES,
    MISSING,
    NOT_AN_OBJECT,
    REPEATED,
    TOO_DEEP,
    UNKNOWN,
    FieldError,
    examine,
    validate,
)
from producer.wire import Transaction
from tests.producer.builders import FIELDS, TRX_ID, encoded, with_amount

TEXTS = ["senderId", "receiverId", "senderIban", "receiverIban", "senderBankId", "receiverBankId"]


def faults(record: bytes) -> list[tuple[str, str]]:
    result = validate(record)
    assert isinstance(result, list)
    return [(error.field, error.message) for error in result]


def accepted(record: bytes) -> Transaction:
    result = validate(record)
    assert isinstance(result, Transaction), result
    return result


def test_everything_that_is_wrong_is_named_at_once_and_nothing_is_echoed() -> None:
    record = encoded(
        trxId="CZ65-0800", amount="12,5", senderId="", receiverIban=None, transactionDate="noon", iban="CZ65"
    )
    assert faults(record) == [
        ("trxId", fields.NOT_A_UUID),
        ("amount", amount.NOT_DECIMAL),
        ("senderId", fields.EMPTY),
        ("receiverIban", MISSING),
        ("transactionDate", fields.NOT_A_TIME),
        ("iban", UNKNOWN),
    ]
    assert not any(value in str(faults(record)) for value in ("CZ65", "12,5", "noon"))


@pytest.mark.parametrize(
    ("value", "kind"), [(1, "a number"), (1.5, "a number"), (True, "true or false"), ([], "a list"), ({}, "an object")]
)
def test_a_field_of_the_wrong_type_is_named(value: object, kind: str) -> None:
    for name in ["trxId", "transactionDate", *TEXTS]:
        assert faults(encoded(**{name: value})) == [(name, f"must be text, not {kind}")]


def test_null_is_no_text_and_no_amount() -> None:
    record = json.dumps(FIELDS | {"senderId": None, "amount": None}).encode()
    assert faults(record) == [("amount", amount.NOT_DECIMAL), ("senderId", "must be text, not null")]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", fields.EMPTY),
        ("x" * 129, fields.TOO_LONG),
        ("💶" * 129, fields.TOO_LONG),
        ("a\x00b", fields.HOLDS_CONTROL),
        ("a\n", fields.HOLDS_CONTROL),
        ("\x7f", fields.HOLDS_CONTROL),
        ("\x85", fields.HOLDS_CONTROL),
        ("\ud800", fields.NOT_UNICODE),
        ("a\udfff", fields.NOT_UNICODE),
    ],
)
def test_text_that_is_refused(name: str, value: str, message: str) -> None:
    assert faults(encoded(**{name: value})) == [(name, message)]


@pytest.mark.parametrize("value", ["x", " ", "💶" * 128, 'Müller \\ " 雪', "\u2028\u00a0\u200b", "\ufffe"])
def test_text_that_is_accepted_as_it_is(value: str) -> None:
    transaction = accepted(encoded(**dict.fromkeys(TEXTS, value)))
    assert (transaction.sender_id, transaction.receiver_bank_id) == (value, value)


def test_a_trx_id_is_carried_on_in_lower_case() -> None:
    assert accepted(encoded(trxId=TRX_ID.upper())).trx_id == TRX_ID


@pytest.mark.parametrize(
    "value",
    [
        "",
        TRX_ID.replace("-", ""),
        f"{{{TRX_ID}}}",
        f"urn:uuid:{TRX_ID}",
        TRX_ID + "\n",
        "g" + TRX_ID[1:],
        "\uff11" + TRX_ID[1:],
    ],
)
def test_a_trx_id_in_another_form_is_refused(value: str) -> None:
    assert faults(encoded(trxId=value)) == [("trxId", fields.NOT_A_UUID)]


@pytest.mark.parametrize(
    ("value", "carried"),
    [
        ("2022-06-30T07:41:46+0000", "2022-06-30T07:41:46+00:00"),
        ("2022-06-30t07:41:46z", "2022-06-30T07:41:46Z"),
        ("2024-02-29T23:59:59.123456-2359", "2024-02-29T23:59:59.123456-23:59"),
        ("2000-02-29T00:00:00.5+14:00", "2000-02-29T00:00:00.5+14:00"),
        ("1970-01-01T00:00:00+14:00", "1970-01-01T00:00:00+14:00"),
        ("2100-12-31T23:59:59-00:00", "2100-12-31T23:59:59-00:00"),
    ],
)
def test_a_time_keeps_its_offset(value: str, carried: str) -> None:
    assert accepted(encoded(transactionDate=value)).transaction_date == carried


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", fields.NOT_A_TIME),
        ("2022-06-30", fields.NOT_A_TIME),
        ("2022-06-30T07:41:46", fields.NOT_A_TIME),
        ("2022-06-30 07:41:46Z", fields.NOT_A_TIME),
        ("2022-06-30T07:41Z", fields.NOT_A_TIME),
        ("2022-06-30T07:41:46+00", fields.NOT_A_TIME),
        ("2022-06-30T07:41:46,5Z", fields.NOT_A_TIME),
        ("2022-06-30T07:41:46.Z", fields.NOT_A_TIME),
        ("2022-06-30T07:41:46Z\n", fields.NOT_A_TIME),
        ("\uff12022-06-30T07:41:46Z", fields.NOT_A_TIME),
        ("2022-06-30T07:41:46.1234567Z", fields.OUT_OF_RANGE),
        ("2022-06-30T24:00:00Z", fields.OUT_OF_RANGE),
        ("2016-12-31T23:59:60Z", fields.OUT_OF_RANGE),
        ("2022-06-30T07:60:46Z", fields.OUT_OF_RANGE),
        ("2022-06-31T07:41:46Z", fields.OUT_OF_RANGE),
        ("2023-02-29T07:41:46Z", fields.OUT_OF_RANGE),
        ("2100-02-29T07:41:46Z", fields.OUT_OF_RANGE),
        ("2022-00-10T07:41:46Z", fields.OUT_OF_RANGE),
        ("2022-13-10T07:41:46Z", fields.OUT_OF_RANGE),
        ("2022-06-00T07:41:46Z", fields.OUT_OF_RANGE),
        ("1969-12-31T23:59:59Z", fields.OUT_OF_RANGE),
        ("2101-01-01T00:00:00Z", fields.OUT_OF_RANGE),
        ("2022-06-30T07:41:46+24:00", fields.OUT_OF_RANGE),
        ("2022-06-30T07:41:46+01:60", fields.OUT_OF_RANGE),
    ],
)
def test_a_time_that_is_refused(value: str, message: str) -> None:
    assert faults(encoded(transactionDate=value)) == [("transactionDate", message)]


@pytest.mark.parametrize(
    "digits", ["1000.000000000000000001", '"1000.000000000000000001"', '"1000.00000000000000000\\u0031"']
)
def test_an_amount_is_a_number_or_a_string_with_one(digits: str) -> None:
    assert accepted(with_amount(digits)).amount == "1000.000000000000000001"


@pytest.mark.parametrize("digits", ["true", "[1]", '{"a": 1}', '""', '" 1"', '"1\\u0000"', '"NaN"', '"1e"'])
def test_an_amount_of_another_kind_is_refused(digits: str) -> None:
    assert faults(with_amount(digits)) == [("amount", amount.NOT_DECIMAL)]


@pytest.mark.parametrize("name", list(FIELDS))
def test_a_field_that_is_given_twice_is_refused(name: str) -> None:
    record = encoded()[:-1] + f', "{name}": {json.dumps(FIELDS[name])}}}'.encode()
    assert faults(record) == [(name, REPEATED)]


def test_a_field_that_is_given_twice_is_found_behind_its_escapes() -> None:
    record = encoded()[:-1] + rb', "\u0061mount": 1}'
    assert faults(record) == [("amount", REPEATED)]


def test_of_many_unknown_fields_some_are_named_and_the_others_counted() -> None:
    found = faults(encoded(**{f"x{number}": number for number in range(1000)}))
    assert found[:2] == [("x0", UNKNOWN), ("x1", UNKNOWN)]
    assert found[MAX_NAMED_FIELDS:] == [("", f"holds {1000 - MAX_NAMED_FIELDS} more unknown fields")]


@pytest.mark.parametrize("record", [b"1", b"null", b'"text"', b"[]", b"[[1]]", b"", b"{", b"NaN", b'{"amount": NaN}'])
def test_what_is_no_object_is_refused_as_a_whole(record: bytes) -> None:
    assert faults(record) == [("", NOT_AN_OBJECT)]


def test_bytes_that_are_not_utf_8_are_the_fault_of_their_field() -> None:
    assert faults(encoded(senderId="@").replace(b"@", b"\xff")) == [("senderId", fields.NOT_UNICODE)]


def test_deep_nesting_is_refused() -> None:
    deep = faults(with_amount("[" * 8_000 + "]" * 8_000))
    assert deep in ([("", TOO_DEEP)], [("amount", amount.NOT_DECIMAL)]), "how deep is too deep is up to Python"


def test_a_record_that_is_too_long_is_refused_and_not_examined() -> None:
    assert len(faults(encoded(x="y" * (MAX_RECORD_BYTES // 2)))) == 1
    assert faults(encoded(x="y" * MAX_RECORD_BYTES)) == [("", "is longer than 16384 bytes")]
    assert faults(encoded(amount=-1) + b" " * MAX_RECORD_BYTES) == [("", "is longer than 16384 bytes")]


def test_white_space_makes_no_good_record_too_long() -> None:
    assert accepted(encoded() + b" " * MAX_RECORD_BYTES) == accepted(encoded())


VALUES = r"""
    null  true  0  -1  1e3  1e21  0.5  "0.5"  "1e-19"  ""  "a"  "\u0000"  "\ud83d\ude00"  "\ud800"  "ÿ"  "A\\\""  [1]
    {"amount":1}  "4B4BB47F-44c5-43a2-b7be-2a1cd13a3b0b"  "2022-06-30T07:41:46Z"  "2022-02-30T07:41:46Z"
"""
values = st.sampled_from(VALUES.split())
names = st.sampled_from([*FIELDS, "Amount", r"\u0061mount", "x"])
valid = [(name, json.dumps(value)) for name, value in FIELDS.items()]
space = st.sampled_from(["", " ", "\n\t"])


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """A valid record with up to three fields changed, added, repeated or left out, in any order and spacing."""
    pairs: list[Any] = list(valid)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(pairs) - 1))
        match draw(st.integers(0, 2)):
            case 0:
                pairs[place] = (pairs[place][0], draw(values))
            case 1:
                pairs.insert(place, (draw(names), draw(values)))
            case _:
                del pairs[place]
    pad = draw(space)
    inside = f"{pad},{pad}".join(f'"{name}"{pad}:{pad}{value}' for name, value in draw(st.permutations(pairs)))
    return f"{pad}{{{pad}{inside}{pad}}}{pad}".encode("latin-1")  # so that ÿ is a byte that is no UTF-8


@given(records())
def test_the_quick_way_and_the_thorough_way_agree(record: bytes) -> None:
    assert validate(record) == validate(msgspec.Raw(record)) == examine(record)


@given(st.binary(max_size=40))
def test_no_bytes_raise(record: bytes) -> None:
    result = validate(record)
    assert result == examine(record)
    assert isinstance(result, list)
    assert all(isinstance(error, FieldError) for error in result)
