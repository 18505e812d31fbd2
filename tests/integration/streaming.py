"""The stream's side of the consumer on a real PostgreSQL."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, text

from consumer.domain import Batch, Shard
from consumer.patience import Patience
from consumer.pipeline import Pipeline
from consumer.rules.book import Book
from consumer.store import Store
from tests.consumer.builders import BOOK, SHARD
from tests.integration.conftest import as_owner
from tests.integration.emulator import Emulator

APPLICATION, STREAM = "payment-anomalies", "payments"
MOST_WAITS = 20


class Consumer:
    """The pipeline on a real store. ``waits``: what it slept in outages, of which it gives up after MOST_WAITS."""

    def __init__(
        self,
        engine: Engine,
        shard: Shard = SHARD,
        while_waiting: Callable[[], None] = lambda: None,
        application: str = APPLICATION,
        book: Book = BOOK,
    ) -> None:
        self.waits: list[float] = []
        self.store = Store(engine, application, STREAM, book)
        self._owner = as_owner(engine)
        self._while_waiting = while_waiting
        self._pipeline = Pipeline(book, self.store, Patience(self._pause))
        self.done = self._pipeline.take_up(shard)

    def process(self, given: Batch) -> None:
        self._pipeline.process(given)

    def end(self, shard: Shard) -> None:
        self._pipeline.end(shard)

    def rows(self, query: str) -> list[Any]:
        with self._owner.connect() as connection:
            found = [[_plain(value) for value in row] for row in connection.execute(text(query))]
        return [tuple(row) if len(row) > 1 else row[0] for row in found]

    def progress(self) -> list[Any]:
        return self.rows("SELECT transactions, anomalies, dead_letters FROM shard_progress ORDER BY shard_id")

    def _pause(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self._while_waiting()
        return len(self.waits) == MOST_WAITS


def create_lease_table(emulator: Emulator, application: str = APPLICATION) -> None:
    emulator.client("dynamodb").create_table(
        TableName=application,
        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def lease(emulator: Emulator, shard_id: str, checkpoint: str, application: str = APPLICATION) -> None:
    item = {"leaseKey": {"S": shard_id}, "checkpoint": {"S": checkpoint}}
    emulator.client("dynamodb").put_item(TableName=application, Item=item)


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
