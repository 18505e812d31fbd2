"""What has to hold of any bytes: the two parsers that read what others sent.

Each function takes bytes and raises AssertionError, or whatever else escapes, where a promise is broken.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from consumer.decode import decode, lines
from consumer.domain import Transaction as Read
from consumer.errors import RejectedError
from producer import wire
from producer.body import STEP_BYTES, Gzip
from producer.envelope import split
from producer.errors import RequestError, TooLargeError
from producer.validate import MAX_RECORD_BYTES, examine, validate
from producer.wire import Transaction

MOST_RECORDS = 20
MOST_REASON = 200
RECEIVED = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


class _Pairs(list[tuple[str, Any]]):
    """An object as Python's own parser reads it, repeated names and all."""


_loads = json.JSONDecoder(object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=str).decode
_scan = json.JSONDecoder(strict=False, parse_int=str, parse_float=str).raw_decode


def http_body(body: bytes) -> None:
    """A body is refused in words, or split where Python's own parser splits it, and each of its records is judged.

    What a record is accepted as, the consumer reads from its line.
    """
    try:
        records = split(body, MOST_RECORDS)
    except RequestError as error:
        _require_words(error.detail)
        _require_fault(error, body)
        return
    assert 1 <= len(records) <= MOST_RECORDS
    assert _is_nested_deeply(body) or [bytes(record) for record in records] == _cut(body, len(records))
    for one in records:
        _judge(bytes(one))


def gzip_body(body: bytes) -> None:
    """Compressed bytes are refused in words or inflated in steps."""
    inflating = Gzip()
    try:
        for part in inflating.inflate(body):
            assert len(part) <= STEP_BYTES
        inflating.require_end()
    except RequestError:
        return


def stream_record(data: bytes) -> None:
    """A record is its lines, and each of them a transaction, or refused for a reason that somebody thought of."""
    found = lines(data)
    assert b"\n".join(found) in (data, data.removesuffix(b"\n"))
    for line in found:
        try:
            transaction = decode(line)
        except RejectedError as error:
            _require_words(str(error))
        else:
            _require_exact(transaction)


def _require_words(reason: str) -> None:
    assert 0 < len(reason) < MOST_REASON
    assert not reason.startswith("could not be decoded"), "nobody thought of it"


def _require_fault(refused: RequestError, body: bytes) -> None:
    assert isinstance(refused, TooLargeError) or not _is_envelope(body)


def _is_envelope(body: bytes) -> bool:
    """Whether it is a good body of few records to Python's own parser."""
    try:
        envelope = _loads(body.decode())
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(envelope, _Pairs)
        and [name for name, _ in envelope] == ["records"]
        and type(envelope[0][1]) is list
        and 1 <= len(envelope[0][1]) <= MOST_RECORDS
        and not _holds_a_constant(body)
        and not _is_nested_deeply(body)
    )


def _holds_a_constant(body: bytes) -> bool:
    """NaN and Infinity are JSON to Python alone."""
    return b"NaN" in body or b"Infinity" in body


def _is_nested_deeply(body: bytes) -> bool:
    return body.count(b"[") + body.count(b"{") > 400


def _cut(body: bytes, count: int) -> list[bytes]:
    """The list's elements as they stand in the body, found by reading one after the other."""
    text = body.decode("latin-1")
    cut: list[bytes] = []
    end = text.index("[") + 1
    for _ in range(count):
        begin = end + len(text[end:]) - len(text[end:].lstrip(" \t\r\n,"))
        _, end = _scan(text, begin)
        cut.append(body[begin:end])
    return cut


def _judge(one: bytes) -> None:
    result = validate(one)
    assert result == examine(one) or len(one) > MAX_RECORD_BYTES
    if isinstance(result, Transaction):
        _require_read_back(result)
    else:
        assert result
        assert all(error.message for error in result)


def _require_read_back(written: Transaction) -> None:
    """What the producer accepts, the consumer reads, and to the same."""
    line = wire.lines([written], wire.timestamp(RECEIVED))
    assert line.count(b"\n") == 1
    read = decode(line[:-1])
    assert str(read.transaction_id) == written.trx_id
    assert read.content.amount == Decimal(written.amount)
    assert format(read.content.amount, "f") == written.amount
    assert read.content.sender_id == written.sender_id
    assert read.content.receiver_bank_id == written.receiver_bank_id
    assert read.content.transaction_date == datetime.fromisoformat(written.transaction_date)
    assert read.received_at == RECEIVED


def _require_exact(transaction: Read) -> None:
    amount = transaction.content.amount
    _, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)
    assert amount >= 0
    assert -18 <= exponent <= 0
    assert len(digits) + exponent <= 20


PROMISES = {"http-body": http_body, "gzip-body": gzip_body, "stream-record": stream_record}
