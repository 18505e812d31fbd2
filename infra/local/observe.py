"""Looks at the running stack from outside: the stream's end, the archive, SQL and the mailbox."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg2

from infra.local.emulator.mailbox import Mail

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client

GZIP = b"\x1f\x8b"

COUNTS = """
SELECT (SELECT coalesce(sum(transactions), 0) FROM shard_progress),
       (SELECT coalesce(sum(dead_letters), 0) FROM shard_progress),
       (SELECT count(*) FROM anomalies),
       (SELECT count(*) FROM alerts JOIN emails ON emails.id = email_id WHERE emails.state = 'sent'),
       (SELECT count(*) FROM alerts WHERE state = 'pending')
         + (SELECT coalesce(sum(alert_count), 0) FROM emails WHERE state IN ('pending', 'sending')),
       (SELECT count(*) FROM emails WHERE state = 'sent')
"""
PROGRESS = """
SELECT shard_id, sequence_number FROM shard_progress WHERE stream_incarnation =
  (SELECT stream_incarnation FROM shard_progress ORDER BY initialized_at DESC LIMIT 1)
"""
LARGEST = """
SELECT amount, transaction_id, sender_id, receiver_id, transaction_date, reason
FROM anomaly_report ORDER BY amount DESC, transaction_id LIMIT %s
"""


@dataclass(frozen=True)
class Counts:
    """What SQL says came out of the pipeline since the tables were made; ``unmailed`` alerts wait for their e-mail."""

    evaluated: int
    dead_letters: int
    anomalies: int
    mailed: int
    unmailed: int
    emails: int

    def __sub__(self, earlier: "Counts") -> "Counts":
        return Counts(*(now - then for now, then in zip(astuple(self), astuple(earlier), strict=True)))


@dataclass(frozen=True)
class Archived:
    """An object of the archive: its ``key`` and its NDJSON ``lines``."""

    key: str
    lines: list[bytes]


class Observer:
    """``mails`` reads the mailbox, oldest first.

    Reads only, each look over a connection of its own: PostgreSQL may be killed and come back in between.
    """

    def __init__(
        self,
        database_url: str,
        kinesis: "KinesisClient",
        s3: "S3Client",
        mails: Callable[[], Sequence[Mail]],
        *,
        stream: str,
        bucket: str,
    ) -> None:
        self.mails = mails
        self.bucket = bucket
        self._database_url = database_url
        self._kinesis = kinesis
        self._s3 = s3
        self._stream = stream

    def counts(self) -> Counts:
        return Counts(*(int(value) for value in self._rows(COUNTS)[0]))

    def largest_anomalies(self, limit: int) -> list[tuple[Any, ...]]:
        return self._rows(LARGEST, limit)

    def is_drained(self) -> bool:
        """Whether nothing follows, in any shard, what the consumer has stored."""
        progress: dict[str, Decimal | None] = dict(self._rows(PROGRESS))
        shards = self._kinesis.list_shards(StreamName=self._stream)["Shards"]
        return all(self._is_at_end(shard["ShardId"], progress.get(shard["ShardId"])) for shard in shards)

    def archive_keys(self) -> set[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix="transactions/")
        return {found["Key"] for page in pages for found in page.get("Contents", [])}

    def archived(self, keys: set[str]) -> Iterator[Archived]:
        for key in sorted(keys):
            body = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            # Not every emulator packs, as the delivery stream asks.
            yield Archived(key, (gzip.decompress(body) if body.startswith(GZIP) else body).splitlines())

    def _is_at_end(self, shard: str, stored: Decimal | None) -> bool:
        iterator = (
            self._kinesis.get_shard_iterator(StreamName=self._stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
            if stored is None
            else self._kinesis.get_shard_iterator(
                StreamName=self._stream,
                ShardId=shard,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=str(stored),
            )
        )
        return not self._kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=1)["Records"]

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self._database_url, connect_timeout=5)) as connection:
            cursor = connection.cursor()
            cursor.execute(query, parameters)
            return cursor.fetchall()
