"""SIGKILL: at each named step of child, producer and notifier, and at random moments."""

import time

from infra.local.programs import SERVICES
from tests.drills.lanes import Lane, run_all
from tests.drills.registry import fault
from tests.drills.sabotage import CHILD, CHILD_START, NOTIFIER, PRODUCER, SHUTDOWN
from tests.drills.scene import Scene

TAKEN_UP_AND_MOVED_SINCE = """
SELECT bool_and(initialized_at >= to_timestamp(%s) AND updated_at > initialized_at)
FROM shard_progress WHERE ended_at IS NULL
"""
SENT_SINCE = "SELECT bool_or(sent_at >= to_timestamp(%s)) FROM emails"
LONGEST_PAUSE = 4.0


def child_went_on(scene: Scene, since: float) -> bool:
    """KCL's daemon ends with any of its children, and starts anew with all."""
    return bool(scene.rig.driver.sql(TAKEN_UP_AND_MOVED_SINCE, since)[0][0])


def notifier_went_on(scene: Scene, since: float) -> bool:
    return bool(scene.rig.driver.sql(SENT_SINCE, since)[0][0])


def producer_went_on(scene: Scene, since: float) -> bool:
    return scene.load.last_accepted >= since


@fault("kills at named steps", kind="SIGKILL at a named step", mails=True)
def kills_at_named_steps(scene: Scene) -> None:
    def some(steps: dict[str, object], number: int) -> list[str]:
        return list(steps) if scene.long else scene.random.sample(list(steps), number)

    run_all(
        scene,
        [
            Lane("child", some({**CHILD}, 3), child_went_on, some({**CHILD_START}, 1)),
            Lane("producer", some({**PRODUCER}, 4), producer_went_on),
            Lane("notifier", some({**NOTIFIER}, 2), notifier_went_on, mails=True),
        ],
    )


@fault("kills at random moments", kind="SIGKILL at a random moment", mails=True)
def kills_at_random_moments(scene: Scene) -> None:
    """None waits for the one before to be got over."""
    victims = ["child", "daemon", "consumer", "producer", "notifier", "postgres"] * int(scene.pick(1, 2))
    for victim in scene.random.sample(victims, len(victims)):
        time.sleep(scene.random.uniform(0, LONGEST_PAUSE))
        kill(scene, victim)


@fault("everything at once", kind="full restart", mails=True)
def kill_everything(scene: Scene) -> None:
    """All but the emulator ends within the same moment."""
    processes = [(name, scene.program(name)) for name in ("postgres", "producer", "notifier", "consumer")]
    for name, process in [*(("child", child) for child in scene.children()), *processes]:
        scene.kill(name, process)


@fault("orderly stops", kind="SIGTERM")
def stops(scene: Scene) -> None:
    """Deploys under load; and one in whose last moment the child is killed."""
    for service in scene.random.sample(SERVICES, len(SERVICES)):
        _restart(scene, service)
    (step,) = SHUTDOWN
    struck = scene.arm(step)
    _restart(scene, "consumer")
    struck()


def _restart(scene: Scene, service: str) -> None:
    scene.rig.supervisor.stop(service)
    scene.rig.supervisor.start(service)
    since = time.time()
    if service == "consumer":
        scene.until(lambda: child_went_on(scene, since), "the consumer to go on")


def kill(scene: Scene, victim: str) -> None:
    if victim == "child":
        scene.kill(victim, scene.random.choice(sorted(scene.children())))
    else:
        scene.kill(victim, scene.daemon() if victim == "daemon" else scene.program(victim))
