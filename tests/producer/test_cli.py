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
        ["keys", "rotate", "x", "--overlap-hours", "-1"],
        ["keys", "revoke"],
        ["nothing"],
    ],
    ids=" ".join,
)
def test_2_the_command_is_wrong(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def said(result: Result) -> str:
    """Without the frame and the line breaks that suit a terminal's width."""
    return "".join(result.stderr.replace("│", "").split())


@pytest.mark.parametrize(("name", "words"), [("no where.jsonl", "no such file"), ("", "is a directory")])
def test_2_a_file_that_cannot_be_sent_is_named(tmp_path: Path, name: str, words: str) -> None:
    path = tmp_path / name
    result = CliRunner().invoke(app, ["send", str(path), "--url", "http://127.0.0.1:1", "--api-key", "pk"])
    assert result.exit_code == 2
    assert "".join(f"{path}: {words}".split()) in said(result)


def test_2_without_an_address_or_a_key_it_is_told_where_they_come_from() -> None:
    for options, variable in ((["--api-key", "pk"], "COLLECTOR_URL"), (["--url", "http://x"], "COLLECTOR_API_KEY")):
        result = CliRunner().invoke(app, ["send", __file__, *options])
        assert result.exit_code == 2
        assert variable in said(result)
        assert "..local/env" in said(result)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ('[{"trxId": "x"}]', "jq -c '.[]'"),
        ("[\n" + '{"trxId": "x"},\n' * 100 + "]", "jq -c '.[]'"),
        ('{"records": [{"trxId": "x"}]}', "jq -c '.records[]'"),
        ('{\n  "records": []\n}', "several lines"),
        ("trxId,amount\nx,1\n" * 100, "CSV"),
    ],
    ids=["array", "long array", "request", "document", "csv"],
)
def test_1_a_file_of_another_kind_is_met_with_one_hint_and_not_sent(tmp_path: Path, content: str, hint: str) -> None:
    path = tmp_path / "payments.jsonl"
    path.write_text(content)
    with serving(Misbehaving()) as collector:
        result = CliRunner().invoke(app, ["send", str(path), "--url", collector.url, "--api-key", "pk"])
    assert (result.exit_code, collector.requests) == (1, [])
    (line,) = result.stderr.splitlines()
    assert str(path) in line
    assert hint in line


def test_0_a_file_without_transactions_is_told(tmp_path: Path) -> None:
    result = send(tmp_path, [], count=0)
    assert result.exit_code == 0
    assert "no transactions in" in result.stderr


def test_1_a_key_that_is_refused_is_to_be_checked(tmp_path: Path) -> None:
    result = send(tmp_path, [refusing(401)] * 4)
    assert result.exit_code == 1
    assert "check COLLECTOR_API_KEY (. .local/env)" in result.stderr
    assert "safe" not in result.stderr


def test_without_the_libraries_it_says_how_to_get_them() -> None:
    command = [sys.executable, "-S", "-m", "producer", "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "typer is not installed: run make setup, then .venv/bin/python -m producer\n"


def test_standard_input_is_a_file_too() -> None:
    with serving(Misbehaving()) as collector:
        lines = "".join(json.dumps(record) + "\n" for record in numbered_records(3))
        result = CliRunner().invoke(app, ["send", "-", "--url", collector.url, "--api-key", "pk"], input=lines)
    assert result.exit_code == 0
    assert len(collector.accepted) == 3


def test_help_shows_every_command_with_an_example_and_loads_no_service() -> None:
    for arguments in (
        ["serve"],
        ["send"],
        ["health"],
        *(["keys", name] for name in ("create", "list", "rotate", "revoke")),
    ):
        assert "Example:" in CliRunner().invoke(app, [*arguments, "--help"]).stdout
    check = "import sys, producer.__main__; sys.exit(not {'boto3', 'fastapi', 'rich.progress'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
