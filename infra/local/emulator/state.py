"""The state of an orderly stop, whole or not at all.

Defects: ministack saves service after service over the files of the last stop, so a kill in the middle leaves services
of two different times, leases ahead of their stream among them; a file that it can't read it takes for none, starts
that service empty and saves over the rest. Here every save is a folder of its own, which counts from one rename on.
"""

import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

UNFINISHED = "unfinished"

logger = logging.getLogger("state")


class StateUnreadableError(Exception):
    """A saved state is damaged; the message names the file."""


class SavedState:
    """``folder`` holds one numbered folder, with a file a service. Not for two processes at a time.

    ``to_json`` and ``from_json`` are hooks for json's dumps and loads.
    """

    def __init__(self, folder: Path, to_json: Callable[[Any], Any], from_json: Callable[[dict[str, Any]], Any]) -> None:
        self._folder = folder
        self._to_json = to_json
        self._from_json = from_json

    def load(self) -> dict[str, Any]:
        """State by service; empty where nothing was ever saved. Raises StateUnreadableError."""
        found: dict[str, Any] = {}
        for path in sorted(self._current.glob("*.json")):
            try:
                found[path.stem] = json.loads(path.read_text(), object_hook=self._from_json)
            except ValueError as error:
                raise StateUnreadableError(f"{path} can't be read ({error}); remove {self._folder}") from error
        return found

    def save(self, services: Mapping[str, Callable[[], Any]]) -> None:
        """Asks each of ``services`` for its state; one that has none to tell, or can't, keeps what was saved last."""
        unfinished, current = self._folder / UNFINISHED, self._current
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name, get_state in services.items():
            self._save_service(unfinished / f"{name}.json", get_state)
        for path in current.glob("*.json"):
            if not (unfinished / path.name).exists():
                shutil.copy2(path, unfinished)
        _synchronize(unfinished)
        unfinished.rename(self._folder / f"{int(current.name) + 1:08d}")
        _synchronize(self._folder)
        shutil.rmtree(current, ignore_errors=True)

    def forgetting(self, reset: Callable[[], None]) -> Callable[[], None]:
        """``reset``, which forgets what is saved too."""

        def forget() -> None:
            reset()
            shutil.rmtree(self._current, ignore_errors=True)

        return forget

    @property
    def _current(self) -> Path:
        """The latest finished save; a folder that isn't there before the first."""
        saves = [path for path in self._folder.glob("*") if path.name.isdecimal()]
        return max(saves, default=self._folder / "0", key=lambda path: int(path.name))

    def _save_service(self, path: Path, get_state: Callable[[], Any]) -> None:
        try:
            state = get_state()
            if state is None:
                return
            text = json.dumps(state, default=self._to_json)
        except Exception:
            logger.exception("%s: not saved; the state of the last stop stays", path.stem)
            return
        with path.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def _synchronize(folder: Path) -> None:
    """Makes the names in ``folder`` last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
