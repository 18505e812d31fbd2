"""The command line: exit codes mean something, data goes to stdout, messages to stderr."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from producer.__main__ import app
from tests.producer.builders import numbered_records
from tests.producer.misbehaving import Behaviour, Misbehaving, judging, refusing, serving


def send(tmp_path: Path, script: list[Behaviour], *options: str, count: int = 4) -> Result:
    path = tmp_path / "payments.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in numbered_records(count)))
    with serving(Misbehaving(script)) as collector:
        environment = {"COLLECTOR_URL": collector.url, "COLLECTOR_API_KEY": "pk"}
        return CliRunner().invoke(app, ["send", str(path), *options], env=environment)


def test_0_everything_was_accepted(tmp_path: Path) -> None:
    result = send(tmp_path, [judging(unavailable=(1,))], "--json")
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert {name: summary[name] for name in ("sent", "accepted", "rejected", "givenUp", "retries", "stopped")} == {
        "sent": 4,
        "accepted": 4,
        "rejected": 0,
        "givenUp": 0,
        "retries": 1,
        "stopped": None,
    }
    assert "accepted" in result.stderr


def test_1_something_was_rejected_and_all_of_it_can_be_written_down(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    places = tuple(range(25))
    result = send(tmp_path, [judging(rejected=places)], "--rejects", str(rejects), count=30)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "line 20: amount must not be negative" in result.stderr
    assert "line 21:" not in result.stderr
    assert "5 more" in result.stderr
    written = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [rejection["line"] for rejection in written] == list(range(1, 26))
    assert written[0]["errors"] == [{"field": "amount", "message": "must not be negative"}]


def test_1_sending_was_given_up(tmp_path: Path) -> None:
    result = send(tmp_path, [refusing(503)] * 100, "--give-up-after", "0", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["givenUp"] == 4
    assert "Stopped" in result.stderr


def test_1_the_file_is_not_what_its_name_says(tmp_path: Path) -> None:
    path = tmp_path / "payments.jsonl.gz"
    path.write_bytes(b"no gzip")
    result = CliRunner().invoke(app, ["send", str(path), "--url", "http://127.0.0.1:1", "--api-key", "pk"])
    assert result.exit_code == 1
    assert "payments.jsonl.gz" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["send"],
        ["send", "nowhere.jsonl", "--url", "http://127.0.0.1:1", "--api-key", "pk"],
        ["send", __file__, "--api-key", "pk"],
        ["send", __file__, "--url", "http://127.0.0.1:1"],
        ["send", __file__, "--url", "nonsense", "--api-key", "pk"],
        ["send", __file__, "--url", "http://127.0.0.1:1", "--api-key", "pk", "--batch", "0"],
        ["keys", "create"],
        ["keys", "create", "x", "--rate", "0"],
        ["nothing"],
    ],
    ids=" ".join,
)
def test_2_the_command_is_wrong(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_standard_input_is_a_file_too() -> None:
    with serving(Misbehaving()) as collector:
        lines = "".join(json.dumps(record) + "\n" for record in numbered_records(3))
        result = CliRunner().invoke(app, ["send", "-", "--url", collector.url, "--api-key", "pk"], input=lines)
    assert result.exit_code == 0
    assert len(collector.accepted) == 3


def test_help_shows_every_command_with_an_example_and_loads_no_service() -> None:
    for arguments in (["serve"], ["send"], ["keys", "create"]):
        assert "Example:" in CliRunner().invoke(app, [*arguments, "--help"]).stdout
    check = "import sys, producer.__main__; sys.exit(not {'boto3', 'fastapi', 'rich.progress'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
