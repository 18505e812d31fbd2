"""The scripts' parts that need neither AWS nor an engine."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.aws import CHECKOUT

SCRIPTS = [
    CHECKOUT / "deploy.sh",
    CHECKOUT / "destroy.sh",
    *CHECKOUT.glob("infra/*.sh"),
    *CHECKOUT.glob("infra/deploy/*.sh"),
]
# macOS has bash 3.2 and BSD's tools.
NOT_EVERYWHERE = {
    "bash 4": r"\b(mapfile|readarray|coproc)\b|declare -[An]|local -n|&>>|\|&|\$\{\w+(\^|,)|\$\{\w+@",
    "an empty array under set -u": r'(?<!\+)"\$\{(?!vars|last|addresses|BASH_SOURCE)\w+\[@\]\}"',
    "GNU": r"readlink -f|\bsed -i|grep -P|date -d|sort -[zV]|xargs -r|\btimeout\b|realpath",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with nothing but what the images are made of."""
    for service in ("producer", "consumer"):
        (tmp_path / service).mkdir()
        (tmp_path / service / "Dockerfile").write_text("FROM scratch\n")
        (tmp_path / service / "main.py").write_text("print()\n")
    (tmp_path / "api_keys").mkdir()
    (tmp_path / "api_keys" / "store.py").write_text("print()\n")
    (tmp_path / ".dockerignore").write_text("*\n")
    return tmp_path


def tag(folder: Path, service: str = "producer", architecture: str = "ARM64") -> str:
    """The tag that deploy.sh gives the service's image."""
    script = 'root=$1; source "$2/infra/deploy/preflight.sh"; source "$2/infra/deploy/images.sh"; content_tag "$3" "$4"'
    words = ["bash", "-euo", "pipefail", "-c", script, "-", str(folder), str(CHECKOUT), service, architecture]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def test_the_same_content_has_the_same_tag_wherever_it_lies(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = tmp_path_factory.mktemp("elsewhere") / "checkout"
    shutil.copytree(folder, copy)
    (copy / "producer" / "__pycache__").mkdir()
    (copy / "producer" / "__pycache__" / "main.cpython-313.pyc").write_bytes(b"compiled")
    (copy / "consumer" / "main.py").write_text("")
    assert tag(copy) == tag(folder)
    assert re.fullmatch("[0-9a-f]{16}", tag(folder))


CHANGES = ["producer/main.py", "producer/Dockerfile", "producer/new.py", "api_keys/store.py", ".dockerignore"]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_goes_into_an_image_changes_its_tag(folder: Path, change: str) -> None:
    before = tag(folder)
    (folder / change).write_text("changed\n")
    assert tag(folder) != before


def test_images_of_two_architectures_have_two_tags(folder: Path) -> None:
    assert tag(folder, architecture="ARM64") != tag(folder, architecture="X86_64")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.relative_to(CHECKOUT)))
def test_a_script_uses_what_every_system_has(script: Path) -> None:
    found = {name: re.findall(f".*(?:{pattern}).*", script.read_text()) for name, pattern in NOT_EVERYWHERE.items()}
    assert not any(found.values()), found


def test_a_task_is_run_by_its_family_and_help_says_so() -> None:
    script = str(CHECKOUT / "infra" / "run_task.sh")
    told = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    assert "payment-analytics-keys keys list" in told.stdout
    refused = subprocess.run([script], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", told.stdout)


@pytest.mark.parametrize(
    ("planned", "is_asked"),
    [
        ("aws_db_instance.this must be replaced", True),
        ("aws_db_instance.this will be replaced, as requested", True),
        ("aws_s3_bucket.archive will be destroyed", True),
        ("aws_kms_key.this will be destroyed", True),
        ("aws_db_instance.this will be updated in-place", False),
        ("aws_ecs_task_definition.producer must be replaced", False),
    ],
)
def test_a_plan_that_destroys_data_is_asked_about(planned: str, is_asked: bool, tmp_path: Path) -> None:
    (tmp_path / "plan.log").write_text(f"Terraform will perform these actions:\n\n  # {planned}\n")
    script = (
        'source "$1/infra/deploy/speech.sh"; source "$1/infra/deploy/apply.sh"; work=$2 name=n yes=""; check_losses'
    )
    words = ["bash", "-euo", "pipefail", "-c", script, "-", str(CHECKOUT), str(tmp_path)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == (2 if is_asked else 0), done.stderr
    assert (planned in done.stderr) == is_asked
