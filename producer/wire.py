"""The line that a transaction becomes in the stream and in the archive; `tests/contract/wire.json` pins its bytes."""

from datetime import UTC, datetime

import msgspec

SCHEMA_VERSION = 1


class Transaction(msgspec.Struct, frozen=True, rename="camel"):
    """A valid transaction, in the order of the wire's fields: all text, `amount` in plain decimal digits."""

    trx_id: str
    amount: str
    sender_id: str
    receiver_id: str
    sender_iban: str
    receiver_iban: str
    sender_bank_id: str
    receiver_bank_id: str
    transaction_date: str


_BEGIN = b'{"v":%d,' % SCHEMA_VERSION
_encode = msgspec.json.Encoder().encode


def line(transaction: Transaction, received_at: bytes) -> bytes:
    """One JSON object, ended by a newline; `received_at` is what `timestamp` makes."""
    return b"%b%b%b%b%b" % (_BEGIN, _encode(transaction)[1:-1], b',"receivedAt":"', received_at, b'"}\n')


def timestamp(moment: datetime) -> bytes:
    """RFC 3339 in UTC with six digits of a second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
