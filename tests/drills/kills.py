"""SIGKILL: at each named step of child, producer and notifier, and at random moments."""

from random import Random

from tests.drills.lanes import Lane, run_all
from tests.drills.registry import fault
from tests.drills.sabotage import CHILD, NOTIFIER, PRODUCER
from tests.drills.scene import Scene

MOVED_SINCE = "SELECT 1 FROM shard_progress WHERE updated_at >= to_timestamp(%s) LIMIT 1"
SENT_SINCE = "SELECT 1 FROM emails WHERE sent_at >= to_timestamp(%s) LIMIT 1"


def kill_a_child(scene: Scene, random: Random) -> None:
    scene.kill("child", random.choice(scene.children()))


def kill_the_producer(scene: Scene, _: Random) -> None:
    scene.kill("producer", scene.program("producer"))


def child_went_on(scene: Scene, since: float) -> bool:
    return bool(scene.rig.driver.sql(MOVED_SINCE, since))


def notifier_went_on(scene: Scene, since: float) -> bool:
    return bool(scene.rig.driver.sql(SENT_SINCE, since))


def producer_went_on(scene: Scene, since: float) -> bool:
    return scene.load.last_accepted >= since


AT_START = {"child.taking-up": kill_a_child, "child.taken-up": kill_a_child, "producer.keys-read": kill_the_producer}


def lanes(child: list[str], producer: list[str], notifier: list[str]) -> list[Lane]:
    return [
        Lane("child", child, child_went_on, AT_START),
        Lane("producer", producer, producer_went_on, AT_START),
        Lane("notifier", notifier, notifier_went_on),
    ]


@fault("kills at named steps", kind="SIGKILL at a named step", mails=True)
def kills_at_named_steps(scene: Scene) -> None:
    few = (3, 3, 2)
    chosen = [
        list(steps) if scene.long else scene.random.sample(list(steps), number)
        for steps, number in zip((CHILD, PRODUCER, NOTIFIER), few, strict=True)
    ]
    run_all(scene, lanes(*chosen))
