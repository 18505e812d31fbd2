"""The real process: how it starts, how it stops, and what it says when it can't."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import msgspec
import pytest

from producer.auth import new_key
from tests.producer import fake_aws
from tests.producer.builders import record
from tests.producer.fake_aws import FakeAws
from tests.producer.fakes import key_document
from tests.producer.service import KEY, KEY_TEXT, NOW

PATIENCE_SECONDS = 60


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with fake_aws.serving() as aws:
        aws.document = key_document(KEY)
        yield aws


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

    def wait_for(self, event: str) -> dict[str, object]:
        while line := self.lines.get(timeout=PATIENCE_SECONDS):
            logged: dict[str, object] = json.loads(line)
            if logged["event"] == event:
                return logged
        raise AssertionError(f"it ended without {event!r}: {self.log}")

    def post(self, key: str = KEY_TEXT) -> httpx.Response:
        return self.http.post("/collector/transactions", json={"records": [record()]}, headers={"x-api-key": key})

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        return self.process.wait(timeout=PATIENCE_SECONDS)


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


def test_sigterm_lets_what_was_taken_be_published_and_answered(aws: FakeAws) -> None:
    aws.gate.clear()
    with producing(aws.url) as producer, ThreadPoolExecutor(1) as clients:
        producer.wait_for("keys loaded")
        posted = clients.submit(producer.post)
        assert aws.put.wait(timeout=PATIENCE_SECONDS)
        producer.stop()
        producer.wait_for("Shutting down")
        aws.gate.set()
        assert posted.result().status_code == 202
        assert producer.exit_code() == 0
        assert len(aws.lines) == 1
        logged = "".join(producer.log)
    assert all(msgspec.json.decode(line)["level"] in ("info", "warning") for line in logged.splitlines())
    assert not any(secret in logged for secret in (KEY_TEXT, KEY.sha256, "GRxxxxxxxxxxxxxxx", "sender-1"))


def test_readiness_fails_first_and_requests_are_served_until_the_delay_is_over(aws: FakeAws) -> None:
    with producing(aws.url, SHUTDOWN_DELAY_SECONDS="3600") as producer:
        producer.wait_for("keys loaded")
        assert producer.http.get("/health/ready").status_code == 200
        producer.stop()
        producer.wait_for("stopping")
        assert "stop" in producer.http.get("/health/ready").json()["detail"]
        assert producer.post().status_code == 202
        producer.stop()
        assert producer.exit_code() == 0


def test_without_aws_it_lives_says_that_it_is_not_ready_and_stops_well() -> None:
    with producing("http://127.0.0.1:1") as producer:
        assert producer.http.get("/health/live").status_code == 200
        assert "keys" in producer.http.get("/health/ready").json()["detail"]
        answer = producer.post()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "server" not in answer.headers
        producer.stop()
        assert producer.exit_code() == 0


def test_a_key_that_was_just_made_opens_the_door_and_is_shown_once(aws: FakeAws) -> None:
    aws.document = None
    made = run("keys", "create", "Bank of Example", "--json", "--rate", "5", **environment(aws.url))
    assert made.returncode == 0, made.stderr
    shown = json.loads(made.stdout)
    assert (shown["name"], shown["expiresAt"]) == ("Bank of Example", None)
    assert shown["key"] not in made.stderr + str(aws.document)
    with producing(aws.url) as producer:
        producer.wait_for("keys loaded")
        assert producer.post(shown["key"]).status_code == 202
        assert producer.post(new_key("stranger", NOW)[0]).status_code == 401


def test_it_does_not_start_with_bad_settings_and_names_all_of_them() -> None:
    ended = run("serve", STREAM_NAME="changeme", PRODUCER_PORT="s3cr3t", PATH=os.environ["PATH"])
    assert (ended.returncode, ended.stdout) == (2, "")
    for name in ("AWS_REGION", "STREAM_NAME", "API_KEYS_SECRET_ID", "PRODUCER_PORT"):
        assert name in ended.stderr
    assert "s3cr3t" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("serve", **environment("http://127.0.0.1:1", PRODUCER_PORT=port))
    assert ended.returncode == 1
    assert port in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_key_that_cannot_be_stored_is_not_shown() -> None:
    ended = run("keys", "create", "x", **environment("http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "EndpointConnectionError" in ended.stderr
