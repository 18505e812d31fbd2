"""The tests that a rule brings along: transactions given, and whether the last of them matches."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import msgspec

from consumer.decode import decode
from consumer.domain import Transaction
from consumer.errors import RejectedError
from consumer.rules.history import values_of
from consumer.rules.ruleset import RuleSet
from consumer.rules.windows import span_of

Expectation = Literal["match", "no match"]
EXPECTATIONS = get_args(Expectation)
BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Given(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What a test does not say is the same for all of its transactions; ``after`` counts from the one before."""

    trx_id: UUID | None = None
    amount: str = "1"
    sender_id: str = "sender"
    receiver_id: str = "receiver"
    sender_iban: str = "sender iban"
    receiver_iban: str = "receiver iban"
    sender_bank_id: str = "sender bank"
    receiver_bank_id: str = "receiver bank"
    transaction_date: datetime | None = None
    received_at: datetime | None = None
    after: str | None = None


class Trial(msgspec.Struct, forbid_unknown_fields=True):
    """``lists`` says who stands in them while the test runs."""

    given: Annotated[list[Given], msgspec.Meta(min_length=1, max_length=1_000)]
    expect: Expectation
    name: str = ""
    lists: dict[str, list[str]] = {}


def complaint(found: RuleSet, trial: Trial) -> str | None:
    """How the one rule of ``found`` answers otherwise, or why the test cannot be held; None if all is as expected."""
    if unknown := sorted(set(trial.lists) - set(found.lists)):
        return f"the list {unknown[0]} is not declared"
    try:
        transactions = transactions_of(trial.given)
    except (RejectedError, ValueError, OverflowError) as error:
        return str(error)
    last = transactions[-1]
    among = [one for one in transactions if found.is_in_time(one)] if found.is_in_time(last) else ()
    values = values_of(found.windows.values(), last, among)
    matched = found.matches(last, values, lambda named, text, _at: text in trial.lists.get(named, ()))
    if bool(matched) == (trial.expect == "match"):
        return None
    return f"expected: {trial.expect}; found: {matched[0].reason if matched else 'no match'}"


def transactions_of(given: Sequence[Given]) -> list[Transaction]:
    """As the consumer decodes them from the stream. Raises RejectedError, ValueError or OverflowError."""
    transactions: list[Transaction] = []
    at = BEGIN
    for number, one in enumerate(given, start=1):
        at = _date(one, at)
        transactions.append(decode(msgspec.json.encode(_line(one, number, at))))
    return transactions


def _date(given: Given, before: datetime) -> datetime:
    if given.transaction_date and given.after:
        raise ValueError("a transaction has a transactionDate or an after, not both")
    if given.transaction_date and not given.transaction_date.tzinfo:
        raise ValueError("transactionDate: an offset is wanted, like 2026-01-01T12:00:00Z")
    try:
        span = span_of(given.after) if given.after else timedelta(0)
    except ValueError as error:
        raise ValueError(f"after: this {error}") from None
    return given.transaction_date or before + span


def _line(given: Given, number: int, at: datetime) -> Mapping[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(given)
    fields.pop("after")
    identity = fields["trxId"] or str(UUID(int=number))
    return fields | {"v": 1, "trxId": identity, "transactionDate": at, "receivedAt": given.received_at or at}
