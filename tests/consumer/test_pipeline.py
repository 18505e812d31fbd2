"""A batch is decoded, detected and stored once, whatever happens on the way."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from consumer.breaker import Limit
from consumer.counts import Tally
from consumer.domain import Finding, Line, Match, Position, Shard, Transaction
from consumer.errors import CrashError
from consumer.patience import Patience, StoppedError
from consumer.pipeline import Pipeline
from tests.consumer.builders import ARRIVED, BOOK, FIRST, SHARD, batch, record, wire
from tests.consumer.fake_store import FakeStore, outage

LATER = ARRIVED + timedelta(minutes=1)
MINUTE = ARRIVED.replace(second=0, microsecond=0)


class BreaksOnZero:
    def matches(self, transaction: Transaction) -> tuple[Match, ...]:
        if transaction.content.amount == 0:
            raise ZeroDivisionError("sender s-1")
        return BOOK.matches(transaction)

    def late(self, findings: Sequence[Finding]) -> list[Finding]:
        return [one for one in findings if one.transaction.content.amount == 7]


def pipeline_of(store: FakeStore, waits: list[float] | None = None) -> Pipeline:
    def pause(seconds: float) -> bool:
        assert waits is not None, "no wait was expected"
        waits.append(seconds)
        return False

    pipeline = Pipeline(BreaksOnZero(), store, Patience(pause))
    if SHARD not in store.done:
        store.done[SHARD] = None
    return pipeline


def test_lines_are_evaluated_counted_by_minute_and_their_progress_moves() -> None:
    store = FakeStore()
    pipeline = pipeline_of(store)
    delivered = batch(record(1, wire(), wire(amount="1000")), record(2, b"poison\n", wire(), arrived_at=LATER))
    assert pipeline.process(delivered) == Tally(3, 2, 1)
    assert pipeline.process(delivered) == Tally(), "nothing of it is new"
    assert len(store.findings) == 2
    assert [letter.reason for letter in store.dead_letters] == ["not JSON"]
    assert store.counts == [{MINUTE: Tally(2, 1, 0), MINUTE + timedelta(minutes=1): Tally(1, 1, 1)}]
    assert store.done[SHARD] == FIRST + 2


def test_late_ones_are_counted_among_the_others() -> None:
    store = FakeStore()
    pipeline_of(store).process(
        batch(record(1, wire(amount="7"), wire()), record(2, wire(amount="7"), arrived_at=LATER))
    )
    assert store.counts == [{MINUTE: Tally(2, 1, 0, 1), MINUTE + timedelta(minutes=1): Tally(1, 0, 0, 1)}]


def test_a_line_that_breaks_a_rule_is_a_dead_letter_and_its_neighbours_go_on() -> None:
    store = FakeStore()
    pipeline_of(store).process(batch(record(1, wire(), wire(amount="0"), wire())))
    (letter,) = store.dead_letters
    assert letter.reason == "could not be evaluated (ZeroDivisionError)"
    assert letter.line.position == Position(SHARD, FIRST + 1, 2)
    assert len(store.findings) == 2


@pytest.mark.parametrize("data", [b"\n" * 1_048_000, b"{}\n" * 101, wire() * 20_001])
def test_a_record_of_too_many_lines_is_one_dead_letter_with_all_its_bytes(data: bytes) -> None:
    store = FakeStore()
    pipeline_of(store).process(batch(record(1, wire()), record(2, data), record(3, wire())))
    (letter,) = store.dead_letters
    assert letter.line == Line(Position(SHARD, FIRST + 2, 1), data, ARRIVED)
    assert "lines" in letter.reason
    assert len(store.findings) == 2
    assert store.counts == [{MINUTE: Tally(2, 2, 1)}]


@pytest.mark.parametrize(
    ("data", "count"), [(wire() * 20_000, 20_000), (wire() * 2000 + b"\n" * 2000, 4000), (b"\n" * 100, 100)]
)
def test_as_many_lines_as_are_allowed_are_evaluated_each(data: bytes, count: int) -> None:
    store = FakeStore()
    pipeline_of(store).process(batch(record(1, data)))
    assert len(store.findings) + len(store.dead_letters) == count


def test_a_batch_is_evaluated_once_and_before_the_row_is_held() -> None:
    seen: list[bool] = []

    class Watching(BreaksOnZero):
        def matches(self, transaction: Transaction) -> tuple[Match, ...]:
            seen.append(store.held)
            return ()

    store = FakeStore(("commit", outage()), ("begin", outage()))
    store.done[SHARD] = None
    Pipeline(Watching(), store, Patience(lambda _: False)).process(batch(record(1, wire(), wire())))
    assert seen == [False, False]
    assert store.failures == []


def test_records_that_are_stored_are_dropped_and_the_rest_of_the_batch_is_not() -> None:
    store = FakeStore()
    pipeline = pipeline_of(store)
    pipeline.process(batch(record(1, wire()), record(2, wire())))
    pipeline.process(batch(record(1, wire()), record(2, wire()), record(3, wire())))
    pipeline.process(batch(record(3, wire())))
    assert [finding.line.position.sequence_number - FIRST for finding in store.findings] == [1, 2, 3]
    assert len(store.counts) == 2


def test_undecodable_records_that_are_stored_are_dropped_too() -> None:
    store = FakeStore()
    pipeline = pipeline_of(store)
    store.done[SHARD] = FIRST + 2
    pipeline.process(batch(record(1, b"a\n"), record(2, b"b\n"), record(3, b"c\n", wire())))
    assert [letter.line.payload for letter in store.dead_letters] == [b"c"]
    assert store.counts == [{MINUTE: Tally(1, 1, 1)}]


def test_records_that_are_stored_do_not_dilute_what_the_breaker_judges() -> None:
    store = FakeStore()
    store.done[SHARD] = FIRST + 50
    old = [record(number, wire(amount="1")) for number in range(1, 51)]
    new = [record(number, b"poison\n") for number in range(51, 60)]
    pipeline = Pipeline(BOOK, store, Patience(lambda _: True), Limit(share=0.5, window=10))
    with pytest.raises(CrashError):
        pipeline.process(batch(*old, *new, record(60, wire())))
    (trip,) = store.trips
    assert (trip.window.records, trip.sequence_number) == (10, FIRST + 51)


@pytest.mark.parametrize("where", ["begin", "commit"])
def test_an_outage_is_waited_out_and_the_batch_is_stored_once(where: str) -> None:
    store = FakeStore((where, outage()), (where, outage()))
    waits: list[float] = []
    pipeline_of(store, waits).process(batch(record(1, wire())))
    assert len(store.findings) == len(store.counts) == 1
    assert len(waits) == 2
    assert store.failures == []


def test_taking_up_and_ending_a_shard_wait_too() -> None:
    store = FakeStore(("begin", outage()), ("begin", outage()))
    waits: list[float] = []
    pipeline = pipeline_of(store, waits)
    assert pipeline.take_up(SHARD) is None
    pipeline.end(SHARD)
    assert store.ended == [SHARD]
    assert len(waits) == 2


def test_what_is_no_outage_is_not_waited_out() -> None:
    store = FakeStore(("begin", KeyError("a bug")))
    with pytest.raises(KeyError):
        pipeline_of(store).process(batch(record(1, wire())))


def test_the_wait_ends_when_the_process_is_to_stop() -> None:
    store = FakeStore(("begin", outage()))
    store.done[SHARD] = None
    with pytest.raises(StoppedError):
        Pipeline(BOOK, store, Patience(lambda _: True)).process(batch(record(1, wire())))
    assert store.findings == []


@pytest.mark.parametrize("fallen_to", [None, FIRST + 1])
@pytest.mark.parametrize("stored_by", ["itself", "another worker", "a former process"])
def test_a_progress_that_moved_back_stops_the_consumer_before_it_stores_or_ends_anything(
    stored_by: str, fallen_to: int | None
) -> None:
    store = FakeStore()
    pipeline = pipeline_of(store)
    if stored_by == "itself":
        pipeline.process(batch(record(2, wire(amount="1"))))
    else:
        store.done[SHARD] = FIRST + 2
    if stored_by == "another worker":
        pipeline.process(batch(record(2, wire())))
    if stored_by == "a former process":
        pipeline.take_up(SHARD)
    store.done[SHARD] = fallen_to
    with pytest.raises(CrashError, match=f"fell from {FIRST + 2} to {fallen_to or 'nothing'} "):
        pipeline.process(batch(record(3, wire())))
    with pytest.raises(CrashError, match="fell from"):
        pipeline.end(SHARD)
    assert (store.findings, store.ended, store.done[SHARD]) == ([], [], fallen_to)


def test_two_incarnations_of_a_stream_have_a_progress_each() -> None:
    reborn = Shard("arn:aws:kinesis:eu-west-1:1:stream/payments@2026-11-24T00:00:00.000Z", SHARD.shard_id)
    store = FakeStore()
    pipeline = pipeline_of(store)
    pipeline.process(batch(record(5, wire())))
    assert pipeline.take_up(reborn) is None
    pipeline.process(batch(record(1, wire()), shard=reborn))
    assert store.done == {SHARD: FIRST + 5, reborn: FIRST + 1}
