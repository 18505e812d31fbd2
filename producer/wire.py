"""The lines that transactions become in the stream and in the archive; `tests/contract/wire.json` pins their bytes."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

SCHEMA_VERSION = 1


class Transaction(msgspec.Struct, kw_only=True, gc=False, rename="camel"):
    """A valid transaction, in the order of the wire's fields: all text, `amount` in plain decimal digits."""

    v: int = SCHEMA_VERSION
    trx_id: str
    amount: str
    sender_id: str
    receiver_id: str
    sender_iban: str
    receiver_iban: str
    sender_bank_id: str
    receiver_bank_id: str
    transaction_date: str
    received_at: str = ""


_encode_lines = msgspec.json.Encoder().encode_lines


def lines(transactions: Iterable[Transaction], received_at: str) -> bytes:
    """A JSON object each, ended by a newline; `received_at`, which they keep, is what `timestamp` makes."""
    stamped = list(transactions)
    for transaction in stamped:
        transaction.received_at = received_at
    return _encode_lines(stamped)


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with six digits of a second."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
