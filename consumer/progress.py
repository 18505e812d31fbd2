"""What is stored beside what KCL has checkpointed, and the repair where KCL is ahead."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import ColumnElement, Engine, RowMapping, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from consumer.checkpoints import REPLAY, SHARD_END, TRIM_HORIZON, ahead, is_ahead, sequence_number
from consumer.database import engine
from consumer.domain import Shard
from consumer.errors import CrashError, RetryError
from consumer.incarnation import TIMEOUTS
from consumer.settings import StreamSettings
from consumer.tables import shard_progress

STRANGE_LEASES = (
    "the lease table {application} has checkpoints, and the database knows nothing of this life of the stream "
    "({incarnation}). What they stand behind would be skipped. If the stream was made anew under its old name: delete "
    "the DynamoDB table {application}. If the database was restored from an older state, or is a new one: "
    + REPLAY.format(accept="--all")
)


class NoLeaseTableError(RetryError):
    """KCL makes its lease table at its first start."""


@dataclass(frozen=True)
class ShardState:
    """``stored`` is the progress, ``checkpoint`` KCL's: a sequence number or a word; None where there is none.

    ``known``: the database has a progress of the shard, be it empty.
    """

    shard_id: str
    known: bool
    stored: int | None
    arrived_at: datetime | None
    ended: bool
    checkpoint: str | None

    @property
    def is_ahead(self) -> bool:
        """KCL would go on behind what is stored: the records between are missing."""
        return (self.checkpoint == SHARD_END and not self.ended) or is_ahead(self.checkpoint, self.stored)


def checkpoints(application: str, region: str) -> dict[str, str]:
    """Shard → checkpoint, from KCL's lease table. Raises RetryError, and NoLeaseTableError where there is none."""
    dynamodb = boto3.client("dynamodb", region_name=region, config=TIMEOUTS)
    try:
        pages = dynamodb.get_paginator("scan").paginate(TableName=application, ConsistentRead=True)
        leases = [item for page in pages for item in page["Items"]]
    except dynamodb.exceptions.ResourceNotFoundException as error:
        raise NoLeaseTableError(f"the lease table {application} cannot be read: there is none") from error
    except (ClientError, BotoCoreError) as error:
        raise RetryError(f"the lease table {application} cannot be read: {error}") from error
    return {lease["leaseKey"]["S"]: lease["checkpoint"]["S"] for lease in leases if "checkpoint" in lease}


def require_continuous(settings: StreamSettings, incarnation: str) -> None:
    """KCL would go on at what is stored, or before it. Raises CrashError where it would skip records, RetryError where
    the lease table does not answer, DBAPIError.

    Children check it once more, each its own shard; but KCL starts none for a shard that it has at its end.
    """
    target = engine(settings.database, "payment-analytics progress")
    try:
        leases = checkpoints(settings.application_name, settings.aws_region)
        states = Progress(target, settings.application_name, incarnation).states(leases)
    except NoLeaseTableError:
        return
    finally:
        target.dispose()
    if not any(state.known for state in states) and {*leases.values()} - {TRIM_HORIZON}:
        raise CrashError(STRANGE_LEASES.format(application=settings.application_name, incarnation=incarnation))
    for state in states:
        if state.is_ahead:
            raise ahead(state.shard_id, state.checkpoint, state.stored)


class Progress:
    """One application's progress on one incarnation of a stream."""

    def __init__(self, engine: Engine, application: str, incarnation: str) -> None:
        self._engine = engine
        self._application = application
        self._incarnation = incarnation

    def states(self, leases: Mapping[str, str]) -> list[ShardState]:
        """All shards that either side knows."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(shard_progress).where(self._mine())).mappings().all()
        stored = {row["shard_id"]: row for row in rows}
        return [_state(shard_id, stored.get(shard_id), leases.get(shard_id)) for shard_id in sorted({*stored, *leases})]

    def accept(self, states: Collection[ShardState]) -> None:
        """Moves the progress of these shards up to their checkpoints, all or none, and never back."""
        with self._engine.begin() as connection:
            for state in states:
                key = {"application": self._application, **Shard(self._incarnation, state.shard_id)._asdict()}
                moved = {**_moved(state), "updated_at": func.now()}
                statement = upsert(shard_progress).values(**key, **moved)
                latest = {name: func.greatest(shard_progress.c[name], statement.excluded[name]) for name in moved}
                connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=latest))

    def _mine(self) -> ColumnElement[bool]:
        return (shard_progress.c.application == self._application) & (
            shard_progress.c.stream_incarnation == self._incarnation
        )


def _moved(state: ShardState) -> dict[str, Any]:
    number = sequence_number(state.checkpoint)
    return {"ended_at": func.now()} if number is None else {"sequence_number": number}


def _state(shard_id: str, row: RowMapping | None, checkpoint: str | None) -> ShardState:
    if row is None:
        return ShardState(shard_id, False, None, None, False, checkpoint)
    stored = None if row["sequence_number"] is None else int(row["sequence_number"])
    return ShardState(shard_id, True, stored, row["arrived_at"], row["ended_at"] is not None, checkpoint)
