"""The overview as everybody sees it: looked at once for all who watch, and Kinesis is asked now and then."""

import threading
import time
from collections.abc import Callable
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
from consumer.settings import ConsoleSettings

LOOK_SECONDS = 2.0
ASK_SECONDS = 10.0
"""GetRecords answers five times a second for each shard, and the consumer needs most of them."""
Clock = Callable[[], datetime]
PATIENCE = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})


class Watch:
    """Without a ``clock`` it is the database's."""

    def __init__(self, engine: Engine, settings: ConsoleSettings, clock: Clock | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._lock = threading.Lock()
        self._overview: Overview | None = None
        self._looked = -LOOK_SECONDS
        self._asking = threading.Lock()
        self._reading: Reading | None = None
        self._asked = -ASK_SECONDS

    def look(self) -> tuple[Overview, Reading | None]:
        """Raises DBAPIError."""
        reading = self._ask()
        with self._lock:
            if self._overview is None or time.monotonic() - self._looked > LOOK_SECONDS:
                with self._engine.connect() as connection:
                    self._overview = overview.look(
                        connection, self._settings.application_name, reading, self._clock and self._clock()
                    )
                self._looked = time.monotonic()
            return self._overview, reading

    def _ask(self) -> Reading | None:
        """While one asks, the others have what was known before."""
        stream = self._settings.stream_name
        if stream is None or not self._asking.acquire(blocking=False):
            return self._reading
        try:
            if time.monotonic() - self._asked > ASK_SECONDS:
                self._reading = self._read(stream)
                self._asked = time.monotonic()
        finally:
            self._asking.release()
        return self._reading

    def _read(self, stream: str) -> Reading:
        try:
            return Reading(self._oldest(stream), None)
        except (ClientError, BotoCoreError, ConsumerError) as error:
            return Reading(None, f"Kinesis does not tell what is left to read: {error}")

    def _oldest(self, stream: str) -> datetime | None:
        kinesis = boto3.client("kinesis", region_name=self._settings.aws_region, config=PATIENCE)
        incarnation = stream_incarnation(kinesis, stream)
        states = Progress(self._engine, self._settings.application_name, incarnation).states({})
        stored = {state.shard_id: state for state in states}
        shards = kinesis.get_paginator("list_shards").paginate(StreamName=stream)
        names = [shard["ShardId"] for page in shards for shard in page["Shards"]]
        left = [first_left(kinesis, stream, name, stored) for name in names]
        return min((one for one in left if one), default=None)
