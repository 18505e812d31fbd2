"""What windows cost a consumer's child, live: the same transactions with rules that have three, and with rules that
have none.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import msgspec

from consumer.publishing.shelf import put
from consumer.rules import rulefile
from consumer.rules.book import compiled
from consumer.rules.editions import always
from tests.bench.backtest import STATELESS, WINDOWED
from tests.bench.child import TRANSACTIONS_A_CALL, WARM_UP_CALLS, database, delivered, empty, settings
from tests.bench.daemon import deliveries
from tests.bench.figures import Figure
from tests.integration.conftest import execute

LINES = 13
CALLS = 12
PARTIES = 2_000
A_TRANSACTION = timedelta(milliseconds=20)


def measure(rounds: int, show: Callable[[Figure], None]) -> None:
    records = TRANSACTIONS_A_CALL // LINES
    told = list(deliveries(CALLS + WARM_UP_CALLS, records, LINES, payments()))
    found: dict[str, list[float]] = {STATELESS: [], WINDOWED: []}
    with database() as server, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for _ in range(rounds):
            for rules, rates in found.items():
                empty(server)
                execute(server, "TRUNCATE recent_transactions", "bench")
                execute(server, "SELECT tend_recent_transactions('2 days')", "bench")
                put(Path(folder), compiled(always(rulefile.read(rules))))
                environment = replace(settings(server), shards_folder=folder).environment()
                lasted = delivered("consumer.main", told, **environment)
                rates.append(CALLS * records * LINES / lasted)
    what = f"consumer child, three windows, {LINES} lines a record"
    show(Figure(what, "transactions/s", found[WINDOWED], "no window", found[STATELESS]))


def payments() -> Iterator[bytes]:
    """Lines, of so many senders and receivers, received as they are made."""
    chance = Random(5)  # noqa: S311 - can be had again
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    number = 0
    while True:
        at = begin + number * A_TRANSACTION
        number += 1
        content = {
            "v": 1,
            "trxId": str(UUID(int=chance.getrandbits(128))),
            "amount": f"{chance.randrange(2_500_000) / 100:.2f}",
            "senderId": f"s-{chance.randrange(PARTIES)}",
            "receiverId": f"r-{chance.randrange(PARTIES)}",
            "senderIban": "GRxxxxxxxxxxxxxxxxxxxxx9736",
            "receiverIban": "GRxxxxxxxxxxxxxxxxxxxxx4673",
            "senderBankId": "PIRBGRAA",
            "receiverBankId": "ETHNGRAA",
            "transactionDate": at.isoformat(timespec="seconds"),
            "receivedAt": (at + timedelta(seconds=2)).isoformat(timespec="microseconds"),
        }
        yield msgspec.json.encode(content) + b"\n"
