"""Kills at named steps, in lanes that run at once: one for each kind of process, each going through its own steps."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.drills.scene import Scene

LATEST_CALL = 4


@dataclass(frozen=True)
class Lane:
    """``went_on`` tells whether the struck kind of process works again since a moment, in seconds since 1970.

    ``at_start`` are steps that a process passes only when it starts: there the one is struck that comes after another.
    """

    name: str
    steps: Sequence[str]
    went_on: Callable[[Scene, float], bool]
    at_start: Sequence[str] = ()
    mails: bool = False

    def run(self, scene: Scene) -> float:
        """Strikes once at each step, in an order and at calls of chance; returns the slowest recovery's seconds."""
        random = Random(f"{scene.seed}/{self.name}")
        steps = random.sample(self.steps, len(self.steps))
        followers = random.sample(self.at_start, len(self.at_start))
        blows = [[step, *follower] for step, *follower in itertools.zip_longest(steps, followers) if step]
        return max((self._strike(scene, [step for step in blow if step], random) for blow in blows), default=0.0)

    def _strike(self, scene: Scene, steps: Sequence[str], random: Random) -> float:
        calls = [1 if step in self.at_start else random.randint(1, LATEST_CALL) for step in steps]
        blows = [scene.arm(step, call) for step, call in zip(steps, calls, strict=True)]
        for struck in blows:
            struck()
        since = time.time()
        seconds = scene.until(lambda: self.went_on(scene, since), f"the {self.name} to go on after {steps[-1]}")
        scene.note(f"{' and '.join(steps)} struck, and the {self.name} on again after {seconds:.1f} s")
        return seconds


def run_all(scene: Scene, lanes: Sequence[Lane]) -> None:
    """Raises what went wrong in a lane, when all have come to their end."""
    failures: list[BaseException] = []

    def run(lane: Lane) -> None:
        try:
            seconds = lane.run(scene)
            if lane.mails:
                scene.slowest_mail = max(scene.slowest_mail, seconds)
            else:
                scene.slowest = max(scene.slowest, seconds)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(lane,), name=lane.name) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise ExceptionGroup("kills", [error for error in failures if isinstance(error, Exception)])
