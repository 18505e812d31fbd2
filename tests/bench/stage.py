"""The processes of a measurement: what is measured on one core, all else on the other."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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


@contextmanager
def candidates(*names: str) -> Iterator[dict[str, int]]:
    """Serves each of them beside a sink; the port of each. `ours` is the producer as it is."""
    with ExitStack() as stack:
        sink = free_port()
        stack.enter_context(process(OTHER_CORE, "tests.bench.sink", str(sink), str(SINK_SHARDS)))
        wait_for(sink)
        ports = {name: free_port() for name in names}
        for name, port in ports.items():
            settings = environment(
                f"http://127.0.0.1:{sink}",
                PRODUCER_PORT=str(port),
                KEY_QUOTA_PER_SECOND="1000000000",
                API_KEYS_REFRESH_SECONDS="30",
            )
            command = ("producer", "serve") if name == "ours" else ("tests.bench.rivals", name, str(port))
            stack.enter_context(process(MEASURED_CORE, *command, **settings))
        for port in ports.values():
            wait_for(port)
        time.sleep(1)
        yield ports


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
