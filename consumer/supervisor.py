"""Keeps one program running beside which this process stays small: starts it again, passes a stop on to it alone."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from consumer.logs import describe
from consumer.patience import StoppedError
from consumer.stopping import Stop
from consumer.worker import Worker

log = structlog.get_logger(__name__)

FAILED = 1
CANNOT_START = 78
"""The program's exit code where it says that a new start would fail for the same reason."""
KILLED = 128
KILLED_AT_ONCE_SECONDS = 5.0
LOOK_SECONDS = 0.1
TICK_SECONDS = 1.0
Tick = Callable[[], None]


class Program(Protocol):
    """A program that runs."""

    def poll(self) -> int | None:
        """Its exit code, 128 and the signal's number where one ended it; None while it runs."""

    def signal(self, number: signal.Signals) -> None: ...


class Process:
    """A program in a process group of its own: a terminal's Ctrl-C, which is everybody's, reaches it through us, once.

    ``command`` begins with a path. There is one at a time, for whatever else ends is buried with it: where we are the
    container's first process, all orphans are ours.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self._id = os.posix_spawn(command[0], command, environment, setpgroup=0)
        self._code: int | None = None

    def poll(self) -> int | None:
        while self._code is None:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return None
            if process == self._id:
                code = os.waitstatus_to_exitcode(status)
                self._code = code if code >= 0 else KILLED - code
        return self._code

    def signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self._id, number)


@dataclass
class Restarts:
    """How long to wait before the program is started again, and when to leave that to whoever watches over us.

    One that ran for ``quick_seconds`` is started at once, and so is one that was killed: whoever does that every time
    shows in its health. One that failed quickly for ``most`` times in a row is not.
    """

    quick_seconds: float = 60.0
    longest_wait: float = 8.0
    most: int = 5
    failures: int = 0

    def after(self, code: int, seconds: float) -> float | None:
        """Seconds to wait after it ran for ``seconds`` and ended with ``code``; None: no more."""
        if code > KILLED:
            return 0.0 if seconds > KILLED_AT_ONCE_SECONDS else 1.0
        self.failures = self.failures + 1 if seconds < self.quick_seconds else 0
        if self.failures >= self.most:
            return None
        return 0.0 if self.failures < 2 else min(self.longest_wait, 2.0 ** (self.failures - 2))


class Supervisor:
    """Runs what ``launch`` starts under the worker's id, until the stop; in the meantime ``ticks`` are called.

    ``ticks`` are called one after the other about every second, in a thread of their own: they may take their time
    without keeping a stop from its program or the worker from its id, and what they raise is logged. ``leave`` is
    called with the worker's id in the end, while that is still ours.
    """

    def __init__(
        self,
        worker: Worker,
        launch: Callable[[str], Program],
        stop: Stop,
        *,
        leave: Callable[[str], None] = lambda _: None,
        restarts: Restarts | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.ticks: list[Tick] = []
        self._worker = worker
        self._launch = launch
        self._stop = stop
        self._leave = leave
        self._id: str | None = None
        self._restarts = restarts or Restarts()
        self._clock = clock
        self._sleep = sleep

    def run(self) -> int:
        """Returns the exit code: the program's last one."""
        with ticking([self._worker.keep]), ticking(self.ticks):
            try:
                return self._keep_running()
            except StoppedError:
                return KILLED + signal.SIGTERM
            finally:
                self._end()

    def _end(self) -> None:
        if self._id and not self._worker.lost:
            attempt(partial(self._leave, self._id))
        self._worker.release()

    def _keep_running(self) -> int:
        while True:
            self._id, begun = self._worker.take(), self._clock()
            code = self._live(self._launch(self._id))
            if self._stop.requested:
                return code
            if not self._worker.lost and not self._goes_on(code, self._clock() - begun):
                return FAILED if code in (0, CANNOT_START) else code

    def _live(self, program: Program) -> int:
        asked = False
        while (code := program.poll()) is None:
            if self._worker.lost:
                # No orderly end: it would give away leases, and the leader's lock, that are its successor's by now.
                program.signal(signal.SIGKILL)
            elif self._stop.requested and not asked:
                program.signal(signal.SIGTERM)
                asked = True
            self._sleep(LOOK_SECONDS)
        return code

    def _goes_on(self, code: int, seconds: float) -> bool:
        wait = None if code == CANNOT_START else self._restarts.after(code, seconds)
        told = log.bind(code=code, ran_seconds=round(seconds, 1))
        if wait is None:
            told.error("KCL's daemon ended, and so does its supervisor")
            return False
        told.warning("KCL's daemon ended, and is started again", wait_seconds=wait)
        if self._stop.pause(wait):
            raise StoppedError
        return True


@contextmanager
def ticking(ticks: Sequence[Tick]) -> Iterator[None]:
    """Calls them while the block lasts."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(TICK_SECONDS):
            for tick in ticks:
                attempt(tick)

    threading.Thread(target=run, name="ticks", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def attempt(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception as error:
        log.error("failed beside KCL's daemon", error=describe(error))
