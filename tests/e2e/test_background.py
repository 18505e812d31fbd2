"""`make up`, `make down` and what they keep, through the commands that make calls."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2
import pytest

from infra.local.supervision import TAG
from samples.generate import transactions
from tests.e2e.conftest import free_ports
from tests.e2e.truth import truth_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
PROMISED = {
    "COLLECTOR_URL",
    "COLLECTOR_API_KEY",
    "DATABASE_URL",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "STREAM_NAME",
    "ARCHIVE_BUCKET",
}


class Background:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {**os.environ, "LOCAL_DIR": str(folder), **free_ports()}

    def call(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command], env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def pids(self) -> dict[str, int]:
        return {name: found["pid"] for name, found in json.loads(self.call("infra.local", "status", "--json")).items()}

    def source_env(self) -> dict[str, str]:
        """What a shell that sources the file hands to its children."""
        script = f". {shlex.quote(str(self.folder / 'env'))}; {shlex.quote(sys.executable)} -c {shlex.quote(PRINT)}"
        done = subprocess.run(["sh", "-c", script], env={}, capture_output=True, text=True, check=True)
        found: dict[str, str] = json.loads(done.stdout)
        self._environment |= found
        return found

    def kill_supervisor(self) -> None:
        os.kill(int((self.folder / "supervisord.pid").read_text()), signal.SIGKILL)

    def processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._is_of_the_stack(process)]

    def _is_of_the_stack(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return process.environ().get(TAG) == str(self.folder)
        return False

    def anomalies(self) -> int:
        connection = psycopg2.connect(self.source_env()["DATABASE_URL"])
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT count(*) FROM anomaly_report")
            ((count,),) = cursor.fetchall()
            return int(count)
        finally:
            connection.close()


PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Background]:
    found = Background(tmp_path / "stack")
    yield found
    found.call("infra.local", "clean")
    assert not found.folder.exists()


def test_up_is_harmless_twice_and_down_keeps_what_was_found(background: Background, tmp_path: Path) -> None:
    background.call("infra.local", "status", code=1)
    background.call("infra.local", "up")
    pids = background.pids()
    background.call("infra.local", "up")
    assert background.pids() == pids
    assert background.source_env().keys() >= PROMISED
    found = send(background, tmp_path, seed=1)
    wait_for_anomalies(background, found)
    background.call("infra.local", "down")
    background.call("infra.local", "down")
    assert not (background.folder / "env").exists()
    background.call("infra.local", "up")
    assert background.anomalies() == found
    wait_for_anomalies(background, found + send(background, tmp_path, seed=2))
    assert private(background.folder)
    background.kill_supervisor()
    assert background.processes()
    background.call("infra.local", "down")
    assert not background.processes()


def private(folder: Path) -> bool:
    """Whether nobody else can read what holds secrets or account data."""
    named = [folder / name for name in ("env", "secrets.json", "supervisord.conf", "log", "aws")]
    return all(path.stat().st_mode & 0o077 == 0 for path in named)


def send(background: Background, folder: Path, seed: int) -> int:
    """Sends 100 transactions; returns how many anomalies are among them."""
    lines = list(transactions(100, seed))
    source = folder / f"{seed}.jsonl"
    source.write_text("".join(f"{line}\n" for line in lines))
    assert json.loads(background.call("producer", "send", str(source), "--json"))["accepted"] == 100
    return len(truth_of(lines).anomalies)


def wait_for_anomalies(background: Background, count: int) -> None:
    """The test's own timeout ends a vain wait."""
    while background.anomalies() < count:
        time.sleep(0.2)
    assert background.anomalies() == count
