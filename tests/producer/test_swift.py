"""A request of good records is read at once, and to the same as record by record."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer import swift, wire
from producer.envelope import split
from producer.validate import validate
from producer.wire import Transaction
from tests.producer.builders import FIELDS, encoded, record, with_amount
from tests.producer.test_validate import records

MOST = 100
NOW = "2026-11-26T10:00:00.000000Z"


def enveloped(*records: bytes) -> bytes:
    return b'{"records": [' + b", ".join(records) + b"]}"


def one_by_one(body: bytes) -> bytes | None:
    """The lines that they become, record by record; None unless all are good."""
    judged = [validate(record) for record in split(body, MOST)]
    good = [one for one in judged if isinstance(one, Transaction)]
    return wire.lines(good, NOW) if len(good) == len(judged) else None


def at_once(body: bytes) -> bytes | None:
    read = swift.read(body)
    return None if read is None else wire.lines(read, NOW)


@given(st.lists(records(), min_size=1, max_size=3))
def test_what_is_read_at_once_is_what_is_read_one_by_one(records: list[bytes]) -> None:
    body = enveloped(*records)
    if (read := at_once(body)) is not None:
        assert read == one_by_one(body)


texts = st.text(st.characters(exclude_characters='"\\\x7f', exclude_categories=("Cc", "Cs")), min_size=1, max_size=128)
amounts = st.decimals(0, 10**19, allow_nan=False, allow_infinity=False, places=2).map(lambda value: f"{value:f}")


@given(st.lists(st.tuples(texts, texts, amounts, st.booleans()), min_size=1, max_size=8), st.booleans())
def test_good_records_are_read_at_once(rows: list[tuple[str, str, str, bool]], is_compact: bool) -> None:
    made = [record(senderId=sender, receiverIban=iban, amount="@") for sender, iban, _, __ in rows]
    separators = (",", ":") if is_compact else None
    written = [
        json.dumps(one, ensure_ascii=False, separators=separators).replace('"@"', f'"{value}"' if quoted else value)
        for one, (_, __, value, quoted) in zip(made, rows, strict=True)
        if "@" not in one["senderId"] + one["receiverIban"]
    ]
    if not written:
        return
    body = ('{"records":[' + ",".join(written) + "]}").encode()
    expected = one_by_one(body)
    assert expected
    assert at_once(body) == expected if body.isascii() else at_once(body) in (None, expected)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"records": []}',
        b'{"records": [1]}',
        b'{"records": [], "records": [' + encoded() + b"]}",
        enveloped(encoded())[:-1],
        enveloped(encoded(v=1)),
        enveloped(encoded(receivedAt="2026-01-01T00:00:00Z")),
        enveloped(encoded(v=1)[:-1] + b', "v": 1}'),
        enveloped(with_amount("[1,\n2]")),
        enveloped(with_amount('"1\n2"')),
        enveloped(with_amount('{"a": 1}')),
        enveloped(with_amount("null")),
        enveloped(with_amount("01")),
        enveloped(with_amount('1"')),
        enveloped(with_amount("1e3")),
        enveloped(with_amount('"1e-18"')),
        enveloped(with_amount("-0")),
        enveloped(with_amount("0." + "1" * 19)),
        enveloped(encoded(senderId="")),
        enveloped(encoded(senderId="x" * 129)),
        enveloped(encoded(senderId="\x7f")),
        enveloped(encoded(senderId="a\\b")),
        enveloped(encoded(transactionDate="2023-02-29T00:00:00Z")),
        enveloped(encoded(trxId="g" * 36)),
        enveloped(encoded(), encoded()[:-1] + b', "senderId": "twice"}'),
    ],
)
def test_what_there_is_any_doubt_about_is_not_read_at_once(body: bytes) -> None:
    assert swift.read(body) is None


@pytest.mark.parametrize("name", list(FIELDS))
def test_a_field_that_is_given_twice_is_never_read_at_once(name: str) -> None:
    for value in ('"1"', "1", json.dumps(FIELDS[name])):
        for first in (b"", b'"amount": "1", '):
            twice = b"{" + first + encoded()[1:-1] + f', "{name}": {value}}}'.encode()
            assert swift.read(enveloped(twice)) is None
            assert swift.read(enveloped(encoded(), twice, encoded())) is None


def test_ids_and_times_are_carried_on_in_their_normal_form() -> None:
    body = enveloped(encoded(trxId="4B4BB47F-44c5-43a2-b7be-2a1cd13a3b0b", transactionDate="2022-06-30t07:41:46+0000"))
    (read,) = swift.read(body) or []
    assert (read.trx_id, read.transaction_date) == ("4b4bb47f-44c5-43a2-b7be-2a1cd13a3b0b", "2022-06-30T07:41:46+00:00")


@given(st.binary(max_size=60))
def test_no_bytes_raise(body: bytes) -> None:
    assert swift.read(body) is None


def test_what_is_read_is_what_the_wire_takes() -> None:
    (read,) = swift.read(enveloped(with_amount('"0.10"'))) or []
    assert msgspec.json.decode(msgspec.json.encode(read))["amount"] == "0.10"
