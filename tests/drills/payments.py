"""Payments for drills: invented, seeded, half of them anomalies, so that half of them show in SQL by their id."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple, Self
from uuid import UUID

FIRST = datetime(2022, 6, 30, 7, 41, 46, tzinfo=UTC)
THRESHOLD = Decimal(1000)
EDGES = (
    "1000",
    "1000.00",
    "1000.000000000000000001",
    "1000.01",
    "999.999999999999999999",
    "0",
    "12345678901234567890.5",
)
BANKS = ("ALPHAGRAA", "ETHNGRAA", "PIRBGRAA", "EFGBGRAA")
PARTIES = 500
TEXTS = ("senderId", "receiverId", "senderIban", "receiverIban", "senderBankId", "receiverBankId")


class Payment(NamedTuple):
    """A transaction's content, in the order of the columns that hold it."""

    trx_id: str
    amount: Decimal
    sender_id: str
    receiver_id: str
    sender_iban: str
    receiver_iban: str
    sender_bank_id: str
    receiver_bank_id: str
    date: datetime

    @property
    def is_anomaly(self) -> bool:
        return self.amount > THRESHOLD

    @classmethod
    def of(cls, random: Random) -> Self:
        parties = [_uuid(Random(random.randrange(PARTIES))) for _ in range(2)]
        return cls._make(
            [
                *(_uuid(random), _amount(random), *parties),
                *(f"GR{random.randrange(10**12):025d}", "GRxxxxxxxxxxxxxxx", *random.sample(BANKS, 2)),
                FIRST + timedelta(seconds=random.randrange(10**8)),
            ]
        )


def payments(seed: str) -> Iterator[Payment]:
    """Without end; the same for the same ``seed`` on every machine."""
    random = Random(seed)
    while True:
        yield Payment.of(random)


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _amount(random: Random) -> Decimal:
    if random.random() < 0.02:
        return Decimal(random.choice(EDGES))
    cents = random.randrange(100_001, 2_500_000) if random.random() < 0.5 else random.randrange(100_001)
    return Decimal(cents).scaleb(-2)


def as_request(payment: Payment) -> bytes:
    """The record of a request: its amount is a JSON number where that is exact text, and a string by turns."""
    amount = f"{payment.amount:f}"
    fields = _fields(payment) | {"trxId": payment.trx_id.upper() if payment.trx_id[0] == "a" else payment.trx_id}
    written = amount if payment.trx_id[-1] < "8" else f'"{amount}"'
    return f'{json.dumps(fields)[:-1]},"amount":{written}}}'.encode()


def as_wire(payment: Payment) -> bytes:
    """A line of the stream, as a producer of another make might write it."""
    told = {"v": 1, **_fields(payment), "amount": f"{payment.amount:f}", "receivedAt": "2026-11-23T10:00:00.000000Z"}
    return json.dumps(told).encode()


def _fields(payment: Payment) -> dict[str, str]:
    return {
        "trxId": payment.trx_id,
        "senderId": payment.sender_id,
        "receiverId": payment.receiver_id,
        "senderIban": payment.sender_iban,
        "receiverIban": payment.receiver_iban,
        "senderBankId": payment.sender_bank_id,
        "receiverBankId": payment.receiver_bank_id,
        "transactionDate": payment.date.strftime("%Y-%m-%dT%H:%M:%S+0000"),
    }


def from_wire(line: bytes) -> Payment | None:
    """What a line of the stream or the archive says, read by other means than the services'; None where it is none."""
    try:
        fields: dict[str, Any] = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        texts = [fields[name] for name in TEXTS]
        date = datetime.fromisoformat(fields["transactionDate"]).astimezone(UTC)
        return Payment._make([fields["trxId"], Decimal(fields["amount"]), *texts, date])
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        return None
