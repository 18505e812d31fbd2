"""The overview as everybody sees it: looked at once for all who watch, and Kinesis is asked now and then."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import Engine

from consumer.audit.horizon import first_left
from consumer.console import overview
from consumer.console.overview import Overview, Reading
from consumer.errors import ConsumerError
from consumer.incarnation import stream_incarnation
from consumer.progress import Progress

LOOK_SECONDS = 2.0
ASK_SECONDS = 10.0
"""GetRecords answers five times a second for each shard, and the consumer needs most of them."""
PATIENCE = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})


@dataclass(frozen=True)
class Stream:
    """What of it is not stored yet."""

    engine: Engine
    name: str
    application: str
    region: str | None

    def read(self) -> Reading:
        try:
            return Reading(self._oldest(), None)
        except (ClientError, BotoCoreError, ConsumerError) as error:
            return Reading(None, f"Kinesis does not tell what is left to read: {error}")

    def _oldest(self) -> datetime | None:
        kinesis = boto3.client("kinesis", region_name=self.region, config=PATIENCE)
        incarnation = stream_incarnation(kinesis, self.name)
        states = Progress(self.engine, self.application, incarnation).states({})
        stored = {state.shard_id: state for state in states}
        shards = kinesis.get_paginator("list_shards").paginate(StreamName=self.name)
        names = [shard["ShardId"] for page in shards for shard in page["Shards"]]
        left = [first_left(kinesis, self.name, name, stored) for name in names]
        return min((one for one in left if one), default=None)


@dataclass(frozen=True)
class Sources:
    """Without a ``clock`` it is the database's, and without ``read`` nobody knows what is left to read."""

    read: Callable[[], Reading] | None = None
    clock: Callable[[], datetime] | None = None


class Watch:
    def __init__(self, engine: Engine, application: str, sources: Sources) -> None:
        self._engine = engine
        self._application = application
        self._sources = sources
        self._lock = threading.Lock()
        self._overview: Overview | None = None
        self._looked = -LOOK_SECONDS
        self._asking = threading.Lock()
        self._reading: Reading | None = None
        self._asked = -ASK_SECONDS

    def look(self) -> tuple[Overview, Reading | None]:
        """Raises DBAPIError."""
        reading, clock = self._ask(), self._sources.clock
        with self._lock:
            if self._overview is None or time.monotonic() - self._looked > LOOK_SECONDS:
                with self._engine.connect() as connection:
                    self._overview = overview.look(connection, self._application, reading, clock and clock())
                self._looked = time.monotonic()
            return self._overview, reading

    def _ask(self) -> Reading | None:
        """While one asks, the others have what was known before."""
        read = self._sources.read
        if read is None or not self._asking.acquire(blocking=False):
            return self._reading
        try:
            if time.monotonic() - self._asked > ASK_SECONDS:
                self._reading = read()
                self._asked = time.monotonic()
        finally:
            self._asking.release()
        return self._reading
