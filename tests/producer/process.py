"""The real process of a command, or of the service, with what it logs."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.producer.builders import record
from tests.producer.service import KEY_TEXT

PATIENCE_SECONDS = 60


def environment(endpoint: str, **settings: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "STREAM_NAME": "payments",
        "API_KEYS_SECRET_ID": "payments/keys",
        "API_KEYS_REFRESH_SECONDS": "0.05",
        "PRODUCER_PORT": "0",
    } | settings


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "producer", *arguments], env=settings, capture_output=True, text=True, check=False
    )


@dataclass
class Producer:
    """The process, what it has logged, and where it listens."""

    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)
    lines: queue.Queue[str | None] = field(default_factory=queue.Queue)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=PATIENCE_SECONDS))

    def read_log(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.log.append(line)
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, event: str) -> dict[str, Any]:
        while line := self.lines.get(timeout=PATIENCE_SECONDS):
            logged: dict[str, Any] = json.loads(line)
            if logged.get("event") == event:
                return logged
        raise AssertionError(f"it ended without {event!r}: {self.log}")

    def post(self, key: str = KEY_TEXT) -> httpx.Response:
        return self.http.post("/collector/transactions", json={"records": [record()]}, headers={"x-api-key": key})

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def rest_of_log(self) -> list[dict[str, Any]]:
        """What was not waited for, once the process has ended."""
        return [json.loads(line) for line in iter(lambda: self.lines.get(timeout=PATIENCE_SECONDS), None) if line]


@contextmanager
def producing(endpoint: str, **settings: str) -> Iterator[Producer]:
    process = subprocess.Popen(
        [sys.executable, "-m", "producer", "serve"],
        env=environment(endpoint, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    producer = Producer(process)
    reader = threading.Thread(target=producer.read_log)
    reader.start()
    try:
        producer.http.base_url = f"http://127.0.0.1:{producer.wait_for('listening')['port']}"
        yield producer
    finally:
        producer.http.close()
        process.kill()
        output, _ = process.stdout, process.wait()
        reader.join()
        assert output
        assert output.read() == "", "stdout is for data"
        output.close()
        assert process.stderr
        process.stderr.close()
