"""The emulator as a process of the test's own, and clients for it."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

CHECKOUT = Path(__file__).parents[2]
REGION = "eu-central-1"
ROLE = "arn:aws:iam::000000000000:role/test"
WAIT_SECONDS = 30
SESSION = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)
ONCE = Config(retries={"total_max_attempts": 1})


@dataclass
class Emulator:
    """One emulator, started again at will on the same ``folder``, in which it saves its state."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    _process: "subprocess.Popen[str] | None" = None
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def process(self) -> "subprocess.Popen[str]":
        assert self._process, "never started"
        return self._process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def start(self) -> None:
        self.launch()
        wait_for(self._is_healthy)

    def launch(self) -> "subprocess.Popen[str]":
        self.port = free_port()
        self._clients.clear()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.emulator"],
            cwd=CHECKOUT,
            env={**os.environ, **self._settings, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self._process

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, stdout, stderr; does nothing to one that has ended."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=WAIT_SECONDS)
        return self.process.returncode, out, err

    def restart(self) -> None:
        code, _, err = self.stop()
        assert code == 0, err
        self.start()

    def post(self, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)
        connection.request("POST", path)
        assert connection.getresponse().status == 200
        connection.close()

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = SESSION.client(service, endpoint_url=self.url, config=ONCE)  # type: ignore[call-overload]
        return self._clients[service]

    @property
    def _settings(self) -> dict[str, str]:
        return {
            "GATEWAY_PORT": str(self.port),
            "AWS_REGION": REGION,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.state),
        }

    def _is_healthy(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@contextlib.contextmanager
def running(folder: Path, **environment: str) -> Iterator[Emulator]:
    emulator = Emulator(folder, environment)
    emulator.start()
    try:
        yield emulator
    finally:
        emulator.stop()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_for(holds: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """What ``holds`` returns, once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def create_stream(kinesis: Any, name: str, shards: int = 1) -> str:
    """Returns its ARN."""
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    return str(kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"])


def put(kinesis: Any, stream: str, texts: list[str]) -> None:
    records = [{"Data": text.encode(), "PartitionKey": text} for text in texts]
    assert kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0


def shards_of(kinesis: Any, stream: str, **options: Any) -> list[dict[str, Any]]:
    return list(kinesis.list_shards(StreamName=stream, **options)["Shards"])


def is_open(shard: dict[str, Any]) -> bool:
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def open_ids(kinesis: Any, stream: str) -> list[str]:
    return [shard["ShardId"] for shard in shards_of(kinesis, stream) if is_open(shard)]


def iterator(kinesis: Any, stream: str, shard: str, kind: str = "TRIM_HORIZON", **options: Any) -> str:
    answer = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType=kind, **options)
    return str(answer["ShardIterator"])


def read(kinesis: Any, stream: str, shard: str, kind: str = "TRIM_HORIZON", **options: Any) -> list[dict[str, Any]]:
    return list(kinesis.get_records(ShardIterator=iterator(kinesis, stream, shard, kind, **options))["Records"])


def texts_by_lineage(kinesis: Any, stream: str) -> list[str]:
    """Every record's text, read as a consumer does: parents to their end, then the children that they tell of."""
    waiting = [shard["ShardId"] for shard in shards_of(kinesis, stream) if "ParentShardId" not in shard]
    seen, texts = set(waiting), []
    while waiting:
        token: str | None = iterator(kinesis, stream, waiting.pop(0))
        while token:
            answer = kinesis.get_records(ShardIterator=token, Limit=7)
            texts += [record["Data"].decode() for record in answer["Records"]]
            children = [child["ShardId"] for child in answer.get("ChildShards", [])]
            waiting += [child for child in children if child not in seen]
            seen.update(children)
            token = answer.get("NextShardIterator") if answer["Records"] else None
    return texts
