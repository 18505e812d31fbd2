"""The processes of a measurement: what is measured on one core, all else on the other."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.bench.closed_loop import Load, Outcome
from tests.producer.process import environment

MEASURED_CORE, OTHER_CORE = "0", "1"
SINK_SHARDS = 4
PATIENCE_SECONDS = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(core: str, *command: str, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    running = subprocess.Popen(
        ["taskset", "-c", core, sys.executable, "-m", *command],
        env={**os.environ, **settings},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield running
    finally:
        running.terminate()
        running.wait(30)


class Candidate(NamedTuple):
    port: int
    pid: int

    @property
    def cpu_seconds(self) -> float:
        """That the process has taken."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served_sink(module: str = "tests.bench.sink", shards: int = SINK_SHARDS, **settings: str) -> Iterator[int]:
    """AWS on the other core; its port."""
    port = free_port()
    with process(OTHER_CORE, module, str(port), str(shards), **settings):
        wait_for(port)
        yield port


@contextmanager
def candidates(sink: int, *names: str) -> Iterator[dict[str, Candidate]]:
    """Serves each of them. `ours` is the producer as it is, whatever follows its name."""
    with ExitStack() as stack:
        found = {}
        for name in names:
            port = free_port()
            settings = environment(
                f"http://127.0.0.1:{sink}",
                PRODUCER_PORT=str(port),
                KEY_QUOTA_PER_SECOND="1000000000",
                API_KEYS_REFRESH_SECONDS="30",
            )
            is_ours = name.startswith("ours")
            command = ("producer", "serve") if is_ours else ("tests.bench.rivals", name, str(port))
            running = stack.enter_context(process(MEASURED_CORE, *command, **settings))
            found[name] = Candidate(port, running.pid)
        for candidate in found.values():
            wait_for(candidate.port)
        time.sleep(1)
        yield found


def wait_for(port: int) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)


def drive(load: Load) -> Outcome:
    command = ["taskset", "-c", OTHER_CORE, sys.executable, "-m", "tests.bench.closed_loop"]
    done = subprocess.run(command, input=msgspec.json.encode(load), stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Outcome)
