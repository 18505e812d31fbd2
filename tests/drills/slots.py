"""Recovery, with the settings of production: a killed daemon, a replaced task, a sleeper whose slot is taken."""

import signal
import time

from infra.local.resources import open_shards
from infra.local.settings import STREAM
from tests.drills.consumers import MIDDLES, owners
from tests.drills.registry import fault
from tests.drills.reshards import split_or_merge, splits_and_merges
from tests.drills.scene import Scene
from tests.drills.slotted import Slotted, slotted

WENT_ON = """
SELECT count(*) FROM shard_progress WHERE shard_id LIKE ANY(%s)
AND initialized_at >= to_timestamp(%s) AND updated_at >= to_timestamp(%s) AND sequence_number IS NOT NULL
"""
MOVED = "SELECT count(*) FROM shard_progress WHERE shard_id = ANY(%s) AND updated_at >= to_timestamp(%s)"
ALL = ["%"]


def went_on(scene: Scene, since: float) -> None:
    """Until every shard that the stream has now is taken up, and has moved since then."""
    scene.until(lambda: scene.rig.driver.sql(WENT_ON, ALL, since, since)[0][0], "a shard to go on")
    scene.note(f"the first shard goes on after {time.time() - since:.1f} s")
    shards = [shard["ShardId"] for shard in open_shards(STREAM)]
    scene.until(lambda: scene.rig.driver.sql(WENT_ON, shards, since, since) == [(len(shards),)], "every shard to go on")
    took = time.time() - since
    scene.slowest = max(scene.slowest, took)
    scene.note(f"and each after {took:.1f} s")


@fault("a killed daemon", kind="SIGKILL of KCL's daemon")
def killed_daemon(scene: Scene) -> None:
    """It comes back beside its supervisor, and with its worker's id."""
    with slotted(scene) as (first, _):
        before = first.worker
        for _ in range(int(scene.pick(2, 8))):
            assert first.daemon
            scene.kill("daemon", first.daemon.pid)
            went_on(scene, time.time())
            assert first.worker == before
            scene.pause(scene.random.uniform(0, 5))


@fault("a replaced task", kind="SIGKILL of a consumer's container")
def replaced_task(scene: Scene) -> None:
    """Who comes knows nothing of the dead one, at once or after a while; the stream may have other shards by then."""
    before = splits_and_merges()
    with slotted(scene) as (consumer, start):
        for number in range(int(scene.pick(2, 8))):
            worker = consumer.worker
            consumer.signal(signal.SIGKILL)
            scene.kills["consumer's container"] += 1
            if number % 2:
                split_or_merge(scene)
            scene.pause(scene.random.choice([0.0, scene.random.uniform(0, 20)]))
            since = time.time()
            consumer = start()
            went_on(scene, since)
            assert consumer.worker == worker
    scene.reshards += splits_and_merges() - before


@fault("a sleeper whose slot is taken", kind="slot taken over")
def sleeper(scene: Scene) -> None:
    """Its successor has its id when it wakes up, in the middle of a batch: for a moment both do, then it steps down."""
    with slotted(scene) as (first, start):
        worker, step = first.worker, scene.random.choice(MIDDLES)
        struck = len(scene.rig.sabotage.struck(step))
        scene.rig.sabotage.arm(step, scene.random.randint(1, 3), signal.SIGSTOP)
        scene.until(lambda: len(scene.rig.sabotage.struck(step)) > struck, f"a child to pass {step}")
        first.signal(signal.SIGSTOP)
        scene.note(f"it sleeps at {step}")
        since = time.time()
        successor = start()
        went_on(scene, since)
        assert successor.worker == worker
        first.signal(signal.SIGCONT)
        scene.note("it wakes up")
        scene.until(lambda: "another process has taken the slot over" in first.told, "it to step down")
        scene.until(lambda: first.worker not in (None, worker), "it to take another slot")
        scene.note(f"it is {first.worker} now")
        scene.until_more(1, "the stream to go on")
        assert successor.worker == worker


@fault("a consumer stopped beside another", kind="SIGTERM")
def stopped_beside(scene: Scene) -> None:
    """As at a deploy, and it is the leader that goes: the other has its shards soon, and its slot is the next one's."""
    with slotted(scene) as (leader, start):
        for _ in range(int(scene.pick(1, 4))):
            other = start()
            scene.until(lambda: other.works, "KCL to give the newcomer a shard")  # noqa: B023
            scene.note(f"{leader.worker} and {other.worker} work on {owners()}")
            leader.stop()
            since = time.time()
            shards = [shard["ShardId"] for shard in open_shards(STREAM)]
            scene.until(lambda: scene.rig.driver.sql(MOVED, shards, since) == [(len(shards),)], "each shard to move")  # noqa: B023
            scene.note(f"each shard moves {time.time() - since:.1f} s after the stop: {owners()}")
            scene.slowest = max(scene.slowest, time.time() - since)
            leader = other


@fault("a database outage beside two slots", kind="database stopped")
def outage(scene: Scene) -> None:
    """Their time runs out, and nobody can take their slots: both are who they were, and were never started anew."""
    with slotted(scene) as (first, start):
        second = start()
        scene.until(lambda: second.daemon, "the second to have a slot")
        before = [identity(one) for one in (first, second)]
        scene.rig.supervisor.stop("postgres")
        scene.pause(scene.pick(20, 120))
        scene.rig.supervisor.start("postgres")
        scene.until_more(1, "the stream to go on")
        scene.until(lambda: all("the slot can be renewed again" in one.told for one in (first, second)), "renewals")
        scene.pause(5)
        assert [identity(one) for one in (first, second)] == before


def identity(one: Slotted) -> tuple[str | None, int]:
    assert one.daemon
    return one.worker, one.daemon.pid
