"""Valid things, to be bent by each test as it needs."""

import itertools
import json
from typing import Any

from producer.buffer import Entry
from producer.packing import Lines

TRX_ID = "4b4bb47f-44c5-43a2-b7be-2a1cd13a3b0b"
FIELDS: dict[str, Any] = {
    "trxId": TRX_ID,
    "amount": 1500.25,
    "senderId": "sender-1",
    "receiverId": "receiver-1",
    "senderIban": "GRxxxxxxxxxxxxxxx",
    "receiverIban": "GRyyyyyyyyyyyyyyy",
    "senderBankId": "bank-1",
    "receiverBankId": "bank-2",
    "transactionDate": "2022-06-30T07:41:46+0000",
}

_buckets = itertools.count()


def record(**changes: Any) -> dict[str, Any]:
    """A valid record with some fields changed; None leaves one out."""
    return {name: value for name, value in (FIELDS | changes).items() if value is not None}


def encoded(**changes: Any) -> bytes:
    return json.dumps(record(**changes)).encode()


def with_amount(digits: str) -> bytes:
    """A record whose amount is these very characters."""
    return json.dumps(record(amount="@")).replace('"@"', digits).encode()


def numbered_records(count: int) -> list[dict[str, Any]]:
    return [record(trxId=f"00000000-0000-0000-0000-{number:012x}") for number in range(count)]


def alone(*data: bytes, sender: str = "sender") -> list[Lines]:
    """A request's lines, each in a bucket that no other has, so that it shares no record."""
    return [Lines(f"{sender}-{place}", one, next(_buckets), (place,)) for place, one in enumerate(data)]


def lines(count: int, prefix: str = "entry") -> list[Lines]:
    return alone(*(f"{prefix}-{number}\n".encode() for number in range(count)))


def as_entries(parts: list[Lines]) -> list[Entry]:
    """The records that they become, where none shares one."""
    return [Entry(part.partition_key, part.data) for part in parts]
