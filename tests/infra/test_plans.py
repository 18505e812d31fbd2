"""infra/tests: what sizes and options make of the configuration, planned with a mocked provider."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.aws import CHECKOUT


@pytest.mark.timeout(300)
def test_every_plan_holds_what_it_promises(tmp_path: Path) -> None:
    infra = tmp_path / "infra"
    infra.mkdir()
    for file in (*CHECKOUT.glob("infra/*.tf"), CHECKOUT / "infra" / ".terraform.lock.hcl"):
        if file.name not in ("backend.tf", "kept.tf"):
            shutil.copy(file, infra)
    shutil.copytree(CHECKOUT / "infra" / "tests", infra / "tests")
    for command in (["init", "-input=false", "-lockfile=readonly"], ["test"]):
        done = subprocess.run(
            ["terraform", f"-chdir={infra}", *command, "-no-color"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
