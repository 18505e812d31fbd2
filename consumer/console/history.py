"""What an anomaly's parties did before: from the windows' state, from the anomalies, and, if asked for, the archive."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from consumer.archive import ArchiveObject, archive_objects, lines_of
from consumer.decode import decode
from consumer.domain import Content, plain
from consumer.errors import CrashError, RejectedError
from consumer.recent.keys import kinds_of
from consumer.rules.ruleset import Rule, RuleSet
from consumer.rules.tree import Both, Compare, Comparison, Condition, Either, Field, Literal
from consumer.tables import alerts, anomalies, emails, recent_transactions

MOST_POINTS = 500
MOST_ARCHIVED_BYTES = 16 * 1024 * 1024
"""Of the archive, as stored: what is read while somebody waits."""
HOUR = timedelta(hours=1)
AROUND = 12 * HOUR
HOURLY = re.compile(r"dt=(\d{4}-\d\d-\d\d)/hr=(\d\d)/")


class Point(NamedTuple):
    """A transaction of the sender or the receiver; ``number``: of the anomaly that it is, if it is one."""

    at: datetime
    amount: Decimal
    source: str
    trx_id: str
    number: int | None = None


class Span(NamedTuple):
    """A window as it was for the transaction, ``(begin, end]``."""

    name: str
    begin: datetime
    end: datetime


class History(NamedTuple):
    """``sources`` says in words where the points come from."""

    points: Sequence[Point]
    threshold: Decimal | None
    spans: Sequence[Span]
    sources: Sequence[str]

    @property
    def chart(self) -> dict[str, Any]:
        """As the page's script draws it: seconds since 1970, and amounts as text."""
        return {
            "points": [
                {"at": one.at.timestamp(), "amount": plain(one.amount), "source": one.source, "number": one.number}
                for one in self.points
            ],
            "threshold": None if self.threshold is None else plain(self.threshold),
            "spans": [
                {"name": one.name, "begin": one.begin.timestamp(), "end": one.end.timestamp()} for one in self.spans
            ],
        }


def look(connection: Connection, row: Row[Any], known: tuple[Rule, RuleSet] | None) -> History:
    points = {one.trx_id: one for one in _remembered(connection, row, known)}
    is_kept = bool(points)
    points |= {one.trx_id: one for one in _anomalies(connection, row)}
    rule, rules = known or (None, None)
    spans = [
        Span(window.name, row.transaction_date - window.span, row.transaction_date)
        for window in (rules.windows_of(rule) if rules and rule else ())
    ]
    sources = ["the windows that rules look at" if is_kept else "", "the anomalies stored"]
    threshold = _threshold(rule.condition) if rule else None
    return History(_in_order(points.values()), threshold, spans, [one for one in sources if one])


def with_archive(found: History, row: Row[Any], source: str, region: str | None) -> History:
    """What was archived in the hours around it, the nearest first. Raises ConsumerError or OSError."""
    parties = {row.sender_id, row.receiver_id}
    words = [party.encode() for party in parties]
    points = {one.trx_id: one for one in found.points}
    read, hours = 0, 0
    for archived in _nearest(source, region, row.received_at):
        if (read := read + archived.size) > MOST_ARCHIVED_BYTES:
            break
        hours += 1
        with archived.open() as stored:
            for line in lines_of(stored):
                if any(word in line for word in words):
                    points = {point.trx_id: point for point in _archived(line, parties)} | points
    told = f"the archive, {hours:,} objects of the {AROUND // HOUR} hours before and after it"
    if read > MOST_ARCHIVED_BYTES:
        told += f" (the nearest {MOST_ARCHIVED_BYTES // 1024**2} MiB)"
    return found._replace(points=_in_order(points.values()), sources=[*found.sources, told])


def _nearest(source: str, region: str | None, moment: datetime) -> list[ArchiveObject]:
    """Objects are where Firehose writes them, below ``dt=2026-11-23/hr=10/``."""
    days = sorted({f"{moment + step * AROUND:dt=%Y-%m-%d/}" for step in (-1, 0, 1)})
    objects: list[ArchiveObject] = []
    for day in days:
        with contextlib.suppress(CrashError):  # there is nothing of that day
            objects += archive_objects([f"{source.rstrip('/')}/{day}"], region)
    if not objects:
        raise CrashError(f"the archive, {source}, has nothing of {', '.join(days)}")
    found = [(abs(_hour(one.name) - moment), one.name, one) for one in objects if HOURLY.search(one.name)]
    return [one for distance, _, one in sorted(found, key=lambda each: each[:2]) if distance <= AROUND]


def _hour(name: str) -> datetime:
    found = HOURLY.search(name)
    assert found
    return datetime.fromisoformat(f"{found[1]}T{found[2]}:30:00+00:00")


def _archived(line: bytes, parties: set[str]) -> Iterator[Point]:
    try:
        transaction = decode(line)
    except RejectedError:
        return
    content = transaction.content
    if {content.sender_id, content.receiver_id} & parties:
        yield Point(content.transaction_date, content.amount, "archive", str(transaction.transaction_id))


def _remembered(connection: Connection, row: Row[Any], known: tuple[Rule, RuleSet] | None) -> Iterator[Point]:
    """By the keys of the rule's own windows."""
    if not known:
        return
    rule, rules = known
    content = Content(*(getattr(row, name) for name in Content.__struct_fields__))
    mine = {window.by for window in rules.windows_of(rule)}
    columns = recent_transactions.c
    for kind in kinds_of([rules]):
        if kind.by not in mine:
            continue
        query = (
            select(columns.transaction_date, columns.amount, columns.transaction_id)
            .where(columns.key == kind.key(content), columns.counts)
            .order_by(columns.transaction_date.desc())
            .limit(MOST_POINTS)
        )
        for at, amount, trx_id in connection.execute(query):
            yield Point(at, amount, "window", str(trx_id))


def _anomalies(connection: Connection, row: Row[Any]) -> Iterator[Point]:
    columns = anomalies.c
    for name in ("sender_id", "receiver_id"):
        query = select(columns.transaction_date, columns.amount, columns.transaction_id, columns.id)
        query = query.where(columns[name] == getattr(row, name)).order_by(columns.id.desc()).limit(MOST_POINTS)
        for at, amount, trx_id, number in connection.execute(query):
            yield Point(at, amount, "anomaly", str(trx_id), number)


def _in_order(points: Any) -> list[Point]:
    return sorted(points, key=lambda one: (one.at, one.trx_id))[-2 * MOST_POINTS :]


def _threshold(node: Condition) -> Decimal | None:
    """The number that the amount by itself must pass, where the rule names one."""
    match node:
        case Compare(Comparison.GREATER | Comparison.GREATER_OR_EQUAL, Field("amount"), Literal(value)):
            return value
        case Compare(Comparison.LESS | Comparison.LESS_OR_EQUAL, Literal(value), Field("amount")):
            return value
        case Both(left, right) | Either(left, right):
            found = _threshold(left)
            return found if found is not None else _threshold(right)
    return None


def mails(connection: Connection, number: int) -> Any:
    """What became of its alert, and the e-mail that it is part of, if there is one."""
    query = (
        select(
            alerts.c.state.label("alert"),
            emails.c.id,
            emails.c.state,
            emails.c.recipients,
            emails.c.sent_at,
            emails.c.created_at,
            emails.c.alert_count,
            emails.c.last_error,
            emails.c.ses_message_id,
        )
        .outerjoin(emails, emails.c.id == alerts.c.email_id)
        .where(alerts.c.anomaly_id == number)
    )
    return connection.execute(query).one_or_none()
