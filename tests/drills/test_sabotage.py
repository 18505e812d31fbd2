"""The steps, bugs and clocks that drills know by name are there, in the code that runs."""

import functools
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.drills.sabotage import BUGS, CLOCKS, STEPS, Sabotage

PLACES = [*((module, function) for module, function, _ in STEPS.values()), *BUGS.values(), *CLOCKS]
DELIVER = """
from consumer.pipeline import evaluate_records
from consumer.domain import Batch, Shard
from consumer.rules.book import Book
for _ in range(3):
    evaluate_records(Book(), Batch(Shard("", ""), []))
    print("delivered", flush=True)
"""


@pytest.mark.parametrize(("module", "function"), sorted({*PLACES}))
def test_each_place_is_a_function(module: str, function: str) -> None:
    assert callable(functools.reduce(getattr, function.split("."), importlib.import_module(module)))


def deliver(sabotage: Sabotage) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **sabotage.environment}
    environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], str(Path.cwd())])
    return subprocess.run([sys.executable, "-c", DELIVER], env=environment, capture_output=True, text=True, check=False)


def test_a_process_is_struck_once_at_the_named_step_and_call(tmp_path: Path) -> None:
    sabotage = Sabotage(tmp_path / "sabotage")
    sabotage.arm("child.delivered", call=3)
    first, second = deliver(sabotage), deliver(sabotage)
    assert (first.returncode, first.stdout) == (-signal.SIGKILL, "delivered\n" * 2)
    assert (second.returncode, second.stdout) == (0, "delivered\n" * 3)
    assert len(sabotage.struck("child.delivered")) == 1


def test_without_an_order_nothing_happens(tmp_path: Path) -> None:
    sabotage = Sabotage(tmp_path / "sabotage")
    sabotage.arm("child.evaluated")
    sabotage.disarm()
    assert deliver(sabotage).returncode == 0


def test_the_clock_is_moved_for_whoever_asks_python(tmp_path: Path) -> None:
    sabotage = Sabotage(tmp_path / "sabotage")
    sabotage.move_clock(-3600)
    done = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time())"],
        env={**os.environ, **sabotage.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 3500 < time.time() - float(done.stdout) < 3700
