"""`python -m consumer rules check`: what it prints where, and its exit code."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from consumer.__main__ import app
from tests.consumer.rules.test_rulefile import DEFAULT, GOOD


def check(*words: str) -> Result:
    return CliRunner().invoke(app, ["rules", "check", *words])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(GOOD)
    return file


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(GOOD.replace("sent_1h > 100", "sent_1 > 100").replace("severity: high", "severity: huge"))
    return file


def test_good_rules_are_shown(good: Path) -> None:
    ended = check(str(good))
    assert ended.exit_code == 0
    assert "burst" in ended.stdout
    assert "whenever its windows grow" in ended.stdout
    assert ended.stderr == ""


def test_a_fault_is_told_by_file_line_and_column(faulty: Path) -> None:
    ended = check(str(faulty))
    assert ended.exit_code == 1
    assert ended.stdout == ""
    assert f"{faulty}:12:15: invalid enum value 'huge'" in ended.stderr


def test_a_program_reads_json(good: Path) -> None:
    document = json.loads(check("--json", str(good)).stdout)
    assert document["faults"] == []
    (rule,) = document["rules"]
    assert (rule["id"], rule["version"], rule["severity"], rule["orderDependent"]) == ("burst", 3, "high", False)


def test_a_program_reads_faults_too(faulty: Path) -> None:
    ended = check("--json", str(faulty))
    assert ended.exit_code == 1
    document = json.loads(ended.stdout)
    assert document["rules"] == []
    assert [(fault["line"], fault["column"]) for fault in document["faults"]] == [(12, 15)]


def test_the_rules_that_ship_are_good() -> None:
    assert check(str(DEFAULT)).exit_code == 0


def test_a_file_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    assert check(str(tmp_path / "none.yaml")).exit_code == 2
