"""A bad deploy stops the consumer before anything of it is stored; bad data does not."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.breaker import Count, Limit, Window, count, is_judged
from consumer.domain import DeadLetter, Line, Position
from consumer.errors import CrashError
from consumer.patience import Patience
from consumer.pipeline import Pipeline
from tests.consumer.builders import ARRIVED, BOOK, FIRST, SHARD, batch, record, wire
from tests.consumer.fake_store import FakeStore

limits = st.builds(Limit, st.floats(0.01, 1), st.integers(1, 300))
counts = st.integers(1, 200).flatmap(lambda records: st.builds(Count, st.just(records), st.floats(0, records)))


def window_of(given_counts: list[Count], limit: Limit) -> Window:
    window = Window()
    for one in given_counts:
        window = window.after(one, limit)
    return window


@given(st.lists(counts, max_size=30), limits)
def test_a_window_is_the_last_batches_and_as_few_as_hold_enough(given_counts: list[Count], limit: Limit) -> None:
    window = window_of(given_counts, limit)
    kept = len(window.counts)
    assert list(window.counts) == given_counts[len(given_counts) - kept :]
    if kept < len(given_counts):
        assert window.records >= limit.window
    if kept > 1:
        assert sum(one.records for one in window.counts[1:]) < limit.window


@given(st.lists(counts, max_size=30), limits)
def test_it_trips_by_the_share_of_enough_records_and_by_nothing_else(given_counts: list[Count], limit: Limit) -> None:
    window = window_of(given_counts, limit)
    enough = window.records >= limit.window
    assert window.exceeds(limit) == (enough and window.undecodable > limit.share * window.records)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=30), limits)
def test_what_is_all_good_never_trips_and_what_is_all_bad_does_once_it_is_enough(
    sizes: list[int], limit: Limit
) -> None:
    assert not window_of([Count(size, 0) for size in sizes], limit).exceeds(limit)
    bad = window_of([Count(size, size) for size in sizes], limit)
    assert bad.exceeds(limit) == (limit.share < 1 and sum(sizes) >= limit.window)


@given(st.lists(counts, max_size=30), st.integers(1, 300))
def test_a_share_of_one_switches_it_off(given_counts: list[Count], window: int) -> None:
    limit = Limit(1, window)
    assert not window_of(given_counts, limit).exceeds(limit)


@given(st.integers(1, 5_000), st.integers(2, 500))
def test_one_poisoned_record_counts_once_however_many_lines_it_has(lines: int, records: int) -> None:
    found = [record(number) for number in range(records)]
    dead = [DeadLetter(Line(Position(SHARD, FIRST, number), b"x", ARRIVED), "r") for number in range(1, lines + 1)]
    assert count(found, Counter({FIRST: lines}), dead) == (records, 1)


def test_what_came_before_the_reset_passes() -> None:
    assert is_judged(ARRIVED, None)
    assert is_judged(ARRIVED, ARRIVED)
    assert not is_judged(ARRIVED, ARRIVED.replace(year=2027))


def pipeline_of(store: FakeStore, limit: Limit) -> Pipeline:
    store.done[SHARD] = None
    return Pipeline(BOOK, store, Patience(lambda _: pytest.fail("no wait was expected")), limit)


def test_a_flood_is_not_stored_and_not_passed() -> None:
    store = FakeStore()
    pipeline = pipeline_of(store, Limit(0.5, 10))
    flood = [record(number, wire() if number % 3 == 0 else b"poison\n") for number in range(1, 12)]
    with pytest.raises(CrashError):
        pipeline.process(batch(*flood))
    assert (store.done[SHARD], store.dead_letters, store.findings) == (None, [], [])
    (trip,) = store.trips
    assert (trip.sequence_number, trip.window.records, trip.reasons) == (FIRST + 1, 11, "not JSON (8)")


def test_a_flood_in_small_batches_trips_once_there_are_enough() -> None:
    store = FakeStore()
    pipeline = pipeline_of(store, Limit(0.5, 10))
    for number in range(1, 10):
        pipeline.process(batch(record(number, b"poison\n")))
    with pytest.raises(CrashError):
        pipeline.process(batch(record(10, b"poison\n")))
    assert store.done[SHARD] == FIRST + 9


@pytest.mark.parametrize(
    "records",
    [
        [record(number, b"poison\n" if number % 10 == 0 else wire()) for number in range(1, 201)],
        [record(number, b"poison\n" if number % 2 == 0 else wire()) for number in range(1, 201)],
        [record(1, b"poison\n" * 90), *(record(number, wire()) for number in range(2, 101))],
        [record(1, b"x" * 1_048_000)],
        [record(number, b"poison\n") for number in range(1, 100)],
    ],
    ids=["1 in 10", "1 in 2", "one record of many", "1 MiB", "too few to tell"],
)
def test_bad_data_becomes_dead_letters(records: list) -> None:  # type: ignore[type-arg]
    store = FakeStore()
    pipeline_of(store, Limit()).process(batch(*records))
    assert store.done[SHARD] == records[-1].sequence_number
    assert store.dead_letters
    assert store.trips == []
