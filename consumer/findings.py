"""Findings into `anomalies`, `alerts` and `conflicts`, in bulk and inside the caller's transaction.

Rows are locked in the order of their keys, so that two shards that meet the same transactions do not deadlock.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, any_, func, insert, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import BigInteger, Text, Uuid

from consumer.detect import conflict
from consumer.domain import Anomaly, Content, Finding, Position, plain
from consumer.tables import alerts, anomalies, conflicts

AlertState = Literal["pending", "muted"]
Key = tuple[UUID, str]  # transaction, and rule or digest


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

    Content that differs from what is stored under its trxId becomes a conflict and one more anomaly.
    """
    candidates = [Anomaly(f.line, f.transaction, match) for f in findings for match in f.matches]
    new = _insert(connection, candidates, alert)
    found = _conflicts(connection, [c for c in candidates if new.get(c.key) is not c])
    _insert_conflicts(connection, found)
    alarms = _insert(connection, [conflict.alarm for conflict in found], alert)
    return [*new.values(), *alarms.values()]


def _insert(connection: Connection, candidates: Sequence[Anomaly], alert: AlertState) -> dict[Key, Anomaly]:
    """The new ones; of equal keys the first."""
    first = {candidate.key: candidate for candidate in reversed(candidates)}
    if not first:
        return {}
    statement = (
        upsert(anomalies)
        .on_conflict_do_nothing(index_elements=["transaction_id", "rule_id"])
        .returning(anomalies.c.id, anomalies.c.transaction_id, anomalies.c.rule_id)
    )
    rows = connection.execute(statement, [_anomaly_row(first[key]) for key in sorted(first)]).all()
    _insert_alerts(connection, [row.id for row in rows], alert)
    return {key: first[key] for key in ((row.transaction_id, row.rule_id) for row in rows)}


def _insert_alerts(connection: Connection, anomaly_ids: list[int], alert: AlertState) -> None:
    rows = select(func.unnest(literal(anomaly_ids, ARRAY(BigInteger))), literal(alert, Text))
    connection.execute(insert(alerts).from_select(["anomaly_id", "state"], rows))


def _conflicts(connection: Connection, known: Sequence[Anomaly]) -> list[_Conflict]:
    stored = _stored_contents(connection, known) if known else {}
    found = []
    for candidate in known:
        content = stored.get(candidate.key, candidate.transaction.content)
        alarm = conflict(content, candidate.transaction.content)
        if alarm:
            found.append(_Conflict(content, candidate._replace(match=alarm)))
    return found


def _stored_contents(connection: Connection, candidates: Sequence[Anomaly]) -> dict[Key, Content]:
    ids = sorted({candidate.transaction.transaction_id for candidate in candidates})
    columns = [anomalies.c[field] for field in Content.__struct_fields__]
    query = select(anomalies.c.transaction_id, anomalies.c.rule_id, *columns).where(
        anomalies.c.transaction_id == any_(literal(ids, ARRAY(Uuid)))
    )
    return {(row[0], row[1]): Content(*row[2:]) for row in connection.execute(query)}


def _insert_conflicts(connection: Connection, found: Sequence[_Conflict]) -> None:
    first = {conflict.key: conflict for conflict in reversed(found)}
    if first:
        rows = [_conflict_row(first[key]) for key in sorted(first)]
        connection.execute(upsert(conflicts).on_conflict_do_nothing(), rows)


def _anomaly_row(candidate: Anomaly) -> dict[str, Any]:
    transaction = candidate.transaction
    return {
        "transaction_id": transaction.transaction_id,
        **candidate.match._asdict(),
        **_fields(transaction.content),
        "received_at": transaction.received_at,
        **position_columns(candidate.line.position),
    }


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
