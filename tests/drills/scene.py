"""Where a fault happens: the rig, the load that runs on it, chance by a seed, and what the fault leaves behind."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

import psutil
import psycopg2

from consumer.health import CHILD
from consumer.multilang import MAIN_CLASS
from infra.local.programs import SERVICES
from tests.drills.evidence import Position
from tests.drills.load import Load
from tests.drills.rig import Rig

PATIENCE_SECONDS = 90.0
EVALUATED = "SELECT coalesce(sum(transactions), 0) FROM shard_progress"


class Scene:
    """``long``: there is time. A fault writes down what the audit must know: its ``kills`` by name, the ``poison`` that
    it put, the ``matches`` of rules beside the one that ships (trxId and rule), the ``mail_answers_lost`` after
    sending, its ``reshards``; and ``ended``, when its last blow was struck.
    """

    def __init__(self, rig: Rig, load: Load, seed: int, *, long: bool) -> None:
        self.rig = rig
        self.load = load
        self.seed = seed
        self.long = long
        self.random = Random(seed)
        self.kills: Counter[str] = Counter()
        self.poison: dict[Position, bytes] = {}
        self.matches: set[tuple[str, str]] = set()
        self.mail_answers_lost = 0
        self.reshards = 0
        self.slowest = 0.0
        """Seconds that the slowest of several recoveries within the fault took: of the stream, and of the mail."""
        self.slowest_mail = 0.0
        self.notes: list[str] = []
        self._begun = time.monotonic()
        self._logs = {name: rig.supervisor.log(name).stat().st_size for name in SERVICES}

    def log(self, service: str) -> str:
        """What it has said since the scene began."""
        with self.rig.supervisor.log(service).open("rb") as file:
            file.seek(self._logs[service])
            return file.read().decode(errors="replace")

    def until_told(self, words: str, service: str = "consumer") -> None:
        """Until the service has felt the fault: a drill whose fault nobody notices shows nothing."""
        self.until(lambda: words in self.log(service), f"the {service} to tell of {words!r}")

    def note(self, words: str) -> None:
        """What happened, for whoever looks for the cause of something."""
        self.notes.append(f"{time.monotonic() - self._begun:6.1f} s  {words}")

    def pick(self, short: float, long: float) -> float:
        return long if self.long else short

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def until(self, holds: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> float:
        """Waits, also while PostgreSQL is gone; returns the seconds that it took. Raises TimeoutError."""
        begun = time.monotonic()
        while not self._is_so(holds):
            if time.monotonic() - begun > seconds:
                raise TimeoutError(f"waited {seconds:.0f} s for {what}")
            time.sleep(0.1)
        return time.monotonic() - begun

    def evaluated(self) -> int:
        """Transactions that the consumer is done with, ever."""
        return int(self.rig.driver.sql(EVALUATED)[0][0])

    def until_more(self, count: int = 1, what: str = "the consumer to go on") -> float:
        """Until so many more transactions are evaluated than now."""
        self.until(lambda: self.evaluated() >= 0, "the database to answer")
        before = self.evaluated()
        return self.until(lambda: self.evaluated() >= before + count, what)

    def kill(self, name: str, process: int) -> None:
        """SIGKILL, under a name; what is gone already is no kill."""
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.kills[name] += 1

    def arm(self, step: str, call: int = 1) -> Callable[[], None]:
        """Has a process killed at the step, at its so-manieth call from now; returns what waits for that."""
        sabotage = self.rig.sabotage
        before = len(sabotage.struck(step))
        sabotage.arm(step, call)

        def wait() -> None:
            self.until(lambda: len(sabotage.struck(step)) > before, f"a process to pass {step}")
            self.kills[step] += 1

        return wait

    def program(self, name: str) -> int:
        """The program's process, once there is one."""
        self.until(lambda: self.rig.supervisor.pid(name), f"{name} to run")
        return self.rig.supervisor.pid(name)

    def daemon(self, consumer: str = "consumer") -> int:
        """KCL's daemon under a consumer's supervisor, once there is one."""
        return self._under(consumer, MAIN_CLASS)[0]

    def children(self, consumer: str = "consumer") -> list[int]:
        """The Python processes of a consumer's daemon, once there are any."""
        return self._under(consumer, CHILD)

    def family(self, consumer: str) -> list[int]:
        """All of a consumer's processes, once it works: its supervisor, the daemon, the children."""
        return [self.program(consumer), self.daemon(consumer), *self.children(consumer)]

    def _under(self, consumer: str, word: str) -> list[int]:
        found: list[int] = []

        def look() -> bool:
            with suppress(psutil.NoSuchProcess):
                processes = psutil.Process(self.program(consumer)).children(recursive=True)
                found[:] = [process.pid for process in processes if word in process.cmdline()]
            return bool(found)

        self.until(look, f"{consumer} to have a process of {word}")
        return found

    def _is_so(self, holds: Callable[[], object]) -> bool:
        try:
            return bool(holds())
        except psycopg2.OperationalError:
            return False
