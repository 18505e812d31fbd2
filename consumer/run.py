"""Composition root of `python -m consumer run`: KCL's daemon under its supervisor, with a worker's id that lasts."""

import os
import signal
import sys
import time
import uuid
from pathlib import Path

from sqlalchemy import Engine

from consumer import logs
from consumer.database import engine
from consumer.folders import shards_folder
from consumer.multilang import child_environment
from consumer.patience import StoppedError
from consumer.publishing.source import settled_place
from consumer.publishing.upkeep import Upkeep
from consumer.publishing.watch import RulesWatch
from consumer.settings import DaemonSettings
from consumer.shard_state import ShardState, read_states
from consumer.slots import Slots
from consumer.stopping import Stop
from consumer.supervisor import KILLED, Process, Supervisor
from consumer.worker import NamedWorker, SlotWorker, Worker

SLOTS_SECONDS = 3
"""For each answer of the database about slots: a renewal that hangs is soon begun anew."""


def main() -> int:
    """Until SIGTERM or SIGINT. Returns the exit code. Raises SettingsError or CrashError."""
    settings = DaemonSettings.load()
    logs.configure(settings.log_format, settings.log_level)
    stop = Stop.on_signals()
    watch = RulesWatch(settled_place())
    daemon = Daemon(settings, watch)
    if settings.metrics_port is not None:
        from consumer.exposed import ShardMetrics, serve  # who does not want it is smaller

        serve(ShardMetrics(daemon.states, lambda: watch.state), settings.metrics_host, settings.metrics_port)
    try:
        watch.take(stop.pause)
    except StoppedError:
        return KILLED + signal.SIGTERM
    supervisor = Supervisor(worker_of(settings, stop), daemon.launch, stop, leave=daemon.leave)
    upkeep = Upkeep(
        brief_engine(settings, "payment-analytics rules"), settings.application_name, lambda: daemon.worker, watch
    )
    supervisor.ticks += [watch.look, upkeep.tend, upkeep.report]
    return supervisor.run()


def brief_engine(settings: DaemonSettings, application_name: str) -> Engine:
    return engine(
        settings.database,
        application_name,
        statement_timeout_ms=SLOTS_SECONDS * 1000,
        lock_timeout_ms=SLOTS_SECONDS * 1000,
        silence_seconds=SLOTS_SECONDS,
    )


def worker_of(settings: DaemonSettings, stop: Stop) -> Worker:
    if settings.worker_id is not None:
        return NamedWorker(settings.worker_id)
    database = brief_engine(settings, "payment-analytics slots")
    return SlotWorker(Slots(database, settings.application_name, uuid.uuid4()), stop.pause, time.monotonic)


class Daemon:
    """KCL's daemon under a worker's id, and what its children say of their shards."""

    def __init__(self, settings: DaemonSettings, watch: RulesWatch) -> None:
        self.worker: str | None = None
        self._settings = settings
        self._watch = watch
        self._shards: Path | None = None

    def launch(self, worker: str) -> Process:
        """Raises CrashError."""
        self._shards = shards_folder(self._settings.application_name, self._settings.stream_name, worker)
        self.worker = worker
        self._watch.give_to(self._shards)
        command = [sys.executable, "-m", "consumer.daemon", str(os.getpid())]
        return Process(
            command, child_environment({**os.environ, "WORKER_ID": worker, "SHARDS_FOLDER": str(self._shards)})
        )

    def states(self) -> list[ShardState]:
        return read_states(self._shards) if self._shards else []

    def leave(self, worker: str) -> None:
        from consumer.leadership import leave  # the AWS SDK would be half of this process

        leave(self._settings.application_name, worker, self._settings.aws_region)
