"""Which slot a newcomer takes, and how a worker keeps the one that it has."""

import pytest

from consumer.patience import StoppedError
from consumer.slots import EXPIRY_SECONDS
from consumer.worker import RENEWAL_SECONDS, NamedWorker, SlotWorker
from tests.consumer.fake_slots import FakeSlots, Table

STEP = 0.5
A_WHILE = 60.0


class Cluster:
    """Consumers over one table; while one waits, time goes on and those that live keep their slots."""

    def __init__(self) -> None:
        self.table = Table()
        self.living: list[SlotWorker] = []

    def start(self) -> SlotWorker:
        made = SlotWorker(FakeSlots(self.table), self.wait, self.table.clock)
        made.take()
        self.living.append(made)
        return made

    def kill(self, worker: SlotWorker) -> None:
        self.living.remove(worker)

    def stop(self, worker: SlotWorker) -> None:
        self.kill(worker)
        worker.release()

    def wait(self, seconds: float) -> bool:
        """True, as when the process is to stop, where that takes unreasonably long."""
        self.table.clock.seconds += seconds
        for worker in self.living:
            worker.keep()
        return self.table.clock.seconds > 100 * A_WHILE

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds / STEP)):
            self.wait(STEP)

    @property
    def now(self) -> float:
        return self.table.clock.seconds


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_consumers_have_slots_of_their_own_and_keep_them(cluster: Cluster) -> None:
    workers = [cluster.start() for _ in range(3)]
    cluster.pass_time(A_WHILE)
    assert [worker.take() for worker in workers] == ["worker-0", "worker-1", "worker-2"]
    assert not any(worker.lost for worker in workers)


def test_the_first_has_its_slot_at_once_and_the_next_as_soon_as_the_first_is_seen_to_live(cluster: Cluster) -> None:
    cluster.start()
    assert cluster.now == 0
    cluster.start()
    assert 0 < cluster.now <= RENEWAL_SECONDS + STEP


@pytest.mark.parametrize("after", [0.0, 3.0, A_WHILE])
def test_a_newcomer_is_the_dead_one_soon_whenever_it_comes(cluster: Cluster, after: float) -> None:
    workers = [cluster.start() for _ in range(3)]
    cluster.pass_time(A_WHILE)
    cluster.kill(workers[1])
    cluster.pass_time(after)
    come = cluster.now
    assert cluster.start().take() == "worker-1"
    assert cluster.now - come <= EXPIRY_SECONDS + STEP


def test_the_dead_ones_slot_is_taken_before_one_that_was_given_up(cluster: Cluster) -> None:
    workers = [cluster.start() for _ in range(3)]
    cluster.stop(workers[0])
    cluster.kill(workers[2])
    cluster.pass_time(A_WHILE)
    assert cluster.start().take() == "worker-2"


def test_a_slot_that_was_given_up_is_had_at_once_the_last_one_first(cluster: Cluster) -> None:
    workers = [cluster.start() for _ in range(3)]
    for worker in (workers[1], workers[2], workers[0]):
        cluster.stop(worker)
        cluster.pass_time(STEP)
    come = cluster.now
    assert cluster.start().take() == "worker-0"
    assert cluster.now == come


def test_two_newcomers_share_no_slot(cluster: Cluster) -> None:
    dead = [cluster.start() for _ in range(2)]
    for worker in dead:
        cluster.kill(worker)
    cluster.pass_time(A_WHILE)
    assert {cluster.start().take(), cluster.start().take(), cluster.start().take()} == {
        "worker-0",
        "worker-1",
        "worker-2",
    }


def test_a_database_outage_changes_nothing(cluster: Cluster) -> None:
    workers = [cluster.start() for _ in range(2)]
    cluster.table.down = True
    cluster.pass_time(A_WHILE)
    cluster.table.down = False
    cluster.pass_time(A_WHILE)
    assert [worker.take() for worker in workers] == ["worker-0", "worker-1"]
    assert not any(worker.lost for worker in workers)


@pytest.mark.parametrize("begins", [0.0, STEP])
def test_a_newcomer_of_an_outage_takes_the_dead_ones_slot_and_not_a_living_ones(
    cluster: Cluster, begins: float
) -> None:
    """The time of both is over when the database is back, and the living one's connection takes some seconds more."""
    workers = [cluster.start() for _ in range(2)]
    cluster.kill(workers[1])
    begun = cluster.now + begins
    back = begun + A_WHILE

    def wait(seconds: float) -> bool:
        cluster.table.clock.seconds += seconds
        cluster.table.down = begun <= cluster.now < back
        return cluster.wait(0) if cluster.now >= back + 4 else cluster.now > 100 * A_WHILE

    cluster.table.down = begins == 0
    newcomer = SlotWorker(FakeSlots(cluster.table), wait, cluster.table.clock)
    assert newcomer.take() == "worker-1"
    assert not workers[0].lost


def test_who_slept_until_its_slot_was_anothers_has_lost_it_and_takes_the_next(cluster: Cluster) -> None:
    sleeper = cluster.start()
    cluster.kill(sleeper)
    successor = cluster.start()
    assert successor.take() == "worker-0"
    sleeper.keep()
    assert sleeper.lost
    sleeper.keep()
    assert (sleeper.take(), sleeper.lost) == ("worker-1", False)
    cluster.pass_time(A_WHILE)
    assert not successor.lost


def test_who_has_lost_its_slot_does_not_give_it_up_for_the_other(cluster: Cluster) -> None:
    sleeper = cluster.start()
    cluster.kill(sleeper)
    successor = cluster.start()
    sleeper.keep()
    sleeper.release()
    successor.keep()
    assert not successor.lost


def test_a_stop_ends_the_wait_for_a_slot(cluster: Cluster) -> None:
    cluster.table.down = True
    waiting = SlotWorker(FakeSlots(cluster.table), lambda _: True, cluster.table.clock)
    with pytest.raises(StoppedError):
        waiting.take()
    waiting.release()


def test_a_slot_that_cannot_be_given_up_is_free_when_its_time_is_over(cluster: Cluster) -> None:
    worker = cluster.start()
    cluster.table.down = True
    cluster.stop(worker)
    cluster.table.down = False
    assert cluster.start().take() == "worker-0"


def test_a_given_up_slot_is_not_taken_again_by_a_late_renewal(cluster: Cluster) -> None:
    worker = cluster.start()
    cluster.pass_time(A_WHILE)
    worker.release()
    cluster.pass_time(A_WHILE)
    assert cluster.table.rows[0][0] is None


def test_a_name_that_is_set_needs_no_slot() -> None:
    worker = NamedWorker("compose-1")
    worker.keep()
    worker.release()
    assert (worker.take(), worker.lost) == ("compose-1", False)
