"""Lines of the stream and what they stand for, written from the wire contract alone."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from consumer.domain import Batch, Content, Finding, Line, Match, Position, Record, Shard, Transaction
from consumer.rules.editions import shipped

BOOK = shipped()
SHARD = Shard("arn:aws:kinesis:eu-west-1:1:stream/payments@2026-11-23T10:00:00.000Z", "shardId-000000000000")
OTHER_SHARD = SHARD._replace(shard_id="shardId-000000000001")
ARRIVED = datetime(2026, 11, 23, 10, 0, 30, 123000, UTC)
FIRST = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898  # as long as Kinesis's own

PARTIES = {
    "senderId": "s-1",
    "receiverId": "r-1",
    "senderIban": "GRxxxxxxxxxxxxxxx",
    "receiverIban": "GRyyyyyyyyyyyyyyy",
    "senderBankId": "b-1",
    "receiverBankId": "b-2",
}


def wire(trx_id: object = None, amount: object = "1500.25", **changes: Any) -> bytes:
    """One line, its line feed included. A field that is None is left out."""
    fields = {
        "v": 1,
        "trxId": str(trx_id or uuid.uuid4()),
        "amount": amount,
        **PARTIES,
        "transactionDate": "2022-06-30T07:41:46+00:00",
        "receivedAt": "2026-11-23T10:00:00.000001Z",
    }
    return wire_of({name: value for name, value in (fields | changes).items() if value is not None})


def wire_of(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def encode(transaction: Transaction) -> bytes:
    """A transaction as the contract writes it."""
    content = transaction.content
    return wire(
        transaction.transaction_id,
        format(content.amount, "f"),
        senderId=content.sender_id,
        receiverId=content.receiver_id,
        senderIban=content.sender_iban,
        receiverIban=content.receiver_iban,
        senderBankId=content.sender_bank_id,
        receiverBankId=content.receiver_bank_id,
        transactionDate=content.transaction_date.isoformat(),
        receivedAt=transaction.received_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
    )


def record(number: int, *lines: bytes, arrived_at: datetime = ARRIVED) -> Record:
    """The shard's ``number``-th record."""
    return Record(FIRST + number, b"".join(lines), arrived_at)


def batch(*records: Record, shard: Shard = SHARD) -> Batch:
    return Batch(shard, list(records))


def content(**changes: Any) -> Content:
    fields: dict[str, Any] = {
        "amount": Decimal("1500.25"),
        "sender_id": "s-1",
        "receiver_id": "r-1",
        "sender_iban": "GRxxxxxxxxxxxxxxx",
        "receiver_iban": "GRyyyyyyyyyyyyyyy",
        "sender_bank_id": "b-1",
        "receiver_bank_id": "b-2",
        "transaction_date": datetime(2022, 6, 30, 7, 41, 46, tzinfo=UTC),
    }
    return Content(**(fields | changes))


def finding(transaction_id: uuid.UUID | None = None, number: int = 0, **changes: Any) -> Finding:
    """A large amount, whatever ``changes`` make of it: also what no decoder would let through."""
    transaction = Transaction(transaction_id or uuid.uuid4(), content(**changes), ARRIVED)
    line = Line(Position(SHARD, FIRST + number, 1), b"the line", ARRIVED)
    return Finding(line, transaction, (Match("large-amount", 1, "amount is large"),))
