"""What is stored beside what KCL has checkpointed, and the repair where KCL is ahead."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import ColumnElement, Engine, RowMapping, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from consumer.checkpoints import SHARD_END, is_ahead, sequence_number
from consumer.domain import Shard
from consumer.errors import RetryError
from consumer.tables import shard_progress


@dataclass(frozen=True)
class ShardState:
    """``stored`` is the progress, ``checkpoint`` KCL's: a sequence number or a word; None where there is none."""

    shard_id: str
    stored: int | None
    arrived_at: datetime | None
    ended: bool
    checkpoint: str | None

    @property
    def is_ahead(self) -> bool:
        """KCL would go on behind what is stored: the records between are missing."""
        return (self.checkpoint == SHARD_END and not self.ended) or is_ahead(self.checkpoint, self.stored)


def checkpoints(application: str, region: str) -> dict[str, str]:
    """Shard → checkpoint, from KCL's lease table. Raises RetryError."""
    try:
        pages = boto3.client("dynamodb", region_name=region).get_paginator("scan").paginate(TableName=application)
        leases = [item for page in pages for item in page["Items"]]
    except (ClientError, BotoCoreError) as error:
        raise RetryError(f"the lease table {application} cannot be read: {error}") from error
    return {lease["leaseKey"]["S"]: lease["checkpoint"]["S"] for lease in leases if "checkpoint" in lease}


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
        return ShardState(shard_id, None, None, False, checkpoint)
    stored = None if row["sequence_number"] is None else int(row["sequence_number"])
    return ShardState(shard_id, stored, row["arrived_at"], row["ended_at"] is not None, checkpoint)
