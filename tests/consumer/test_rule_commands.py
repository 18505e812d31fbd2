"""`python -m consumer rules`: what its commands print where, and their exit codes."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from consumer.__main__ import app
from tests.consumer.builders import wire
from tests.consumer.rules.test_rulefile import DEFAULT, GOOD

SAMPLE = Path(__file__).parents[2] / "samples" / "rules.yaml"


def rules(*words: str) -> Result:
    return CliRunner().invoke(app, ["rules", *words])


def check(*words: str) -> Result:
    return rules("check", *words)


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


@pytest.mark.parametrize("file", [DEFAULT, SAMPLE], ids=["in force", "of the sample"])
def test_the_rules_that_ship_are_good(file: Path) -> None:
    assert check(str(file)).exit_code == 0


def test_a_file_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    assert check(str(tmp_path / "none.yaml")).exit_code == 2


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """600, 900 and 1,200 by one sender, a minute apart, on the first of January."""
    folder = tmp_path / "archive" / "dt=2026-01-01"
    folder.mkdir(parents=True)
    times = [f"2026-01-01T12:0{number}:00Z" for number in range(3)]
    payloads = [
        wire(UUID(int=number), f"{600 + 300 * number}", transactionDate=at, receivedAt=at)
        for number, at in enumerate(times)
    ]
    (folder / "part").write_bytes(b"".join(payloads))
    return folder.parent


def test_rules_are_tried_on_the_archive(good: Path, archive: Path) -> None:
    ended = rules("backtest", str(good), "--archive", str(archive), "--against", str(DEFAULT))
    assert ended.exit_code == 0
    assert "3 transactions: 3 matches, 1 e-mail" in ended.stdout
    assert "s-1 sent 2700 in an hour" in ended.stdout
    assert [word for word in _row(ended.stdout, "dropped") if word != "│"] == [
        "large-amount",
        "dropped",
        "0",
        "0",
        "-1",
    ]


def _row(text: str, word: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if word in line]
    return line.split()


def test_a_program_reads_what_was_found(good: Path, archive: Path) -> None:
    ended = rules("backtest", str(good), "--archive", str(archive), "--from", "2026-01-01T12:01:00Z", "--json")
    report = json.loads(ended.stdout)
    assert report["matches"] == 2
    (rule,) = report["rules"]
    assert (rule["id"], rule["added"], rule["days"]) == ("burst", None, {"2026-01-01": 2})
    assert [sample["amount"] for sample in rule["samples"]] == ["1200", "900"]


def test_wrong_rules_are_told_and_not_tried(faulty: Path, archive: Path) -> None:
    ended = rules("backtest", str(faulty), "--archive", str(archive))
    assert ended.exit_code == 1
    assert f"{faulty}:12:15: " in ended.stderr
    assert ended.stdout == ""


def test_the_report_is_written_as_a_page(good: Path, archive: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    ended = rules("backtest", str(good), "--archive", str(archive), "--html", str(page))
    assert f"the report is in {page}" in ended.stderr
    assert "s-1 sent 2700 in an hour" in page.read_text()


def test_the_readmes_backtest_prints_what_it_says(tmp_path: Path) -> None:
    readme = (SAMPLE.parents[1] / "README.md").read_text()
    _, _, block = readme.partition("python -m consumer rules backtest samples/rules.yaml")
    expected = block.partition("\n")[2].partition("…")[0].splitlines()
    folder = tmp_path / "archive"
    folder.mkdir()
    with (SAMPLE.parent / "transactions.jsonl").open() as file:
        lines = [json.loads(line, parse_float=str, parse_int=str) for line in file]
    (folder / "part").write_bytes(b"".join(wire(one.pop("trxId"), one.pop("amount"), **one) for one in lines))
    ended = rules("backtest", str(SAMPLE), "--against", str(DEFAULT), "--archive", str(folder))
    assert [line.rstrip() for line in ended.stdout.splitlines()][: len(expected)] == expected
    assert len(expected) == 8


def test_what_clients_sent_is_shown_and_obeyed_by_nobody(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "part").write_bytes(wire(amount="2000", senderId="[/red]:smile:\x1b[2J"))
    ended = rules("backtest", str(good), "--archive", str(folder))
    assert ended.exit_code == 0
    assert "[/red]:smile:\\x1b[2J sent 2000 in an hour" in ended.stdout
    assert "\x1b[2J" not in ended.stdout
