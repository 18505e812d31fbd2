"""KCL's checkpoints beside what is stored, and the archive, on a real emulator: the repair from beginning to end."""

import gzip
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from consumer.__main__ import main
from consumer.domain import Shard
from consumer.errors import CrashError
from consumer.incarnation import kinesis_client, stream_incarnation
from consumer.progress import Progress
from tests.consumer.builders import FIRST, SHARD, batch, record, wire
from tests.integration.emulator import REGION, Emulator, create_stream, running
from tests.integration.streaming import APPLICATION, STREAM, Consumer, create_lease_table, lease

BUCKET = "archive"
SHARDS = [f"shardId-00000000000{number}" for number in range(4)]
Command = Callable[..., int]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as started:
        create_stream(started.client("kinesis"), STREAM)
        started.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        create_lease_table(started)
        yield started


@pytest.fixture
def command(emulator: Emulator, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs one of the consumer's commands and returns its exit code."""
    for name, value in {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "DATABASE_URL": database_url,
        "STREAM_NAME": STREAM,
    }.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["consumer", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code))

    return run


def test_a_restored_database_is_mended_from_the_archive_and_accepted(
    emulator: Emulator, command: Command, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    incarnation = stream_incarnation(kinesis_client(REGION), STREAM)
    behind = Consumer(engine, Shard(incarnation, SHARDS[0]))
    behind.process(batch(record(1, wire()), shard=Shard(incarnation, SHARDS[0])))
    for shard_id, checkpoint in zip(SHARDS, [f"00{FIRST + 9}", str(FIRST), "TRIM_HORIZON", "SHARD_END"], strict=True):
        lease(emulator, shard_id, checkpoint)
    emulator.client("s3").put_object(Bucket=BUCKET, Key="2026/a.gz", Body=gzip.compress(wire() + wire()))

    assert command("progress", "show") == 1
    shown = capsys.readouterr().out
    assert [
        shard_id for shard_id in SHARDS if any(shard_id in row and "AHEAD" in row for row in shown.splitlines())
    ] == [
        SHARDS[0],
        SHARDS[1],
        SHARDS[3],
    ]

    assert command("replay", f"s3://{BUCKET}/2026/") == 0
    assert command("progress", "accept", "--shard", SHARDS[0]) == 0
    assert command("progress", "show") == 1
    assert command("progress", "accept", "--all") == 0
    assert command("progress", "show") == 0
    assert command("progress", "accept", "--all") == 0

    assert behind.rows("SELECT shard_id, sequence_number, ended_at IS NOT NULL FROM shard_progress ORDER BY 1") == [
        (SHARDS[0], FIRST + 9, False),
        (SHARDS[1], FIRST, False),
        (SHARDS[3], None, True),
    ]
    assert behind.rows("SELECT count(*) FROM anomalies") == [3]
    assert "nothing to accept" in capsys.readouterr().err


def test_what_moved_on_since_it_was_looked_at_is_not_moved_back(engine: Engine) -> None:
    consumer = Consumer(engine)
    progress = Progress(engine, APPLICATION, SHARD.stream_incarnation)
    seen = progress.states({SHARD.shard_id: str(FIRST + 1)})
    assert [state.is_ahead for state in seen] == [True]
    consumer.process(batch(record(5, wire())))
    progress.accept(seen)
    assert consumer.rows("SELECT sequence_number FROM shard_progress") == [FIRST + 5]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["progress", "accept"], 2, "--shard"),
        (["progress", "accept", "--all", "--shard", "x"], 2, "--shard"),
        (["progress", "accept", "--shard", "x"], 1, "no such shard: x"),
        (["replay", f"s3://{BUCKET}/nothing/"], 1, "nothing below"),
        (["replay", "s3://none/x"], 1, "cannot be listed"),
        (["replay", "none.ndjson"], 1, "is no file"),
        (["replay", "--from", "2026-11-23T10:00:00", __file__], 1, "no time with an offset"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], code: int, told: str, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(*arguments) == code
    assert told in capsys.readouterr().err


def test_a_missing_lease_table_is_said(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APPLICATION_NAME", "another")
    assert command("progress", "show") == 1
    assert "lease table another cannot be read" in capsys.readouterr().err


def test_a_stream_that_is_missing_is_said(command: Command) -> None:
    with pytest.raises(CrashError, match=f"there is no stream nothing in {REGION}"):
        stream_incarnation(kinesis_client(REGION), "nothing")
