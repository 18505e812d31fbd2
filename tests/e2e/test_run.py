"""`make run`'s program: what it shows, and that nothing outlives it however it ends."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
STAYS_UP = "The stack stays up"
README = Path(__file__).parents[2] / "README.md"
BALANCE = (
    " transactions in",
    " rejected by",
    " accepted by",
    " archived in",
    " evaluated by",
    " dead letters ",
    " alerts mailed",
)


class Foreground:
    """`python -m infra.local run` on a terminal of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._terminal, inside = pty.openpty()
        environment = {**os.environ, "LOCAL_DIR": str(folder), "COLUMNS": "120", "TERM": "xterm", **settings}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.local", "run"],
            env=environment,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(inside)
        self._seen = b""

    @property
    def env_file(self) -> Path:
        return self._folder / "env"

    @property
    def output(self) -> str:
        """What it has printed, without the terminal's colours and movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._seen.decode(errors="replace"))

    def read_until(self, text: str | None) -> None:
        """Collects what it prints until ``text`` is there, or to its end."""
        with suppress(OSError):  # the terminal's other side is closed
            while text is None or text not in self.output:
                piece = os.read(self._terminal, 65536)
                self._seen += piece
                if not piece:
                    return

    def close_terminal(self) -> None:
        os.close(self._terminal)

    def family(self) -> list[psutil.Process]:
        """Every process whose command line or environment names the state folder."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return str(self._folder) in " ".join([*process.cmdline(), *process.environ().values()])
        return False


def _take_terminal() -> None:
    os.close(os.open(os.ttyname(0), os.O_RDWR))  # a session's leader takes the first terminal it opens


@contextmanager
def foreground(folder: Path, **settings: str) -> Iterator[Foreground]:
    found = Foreground(folder, **(free_ports() | settings))
    try:
        yield found
    finally:
        for process in found.family():
            with suppress(psutil.Error):
                process.kill()
        found.process.wait()


def gone(found: Foreground, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while found.family() and time.monotonic() < deadline:
        time.sleep(0.2)
    return not found.family()


def test_it_shows_what_came_out_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    with foreground(tmp_path / "stack") as running:
        running.read_until(STAYS_UP)
        assert len(running.family()) > 5
        running.process.send_signal(signal.SIGINT)
        running.read_until(None)
        assert running.process.wait() == 0
        assert gone(running, 5)
    for expected in ("Anomalies", "84", "Subject:", "s3://", "What went in and came out", "curl -sS", "psql"):
        assert expected in running.output
    assert "✗" not in running.output
    assert steady_lines(first_start(README.read_text())) <= steady_lines(running.output)


def first_start(readme: str) -> str:
    """The README's block that shows a first start: the only one with a balance."""
    (block,) = [block for block in readme.split("```") if "What went in and came out" in block]
    return block


def steady_lines(text: str) -> set[str]:
    """The lines of a start's output that are the same at every first start: the anomalies and the balance."""
    lines = (line.rstrip() for line in text.splitlines())
    return {line for line in lines if ("is greater than 1000" in line and "│ 2022" in line) or line.startswith(BALANCE)}


def test_a_closed_terminal_leaves_nothing_behind(tmp_path: Path) -> None:
    with foreground(tmp_path / "stack") as running:
        running.read_until("PostgreSQL and the AWS emulator")
        running.close_terminal()
        running.process.wait(timeout=60)
        assert gone(running)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_its_own_sudden_death_leaves_nothing_behind(tmp_path: Path) -> None:
    with foreground(tmp_path / "stack") as running:
        running.read_until(STAYS_UP)
        running.process.kill()
        running.process.wait()
        assert gone(running)


def test_a_taken_port_is_named_with_its_holder_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with foreground(tmp_path / "stack", COLLECTOR_PORT=str(port)) as running:
            running.read_until(None)
            assert running.process.wait() == 1
            assert gone(running, 5)
    plain = " ".join(running.output.split())
    assert f"port {port} is taken by process {os.getpid()}" in plain
    assert "COLLECTOR_PORT" in plain


def test_a_service_that_refuses_to_start_fails_the_start_and_nothing_is_left(tmp_path: Path) -> None:
    with foreground(tmp_path / "stack", MAX_BODY_BYTES="plenty") as running:
        running.read_until(None)
        assert running.process.wait() == 1
        assert gone(running, 5)
    assert "MAX_BODY_BYTES" in running.output
