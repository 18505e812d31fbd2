"""Composition root of `python -m consumer run`: KCL's daemon under its supervisor, with a worker's id that lasts."""

import os
import sys
import time
import uuid
from functools import partial

from consumer import logs
from consumer.database import engine
from consumer.multilang import child_environment
from consumer.settings import DaemonSettings
from consumer.slots import Slots
from consumer.stopping import Stop
from consumer.supervisor import Process, Supervisor
from consumer.worker import NamedWorker, SlotWorker, Worker

SLOTS_SECONDS = 3
"""For each answer of the database about slots: a renewal that hangs is soon begun anew."""


def main() -> int:
    """Until SIGTERM or SIGINT. Returns the exit code. Raises SettingsError."""
    settings = DaemonSettings.load()
    logs.configure(settings.log_format, settings.log_level)
    stop = Stop.on_signals()
    return Supervisor(worker_of(settings, stop), start_daemon, stop, leave=partial(leave, settings)).run()


def worker_of(settings: DaemonSettings, stop: Stop) -> Worker:
    if settings.worker_id is not None:
        return NamedWorker(settings.worker_id)
    database = engine(
        settings.database,
        "payment-analytics slots",
        statement_timeout_ms=SLOTS_SECONDS * 1000,
        lock_timeout_ms=SLOTS_SECONDS * 1000,
        silence_seconds=SLOTS_SECONDS,
    )
    return SlotWorker(Slots(database, settings.application_name, uuid.uuid4()), stop.pause, time.monotonic)


def start_daemon(worker: str) -> Process:
    command = [sys.executable, "-m", "consumer.daemon", str(os.getpid())]
    return Process(command, child_environment({**os.environ, "WORKER_ID": worker}))


def leave(settings: DaemonSettings, worker: str) -> None:
    from consumer.leadership import leave as leave_kcl  # the AWS SDK would be half of this process

    leave_kcl(settings.application_name, worker, settings.aws_region)
