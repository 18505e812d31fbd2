"""What the stack shows of itself since a moment: the stream, SQL, the archive and the mailbox, line by line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3

from infra.local.emulator.mailbox import Mail
from infra.local.observe import Observer
from infra.local.settings import STREAM
from tests.drills.payments import Payment
from tests.e2e.driver import Driver

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

Sql = Callable[..., list[tuple[Any, ...]]]
"""Runs a query with its parameters and returns its rows."""

LAST_ANOMALY = "SELECT coalesce(max(id), 0) FROM anomalies"
ANOMALIES = """
SELECT rule_id, transaction_id::text, amount, sender_id, receiver_id, sender_iban, receiver_iban, sender_bank_id,
       receiver_bank_id, transaction_date FROM anomalies WHERE id > %s
"""
UNTOLD = """
SELECT transaction_id::text FROM anomalies LEFT JOIN alerts ON anomaly_id = anomalies.id
LEFT JOIN emails ON emails.id = email_id AND emails.state = 'sent'
WHERE anomalies.id > %s GROUP BY anomalies.id, transaction_id HAVING count(emails.id) <> 1
"""
EMAILS = """
SELECT emails.id::text, emails.state, alert_count, amount_sum, count(anomaly_id), coalesce(sum(amount), 0)
FROM emails LEFT JOIN alerts ON email_id = emails.id LEFT JOIN anomalies ON anomalies.id = anomaly_id GROUP BY emails.id
"""
DEAD_LETTERS = "SELECT shard_id, sequence_number, line, payload FROM dead_letters"
COUNTED = "SELECT shard_id, sum(transactions), sum(dead_letters) FROM shard_progress GROUP BY shard_id"
CONFLICTS = "SELECT transaction_id::text FROM conflicts"


class Position(NamedTuple):
    """Of a line: ``line`` counts from 1 within the record."""

    shard: str
    sequence_number: int
    line: int


class Email(NamedTuple):
    """A row of `emails`, beside what its members really are."""

    id: str
    state: str
    alerts: int
    total: Decimal
    members: int
    members_total: Decimal


@dataclass
class Evidence:
    """``stream`` and ``archive`` hold lines, ``counted`` the lines that each shard says it is done with."""

    stream: dict[Position, bytes]
    anomalies: list[tuple[str, Payment]]
    untold: list[str]
    dead_letters: list[tuple[Position, bytes]]
    counted: dict[str, int]
    conflicts: list[str]
    archive: list[bytes]
    emails: dict[str, Email]
    mails: list[Mail]


def witness_of(driver: Driver) -> "Witness":
    return Witness(driver.sql, driver.observer, boto3.client("kinesis"), STREAM)


class Witness:
    """Sees what has come since `mark`; what was there before is another drill's."""

    def __init__(self, sql: Sql, observer: Observer, kinesis: "KinesisClient", stream: str) -> None:
        self._sql = sql
        self._observer = observer
        self._kinesis = kinesis
        self._stream = stream
        self._read_up_to: dict[str, str] = {}
        self._read_to_the_end: set[str] = set()
        self.mark()

    def mark(self) -> None:
        for _ in self._new_lines():
            pass
        ((self._last_anomaly,),) = self._sql(LAST_ANOMALY)
        self._old_letters = {Position(*row[:3]) for row in self._sql(DEAD_LETTERS)}
        self._old_counts = self._counts()
        self._old_conflicts = self._sql(CONFLICTS)
        self._old_keys = self._observer.archive_keys()
        self._old_emails = {row[0] for row in self._sql(EMAILS)}
        self._old_mails = {mail.message_id for mail in self._observer.mails()}
        self._lines: dict[Position, bytes] = {}
        self._objects: dict[str, list[bytes]] = {}

    def stream(self) -> dict[Position, bytes]:
        self._lines.update(self._new_lines())
        return self._lines

    def archive(self) -> list[bytes]:
        keys = self._observer.archive_keys() - self._old_keys
        for stored in self._observer.archived(keys - self._objects.keys()):
            self._objects[stored.key] = stored.lines
        return [line for key in keys for line in self._objects[key]]

    def mails(self) -> list[Mail]:
        return [mail for mail in self._observer.mails() if mail.message_id not in self._old_mails]

    def evidence(self, sql: Sql | None = None) -> Evidence:
        """``sql``: asks another connection, which sees something else."""
        sql = sql or self._sql
        letters = [(Position(*row[:3]), bytes(row[3])) for row in sql(DEAD_LETTERS)]
        return Evidence(
            stream=self.stream(),
            anomalies=[(row[0], Payment(*row[1:])) for row in sql(ANOMALIES, self._last_anomaly)],
            untold=[row[0] for row in sql(UNTOLD, self._last_anomaly)],
            dead_letters=[letter for letter in letters if letter[0] not in self._old_letters],
            counted={shard: count - self._old_counts.get(shard, 0) for shard, count in self._counts(sql).items()},
            conflicts=[row[0] for row in sql(CONFLICTS) if row not in self._old_conflicts],
            archive=self.archive(),
            emails={row[0]: Email(*row) for row in sql(EMAILS) if row[0] not in self._old_emails},
            mails=self.mails(),
        )

    def _counts(self, sql: Sql | None = None) -> dict[str, int]:
        return {shard: int(done) + int(dead) for shard, done, dead in (sql or self._sql)(COUNTED)}

    def _new_lines(self) -> Iterator[tuple[Position, bytes]]:
        for shard in self._kinesis.list_shards(StreamName=self._stream)["Shards"]:
            if shard["ShardId"] not in self._read_to_the_end:
                yield from self._new_lines_of(shard["ShardId"])
            if "EndingSequenceNumber" in shard["SequenceNumberRange"]:
                self._read_to_the_end.add(shard["ShardId"])

    def _new_lines_of(self, shard: str) -> Iterator[tuple[Position, bytes]]:
        while records := self._kinesis.get_records(ShardIterator=self._iterator(shard), Limit=10_000)["Records"]:
            self._read_up_to[shard] = records[-1]["SequenceNumber"]
            for record in records:
                for number, line in enumerate(record["Data"].removesuffix(b"\n").split(b"\n"), start=1):
                    yield Position(shard, int(record["SequenceNumber"]), number), line

    def _iterator(self, shard: str) -> str:
        after = self._read_up_to.get(shard)
        kind: dict[str, Any] = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
            if after
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        return self._kinesis.get_shard_iterator(StreamName=self._stream, ShardId=shard, **kind)["ShardIterator"]
