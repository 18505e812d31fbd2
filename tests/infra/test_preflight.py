"""What the scripts tell before they change anything."""

import os
import shutil
from pathlib import Path

import pytest

from tests.infra.aws import ACCOUNT, REGION
from tests.infra.checkout import Checkout

SCRIPTS = ("./deploy.sh", "./destroy.sh")
BARE = (
    "awk",
    "bash",
    "cat",
    "cut",
    "dirname",
    "find",
    "grep",
    "mktemp",
    "printenv",
    "rm",
    "sed",
    "tail",
    "tr",
    "uname",
)


def bare_path(folder: Path, *tools: str) -> str:
    """A PATH that holds a bare system's commands, and these."""
    folder.mkdir()
    for tool in (*BARE, *tools):
        found = shutil.which(tool)
        assert found, tool
        (folder / tool).symlink_to(found)
    return str(folder)


def script(folder: Path, name: str, text: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_shows_every_option_and_examples(checkout: Checkout, name: str) -> None:
    done = checkout.run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in ("--region", "--profile", "--name", "--state", "--yes"):
        assert option in done.stdout
    assert f"\n  {name}" in done.stdout


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("words", [["--frist"], ["--region"], ["--name", "Payments"], ["--state", "gcs"], ["now"]])
def test_a_wrong_option_is_named_and_nothing_is_done(checkout: Checkout, name: str, words: list[str]) -> None:
    done = checkout.run(name, *words, PATH=bare_path(checkout.folder / "bin"))
    assert (done.returncode, done.stdout) == (2, "")
    assert words[0] in done.stderr
    assert "--help" in done.stderr


def test_on_a_bare_machine_every_missing_tool_is_named_at_once(checkout: Checkout) -> None:
    done = checkout.run("./deploy.sh", PATH=bare_path(checkout.folder / "bin"), ALERT_SENDER="", ALERT_RECIPIENTS="")
    assert done.returncode == 2
    for fault in ("aws is not", "terraform is not", "docker is not", "curl is not", "no sender", "nobody to alert"):
        assert f"- {fault}" in done.stderr


def test_what_is_there_and_does_not_work_is_named_at_once(checkout: Checkout, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    path = bare_path(tools, "curl")
    script(tools, "docker", "exit 1")
    script(tools, "terraform", "echo Terraform v1.5.7")
    done = checkout.run(
        "./deploy.sh",
        PATH=os.pathsep.join([path, checkout.environment["PATH"]]),
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        AWS_MAX_ATTEMPTS="1",
        ALERT_SENDER="alerts at payments.example",
    )
    assert done.returncode == 2
    for fault in (
        "terraform is 1.5.7",
        "docker does not answer",
        "docker has no buildx",
        "credentials do not work",
        "no bare",
    ):
        assert fault in done.stderr


def test_without_a_region_nothing_is_guessed(checkout: Checkout) -> None:
    done = checkout.run("./deploy.sh", AWS_REGION="")
    assert done.returncode == 2
    assert "no region" in done.stderr


def test_no_bucket_is_made_where_nobody_is_there_to_agree(checkout: Checkout) -> None:
    done = checkout.run("./deploy.sh")
    assert done.returncode == 2
    assert f"payment-analytics-state-{ACCOUNT}-{REGION}, is not there" in done.stderr
    assert checkout.aws.changes() == []


def test_a_plan_from_a_clean_checkout_shows_everything_and_changes_nothing(checkout: Checkout) -> None:
    done = checkout.run("./deploy.sh", "--plan", "--size", "production")
    assert done.returncode == 0, done.stderr
    assert "# aws_db_instance.this will be created" in done.stdout
    assert checkout.aws.changes() == []
    assert not list((checkout.folder / "infra").glob("*.tfstate"))


def test_to_destroy_nothing_is_no_failure(checkout: Checkout) -> None:
    done = checkout.run("./destroy.sh", "--yes")
    assert done.returncode == 0
    assert "Nothing is deployed" in done.stderr
    assert checkout.aws.changes() == []
