"""The rules that come along say what they match, and why; two contents under one trxId are told apart."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from consumer.detect import conflict
from consumer.domain import Match, Transaction
from tests.consumer.builders import ARRIVED, BOOK, content


@pytest.mark.parametrize("amount", ["0", "999.999999999999999999", "1000", "1000.00", "1000.000000000000000000"])
def test_an_amount_up_to_the_limit_is_no_anomaly(amount: str) -> None:
    assert BOOK.matches(Transaction(UUID(int=1), content(amount=Decimal(amount)), ARRIVED)) == ()


@pytest.mark.parametrize("amount", ["1000.000000000000000001", "1000.01", "1500.25", "99999999999999999999"])
def test_an_amount_above_the_limit_is_one_with_its_value_in_the_reason(amount: str) -> None:
    (match,) = BOOK.matches(Transaction(UUID(int=1), content(amount=Decimal(amount)), ARRIVED))
    assert match == Match("large-amount", 1, f"amount {amount} is greater than 1000", {"amount": amount})


def test_the_same_content_written_otherwise_is_no_conflict() -> None:
    moment = datetime(2022, 6, 30, 9, 41, 46, tzinfo=timezone(timedelta(hours=2)))
    known = content(amount=Decimal("1500.2500"), transaction_date=moment)
    assert conflict(known, content(amount=Decimal("1500.25"), transaction_date=moment.astimezone(UTC))) is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"amount": Decimal("1600.000000000000000001")}, "amount 1500.25 is now 1600.000000000000000001"),
        ({"sender_iban": "X", "receiver_bank_id": "Y"}, "sender iban, receiver bank id"),
        ({"amount": Decimal(1), "transaction_date": ARRIVED}, "amount 1500.25 is now 1, transaction date"),
    ],
)
def test_a_conflict_names_the_fields_and_both_amounts(changes: dict[str, object], named: str) -> None:
    match = conflict(content(), content(**changes))
    assert match == Match("conflicting-content", 1, f"different content under a known trxId: {named}")
