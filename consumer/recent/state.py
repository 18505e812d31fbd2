"""The table `recent_transactions`, read and added to. Rows travel as one JSON text, as in `insertion`.

Each transaction stands there once for each key that windows know it by, and once more for each time that it was
received anew: editions of the rules, and lists, go by that time. Windows count the first of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import astuple
from sqlalchemy import Connection, TextClause, text

from consumer.domain import Content, Finding, Line, Position, Shard, Transaction
from consumer.recent.keys import stripe
from consumer.rules.tree import Aggregate
from consumer.rules.vocabulary import ATTRIBUTES
from consumer.rules.windows import Declaration

LOCKS = 0x7265_6365
"""The first half of our advisory locks' numbers, "rece"; the second is a key's stripe."""
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)

_encode = msgspec.json.Encoder(decimal_format="string").encode


Identity = tuple[UUID, datetime]
"""A transaction as it was received at one time."""


class Row(Content, frozen=True, gc=False):
    """The columns of `recent_transactions`. ``counts``: it is the first of its trxId that its bringer knows of."""

    key: UUID
    transaction_id: UUID
    received_at: datetime
    counts: bool
    arrived_at: datetime
    stream_incarnation: str
    shard_id: str
    sequence_number: str
    line: int


class Place(NamedTuple):
    """In the order of a key's transactions."""

    date: datetime
    transaction_id: UUID


@dataclass(frozen=True)
class Stretch:
    """Of one key, what stands behind ``begin`` and is dated before ``end``."""

    key: UUID
    begin: Place
    end: datetime


class Asked(NamedTuple):
    """Whose window is asked for; ``of`` is its own value of the field that a distinct count is of."""

    number: int
    key: UUID
    date: datetime
    transaction_id: UUID
    of: str


class New(NamedTuple):
    """A row that was not there; windows have grown by it if it ``counts``."""

    key: UUID
    place: Place
    identity: Identity
    counts: bool


class Remembered(NamedTuple):
    """``conflicting``: those of whose trxIds another content is known. They are in no window but their own."""

    new: list[New]
    conflicting: set[Identity]


NOTHING = Remembered([], set())


class Others(NamedTuple):
    """What a window has beside the transaction itself; of a window that needs it not, a thing may be none."""

    number: int = 0
    sum: Decimal | None = None
    max: Decimal | None = None
    distinct: int = 0
    previous_amount: Decimal | None = None
    previous_date: datetime | None = None


NOBODY = Others()


def row(finding: Finding, key: UUID, *, counts: bool) -> Row:
    transaction, line = finding.transaction, finding.line
    own = key, transaction.transaction_id, transaction.received_at, counts, line.arrived_at, *line.position.shard
    cells: tuple[Any, ...] = (
        *astuple(transaction.content),
        *own,
        str(line.position.sequence_number),
        line.position.line,
    )
    return Row(*cells)


def lock(connection: Connection, keys: Iterable[UUID]) -> None:
    """Until the transaction ends nobody else reads or adds to these keys. In order, so that nobody waits in a ring."""
    connection.execute(_LOCK, {"locks": LOCKS, "stripes": sorted({stripe(key) for key in keys})})


def remember(connection: Connection, rows: Sequence[Row]) -> Remembered:
    new, conflicting = list[New](), set[Identity]()
    found = connection.execute(_REMEMBER, {"rows": _json(rows)}).all()  # at once: that is quicker
    for key, date, transaction_id, received_at, counts, conflicts in found:
        if conflicts:
            conflicting.add((transaction_id, received_at))
        else:
            new.append(New(key, Place(date, transaction_id), (transaction_id, received_at), counts))
    return Remembered(new, conflicting)


def within(connection: Connection, stretches: Sequence[Stretch], lateness: timedelta) -> list[Finding]:
    """What stands there, each transaction as often as it was received, without matches."""
    rows = [(one.key, *one.begin, one.end) for one in stretches]
    lowest, highest = min(one.begin.date for one in stretches), max(one.end for one in stretches)
    found = connection.execute(_WITHIN, {"rows": _json(rows), **_received(lowest, highest, lateness)})
    return [_finding(one) for one in found.all()]


def others(
    connection: Connection, window: Declaration, asked: Sequence[Asked], lateness: timedelta
) -> dict[int, Others]:
    """By the numbers of those who asked."""
    lowest, highest = min(one.date for one in asked), max(one.date for one in asked)
    statement = _PREVIOUS if window.is_nullable else _others(window)
    bounds = _received(_minus(lowest, window.span), highest, lateness)
    found = connection.execute(statement, {"rows": _json(asked), "span": window.span, **bounds}).all()
    if window.is_nullable:
        return {one[0]: Others(previous_amount=one[1], previous_date=one[2]) for one in found}
    return {one[0]: Others(*one[1:]) for one in found}


def _received(lowest: datetime, highest: datetime, lateness: timedelta) -> dict[str, datetime]:
    """When that can have been received which is dated so: PostgreSQL looks into these days' partitions alone."""
    return {"lowest": _minus(lowest, lateness), "highest": plus(highest, lateness)}


def _minus(moment: datetime, span: timedelta) -> datetime:
    return moment - span if moment - FIRST > span else FIRST


def plus(moment: datetime, span: timedelta) -> datetime:
    return moment + span if LAST - moment > span else LAST


def _finding(found: Any) -> Finding:
    position = Position(Shard(found.stream_incarnation, found.shard_id), int(found.sequence_number), found.line)
    content = Content(*(getattr(found, name) for name in Content.__struct_fields__))
    transaction = Transaction(found.transaction_id, content, found.received_at)
    return Finding(Line(position, b"", found.arrived_at), transaction, ())


def _json(rows: Sequence[Any]) -> str:
    return _encode(rows).decode()


TYPES = {
    "key": "uuid",
    "transaction_id": "uuid",
    "counts": "boolean",
    "amount": "numeric",
    "sequence_number": "numeric",
    "line": "integer",
    **dict.fromkeys(("transaction_date", "received_at", "arrived_at"), "timestamptz"),
}
_columns = ", ".join(Row.__struct_fields__)
_typed = ", ".join(f"{name} {TYPES.get(name, 'text')}" for name in Row.__struct_fields__)


def _of(relation: str) -> str:
    return ", ".join(f"{relation}.{name}" for name in Content.__struct_fields__)


_LOCK = text("""
    SELECT count(pg_advisory_xact_lock(:locks, number))
    FROM (SELECT number FROM unnest(CAST(:stripes AS integer[])) AS number ORDER BY number) AS ordered
""")

_REMEMBER = text(f"""
    WITH given AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS given ({_typed})
    ), conflicting AS (
        SELECT DISTINCT given.transaction_id, given.received_at
        FROM given JOIN recent_transactions AS known USING (transaction_id)
        WHERE ({_of("given")}) <> ({_of("known")})
    ), added AS (
        INSERT INTO recent_transactions ({_columns})
        SELECT {_of("given")}, key, transaction_id, received_at, counts AND NOT EXISTS (
                SELECT FROM recent_transactions AS known
                WHERE known.transaction_id = given.transaction_id AND known.key = given.key
            ), arrived_at, stream_incarnation, shard_id, sequence_number, line
        FROM given
        WHERE (transaction_id, received_at) NOT IN (SELECT transaction_id, received_at FROM conflicting)
        ORDER BY key, transaction_date, transaction_id, received_at
        ON CONFLICT DO NOTHING
        RETURNING key, transaction_date, transaction_id, received_at, counts
    )
    SELECT key, transaction_date, transaction_id, received_at, counts, false AS conflicts FROM added
    UNION ALL
    SELECT NULL, NULL, transaction_id, received_at, false, true FROM conflicting
""")

_WITHIN = text("""
    SELECT DISTINCT ON (found.transaction_id, found.received_at) found.*
    FROM (
        SELECT CAST(cell ->> 0 AS uuid) AS key, CAST(cell ->> 1 AS timestamptz) AS begin_date,
            CAST(cell ->> 2 AS uuid) AS begin_id, CAST(cell ->> 3 AS timestamptz) AS end_date
        FROM json_array_elements(CAST(:rows AS json)) AS cell
    ) AS stretch
    CROSS JOIN LATERAL (
        SELECT * FROM recent_transactions
        WHERE recent_transactions.key = stretch.key AND transaction_date < end_date
            AND (transaction_date, transaction_id) > (begin_date, begin_id)
            AND received_at BETWEEN :lowest AND :highest
    ) AS found
    ORDER BY found.transaction_id, found.received_at
""")

_ASKED = """
    SELECT CAST(cell ->> 0 AS integer) AS number, CAST(cell ->> 1 AS uuid) AS key,
        CAST(cell ->> 2 AS timestamptz) AS date, CAST(cell ->> 3 AS uuid) AS id, cell ->> 4 AS own
    FROM json_array_elements(CAST(:rows AS json)) AS cell
"""
_HELD = """
    FROM recent_transactions
    WHERE recent_transactions.key = asked.key AND counts
        AND transaction_date > asked.date - CAST(:span AS interval)
        AND (transaction_date, transaction_id) < (asked.date, asked.id) AND transaction_id <> asked.id
        AND received_at BETWEEN :lowest AND :highest
"""

_PREVIOUS = text(f"""
    SELECT number, amount, transaction_date FROM ({_ASKED}) AS asked
    CROSS JOIN LATERAL (
        SELECT amount, transaction_date {_HELD} ORDER BY transaction_date DESC, transaction_id DESC LIMIT 1
    ) AS held
""")


@cache
def _others(window: Declaration) -> TextClause:
    of = ATTRIBUTES[window.of] if window.aggregate is Aggregate.DISTINCT else None
    distinct = f"count(DISTINCT {of}) FILTER (WHERE {of} <> asked.own)" if of else "0"
    return text(f"""
        SELECT number, held.* FROM ({_ASKED}) AS asked
        CROSS JOIN LATERAL (
            SELECT count(*) AS others, sum(amount), max(amount), {distinct} {_HELD}
        ) AS held
        WHERE others > 0
    """)
