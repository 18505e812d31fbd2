"""`python -m consumer` before anything is installed."""

import subprocess
import sys
from pathlib import Path


def test_without_its_libraries_it_says_in_one_line_what_to_do() -> None:
    bare = [sys.executable, "-S", "-m", "consumer", "migrate"]
    ended = subprocess.run(bare, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert "run make setup, then .venv/bin/python -m consumer" in ended.stderr
