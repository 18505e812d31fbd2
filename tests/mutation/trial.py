"""Tries mutants in copies of the checkout, so that the checkout itself is never broken."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.mutation.modules import Target
from tests.mutation.mutants import Mutant

LONGEST_SECONDS = 180.0  # a mutant that hangs is noticed too


def copy_checkout(root: Path, target: Path) -> None:
    """What git knows, as it stands."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)


def is_noticed(copy: Path, mutant: Mutant, target: Target) -> bool:
    """Whether a test fails, or does not end, with the mutant in the module's place."""
    module = copy / mutant.path
    whole = module.read_text("utf-8")
    module.write_text(mutant.code, "utf-8")
    try:
        return not passes(copy, target)
    finally:
        module.write_text(whole, "utf-8")


def passes(copy: Path, target: Target) -> bool:
    timeout = f"--timeout={target.longest}"
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", timeout, *target.tests]
    running = subprocess.Popen(
        command,
        cwd=copy,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": str(copy / ".hypothesis")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return running.wait(LONGEST_SECONDS) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        _end(running)


def _end(running: "subprocess.Popen[bytes]") -> None:
    """With all that it started: a test that was cut short leaves its database."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()
