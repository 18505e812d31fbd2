"""How many instructions a hot path takes for each transaction, counted by valgrind's cachegrind.

Unlike seconds they are the same on a busy machine: twice the same code differs by less than one in a hundred.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from tests.guard.paths import MOST_TIMES, TRANSACTIONS

BASELINE = Path(__file__).with_name("baseline.json")
_COUNTED = re.compile(r"I\s+refs:\s+([0-9,]+)")


class Baseline(msgspec.Struct):
    """Instructions a transaction by path, with this Python on such a machine."""

    python: str
    machine: str
    instructions: dict[str, float]

    @property
    def is_of_here(self) -> bool:
        return (self.python, self.machine) == here()


def here() -> tuple[str, str]:
    return platform.python_version(), platform.machine()


def baseline() -> Baseline:
    return msgspec.json.decode(BASELINE.read_bytes(), type=Baseline)


def can_count() -> bool:
    return shutil.which("valgrind") is not None


def instructions(path: str, database_url: str = "") -> float:
    """A transaction; all that is done but once is left out. Raises RuntimeError where the path fails."""
    with ThreadPoolExecutor(2) as pool:
        once, often = pool.map(lambda times: _counted(path, times, database_url), (1, MOST_TIMES))
    return (often - once) / (MOST_TIMES - 1) / TRANSACTIONS


def _counted(path: str, times: int, database_url: str) -> int:
    counting = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command = [*counting, sys.executable, "-m", "tests.guard.paths", path, str(times), database_url]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = _COUNTED.search(done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"{path} could not be counted: {done.stderr[-2000:]}")
    return int(found[1].replace(",", ""))
