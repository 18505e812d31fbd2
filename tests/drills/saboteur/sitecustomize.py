"""Ends its own process at a named step: Python imports this at its start, where a drill put it on PYTHONPATH.

SABOTAGE names a folder. `steps.json` in it says which function is which step. A file `armed/STEP` with a number N and a
signal strikes once, at the N-th time that a process reaches the step from then on: the first process to get there moves
the file to `struck/STEP.PID` and gets the signal. Nothing of the services knows of it.
"""

import functools
import importlib.abc
import importlib.machinery
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any


class Step:
    """``moment``: before the function, after it, or found: after it, where it came to something."""

    def __init__(self, folder: Path, name: str, function: str, moment: str) -> None:
        self.function = function
        self.moment = moment
        self._armed = folder / "armed" / name
        self._struck = folder / "struck" / f"{name}.{os.getpid()}"
        self._order = (0, 0)
        self._calls = 0

    def reached(self) -> None:
        try:
            armed = self._armed.stat()
            if self._order != (armed.st_ino, armed.st_mtime_ns):
                self._order, self._calls = (armed.st_ino, armed.st_mtime_ns), 0
            self._calls += 1
            call, name = self._armed.read_text().split()
            if self._calls < int(call):
                return
            self._armed.rename(self._struck)
        except FileNotFoundError:  # not armed, or another process was quicker
            return
        os.kill(os.getpid(), signal.Signals[name])


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that hold steps as everybody does, and sees to it that they are sabotaged once loaded."""

    def __init__(self, steps: dict[str, list[Step]]) -> None:
        self._steps = steps

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._steps:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec and spec.loader:
            spec.loader.exec_module = functools.partial(self._execute, spec.loader.exec_module)  # type: ignore[method-assign]
        return spec

    def _execute(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        execute(module)
        for step in self._steps[module.__name__]:
            *path, name = step.function.split(".")
            owner = functools.reduce(getattr, path, module)
            setattr(owner, name, sabotaged(getattr(owner, name), step))


def sabotaged(function: Callable[..., Any], step: Step) -> Callable[..., Any]:
    def before() -> None:
        if step.moment == "before":
            step.reached()

    def after(result: Any) -> Any:
        if step.moment == "after" or (step.moment == "found" and result):
            step.reached()
        return result

    @functools.wraps(function)
    async def run_async(*arguments: Any, **options: Any) -> Any:
        before()
        return after(await function(*arguments, **options))

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        before()
        return after(function(*arguments, **options))

    return run_async if inspect.iscoroutinefunction(function) else run


def install(folder: Path) -> None:
    steps: dict[str, list[Step]] = {}
    for name, place in json.loads((folder / "steps.json").read_text()).items():
        steps.setdefault(place["module"], []).append(Step(folder, name, place["function"], place["moment"]))
    sys.meta_path.insert(0, Finder(steps))


if "SABOTAGE" in os.environ:
    install(Path(os.environ["SABOTAGE"]))
