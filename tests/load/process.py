"""What a process takes: its memory, and what runs beside it."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

MIB = 1024 * 1024
EVERY_SECONDS = 0.1
Result = TypeVar("Result")


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


class Peak:
    """The most memory that a process had while it was watched."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.bytes = resident_bytes(pid)

    def watch(self, until: threading.Event) -> None:
        while not until.is_set():
            self.bytes = max(self.bytes, resident_bytes(self._pid))
            time.sleep(EVERY_SECONDS)


@contextmanager
def watching(pid: int) -> Iterator[Peak]:
    peak, done = Peak(pid), threading.Event()
    watcher = threading.Thread(target=peak.watch, args=(done,))
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def elsewhere(work: Callable[..., Result], *arguments: object) -> Result:
    """Runs it in a process of its own, so that it takes no time from what is measured here."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def percentile(values: list[float], share: float) -> float:
    """0 without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
