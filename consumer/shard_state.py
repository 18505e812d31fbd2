"""What a shard's child says of its work: one small file a shard, which whoever watches reads. No library, no thread.

The child that KCL starts for a shard must stay small, and its stdout is KCL's. So it writes down how far it is, and
the process that supervises it tells Prometheus and the health check.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from consumer.counts import Tally

SUFFIX = ".json"


@dataclass(frozen=True)
class ShardState:
    """Since the child began, by the wall clock. ``lag_ms``: how old the last batch was behind the shard's end.

    ``begun_at``: when the batch under way was delivered, None between two. ``waits_since``: since when the database
    does not answer, None while it does.
    """

    shard: str
    pid: int
    progress_at: float
    lag_ms: int = 0
    batches: int = 0
    batch_seconds: float = 0.0
    transactions: int = 0
    anomalies: int = 0
    dead_letters: int = 0
    late: int = 0
    begun_at: float | None = None
    waits_since: float | None = None


class Diary:
    """Keeps the state of one child in ``folder``; without a folder it keeps none. Nothing it does fails a batch."""

    def __init__(self, folder: Path | None, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._now = now
        self._state: ShardState | None = None

    def take_up(self, shard: str) -> None:
        self._state = ShardState(shard, os.getpid(), self._now())
        self._write()

    @contextmanager
    def batch(self, lag_ms: int) -> Iterator[Callable[[Tally], None]]:
        """Gives what is told of the tally when the batch is stored."""
        begun = self._now()
        self._change(begun_at=begun, lag_ms=lag_ms)
        yield lambda tally: self._done(begun, tally)

    def waiting(self) -> None:
        """The database does not answer, and is waited for."""
        if self._state and self._state.waits_since is None:
            self._change(waits_since=self._now())

    def give_up(self) -> None:
        """The lease is another's: what is known here of the shard is old."""
        if self._folder and self._state:
            self._file(self._folder).unlink(missing_ok=True)
        self._state = None

    def _done(self, begun: float, tally: Tally) -> None:
        if state := self._state:
            now = self._now()
            self._change(
                begun_at=None,
                waits_since=None,
                progress_at=now,
                batches=state.batches + 1,
                batch_seconds=state.batch_seconds + max(0.0, now - begun),
                transactions=state.transactions + tally.transactions,
                anomalies=state.anomalies + tally.anomalies,
                dead_letters=state.dead_letters + tally.dead_letters,
                late=state.late + tally.late,
            )

    def _change(self, **changes: Any) -> None:
        if self._state:
            self._state = replace(self._state, **changes)
            self._write()

    def _write(self) -> None:
        if self._folder is None or self._state is None:
            return
        try:
            fresh = self._file(self._folder).with_suffix(".new")
            fresh.write_text(json.dumps(asdict(self._state)))
            fresh.replace(self._file(self._folder))
        except OSError:  # a full disk is no reason to stop reading payments
            return

    def _file(self, folder: Path) -> Path:
        assert self._state
        return folder / f"{self._state.pid}{SUFFIX}"


def read_states(folder: Path, is_alive: Callable[[int], bool] | None = None) -> list[ShardState]:
    """Of the children that live, by shard; one that was killed has left its file."""
    is_alive = is_alive or _is_alive
    found = [state for file in folder.glob(f"*{SUFFIX}") if (state := _read(file)) and is_alive(state.pid)]
    return sorted(found, key=lambda state: state.shard)


def _read(file: Path) -> ShardState | None:
    try:
        return ShardState(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
