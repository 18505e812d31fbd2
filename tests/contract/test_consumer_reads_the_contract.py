"""The consumer reads every line that the wire contract pins, exactly."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from consumer.decode import decode, lines

CASES = json.loads((Path(__file__).parent / "wire.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_consumer_reads_the_line(case: dict[str, Any]) -> None:
    (line,) = lines(case["line"].encode())
    sent = json.loads(case["request"], parse_float=str, parse_int=str)

    transaction = decode(line)

    content = transaction.content
    assert transaction.transaction_id == UUID(sent["trxId"])
    assert str(content.amount) == case["amount"]
    assert content.amount == Decimal(sent["amount"]).copy_abs()
    assert content.transaction_date == datetime.fromisoformat(case["transactionDate"])
    assert transaction.received_at == datetime.fromisoformat(case["receivedAt"])
    assert content.transaction_date.tzinfo is UTC
    assert [getattr(content, field) for field in content.__struct_fields__[1:-1]] == [
        sent[name]
        for name in ("senderId", "receiverId", "senderIban", "receiverIban", "senderBankId", "receiverBankId")
    ]


def test_many_lines_in_one_record_are_as_many_transactions() -> None:
    packed = "".join(case["line"] for case in CASES).encode()
    assert [decode(line) for line in lines(packed)] == [decode(lines(case["line"].encode())[0]) for case in CASES]
