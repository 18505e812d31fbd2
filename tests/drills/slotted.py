"""Consumers without an id of their own, as containers that are made anew: their ids belong to slots."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from consumer.health import CHILD
from consumer.multilang import MAIN_CLASS
from tests.drills.consumers import hand_over, owners
from tests.drills.scene import Scene

# As on AWS, where a consumer is less hurried than in the embedded stack. What is empty is left to the defaults.
AS_ON_AWS = {
    "WORKER_ID": "",
    "FAILOVER_MS": "",
    "SHARD_SYNC_INTERVAL_MS": "",
    "LEASE_ASSIGNMENT_INTERVAL_MS": "5000",
    "WORKER_METRICS_INTERVAL_MS": "",
    "POLL_INTERVAL_MS": "",
    "SHUTDOWN_GRACE_MS": "",
}


class Slotted:
    """One such consumer: a supervisor, KCL's daemon, its children."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as file:
            command = [sys.executable, "-m", "consumer", "run"]
            self.supervisor = psutil.Popen(command, env=environment, stdout=file, stderr=file, start_new_session=True)

    @property
    def told(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def daemon(self) -> psutil.Process | None:
        return next(iter(self._under(MAIN_CLASS)), None)

    @property
    def worker(self) -> str | None:
        """Whose id its daemon bears now."""
        with suppress(psutil.NoSuchProcess):
            return self.daemon.environ()["WORKER_ID"] if self.daemon else None
        return None

    @property
    def works(self) -> bool:
        return bool(self._under(CHILD))

    def signal(self, number: signal.Signals) -> None:
        """To all of its processes, as nearly at once as can be."""
        with suppress(psutil.NoSuchProcess):
            for process in [self.supervisor, *self.supervisor.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)

    def stop(self) -> None:
        """In order where it has the time for that, else not."""
        self.signal(signal.SIGCONT)
        with suppress(psutil.NoSuchProcess):
            self.supervisor.terminate()
        try:
            self.supervisor.wait(30)
        except psutil.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.supervisor.wait()

    def _under(self, word: str) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return [one for one in self.supervisor.children(recursive=True) if word in _command(one)]
        return []


Start = Callable[[], Slotted]


@contextmanager
def slotted(scene: Scene) -> Iterator[tuple[Slotted, Start]]:
    """While the block lasts, a first one has the whole stream, and what starts others."""
    environment = psutil.Process(scene.program("consumer")).environ() | AS_ON_AWS
    with ExitStack() as started:

        def start() -> Slotted:
            one = Slotted(environment, scene.rig.local.log_folder / f"slotted-{time.monotonic_ns()}.log")
            started.callback(one.stop)
            return one

        first = start()
        scene.until(lambda: first.daemon, "the first to have a slot")
        hand_all_to(scene, str(first.worker), lambda: first.works)
        scene.rig.supervisor.stop("consumer")
        scene.until_more(1, "the first to evaluate")
        yield first, start
    scene.rig.supervisor.start("consumer")
    scene.children()
    scene.note("the stack's own consumer works")


def hand_all_to(scene: Scene, worker: str, works: Callable[[], object]) -> None:
    """Every lease, again and again, for a leader may think otherwise."""

    def is_so() -> bool:
        for lease, owner in owners().items():
            if owner != worker:
                hand_over(lease, worker)
        return bool(works())

    scene.until(is_so, f"{worker} to work")
    scene.note(f"{worker} works")


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []
