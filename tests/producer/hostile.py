"""Bodies as large as they may be, each made to cost as much as it can."""

import json
from collections.abc import Iterator

from tests.producer.builders import FIELDS, encoded, with_amount

BYTES = 5 * 1024 * 1024
RECORDS = 5000
RECORD_BYTES = 16 * 1024
PATHOLOGICAL = ("]  ", "] ,", "\\\\", '\\"', "\\ud800", "\\ud83d\\ude00", "\\u0000", "💶")


def filled(begin: str, piece: str, end: str = "]}") -> bytes:
    """As many pieces as fit."""
    count = (BYTES - len(begin) - len(end)) // len(piece.encode())
    return (begin + piece * count + end).encode()


def many(record: bytes) -> bytes:
    """The same record as often as it fits."""
    count = min(RECORDS, (BYTES - 20) // (len(record) + 1))
    return b'{"records":[' + b",".join([record] * count) + b"]}"


def unreadable() -> Iterator[tuple[str, bytes]]:
    """No envelope of records, or one of too many."""
    yield "many-numbers", filled('{"records":[', "1,", "1]}")
    yield "many-objects", filled('{"records":[', "{},", "{}]}")
    yield "many-names", b"{" + b",".join(b'"%x":1' % number for number in range(400_000)) + b"}"
    yield "one-name-often", filled("{", '"x":1,', '"x":1}')
    yield "records-often", filled("{", '"records":[1],', '"records":[1]}')
    yield "depth", filled('{"records":[', "[", "")
    yield "depth-of-objects", filled('{"records":[', '{"a":', "")
    yield "cut", filled('{"records":[', "1,", "")
    yield "a-long-name", filled('{"', "x", '":1}')
    yield "spaces", filled("", " ", "{")


def refused() -> Iterator[tuple[str, bytes]]:
    """Envelopes of records that are all wrong."""
    for text in PATHOLOGICAL:
        yield f"text-of-{text}", filled('{"records":["', text, '"]}')
    yield "one-long-number", filled('{"records":[', "1")
    yield "a-list-in-a-record", filled('{"records":[[', "1,", "1]]}")
    yield "lists-in-records", many(b'{"x":[' + b"1," * 8000 + b"1]}")
    yield "depth-in-records", many(b'{"x":' + b"[" * 900 + b"]" * 900 + b"}")
    yield "names-in-records", many(b"{" + b",".join(b'"%x":1' % number for number in range(1700)) + b"}")
    yield "one-name-in-records", many(b"{" + b",".join([b'"amount":1'] * 1400) + b"}")
    yield "long-names-in-records", many(b"{" + b",".join(b'"%x%b":1' % (n, b"x" * 64) for n in range(20)) + b"}")
    yield "amounts-of-10000-digits", many(with_amount("1" * 10_000))
    yield "amounts-of-10000-digits-in-strings", many(with_amount('"' + "1" * 10_000 + '"'))
    yield "huge-amounts", many(with_amount("1e999999"))
    yield "long-exponents", many(with_amount("1e" + "9" * 10_000))
    yield "fine-amounts", many(with_amount("0." + "0" * 10_000 + "1"))
    yield "halves-of-surrogates", many(encoded(senderId="\ud800" * 128))
    yield "nul", many(encoded(senderId="a\0"))
    yield "long-times", many(encoded(transactionDate="2022-06-30T07:41:46." + "1" * 10_000 + "Z"))
    yield "fields-given-twice", many(encoded()[:-1] + b', "amount": 1}')


def good() -> Iterator[tuple[str, bytes]]:
    """Envelopes of records that are right, however they look."""
    yield "zeros-behind-the-point", many(with_amount("1." + "0" * 10_000))
    yield "far-exponents", many(with_amount("0." + "0" * 10_000 + "1e10001"))
    yield "escapes", many(json.dumps({**FIELDS, "senderId": "💶" * 128}).encode())
    yield "spaces-in-records", many(encoded().replace(b" ", b" " * 800))
