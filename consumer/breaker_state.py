"""The breaker as the database remembers it: shared by all shards, over restarts, until a person resets it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from sqlalchemy import ColumnElement, Connection, Engine, Function, func, null, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError

from consumer.breaker import Trip
from consumer.domain import Shard
from consumer.errors import CrashError
from consumer.logs import describe
from consumer.tables import breaker

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
SAY_AGAIN_LOOKS = 15
RESET = "python -m consumer breaker reset --note WHY"


class BreakerTrippedError(CrashError):
    """Too many records cannot be evaluated; nothing is read on until a person resets the breaker."""


class Tripped(NamedTuple):
    """What a person must know of it."""

    stream_incarnation: str
    tripped_at: datetime
    shard_id: str
    sequence_number: int
    records: int
    undecodable: float
    reasons: str

    def __str__(self) -> str:
        return (
            f"the breaker is tripped since {self.tripped_at:%Y-%m-%dT%H:%M:%SZ}: {self.undecodable:,.6g} of "
            f"{self.records:,} records of {self.shard_id} cannot be evaluated, from {self.sequence_number} on: "
            f"{self.reasons}. Nothing of them is stored. Mend the producer or the consumer; then go on with `{RESET}`, "
            "after which what still cannot be evaluated becomes dead letters"
        )


def passes_until(connection: Connection, application: str, stream_incarnation: str) -> datetime | None:
    """Records that Kinesis took before it do not trip the breaker. Raises BreakerTrippedError while it is tripped."""
    if found := _tripped(connection, application, stream_incarnation):
        raise BreakerTrippedError(str(found))
    query = select(breaker.c.passes_until).where(*_mine(application, stream_incarnation))
    return connection.execute(query).scalar_one_or_none()


def remember(connection: Connection, application: str, shard: Shard, trip: Trip, seen: datetime | None) -> None:
    """Trips it, unless it is tripped already, or was reset since ``seen``, what `passes_until` returned."""
    key = {"application": application, "stream_incarnation": shard.stream_incarnation}
    facts = {
        "tripped_at": func.now(),
        "shard_id": shard.shard_id,
        "sequence_number": trip.sequence_number,
        "records": trip.window.records,
        "undecodable": round(trip.window.undecodable, 6),
        "reasons": trip.reasons,
    }
    history = _entry("tripped", shard.shard_id, trip.reasons)
    made = upsert(breaker).values(**key, **facts, history=history)
    changed = {name: made.excluded[name] for name in facts} | {"history": breaker.c.history.op("||")(history)}
    still = breaker.c.tripped_at.is_(null()) & breaker.c.passes_until.is_not_distinct_from(seen)
    connection.execute(made.on_conflict_do_update(index_elements=list(key), set_=changed, where=still))


def reset(connection: Connection, application: str, by: str, note: str) -> int:
    """What Kinesis took until now passes, on every stream of the application. Returns how many were tripped."""
    changed = {
        "tripped_at": null(),
        "passes_until": func.now(),
        "history": breaker.c.history.op("||")(_entry("reset", by, note)),
    }
    mine = (breaker.c.application == application, breaker.c.tripped_at.is_not(null()))
    return connection.execute(update(breaker).where(*mine).values(changed)).rowcount


def tripped(engine: Engine, application: str, stream_incarnation: str | None = None) -> Tripped | None:
    """None while it is not. Without an incarnation: of any stream of the application. Raises DBAPIError."""
    with engine.connect() as connection:
        return _tripped(connection, application, stream_incarnation)


def wait_until_reset(
    engine: Engine, application: str, stream_incarnation: str, sleep: Callable[[float], object]
) -> None:
    """Returns while it is not tripped. Says why it waits, and waits for a database that does not answer."""
    looks = 0
    while hindrance := _hindrance(engine, application, stream_incarnation):
        if looks % SAY_AGAIN_LOOKS == 0:
            log.error("not reading the stream", reason=hindrance, waited_seconds=looks * LOOK_SECONDS)
        looks += 1
        sleep(LOOK_SECONDS)


def _hindrance(engine: Engine, application: str, stream_incarnation: str) -> str | None:
    try:
        found = tripped(engine, application, stream_incarnation)
    except DBAPIError as error:
        return describe(error)
    return str(found) if found else None


def _tripped(connection: Connection, application: str, stream_incarnation: str | None) -> Tripped | None:
    columns = [breaker.c[name] for name in Tripped._fields]
    query = select(*columns).where(*_mine(application, stream_incarnation), breaker.c.tripped_at.is_not(null()))
    row = connection.execute(query.limit(1)).one_or_none()
    return Tripped(*row)._replace(undecodable=float(row.undecodable)) if row else None


def _mine(application: str, stream_incarnation: str | None) -> list[ColumnElement[bool]]:
    found = [breaker.c.application == application]
    return found if stream_incarnation is None else [*found, breaker.c.stream_incarnation == stream_incarnation]


def _entry(state: str, by: str, note: str) -> Function[Any]:
    return func.jsonb_build_array(
        func.jsonb_build_object("at", func.now(), "state", state, "by", by, "note", note, type_=JSONB), type_=JSONB
    )
