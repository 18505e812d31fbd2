"""Ends its own process at a named step: Python imports this at its start, where a drill put it on PYTHONPATH.

SABOTAGE names a folder. `steps.json` in it says which function is which step, and which
are clocks. A file `armed/STEP` with a number N and a
signal strikes once, at the N-th time that a process reaches the step from then on: the first process to get there moves
the file to `struck/STEP.PID` and gets the signal. Nothing of the services knows of it.

A file `clock` with a number moves what Python calls the time by so many seconds. While there is a file `planted/BUG`,
the bug of that name in `planted.py` is called in the place of the function that `steps.json` says.
"""

import functools
import importlib.abc
import importlib.machinery
import inspect
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import planted  # type: ignore[import-not-found]  # beside this file, which is on the path


class Step:
    """``moment``: before the function, after it, or found: after it, where it came to something."""

    def __init__(self, folder: Path, name: str, moment: str) -> None:
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


class Clock:
    """The time, moved."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._time = time.time
        self._read_at = 0
        self._offset = 0.0

    def time(self) -> float:
        return self._time() + self.offset()

    def moved(self, now: Callable[[], datetime]) -> Callable[[], datetime]:
        return lambda: now() + timedelta(seconds=self.offset())

    def offset(self) -> float:
        try:
            written_at = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return 0.0
        if written_at != self._read_at:
            self._read_at, self._offset = written_at, float(self._file.read_text())
        return self._offset


Change = Callable[[Callable[..., Any]], Callable[..., Any]]


class Finder(importlib.abc.MetaPathFinder):
    """Finds modules as everybody does, and changes functions of some of them once these are loaded."""

    def __init__(self, changes: dict[str, list[tuple[str, Change]]]) -> None:
        self._changes = changes

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._changes:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec and spec.loader:
            spec.loader.exec_module = functools.partial(self._execute, spec.loader.exec_module)  # type: ignore[method-assign]
        return spec

    def _execute(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        execute(module)
        for function, change in self._changes[module.__name__]:
            *path, name = function.split(".")
            owner = functools.reduce(getattr, path, module)
            setattr(owner, name, change(getattr(owner, name)))


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


def with_bug(function: Callable[..., Any], bug: Callable[..., Any], planted_at: Path) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        return bug(function, *arguments) if planted_at.exists() else function(*arguments)

    return run


def install(folder: Path) -> None:
    plan, clock = json.loads((folder / "steps.json").read_text()), Clock(folder)
    changes: dict[str, list[tuple[str, Change]]] = {}
    for name, (module, function, moment) in plan["steps"].items():
        step = Step(folder, name, moment)
        changes.setdefault(module, []).append((function, functools.partial(sabotaged, step=step)))
    for name, (module, function) in plan["bugs"].items():
        bug = functools.partial(with_bug, bug=getattr(planted, name), planted_at=folder / "planted" / name)
        changes.setdefault(module, []).append((function, bug))
    for module, function in plan["clocks"]:
        changes.setdefault(module, []).append((function, clock.moved))
    sys.meta_path.insert(0, Finder(changes))
    time.time = clock.time


if "SABOTAGE" in os.environ:
    install(Path(os.environ["SABOTAGE"]))
