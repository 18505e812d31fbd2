"""What a shard's child says of its work, and what whoever watches makes of it."""

from pathlib import Path

import pytest

from consumer.counts import Tally
from consumer.errors import CrashError
from consumer.shard_state import Diary, ShardState, read_states
from consumer.stall import require_progress, stalled

SHARD = "shardId-000000000000"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def states(folder: Path) -> list[ShardState]:
    return read_states(folder, lambda _: True)


def test_what_was_stored_is_counted_and_timed(tmp_path: Path) -> None:
    clock = Clock()
    diary = Diary(tmp_path, clock)
    diary.take_up(SHARD)
    for lag in (500, 20):
        with diary.batch(lag) as done:
            clock.now += 2
            done(Tally(10, 3, 1))
    (state,) = states(tmp_path)
    assert (state.shard, state.lag_ms, state.batches, state.batch_seconds) == (SHARD, 20, 2, 4.0)
    assert (state.transactions, state.anomalies, state.dead_letters) == (20, 6, 2)
    assert (state.begun_at, state.progress_at) == (None, 1004.0)


def test_a_batch_that_did_not_end_is_under_way(tmp_path: Path) -> None:
    diary = Diary(tmp_path, Clock())
    diary.take_up(SHARD)
    with pytest.raises(RuntimeError), diary.batch(7):
        raise RuntimeError
    assert states(tmp_path)[0].begun_at == 1000.0


def test_a_wait_for_the_database_begins_once_and_ends_with_the_batch(tmp_path: Path) -> None:
    clock = Clock()
    diary = Diary(tmp_path, clock)
    diary.take_up(SHARD)
    with diary.batch(0) as done:
        diary.waiting()
        clock.now += 50
        diary.waiting()
        assert states(tmp_path)[0].waits_since == 1000.0
        done(Tally())
    assert states(tmp_path)[0].waits_since is None


def test_a_shard_that_was_given_up_is_told_of_no_more(tmp_path: Path) -> None:
    diary = Diary(tmp_path)
    diary.take_up(SHARD)
    diary.give_up()
    assert states(tmp_path) == []


def test_a_child_that_is_dead_and_a_file_that_is_none_are_left_out(tmp_path: Path) -> None:
    Diary(tmp_path).take_up(SHARD)
    (tmp_path / "1.json").write_text("{")
    (tmp_path / "2.json").write_text('{"shard": 1}')
    assert [state.shard for state in read_states(tmp_path)] == [SHARD]
    assert read_states(tmp_path, lambda _: False) == []


def test_nothing_that_goes_wrong_with_the_file_reaches_the_batch(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "missing"):
        diary = Diary(folder)
        diary.take_up(SHARD)
        with diary.batch(0) as done:
            diary.waiting()
            done(Tally(1))
        diary.give_up()


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (ShardState(SHARD, 1, progress_at=0, lag_ms=0), None),
        (ShardState(SHARD, 1, progress_at=0, lag_ms=5000), "no progress for 1000 s, and it was 5,000 ms behind"),
        (ShardState(SHARD, 1, progress_at=701, lag_ms=5000), None),
        (ShardState(SHARD, 1, progress_at=0, begun_at=0), "and a batch is under way"),
        (ShardState(SHARD, 1, progress_at=0, begun_at=800), None),
        (ShardState(SHARD, 1, progress_at=0, begun_at=0, waits_since=1), None),
    ],
)
def test_a_shard_stands_still_when_there_is_work_and_none_is_done(state: ShardState, says: str | None) -> None:
    found = stalled(state, now=1000, longest_seconds=300)
    assert (found is None) == (says is None)
    assert says is None or says in str(found)


def test_every_shard_that_stands_still_is_named() -> None:
    still = [ShardState(f"shard-{number}", 1, progress_at=0, lag_ms=1) for number in range(2)]
    require_progress(still, now=300, longest_seconds=300)
    with pytest.raises(CrashError, match=r"shard-0 has .*; shard-1 has"):
        require_progress(still, now=301, longest_seconds=300)
