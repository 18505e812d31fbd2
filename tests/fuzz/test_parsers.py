"""The byte fuzzer finds nothing in the parsers of what others sent: no exception, no hang, no broken promise."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import RUNS
from tests.fuzz.parsers import NEEDED, TARGETS

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason=NEEDED)
@pytest.mark.parametrize("target", TARGETS)
def test_no_bytes_break_a_promise(target: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.parsers", target, str(RUNS)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-5000:]
    assert f"stat::number_of_executed_units: {RUNS}" in ended.stderr
