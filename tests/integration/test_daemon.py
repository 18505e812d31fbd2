"""`python -m consumer run`: the supervisor, and the daemon up to the moment at which Java takes its place.

A script stands for Java.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine

from consumer.domain import Record, Shard
from consumer.incarnation import stream_incarnation
from consumer.login import Database
from consumer.migrate import migrate
from tests.consumer.builders import ARRIVED, FIRST, batch
from tests.integration.emulator import REGION, Emulator, create_stream, running
from tests.integration.streaming import Consumer, create_lease_table, lease

JAVA = """#!{python}
import json, os, sys, time
files = [open(sys.argv[sys.argv.index(name) + 1]).read() for name in ("--properties-file", "--log-configuration")]
names = ("STREAM_INCARNATION", "DATABASE_URL", "DATABASE_AUTH", "AWS_REGION", "APPLICATION_NAME", "STREAM_NAME",
    "LOG_FORMAT", "LOG_LEVEL")
print(json.dumps([os.getpid(), sys.argv[1:], files, {{name: os.environ[name] for name in names}}]), flush=True)
time.sleep(60)
"""


STOPPED = 143
SHARDS = ["shardId-000000000000", "shardId-000000000001"]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(tmp_path_factory.mktemp("emulator")) as started:
        create_stream(started.client("kinesis"), "payments")
        yield started


@pytest.fixture
def environment(emulator: Emulator, empty_database_url: str, tmp_path: Path) -> dict[str, str]:
    java = tmp_path / "java home" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(JAVA.format(python=sys.executable))
    java.chmod(0o755)
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "DATABASE_URL": empty_database_url,
        "STREAM_NAME": "payments",
        "JAVA_HOME": str(tmp_path / "java home"),
        "JAVA_OPTIONS": "-Xmx1m -Done",
        "TMPDIR": str(tmp_path),
    }


def start(environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "consumer", "run"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(process: "subprocess.Popen[str]") -> tuple[Any, str]:
    """What Java was started with, and what was logged until the stop."""
    assert process.stdout
    told = process.stdout.readline()
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == STOPPED, err
    return json.loads(told), err


def test_java_is_started_once_the_database_is_migrated(environment: dict[str, str]) -> None:
    process = start(environment)
    assert process.stderr
    assert json.loads(process.stderr.readline())["event"] == "rules taken up"
    waiting = json.loads(process.stderr.readline())
    assert "run `python -m consumer migrate`" in waiting["reason"]
    migrate(Database(environment["DATABASE_URL"]))

    (pid, arguments, (properties, logging), handed), err = stop(process)

    assert not psutil.pid_exists(pid)
    assert "workerId = worker-0\n" in properties
    assert arguments[:3] == ["-Xmx1m", "-Done", "-Dfile.encoding=UTF-8"]
    assert "streamName = payments" in properties
    assert "<target>System.err</target>" in logging
    incarnation = handed.pop("STREAM_INCARNATION")
    assert incarnation.startswith(f"arn:aws:kinesis:{REGION}:000000000000:stream/payments@20")
    assert handed == {
        "DATABASE_URL": environment["DATABASE_URL"],
        "DATABASE_AUTH": "password",
        "AWS_REGION": REGION,
        "APPLICATION_NAME": "payment-anomalies",
        "STREAM_NAME": "payments",
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "INFO",
    }
    assert json.loads(err.splitlines()[-1])["stream"] == incarnation


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"STREAM_NAME": "changeme", "AWS_REGION": ""}, 2, ["STREAM_NAME: still", "AWS_REGION: missing"]),
        ({"STREAM_NAME": "nothing"}, 1, ["there is no stream nothing"]),
        ({"JAVA_HOME": "/nowhere"}, 1, ["JAVA_HOME has no bin/java"]),
    ],
)
def test_a_consumer_that_cannot_start_says_why(
    changes: dict[str, Any], code: int, told: list[str], environment: dict[str, str], database_url: str
) -> None:
    process = start(environment | {"DATABASE_URL": database_url} | changes)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in err
    assert all(words in err for words in told)


def test_a_consumer_that_aws_does_not_answer_tries_again(environment: dict[str, str], database_url: str) -> None:
    process = start(environment | {"DATABASE_URL": database_url, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert process.stderr
    told = [process.stderr.readline() for _ in range(4)]
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == STOPPED
    assert "Kinesis does not describe the stream payments" in told[2]
    assert json.loads(told[3])["event"] == "KCL's daemon ended, and is started again"


@pytest.mark.parametrize(
    ("leases", "stored", "told"),
    [
        (["TRIM_HORIZON", "TRIM_HORIZON"], [], []),
        ([str(FIRST), "SHARD_END"], [], ["delete the DynamoDB table", "replay --from", "accept --all"]),
        (["SHARD_END"], [], ["delete the DynamoDB table", "replay --from", "accept --all"]),
        (["SHARD_END", str(FIRST)], [FIRST, FIRST], ["SHARD_END", "replay --from", f"accept --shard {SHARDS[0]}"]),
        ([str(FIRST), str(FIRST + 1)], [FIRST, FIRST], ["ahead", f"accept --shard {SHARDS[1]}"]),
        ([str(FIRST), str(FIRST)], [FIRST, FIRST + 1], []),
    ],
)
def test_a_lease_table_that_would_skip_records_stops_the_consumer(
    leases: list[str],
    stored: list[int],
    told: list[str],
    environment: dict[str, str],
    emulator: Emulator,
    engine: Engine,
    database_url: str,
) -> None:
    application = f"application-{uuid.uuid4()}"
    create_lease_table(emulator, application)
    for shard_id, checkpoint in zip(SHARDS, leases, strict=False):
        lease(emulator, shard_id, checkpoint, application)
    incarnation = stream_incarnation(emulator.client("kinesis"), "payments")
    for shard_id, number in zip(SHARDS, stored, strict=False):
        shard = Shard(incarnation, shard_id)
        consumer = Consumer(engine, shard, application=application)
        consumer.process(batch(Record(number, b"", ARRIVED), shard=shard))
    process = start(environment | {"DATABASE_URL": database_url, "APPLICATION_NAME": application})
    if not told:
        stop(process)
        return
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "Traceback" not in err
    assert all(words in err for words in told)


def test_starts_leave_one_folder_that_is_the_users_alone(
    environment: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    for worker in ("one", "one", "two"):
        process = start(environment | {"DATABASE_URL": database_url, "WORKER_ID": worker})
        (_, _, (properties, _), _), _ = stop(process)
        assert f"workerId = {worker}\n" in properties
    folders = list(tmp_path.glob("consumer-*"))
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]
    assert [len(list(folder.iterdir())) for folder in folders] == [4, 4]


@pytest.mark.parametrize("planted", ["link", "open folder"])
def test_what_another_user_may_have_planted_is_not_written_to(
    planted: str, environment: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    stop(start(environment | {"DATABASE_URL": database_url}))
    (folder,) = tmp_path.glob("consumer-*")
    for file in folder.iterdir():
        file.unlink()
    if planted == "link":
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.chmod(0o777)
    process = start(environment | {"DATABASE_URL": database_url})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "not a folder of this user alone" in err
    assert list(folder.iterdir()) == []
