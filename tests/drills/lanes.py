"""Kills at named steps, in lanes that run at once: one for each kind of process, each going through its own steps."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.drills.scene import Scene

LATEST_CALL = 4

Provoke = Callable[[Scene, Random], None]


@dataclass(frozen=True)
class Lane:
    """``went_on`` tells whether the struck kind of process works again since a moment, in seconds since 1970.

    Most steps are passed under any load; ``provoke`` has what makes a process pass the others.
    """

    name: str
    steps: Sequence[str]
    went_on: Callable[[Scene, float], bool]
    provoke: Mapping[str, Provoke] = field(default_factory=dict)

    def run(self, scene: Scene) -> float:
        """Strikes once at each step, in an order and at calls of chance; returns the slowest recovery's seconds."""
        random = Random(f"{scene.seed}/{self.name}")  # noqa: S311 - chance that can be had again
        steps = random.sample(self.steps, len(self.steps))
        return max((self._strike(scene, step, random) for step in steps), default=0.0)

    def _strike(self, scene: Scene, step: str, random: Random) -> float:
        struck = scene.rig.sabotage.struck
        before = len(struck(step))
        provoke = self.provoke.get(step)
        scene.rig.sabotage.arm(step, 1 if provoke else random.randint(1, LATEST_CALL))
        if provoke:
            provoke(scene, random)
        scene.until(lambda: len(struck(step)) > before, f"a process to pass {step}")
        scene.kills[step] += 1
        since = time.time()
        return scene.until(lambda: self.went_on(scene, since), f"the {self.name} to go on after {step}")


def run_all(scene: Scene, lanes: Sequence[Lane]) -> None:
    """Raises what went wrong in a lane, when all have come to their end."""
    failures: list[BaseException] = []

    def run(lane: Lane) -> None:
        try:
            scene.slowest = max(scene.slowest, lane.run(scene))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(lane,), name=lane.name) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise ExceptionGroup("kills", [error for error in failures if isinstance(error, Exception)])
