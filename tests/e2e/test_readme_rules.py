"""The README's page on rules, letter by letter: its commands run in their order, and say what it says that they do."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from infra.local.programs import service_environment
from infra.local.settings import BUCKET
from tests.e2e.conftest import running_stack
from tests.e2e.driver import Driver

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
CHECKOUT = Path(__file__).parents[2]
PYTHON = ".venv/bin/python"
TABLE = "┏┡┃│└"
NUMBERS = re.compile(r"\d[\d,.:T+-]*")


class Example(NamedTuple):
    command: str
    output: list[str]


def examples(section: str) -> Iterator[Example]:
    """Of the page's blocks: commands behind a `$`, with their output, or without both."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", section, re.DOTALL | re.MULTILINE):
        if language:
            continue
        for one in block.removeprefix("$ ").split("\n$ ") if block.startswith("$ ") else block.splitlines():
            command, *output = one.splitlines()
            yield Example(command, [line for line in output if line != "…"])


def steady(line: str) -> str:
    """Numbers in sentences differ from day to day; those in tables do not."""
    return line.rstrip() if line[:1] in TABLE else NUMBERS.sub("N", line.rstrip())


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with running_stack(tmp_path / "stack") as driver:
        yield driver


def test_the_page_is_true(driver: Driver, tmp_path: Path) -> None:
    collector = {
        "COLLECTOR_URL": driver.stack.local.collector_url,
        "COLLECTOR_API_KEY": driver.stack.local.kept_secret("api_key") or "",
    }
    sent = driver.run_as("client", "producer", "send", str(CHECKOUT / "samples/transactions.jsonl"), **collector)
    assert sent.returncode == 0, sent.stderr
    driver.wait_until(lambda: sum(driver.archived_ids().values()) == 1000, "the archive to hold everything")
    section = (CHECKOUT / "README.md").read_text().partition("## Rules, tried on history")[2].partition("\n## ")[0]
    found = list(examples(section))
    assert [" ".join(one.command.split()[3:5]) for one in found] == [
        "rules check",
        "rules backtest",
        "rules publish",
        "lists add",
        "lists show",
        "lists remove",
    ]
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("consumer", "samples"):
        (folder / name).symlink_to(CHECKOUT / name)
    environment = {**os.environ, **service_environment(driver.stack.local)}
    environment |= {"ARCHIVE_BUCKET": BUCKET, "PYTHONPATH": str(CHECKOUT), "COLUMNS": "200"}
    for one in found:
        command = one.command.replace(PYTHON, sys.executable)
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        told = {steady(line) for line in [*done.stdout.splitlines(), *done.stderr.splitlines()]}
        assert {steady(line) for line in one.output} <= told, (command, done.stdout, done.stderr)
    assert "<svg" in (folder / "report.html").read_text()
