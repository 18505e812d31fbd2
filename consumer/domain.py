"""What the consumer speaks of. No AWS, no database, no settings.

There is one of most of these for each line of the stream: msgspec's structs are made three times as fast as tuples with
names, and Python's collector, which need not follow them, leaves them alone.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """One Kinesis record: its ``data`` holds one or more lines. ``arrived_at`` is Kinesis's clock, aware."""

    sequence_number: int
    data: bytes
    arrived_at: datetime


class Shard(NamedTuple):
    """A shard of one life of a stream: made anew under the old name, a stream is another incarnation."""

    stream_incarnation: str
    shard_id: str


class Batch(NamedTuple):
    """What is evaluated and stored together: some of what one processRecords call brings, in the order of the shard."""

    shard: Shard
    records: list[Record]


class Content(msgspec.Struct, frozen=True, gc=False):
    """What a client says of a transaction. Amounts compare by value, dates as instants."""

    amount: Decimal
    sender_id: str
    receiver_id: str
    sender_iban: str
    receiver_iban: str
    sender_bank_id: str
    receiver_bank_id: str
    transaction_date: datetime


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """``amount`` is exact, finite and ≥ 0, without exponent; dates are aware, in UTC."""

    transaction_id: UUID
    content: Content
    received_at: datetime


class Position(msgspec.Struct, frozen=True, gc=False):
    """Where a line came from; ``line`` counts from 1 in its record."""

    shard: Shard
    sequence_number: int
    line: int


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of the stream as it came, without its line feed."""

    position: Position
    payload: bytes
    arrived_at: datetime


class Match(msgspec.Struct, frozen=True, gc=False):
    """A rule that matched a transaction, and why, in words with the values; and the values by their names."""

    rule_id: str
    rule_version: int
    reason: str
    values: Mapping[str, str] = {}


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What the rules found of a transaction: each match is an anomaly, and most have none."""

    line: Line
    transaction: Transaction
    matches: tuple[Match, ...]


class Anomaly(msgspec.Struct, frozen=True, gc=False):
    """One match of one transaction; known by the transaction's and the rule's ids."""

    line: Line
    transaction: Transaction
    match: Match

    @property
    def key(self) -> tuple[UUID, str]:
        return self.transaction.transaction_id, self.match.rule_id


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """A line that could not be evaluated. The reason never quotes it."""

    line: Line
    reason: str


def plain(amount: Decimal) -> str:
    """The digits as they were given, without exponent."""
    return format(amount, "f")
