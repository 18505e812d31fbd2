"""The child as a process: stdout is KCL's, and nothing heavy is imported."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from consumer.main import ChildSettings, pause_while
from tests.consumer.child import child_settings

CHECKOUT = Path(__file__).parents[2]
SETTINGS = child_settings("postgresql://u:p@127.0.0.1:1/none")


def child(*arguments: str) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    environment = {**os.environ, **SETTINGS.environment()}
    return subprocess.Popen(
        [sys.executable, *arguments], env=environment, cwd=CHECKOUT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


def test_what_the_daemon_hands_over_is_what_the_child_reads() -> None:
    assert ChildSettings.from_environment(SETTINGS.environment()) == SETTINGS


def test_stdout_is_the_protocol_s_alone() -> None:
    stray = (
        "import os, sys\nfrom consumer import main\n_, answers = main.protocol_streams()\n"
        "print('stray'); os.system('echo stray'); sys.stdout.flush()\nanswers.write('said'); answers.flush()"
    )
    out, err = child("-c", stray).communicate(timeout=60)
    assert out == "said"
    assert err.split() == ["stray", "stray"]


def test_a_child_that_waits_for_the_database_ignores_sigterm_and_answers_nothing() -> None:
    process = child("-m", "consumer.main")
    assert process.stdin
    assert process.stderr
    asked = {"action": "initialize", "shardId": "s", "sequenceNumber": "TRIM_HORIZON", "subSequenceNumber": 0}
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    assert json.loads(process.stderr.readline())["failures"] == 1
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    assert json.loads(process.stderr.readline())["failures"] == 2
    process.kill()
    assert process.communicate()[0] == ""


def test_a_child_whose_daemon_says_nothing_more_ends_well() -> None:
    process = child("-m", "consumer.main")
    out, err = process.communicate("", timeout=60)
    assert (out, err, process.returncode) == ("", "", 0)


def test_a_child_imports_neither_an_aws_sdk_nor_pydantic() -> None:
    script = "import consumer.main, sys; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = child("-c", script).communicate(timeout=60)[0].split()
    assert {"sqlalchemy", "amazon_kclpy"} <= set(loaded)
    assert {"boto3", "botocore", "pydantic", "alembic", "typer"}.isdisjoint(loaded)


@pytest.mark.parametrize(("parent", "ended"), [(1, False), (7, True)])
def test_a_pause_ends_the_process_once_its_parent_is_gone(parent: int, ended: bool) -> None:
    slept: list[float] = []

    def end() -> None:
        raise SystemExit(1)

    try:
        assert pause_while(1, lambda: parent, slept.append, end, 2.5) is False  # type: ignore[arg-type]
        assert not ended
    except SystemExit:
        assert ended
    assert slept == [2.5]
