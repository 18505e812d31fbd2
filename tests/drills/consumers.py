"""Two consumers, who should not both be there: fighting for leases, a zombie, a twin with the same worker's id."""

import os
import signal
from contextlib import suppress

import boto3

from infra.local.settings import APPLICATION, WORKER
from tests.drills.registry import fault
from tests.drills.rig import SECOND, SECOND_WORKER, TWIN
from tests.drills.sabotage import Sabotage
from tests.drills.scene import Scene

ENDED = "SHARD_END"
# Where a child is stopped in the middle of a batch: with the row held, before and after the commit, in its checkpoint.
MIDDLES = ["child.row-held", "child.inserted", "child.moved", "child.committed", "child.checkpoint-asked"]
TAKEN_UP_SINCE = "SELECT count(*) FROM shard_progress WHERE shard_id = ANY(%s) AND initialized_at > %s"
NOW = "SELECT now()"


def owners() -> dict[str, str]:
    """Lease → worker, of the shards that are not read to their end."""
    leases = boto3.resource("dynamodb").Table(APPLICATION).scan(ConsistentRead=True)["Items"]
    return {
        str(lease["leaseKey"]): str(lease.get("leaseOwner", "")) for lease in leases if lease["checkpoint"] != ENDED
    }


def leases_of(worker: str) -> list[str]:
    return [lease for lease, owner in owners().items() if owner == worker]


def hand_over(lease: str, worker: str) -> None:
    """By force, as KCL's leader does it: who had the lease notices at its next renewal or checkpoint."""
    boto3.resource("dynamodb").Table(APPLICATION).update_item(
        Key={"leaseKey": lease},
        UpdateExpression="SET leaseOwner = :worker ADD leaseCounter :one",
        ExpressionAttributeValues={":worker": worker, ":one": 1},
    )


def join(scene: Scene) -> None:
    """Starts a second consumer; returns when it works on a shard. KCL's leader leaves each its share."""
    scene.rig.supervisor.start(SECOND)
    scene.children(SECOND)
    scene.note(f"the second consumer works on {leases_of(SECOND_WORKER)}")


@fault("two consumers fight for the leases", kind="two consumers")
def fight(scene: Scene) -> None:
    """Leases go back and forth faster than batches; then the second is killed, and comes back no more."""
    join(scene)
    for _ in range(int(scene.pick(6, 40))):
        for lease in owners():
            hand_over(lease, scene.random.choice([WORKER, SECOND_WORKER]))
        scene.pause(scene.random.uniform(0, 3))
    scene.until(lambda: leases_of(SECOND_WORKER), "the second consumer to have a lease")
    scene.kill("second consumer", scene.program(SECOND))
    scene.rig.supervisor.stop(SECOND)


def stop_in_the_middle(scene: Scene, consumer: str, sabotage: Sabotage) -> list[int]:
    """Stops a consumer, all of its processes, while one child is in the middle of a batch; they will not know of it."""
    step = scene.random.choice(MIDDLES)
    sabotage.arm(step, scene.random.randint(1, 3), signal.SIGSTOP)
    scene.until(lambda: sabotage.struck(step), f"{consumer} to pass {step}")
    stopped = scene.family(consumer)
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    scene.note(f"{consumer} is stopped at {step}")
    return stopped


def wake(scene: Scene, stopped: list[int]) -> None:
    for process in stopped:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)
    scene.note("it wakes up")


@fault("a zombie consumer", kind="zombie")
def zombie(scene: Scene) -> None:
    """It wakes up, in the middle of its batch, when another has had its shards for a while."""
    join(scene)
    shards = leases_of(SECOND_WORKER)
    stopped = stop_in_the_middle(scene, SECOND, scene.rig.sabotage_of_the_second)
    try:
        ((now,),) = scene.rig.driver.sql(NOW)
        taken_up = [(len(shards),)]
        scene.until(lambda: scene.rig.driver.sql(TAKEN_UP_SINCE, shards, now) == taken_up, "the other to take over")
        scene.note("the other has taken over")
        scene.pause(scene.pick(2, 20))
    finally:
        wake(scene, stopped)
    scene.pause(scene.pick(4, 20))


@fault("a twin with the same worker id", kind="same worker id twice")
def twin(scene: Scene) -> None:
    """The dead worker was only asleep: its replacement has its id, as slots give it, and for a while both are there."""
    stopped = stop_in_the_middle(scene, "consumer", scene.rig.sabotage)
    try:
        scene.rig.supervisor.start(TWIN)
        scene.children(TWIN)
        scene.slowest = scene.until_more(1, "the replacement to work")
        scene.note("the replacement works")
    finally:
        wake(scene, stopped)
    scene.pause(scene.pick(6, 30))
    scene.rig.supervisor.stop(scene.random.choice(["consumer", TWIN]))
    scene.until_more(1, "the one that is left to work")
