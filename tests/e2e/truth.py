"""What must come out for what went in, worked out by other means than the pipeline's own."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
BERKA = CHECKOUT.parent / "shared" / "data" / "berka.jsonl.gz"
SAMPLE = CHECKOUT / "samples" / "transactions.jsonl"


@dataclass(frozen=True)
class Truth:
    """Of one input: every trxId, and the amount of each that is above 1000."""

    ids: frozenset[str]
    anomalies: dict[str, Decimal]

    @property
    def anomaly_sum(self) -> Decimal:
        return sum(self.anomalies.values(), Decimal())

    @property
    def anomaly_digest(self) -> str:
        return hashlib.sha256("".join(f"{found}\n" for found in sorted(self.anomalies)).encode()).hexdigest()


def truth_of(lines: Iterable[str]) -> Truth:
    amounts = {}
    for line in lines:
        transaction = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        amounts[transaction["trxId"]] = Decimal(transaction["amount"])
    return Truth(frozenset(amounts), {trx_id: amount for trx_id, amount in amounts.items() if amount > 1000})


def real_lines(count: int | None) -> Sequence[str]:
    """The first ``count`` of the real transactions beside the checkout; the project's sample where they are not."""
    if not BERKA.exists():
        return SAMPLE.read_text().splitlines()[:count]
    with gzip.open(BERKA, "rt") as file:
        return [line.rstrip("\n") for line in islice(file, count)]


def berka_truth() -> dict[str, str | int]:
    found: dict[str, str | int] = json.loads(BERKA.with_name("berka.truth.json").read_text())
    return found
