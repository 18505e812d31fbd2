"""The producer's side of the wire contract: from the bytes of a request to the bytes of the stream."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer import wire
from producer.validate import validate
from producer.wire import Transaction

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("wire.json").read_text())
FIELDS = list(json.loads(CASES[0]["line"]))


def line(request: bytes, received_at: str) -> bytes:
    transaction = validate(request)
    assert isinstance(transaction, Transaction), transaction
    return wire.lines([transaction], wire.timestamp(datetime.fromisoformat(received_at)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_request_becomes_the_line_of_the_contract(case: dict[str, Any]) -> None:
    written = line(case["request"].encode(), case["receivedAt"])
    assert written == case["line"].encode()
    assert Decimal(json.loads(written)["amount"]) == Decimal(case["amount"])
    assert datetime.fromisoformat(json.loads(written)["transactionDate"]) == datetime.fromisoformat(
        case["transactionDate"]
    )


text = st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=128)


@settings(deadline=None)
@given(text, text, st.decimals(0, 10**19, allow_nan=False, allow_infinity=False, places=18))
def test_any_valid_transaction_is_one_line_that_reads_back_as_it_was(sender: str, bank: str, amount: Decimal) -> None:
    request = json.loads(CASES[0]["request"]) | {"senderId": sender, "receiverBankId": bank, "amount": str(amount)}
    written = line(json.dumps(request).encode(), "2026-11-23T10:00:00.000001Z")
    assert written.endswith(b"\n")
    assert written.count(b"\n") == 1
    read = json.loads(written)
    assert list(read) == FIELDS
    assert (read["senderId"], read["receiverBankId"], Decimal(read["amount"])) == (sender, bank, amount)
