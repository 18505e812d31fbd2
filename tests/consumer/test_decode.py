"""Lines become transactions exactly, or a reason that quotes nothing of them."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.decode import decode, lines
from consumer.domain import Content, Transaction
from consumer.errors import RejectedError
from consumer.pipeline import evaluate, stream_lines
from tests.consumer.builders import BOOK, SHARD, encode, record, wire


def line(**changes: object) -> bytes:
    return wire(**changes).removesuffix(b"\n")


def raw_amount(written: str) -> bytes:
    return line(amount="AMOUNT").replace(b'"AMOUNT"', written.encode())


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ('"1000"', "1000"),
        ("1000.000000000000000001", "1000.000000000000000001"),
        ('"99999999999999999999.999999999999999999"', "99999999999999999999.999999999999999999"),
        ("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
        ("1.5E3", "1500"),
        ("1e-18", "0.000000000000000001"),
        ('"700.00"', "700.00"),
        ("-0.00", "0.00"),
        ("0E+5", "0"),
        ('"0007"', "7"),
        ('"1\\u0030"', "10"),
    ],
)
def test_an_amount_keeps_its_exact_value(written: str, amount: str) -> None:
    assert format(decode(raw_amount(written)).content.amount, "f") == amount


@pytest.mark.parametrize(
    "written",
    [
        *(
            '"NaN"',
            '"Infinity"',
            '"1_000"',
            '" 1"',
            '"1,5"',
            '""',
            '"0x10"',
            '"\\u0661"',
            '"1."',
            '".5"',
            '"+1"',
            '"\\ud800"',
        ),
        *("null", "true", "[1]", "{}", "-1", '"-0.01"'),
        *("1" * 21, "0." + "0" * 18 + "1", "1e20", "1e-19", "1e999999999999", "9" * 100_000),
    ],
)
def test_what_is_no_amount_that_fits_is_rejected(written: str) -> None:
    with pytest.raises(RejectedError, match=r"^(amount: |not JSON)"):
        decode(raw_amount(written))


def test_unknown_fields_are_ignored() -> None:
    assert decode(line(trx_id=uuid.UUID(int=1), later={"x": [1]})) == decode(line(trx_id=uuid.UUID(int=1)))


SECRET = "s3cret-iban"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty record or line"),
        (b"\xff\xfe", "not UTF-8"),
        (line(later="x").replace(b'"x"', b'"\xff"'), "not UTF-8"),
        (line(senderIban=SECRET)[:-1], "not JSON"),
        (line() + b"{}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'"' + SECRET.encode() + b'"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (line(senderIban=None), "missing field senderIban"),
        (line(v=None), "missing field v"),
        (line(senderIban=7), "senderIban: expected str, got int"),
        (line(trx_id=SECRET), "trxId: invalid UUID"),
        (line(transactionDate="2022-06-30T07:41:46"), "transactionDate: expected datetime with a timezone component"),
        (line(transactionDate=SECRET), "transactionDate: invalid RFC3339 encoded datetime"),
        (line(transactionDate="0001-01-01T00:00:00+14:00"), "transactionDate: out of range"),
        (line(receivedAt=None), "missing field receivedAt"),
        (line(senderIban=SECRET + "\0"), "senderIban: holds a NUL character, which the database cannot store"),
        (line(v=2), "schema version 2 is not supported; this consumer reads version 1"),
        (b'{"v":2}', "schema version 2 is not supported; this consumer reads version 1"),
        (line(v=10**30), "schema version of this line is not supported; this consumer reads version 1"),
        (line(v=-1), "schema version of this line is not supported; this consumer reads version 1"),
        (line(v="1"), "v: expected int, got str"),
        (line(later="N").replace(b'"N"', b"[" * 200_000 + b"]" * 200_000), "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_rejected_for_a_reason_in_words(payload: bytes, reason: str) -> None:
    with pytest.raises(RejectedError) as rejected:
        decode(payload)
    assert str(rejected.value) == reason


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", [b""]),
        (b"\n", [b""]),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\n\nb\n\n", [b"a", b"", b"b", b""]),
        (b"a\r\nb", [b"a\r", b"b"]),
    ],
)
def test_a_record_is_split_at_line_feeds_alone(data: bytes, expected: list[bytes]) -> None:
    assert lines(data) == expected


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=128)
amounts = st.decimals(min_value=0, max_value=Decimal(10) ** 20 - 1, places=18) | st.integers(0, 10**20 - 1).map(Decimal)
offsets = st.integers(-18 * 60, 18 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
transactions = st.builds(
    Transaction,
    st.uuids(),
    st.builds(
        Content,
        amounts.map(Decimal.copy_abs),
        *[texts] * 6,
        st.datetimes(datetime(1970, 1, 2), datetime(2100, 12, 31), timezones=offsets),  # noqa: DTZ001 - bounds
    ),
    st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
)


@given(transactions)
def test_what_is_encoded_by_the_contract_is_decoded_to_the_same(transaction: Transaction) -> None:
    decoded = decode(encode(transaction).removesuffix(b"\n"))
    assert decoded == transaction
    assert decoded.content.amount.as_tuple() == transaction.content.amount.as_tuple()


scraps = st.sampled_from([wire(), wire(amount=5), b"\n", b"{", b'"v":2', b"\xff", b"\0", b"1e9", b'{"v":1}\n'])


@given(st.lists(scraps | st.binary(max_size=40), max_size=6).map(b"".join))
def test_whatever_a_record_holds_each_line_is_evaluated_or_a_dead_letter(data: bytes) -> None:
    evaluation = evaluate(BOOK, stream_lines(SHARD, [record(0, data)]))
    dead = [letter.line.position.line for letter in evaluation.undecodable]
    assert len(evaluation.findings) + len(dead) == len(lines(data))
    assert len(set(dead)) == len(dead)
    assert {finding.line.position.line for finding in evaluation.findings}.isdisjoint(dead)
