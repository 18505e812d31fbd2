"""Makes the sample transactions: seeded, invented, free of anybody's data.

    python -m samples.generate > samples/transactions.jsonl

Most amounts are everyday ones, about one in twelve is above the rule's threshold of 1000, and some stand at its very
edge: exactly 1000, a cent more, a cent less.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

SEED = 20_220_630
COUNT = 1_000
FIRST = datetime(2022, 6, 30, 7, 41, 46, tzinfo=UTC)
EDGES = ["1000", "1000.00", "1000.01", '"1000.01"', "999.99", "0.01"]
BANKS = ["ALPHAGRAA", "ETHNGRAA", "PIRBGRAA", "EFGBGRAA"]


def transactions(count: int = COUNT, seed: int = SEED) -> Iterator[str]:
    """``count`` JSON lines in the request's record shape; the same for the same ``seed`` on every machine."""
    random = Random(seed)  # noqa: S311 - a sample, not a secret
    parties = [_party(random) for _ in range(max(20, count // 12))]
    moment = FIRST
    for number in range(count):
        moment += timedelta(seconds=random.randrange(90))
        sender, receiver = random.sample(parties, 2)
        amount = EDGES[number // 97 % len(EDGES)] if number % 97 == 96 else _amount(random)
        yield _line(_uuid(random), amount, sender, receiver, moment)


def _amount(random: Random) -> str:
    band = random.randrange(100)
    cents = random.randrange(100, 20_000) if band < 70 else random.randrange(20_000, 100_000)
    if band >= 92:
        cents = random.randrange(100_001, 2_500_000)
    return f"{cents // 100}.{cents % 100:02d}"


def _party(random: Random) -> dict[str, str]:
    last_digits = f"{random.randrange(10**4):04d}"
    return {"id": _uuid(random), "iban": f"GR{'x' * 21}{last_digits}", "bank": random.choice(BANKS)}


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _line(trx_id: str, amount: str, sender: dict[str, str], receiver: dict[str, str], moment: datetime) -> str:
    return (
        f'{{"trxId":"{trx_id}","amount":{amount},"senderId":"{sender["id"]}","receiverId":"{receiver["id"]}",'
        f'"senderIban":"{sender["iban"]}","receiverIban":"{receiver["iban"]}","senderBankId":"{sender["bank"]}",'
        f'"receiverBankId":"{receiver["bank"]}","transactionDate":"{moment:%Y-%m-%dT%H:%M:%S}+0000"}}'
    )


if __name__ == "__main__":
    sys.stdout.writelines(line + "\n" for line in transactions())
