"""The whole pipeline and its tools once, and which AWS actions each of them called: policies are compared with that.

A change of what is called is written down with RECORD_CALLS=1, and then asks for a change of the policies.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest

from infra.local.settings import BUCKET, CONSOLE_USER, STREAM, WORKER
from samples.generate import transactions
from tests.calls import read_calls
from tests.e2e.conftest import running_stack
from tests.e2e.driver import Driver
from tests.e2e.truth import truth_of
from tests.infra.recorded import recorded_calls, steady, write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
CALLERS = ("producer", "consumer", "notifier", "console", "tool", "console-tool", "keys")
KEYS_SECRET = "recorded/api-keys"


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with running_stack(tmp_path / "stack") as driver:
        yield driver


def test_every_process_calls_what_is_written_down(driver: Driver, tmp_path: Path) -> None:
    send_over_a_reshard(driver, tmp_path)
    use_the_consumers_tools(driver)
    use_the_keys_commands(driver)
    use_the_console(driver)
    driver.stack.supervisor.stop("consumer")  # in order, with all that it does at its end
    called = read_calls(driver.stack.local.aws_endpoint_url)
    found = steady({caller: called[caller] for caller in CALLERS})
    if os.environ.get("RECORD_CALLS") == "1":
        write(found)
    assert found == recorded_calls()


def send_over_a_reshard(driver: Driver, folder: Path) -> None:
    """Until all is stored, archived and mailed, by the first shards and by those that a split and a merge made."""
    send(driver, folder, seed=1)
    boto3.client("kinesis").update_shard_count(StreamName=STREAM, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    send(driver, folder, seed=2)


def send(driver: Driver, folder: Path, seed: int) -> None:
    lines = list(transactions(500, seed))
    source = folder / f"{seed}.jsonl"
    source.write_text("".join(f"{line}\n" for line in lines))
    driver.start_sending(source).summary()
    driver.assert_truth(truth_of(lines))


def use_the_consumers_tools(driver: Driver) -> None:
    run(driver, "tool", "consumer", "replay", f"s3://{BUCKET}/transactions/")
    run(driver, "tool", "consumer", "progress", "show")
    run(driver, "tool", "consumer", "progress", "accept", "--all")
    run(
        driver,
        "tool",
        "consumer",
        "rules",
        "publish",
        "consumer/rules.yaml",
        "--archive",
        f"s3://{BUCKET}/transactions/",
    )
    driver.run_as("tool", "consumer", "audit", f"s3://{BUCKET}/transactions/")  # says that it is too soon
    ((found,),) = driver.sql("SELECT transaction_id::text FROM anomalies LIMIT 1")
    run(driver, "tool", "consumer", "await-anomaly", found)
    # Whatever it finds: it looks for the daemon among all processes, and another stack's may be first.
    driver.run_as("consumer", "consumer", "health", "run", WORKER_ID=WORKER)


def use_the_keys_commands(driver: Driver) -> None:
    """With secrets that are not there yet, and with such as are."""
    handed_over = ("--to-secret", "recorded/api-key")
    commands: list[tuple[str, ...]] = [
        ("create", "first", *handed_over),
        ("create", "second", "--if-none"),
        ("create", "second", *handed_over),
        ("rotate", "first", *handed_over),
        ("list",),
    ]
    for command in commands:
        run(driver, "keys", "producer", "keys", *command, API_KEYS_SECRET_ID=KEYS_SECRET)


def use_the_console(driver: Driver) -> None:
    """Each page that asks AWS for something, and a user whose password is handed over, twice."""
    local = driver.stack.local
    for name in ("first", "second"):
        run(driver, "console-tool", "consumer", "users", "create", name, "--to-secret", "recorded/console-password")
    form = {"name": CONSOLE_USER, "password": local.secret("console")}
    with httpx.Client(base_url=local.console_url, timeout=60, follow_redirects=True) as client:
        assert "every record of the stream is stored" in client.post("/login", data=form).text
        assert "large-amount" in client.get("/rules").text
        (token,) = set(re.findall(r'name="csrf" (?:content|value)="(\w+)"', client.get("/keys").text))
        assert "hand it over now" in client.post("/keys", data={"csrf": token, "name": "of the console"}).text
        assert "objects of the 12 hours" in client.get("/anomalies/1?history=archive").text


def run(driver: Driver, caller: str, *command: str, **environment: str) -> None:
    done = driver.run_as(caller, *command, **environment)
    assert done.returncode == 0, done.stderr
