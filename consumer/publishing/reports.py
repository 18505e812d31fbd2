"""Who knows which rules: a row for each consumer, renewed as it reads them."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from consumer.publishing.state import RulesState
from consumer.tables import rule_reports, worker_slots

FRESH = timedelta(seconds=60)
_columns = rule_reports.c


class Report(NamedTuple):
    """What a consumer said last, within FRESH."""

    worker: str
    tag: str
    edition: int
    fault: str | None
    reported_at: datetime


def report(connection: Connection, application: str, worker: str, state: RulesState) -> None:
    values = {"tag": state.tag, "edition": state.edition, "fault": state.fault, "reported_at": func.now()}
    statement = upsert(rule_reports).values(application=application, worker=worker, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["application", "worker"], set_=values))


def reports(connection: Connection, application: str) -> list[Report]:
    """Of those that run."""
    recent = _columns.reported_at > func.now() - FRESH
    query = select(_columns.worker, _columns.tag, _columns.edition, _columns.fault, _columns.reported_at)
    found = connection.execute(query.where(_columns.application == application, recent).order_by(_columns.worker))
    return [Report(*row) for row in found]


def ignorant(connection: Connection, application: str, tag: str) -> Collection[str]:
    """Consumers that run, and have not taken up what bears the tag."""
    told = {one.worker: one.tag for one in reports(connection, application)}
    slots = select(worker_slots.c.slot).where(
        worker_slots.c.application == application,
        worker_slots.c.holder.is_not(None),
        worker_slots.c.expires_at > func.now(),
    )
    running = {f"worker-{number}" for number in connection.execute(slots).scalars()} | set(told)
    return sorted(worker for worker in running if told.get(worker) != tag)
