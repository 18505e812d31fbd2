"""Findings into `anomalies`, `alerts` and `conflicts`, in bulk and inside the caller's transaction.

Rows are locked in the order of their keys, so that two shards that meet the same transactions do not deadlock.
"""

import hashlib
import json
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, any_, cast, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import Text, Uuid

from consumer.detect import CONFLICTING_CONTENT, conflict
from consumer.domain import Anomaly, Content, Finding, Position, plain
from consumer.insertion import AlertState, Key, insert_new
from consumer.tables import anomalies, conflicts


@dataclass(frozen=True)
class _Conflict:
    """Two contents under one trxId; the other one's ``alarm`` is an anomaly of its own."""

    known: Content
    alarm: Anomaly

    @property
    def other(self) -> Content:
        return self.alarm.transaction.content

    @property
    def key(self) -> Key:
        return self.alarm.transaction.transaction_id, _digest(self.other)


def insert_findings(connection: Connection, findings: Sequence[Finding], alert: AlertState) -> list[Anomaly]:
    """Stores the anomalies that are new, each with its alert, and returns them.

    Content that differs from what is stored under its trxId, or with these findings, becomes a conflict, also where it
    matches no rule. The first conflict of a trxId is one more anomaly; further versions are recorded and not alerted.
    """
    known = _stored_contents(connection, [finding.transaction.transaction_id for finding in findings])
    candidates = [Anomaly(f.line, f.transaction, match) for f in findings for match in f.matches]
    new = _insert(connection, candidates, alert)
    raced = _stored_contents(connection, _taken(candidates, known, new))
    known = {a.transaction.transaction_id: a.transaction.content for a in reversed(candidates)} | raced | known
    found = _conflicts(known, findings)
    _insert_conflicts(connection, found)
    alarms = _insert(connection, [conflict.alarm for conflict in found], alert)
    return [*new.values(), *alarms.values()]


def _insert(connection: Connection, candidates: Sequence[Anomaly], alert: AlertState) -> dict[Key, Anomaly]:
    """The new ones; of equal keys the first."""
    return insert_new(connection, {candidate.key: candidate for candidate in reversed(candidates)}, alert)


def _taken(candidates: Sequence[Anomaly], known: Container[UUID], new: Container[Key]) -> set[UUID]:
    """The transactions that another shard stored since the look-up."""
    ids = ((candidate.transaction.transaction_id, candidate.key) for candidate in candidates)
    return {transaction_id for transaction_id, key in ids if key not in new and transaction_id not in known}


def _stored_contents(connection: Connection, transaction_ids: Collection[UUID]) -> dict[UUID, Content]:
    """Of each transaction that has an anomaly, the content stored first."""
    if not transaction_ids:
        return {}
    columns = [anomalies.c[field] for field in Content.__struct_fields__]
    ids = ",".join([f"{one.int:032x}" for one in transaction_ids])
    query = (
        select(anomalies.c.transaction_id, *columns)
        .where(
            anomalies.c.transaction_id == any_(cast(literal(f"{{{ids}}}", Text), ARRAY(Uuid))),
            anomalies.c.rule_id != CONFLICTING_CONTENT,
        )
        .order_by(anomalies.c.id.desc())
    )
    return {row[0]: Content(*row[1:]) for row in connection.execute(query)}


def _conflicts(known: Mapping[UUID, Content], findings: Sequence[Finding]) -> list[_Conflict]:
    if not known:
        return []
    found = []
    for finding in findings:
        content = known.get(finding.transaction.transaction_id)
        alarm = content and conflict(content, finding.transaction.content)
        if content and alarm:
            found.append(_Conflict(content, Anomaly(finding.line, finding.transaction, alarm)))
    return found


def _insert_conflicts(connection: Connection, found: Sequence[_Conflict]) -> None:
    first = {conflict.key: conflict for conflict in reversed(found)}
    if first:
        rows = [_conflict_row(first[key]) for key in sorted(first)]
        connection.execute(upsert(conflicts).on_conflict_do_nothing(), rows)


def _conflict_row(conflict: _Conflict) -> dict[str, Any]:
    transaction_id, digest = conflict.key
    return {
        "transaction_id": transaction_id,
        "other_digest": digest,
        "known": _document(conflict.known),
        "other": _document(conflict.other),
        **position_columns(conflict.alarm.line.position),
    }


def position_columns(position: Position) -> dict[str, Any]:
    return {**position.shard._asdict(), "sequence_number": position.sequence_number, "line": position.line}


def _fields(content: Content) -> dict[str, Any]:
    return {field: getattr(content, field) for field in content.__struct_fields__}


def _document(content: Content) -> dict[str, str]:
    """For people, in JSON: the amount as the client wrote it."""
    written = {"amount": plain(content.amount), "transaction_date": content.transaction_date.isoformat()}
    return _fields(content) | written


def _digest(content: Content) -> str:
    """The same for contents that compare equal."""
    amount = plain(content.amount)
    value = amount.rstrip("0").rstrip(".") if "." in amount else amount
    text = json.dumps(_document(content) | {"amount": value}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
