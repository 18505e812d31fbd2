"""`python -m consumer audit` on a stream: up to when it asks, what it prints, and its exit code."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from consumer.__main__ import main
from consumer.audit.horizon import ON_THE_WAY, horizon
from consumer.domain import Record, Shard
from consumer.incarnation import kinesis_client, stream_incarnation
from consumer.progress import Progress
from tests.consumer.builders import batch, wire
from tests.integration.emulator import REGION, Emulator, create_stream, read, running
from tests.integration.streaming import APPLICATION, Consumer

BUCKET = "archive"
LONG_AGO = "2026-01-01T00:00:00Z"
Command = Callable[..., int]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as started:
        started.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield started


@pytest.fixture
def stream(emulator: Emulator, request: pytest.FixtureRequest) -> str:
    name = f"payments-{abs(hash(request.node.name))}"
    create_stream(emulator.client("kinesis"), name)
    return name


@pytest.fixture
def command(emulator: Emulator, stream: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the audit and returns its exit code."""
    for name, value in {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "DATABASE_URL": database_url,
        "STREAM_NAME": stream,
    }.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["consumer", "audit", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code))

    return run


class Shards:
    """The stream's one shard, and a consumer of it."""

    def __init__(self, emulator: Emulator, stream: str, engine: Engine) -> None:
        self.kinesis = kinesis_client(REGION)
        self._stream = stream
        self._engine = engine
        self._shard = Shard(stream_incarnation(self.kinesis, stream), "shardId-000000000000")
        self._consumer = Consumer(engine, self._shard)
        self.records: list[dict[str, Any]] = []

    def put(self, *payloads: bytes) -> None:
        for payload in payloads:
            self.kinesis.put_record(StreamName=self._stream, Data=payload, PartitionKey="one")
        self.records = read(self.kinesis, self._stream, self._shard.shard_id)

    def consume(self, count: int) -> None:
        taken = [
            Record(int(one["SequenceNumber"]), one["Data"], one["ApproximateArrivalTimestamp"].astimezone(UTC))
            for one in self.records[:count]
        ]
        self._consumer.process(batch(*taken, shard=self._shard))

    def horizon(self, buffer: timedelta) -> datetime:
        states = Progress(self._engine, APPLICATION, self._shard.stream_incarnation).states({})
        return horizon(self.kinesis, self._stream, states, buffer)


@pytest.fixture
def shards(emulator: Emulator, stream: str, engine: Engine, command: Command) -> Shards:
    return Shards(emulator, stream, engine)


def archived(emulator: Emulator, stream: str, *payloads: bytes) -> str:
    emulator.client("s3").put_object(Bucket=BUCKET, Key=f"{stream}/a.gz", Body=gzip.compress(b"".join(payloads)))
    return f"s3://{BUCKET}/{stream}/"


def test_a_shard_is_behind_by_its_first_record_that_is_not_stored(shards: Shards) -> None:
    shards.put(wire(), wire(), wire())
    arrived = [one["ApproximateArrivalTimestamp"].astimezone(UTC) for one in shards.records]
    assert shards.horizon(timedelta(0)) == arrived[0] - ON_THE_WAY
    shards.consume(2)
    assert shards.horizon(timedelta(0)) == arrived[2] - ON_THE_WAY


def test_where_all_is_stored_the_archive_is_behind(shards: Shards) -> None:
    shards.put(wire())
    shards.consume(1)
    begun = datetime.now(UTC)
    found = shards.horizon(timedelta(minutes=5))
    assert begun <= found + ON_THE_WAY + timedelta(minutes=5) <= datetime.now(UTC)


def test_nothing_differs_and_the_exit_code_says_so(
    emulator: Emulator, stream: str, shards: Shards, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    payloads = [wire(receivedAt=LONG_AGO), wire(amount="5", receivedAt=LONG_AGO)]
    shards.put(*payloads)
    shards.consume(2)
    assert command("--buffer", "0", archived(emulator, stream, *payloads)) == 0
    shown = dict(line.rsplit("│", 1) for line in capsys.readouterr().out.splitlines() if "│" in line)
    told = {name.strip(): value.strip() for name, value in shown.items()}
    assert (told["transactions in the archive"], told["anomalies expected"], told["not stored"]) == ("2", "1", "0")


def test_a_difference_is_an_exit_code_and_a_repair_is_not(
    emulator: Emulator,
    stream: str,
    shards: Shards,
    command: Command,
    owner: Engine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = wire(receivedAt=LONG_AGO)
    shards.put(line)
    shards.consume(1)
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM anomalies"))
    source = archived(emulator, stream, line)
    assert command("--buffer", "0", "--json", source) == 1
    found = json.loads(capsys.readouterr().out)
    ((where, number),) = [(one["object"], one["line"]) for one in found["comparison"]["missing"]]
    assert (where, number, found["isClean"], found["repaired"]) == (f"s3://{BUCKET}/{stream}/a.gz", 1, False, None)
    assert command("--buffer", "0", source) == 1
    assert f"{where}:1" in capsys.readouterr().out
    assert command("--buffer", "0", "--repair", "--json", source) == 0
    assert json.loads(capsys.readouterr().out)["repaired"] == 1
    assert command("--buffer", "0", source) == 0


def test_what_is_not_yet_stored_is_not_asked_for(
    emulator: Emulator, stream: str, shards: Shards, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC).isoformat()
    payloads = [wire(receivedAt=LONG_AGO), wire(receivedAt=now)]
    shards.put(*payloads)
    shards.consume(1)
    assert command("--buffer", "0", "--json", archived(emulator, stream, *payloads)) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["comparison"]["transactions"], found["comparison"]["end"]) == (1, found["horizon"])
