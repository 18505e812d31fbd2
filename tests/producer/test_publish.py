"""The publisher: shared calls, one outcome an entry, bounded in every direction."""

import asyncio
import gc
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from producer.buffer import Entry
from producer.errors import BufferFullError, StreamBrokenError, StreamUnavailableError
from producer.metrics import Metrics
from producer.packing import Lines
from producer.publish import BROKEN_SECONDS, RECOVERY_SECONDS, Publisher
from tests.producer.builders import alone, as_entries, lines
from tests.producer.fakes import ROOMY, FakeStream, FakeTime, Refusals, publisher, with_room

THROTTLED = "ProvisionedThroughputExceededException"


@pytest.fixture(autouse=True)
def no_task_dies(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """asyncio tells of a task that failed, which nobody waited for, when it is collected."""
    yield
    gc.collect()
    told = [*caplog.get_records("call"), *caplog.records]
    assert [record.getMessage() for record in told if record.name == "asyncio"] == []


async def settle() -> None:
    """Lets everything that can go on go on."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_requests_that_arrive_together_share_a_call() -> None:
    stream = FakeStream()
    publishing = publisher(stream)
    outcomes = await asyncio.gather(*(publishing.publish(lines(3, f"request-{number}")) for number in range(10)))
    assert outcomes == [[True] * 3] * 10
    assert [len(call) for call in stream.calls] == [30]


async def test_a_lone_request_goes_at_once() -> None:
    stream, time = FakeStream(), FakeTime()
    assert await publisher(stream, time).publish(lines(1)) == [True]
    assert time.now == 1000.0
    assert time.sleeps == [0, 0], "two turns of the loop"


async def test_a_call_waits_for_company_while_it_keeps_coming_but_not_for_long() -> None:
    stream, time = FakeStream(), FakeTime()
    publishing = publisher(stream, time)

    class Ticking(FakeTime):
        """Each turn of the loop takes a millisecond, and brings another request."""

        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds or 0.001)
            if len(coming) < 20:
                coming.append(asyncio.create_task(publishing.publish(lines(1, "late"))))

    coming: list[asyncio.Task[list[bool]]] = []
    publishing = publisher(stream, Ticking())
    assert await publishing.publish(lines(1)) == [True]
    await publishing.drain()
    assert [await task for task in coming] == [[True]] * len(coming)
    assert 3 <= len(stream.calls[0]) <= 6, "five milliseconds' worth"
    assert sum(map(len, stream.calls)) == 1 + len(coming)


@pytest.mark.parametrize("before", [0, 300])
async def test_a_call_goes_two_turns_after_the_last_request_that_came(before: int) -> None:
    turns, company = list[str](), list[asyncio.Task[list[bool]]]()

    class Turning(FakeTime):
        async def sleep(self, seconds: float) -> None:
            turns.append("turn")
            if len(turns) == 2:
                turns.append("company")
                company.append(asyncio.create_task(publishing.publish(lines(1, "company"))))
            await super().sleep(seconds)

    stream = FakeStream()
    publishing = publisher(stream, Turning())
    for _ in range(before):
        await publishing.publish(lines(1, "before"))
    turns.clear()
    company.clear()
    assert await publishing.publish(lines(1)) == [True]
    assert turns == ["turn", "turn", "company", "turn", "turn"]
    assert len(stream.calls[-1]) == 2
    assert [await one for one in company] == [[True]]


async def test_company_that_keeps_coming_is_waited_for_until_the_moment_that_was_set() -> None:
    company: list[asyncio.Task[list[bool]]] = []

    class Ticking(FakeTime):
        async def sleep(self, seconds: float) -> None:
            company.append(asyncio.create_task(publishing.publish(lines(1, "company"))))
            await super().sleep(seconds or 2**-10)

    stream, time = FakeStream(), Ticking()
    publishing = publisher(stream, time, replace(ROOMY, linger_seconds=4 * 2**-10))
    assert await publishing.publish(lines(1)) == [True]
    assert len(stream.calls[0]) == 5
    await publishing.drain()


async def test_what_is_worth_a_call_does_not_wait() -> None:
    stream, time = FakeStream(), FakeTime()
    assert all(await publisher(stream, time).publish(alone(*[b"x" * 250_000] * 4)))
    assert time.sleeps == []


async def test_lines_of_a_bucket_share_a_record_whichever_requests_they_came_with() -> None:
    stream = FakeStream()
    publishing = publisher(stream, limits=with_room(record_bytes=60))
    first, second, third = (Lines("sender-1", b"%d" % number * 20 + b"\n", 7, (0,)) for number in range(3))
    other = Lines("sender-2", b"other\n", 8, (0,))
    assert await asyncio.gather(*(publishing.publish([one]) for one in (first, other, second, third))) == [[True]] * 4
    assert stream.written == [
        Entry("sender-1", first.data + second.data),
        Entry("sender-2", b"other\n"),
        Entry("sender-1", third.data),
    ]


async def test_a_record_that_is_refused_is_the_outcome_of_each_transaction_in_it() -> None:
    packed = Lines("sender-1", b"a\nb\n", 7, (2, 0))
    shared = Lines("sender-3", b"c\n", 7, (0,))
    whole = packed.data + shared.data
    stream = FakeStream(refuse=lambda entry: THROTTLED if entry.data in (whole, packed.data, shared.data) else None)
    publishing = publisher(stream, limits=with_room(record_bytes=1000))
    both = publishing.publish([packed, Lines("sender-2", b"d\n", 8, (1,))]), publishing.publish([shared])
    first, second = await asyncio.gather(*both)
    assert (first, second) == ([False, True, False], [False])


async def test_nothing_to_publish_makes_no_call() -> None:
    stream = FakeStream()
    assert await publisher(stream).publish([]) == []
    assert stream.calls == []


@pytest.mark.parametrize(("count", "size"), [(1201, 10), (120, 100_000), (1000, 9_000)])
async def test_no_call_is_larger_than_kinesis_takes(count: int, size: int) -> None:
    stream = FakeStream()
    large = alone(*(b"%d" % number + b"x" * size for number in range(count)), sender="é" * 100)
    assert all(await publisher(stream).publish(large))
    assert stream.written == as_entries(large)
    for call in stream.calls:
        assert len(call) <= 500
        assert sum(len(entry.data) + len(entry.partition_key.encode()) for entry in call) < 5_000_000


async def test_a_record_kinesis_refused_is_retried_alone() -> None:
    stream = FakeStream(refuse=Refusals({b"entry-1\n": 2}))
    assert await publisher(stream).publish(lines(3)) == [True, True, True]
    assert [[entry.data for entry in call] for call in stream.calls] == [
        [b"entry-0\n", b"entry-1\n", b"entry-2\n"],
        [b"entry-1\n"],
        [b"entry-1\n"],
    ]


async def test_the_more_the_stream_refuses_the_longer_it_is_left_alone() -> None:
    time = FakeTime()
    few, all_of_them = Refusals({b"entry-0\n": 1}), Refusals({entry.data: 1 for entry in lines(4)})
    for refusals in (few, all_of_them):
        await publisher(FakeStream(refuse=refusals), time, replace(ROOMY, linger_seconds=0)).publish(lines(4))
    rests = [seconds for seconds in time.sleeps if seconds in (RECOVERY_SECONDS, RECOVERY_SECONDS / 4)]
    assert rests == [RECOVERY_SECONDS / 4, RECOVERY_SECONDS]


async def test_what_was_refused_goes_ahead_of_what_came_later() -> None:
    stream = FakeStream(refuse=Refusals({b"early-0\n": 1}))
    publishing = publisher(stream, limits=replace(ROOMY, concurrency=1))
    early, late = publishing.publish(lines(1, "early")), publishing.publish(lines(1500, "late"))
    assert all(map(all, await asyncio.gather(early, late)))
    (one,) = as_entries(lines(1, "early"))
    assert stream.written.index(one) < 1000


@pytest.mark.parametrize("writes_anyway", [False, True])
async def test_a_call_that_failed_as_a_whole_is_made_again(writes_anyway: bool) -> None:
    stream = FakeStream(failures=[StreamUnavailableError("ReadTimeoutError")], writes_anyway=writes_anyway)
    assert await publisher(stream).publish(lines(3)) == [True, True, True]
    assert stream.written[-3:] == as_entries(lines(3))
    assert len(stream.calls) == 2


async def test_what_is_refused_until_the_deadline_is_unavailable() -> None:
    time, sent_at = FakeTime(), list[float]()

    def refuse(entry: Entry) -> str | None:
        if entry.data != b"entry-1\n":
            return None
        sent_at.append(time.now)
        return THROTTLED

    assert await publisher(FakeStream(refuse=refuse), time).publish(lines(3)) == [True, False, True]
    assert time.now <= 1000.0 + ROOMY.deadline_seconds
    waits = [round(later - earlier, 6) for earlier, later in itertools.pairwise(sent_at)]
    assert len(waits) > 3
    assert waits == sorted(waits), "each wait is longer than the one before, up to a limit"
    assert waits[0] < waits[-1]


async def test_an_entry_that_expired_while_it_waited_is_not_sent() -> None:
    stream, time = FakeStream(), FakeTime()
    publishing = publisher(stream, time, replace(ROOMY, concurrency=1))
    stream.gate.clear()
    first = asyncio.create_task(publishing.publish(lines(500, "first")))
    second = asyncio.create_task(publishing.publish(lines(1, "second")))
    await settle()
    time.now += ROOMY.deadline_seconds
    stream.gate.set()
    assert all(await first), "what Kinesis took is durable, however late its answer came"
    assert await second == [False]
    assert len(stream.calls) == 1
    assert await publishing.publish(lines(1, "third")) == [True], "the call that came to nothing leaves its slot"


@pytest.mark.parametrize(("left", "calls"), [(0.27, 1), (0.5, 2)])
async def test_what_is_refused_is_sent_again_if_the_rest_and_the_wait_leave_time(left: float, calls: int) -> None:
    """The rest is 0.2 s and the first wait 0.08 s."""
    stream = FakeStream(refuse=Refusals({b"entry-0\n": 1}))
    publishing = publisher(stream, limits=replace(ROOMY, deadline_seconds=left))
    assert await publishing.publish(lines(1)) == [calls == 2]
    assert len(stream.calls) == calls


async def test_an_answer_with_too_few_outcomes_makes_nothing_durable() -> None:
    class Short(FakeStream):
        async def put(self, entries: Sequence[Entry]) -> list[str | None]:
            return (await super().put(entries))[:-1]

    assert await publisher(Short()).publish(lines(3)) == [False, False, False]


def test_a_process_that_made_no_call_yet_can_publish() -> None:
    assert publisher(FakeStream()).can_publish


async def test_an_error_that_no_retry_helps_ends_at_once_and_shows_until_a_call_succeeds() -> None:
    stream, time = FakeStream(failures=[StreamBrokenError("AccessDeniedException")]), FakeTime()
    publishing = publisher(stream, time)
    assert await publishing.publish(lines(2)) == [False, False]
    assert len(stream.calls) == 1
    assert not publishing.can_publish
    assert await publishing.publish(lines(2)) == [True, True]
    assert publishing.can_publish


async def test_a_process_that_could_not_publish_is_tried_again_after_a_while() -> None:
    time = FakeTime()
    publishing = publisher(FakeStream(failures=[StreamBrokenError("ResourceNotFoundException")]), time)
    await publishing.publish(lines(1))
    time.now += BROKEN_SECONDS
    assert publishing.can_publish


async def test_an_unexpected_error_settles_its_entries_and_no_others() -> None:
    publishing = publisher(FakeStream(failures=[ZeroDivisionError()]))
    assert await publishing.publish(lines(2)) == [False, False]
    assert await publishing.publish(lines(2)) == [True, True]


@pytest.mark.parametrize("limits", [with_room(records=10), with_room(bytes=200)])
async def test_a_full_buffer_refuses_at_once_and_takes_nothing(limits: object) -> None:
    stream = FakeStream()
    publishing = publisher(stream, limits=limits)  # type: ignore[arg-type]  # parametrize loses the type
    stream.gate.clear()
    first = asyncio.create_task(publishing.publish(lines(8)))
    await settle()
    with pytest.raises(BufferFullError):
        await publishing.publish(lines(8, "x"))
    while_full = publishing.has_room
    stream.gate.set()
    assert all(await first)
    assert (while_full, publishing.has_room) == (False, True)
    assert all(await publishing.publish(lines(8))), "there is room again"
    assert stream.written == as_entries(lines(8)) * 2


async def test_so_many_calls_are_in_flight_and_no_more() -> None:
    stream = FakeStream()
    publishing = publisher(stream, limits=replace(ROOMY, concurrency=3))
    stream.gate.clear()
    published = asyncio.create_task(publishing.publish(lines(5000)))
    await settle()
    assert stream.in_flight == 3
    stream.gate.set()
    assert all(await published)
    assert stream.most_in_flight == 3


async def test_what_backs_off_keeps_no_other_from_being_sent() -> None:
    stream = FakeStream(failures=[StreamUnavailableError("ConnectTimeoutError")])
    over = asyncio.Event()

    class LongBackoff(FakeTime):
        async def sleep(self, seconds: float) -> None:
            if seconds not in (0, RECOVERY_SECONDS):
                await over.wait()

    publishing = publisher(stream, LongBackoff(), replace(ROOMY, concurrency=1))
    first = asyncio.create_task(publishing.publish(lines(1, "first")))
    await settle()
    assert await publishing.publish(lines(1, "second")) == [True]
    over.set()
    assert await first == [True]


async def test_a_client_that_went_away_harms_no_other_and_leaves_no_room_taken() -> None:
    stream = FakeStream()
    publishing = publisher(stream, limits=with_room(records=6))
    stream.gate.clear()
    gone = asyncio.create_task(publishing.publish(lines(3, "gone")))
    other = asyncio.create_task(publishing.publish(lines(3, "other")))
    await settle()
    gone.cancel()
    stream.gate.set()
    assert await other == [True] * 3
    assert all(await publishing.publish(lines(6))), "the room of both is free again"
    assert len(stream.written) == 12


async def test_what_waits_and_what_became_of_calls_and_records_is_measured() -> None:
    registry = CollectorRegistry()
    stream = FakeStream(
        refuse=Refusals({b"entry-1\n": 1}),
        failures=[StreamUnavailableError("ReadTimeoutError"), StreamBrokenError("AccessDeniedException")],
    )
    publishing = Publisher(stream, ROOMY, FakeTime().timing(), Metrics(registry))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"collector_{name}", labels)

    stream.gate.clear()
    published = asyncio.create_task(publishing.publish(lines(2)))
    await settle()
    assert (value("buffered_records"), value("buffered_bytes")) == (2, 2 * len(b"entry-1\nsender-1"))
    stream.gate.set()
    assert await published == [False, False]
    assert await publishing.publish(lines(2)) == [True, True]
    outcomes = {name: value("put_calls_total", outcome=name) for name in ("failed", "broken", "done")}
    assert outcomes == {"failed": 1, "broken": 1, "done": 2}
    assert value("refused_entries_total", code=THROTTLED) == 1
    assert value("put_seconds_count") == 4
    assert (value("buffered_records"), value("buffered_bytes")) == (0, 0)


async def test_a_refused_record_waits_a_while_and_ever_longer_before_it_is_sent_again() -> None:
    time, sent_at = FakeTime(), list[float]()

    def refuse(_: Entry) -> str | None:
        sent_at.append(time.now)
        return THROTTLED if len(sent_at) < 4 else None

    assert await publisher(FakeStream(refuse=refuse), time).publish(lines(1)) == [True]
    waits = [round(later - earlier - RECOVERY_SECONDS, 6) for earlier, later in itertools.pairwise(sent_at)]
    assert waits == [0.08, 0.16, 0.32], "half of it and a random part of the rest, doubling"


async def test_failures_are_told_in_the_log_with_their_reason(capsys: pytest.CaptureFixture[str]) -> None:
    failures: list[Exception] = [
        StreamUnavailableError("ReadTimeoutError"),
        StreamBrokenError("AccessDeniedException"),
        ZeroDivisionError("odd"),
    ]
    publishing = publisher(FakeStream(failures=failures))
    await publishing.publish(lines(1))
    await publishing.publish(lines(1))
    told = capsys.readouterr().out
    events = (
        "call failed, its",
        "ReadTimeoutError",
        "call refused",
        "AccessDeniedException",
        "call failed unexpectedly",
    )
    assert [told.find(words) for words in events] == sorted(told.find(words) for words in events)
    assert all(words in told for words in (*events, "ZeroDivisionError"))


async def test_draining_ends_when_everything_is_settled() -> None:
    stream = FakeStream(refuse=Refusals({b"entry-4\n": 3}))
    publishing = publisher(stream)
    published = asyncio.create_task(publishing.publish(lines(700)))
    await asyncio.sleep(0)
    await publishing.drain()
    assert sorted(stream.written) == sorted(as_entries(lines(700)))
    assert all(await published)


@given(st.lists(st.lists(st.one_of(st.integers(0, 3), st.just(1000)), max_size=8), max_size=5))
def test_an_entry_is_durable_exactly_if_it_was_written(requests: list[list[int]]) -> None:
    """Each number is how often Kinesis refuses that entry."""
    submissions = [
        alone(*(b"%d-%d" % (number, place) for place in range(len(refusals))))
        for number, refusals in enumerate(requests)
    ]
    times = {
        b"%d-%d" % (n, place): count for n, refusals in enumerate(requests) for place, count in enumerate(refusals)
    }

    async def publish_all() -> tuple[list[list[bool]], FakeStream]:
        stream = FakeStream(refuse=Refusals(times))
        publishing = publisher(stream)
        return await asyncio.gather(*(publishing.publish(submission) for submission in submissions)), stream

    outcomes, stream = asyncio.run(publish_all())
    assert outcomes == [[refusals < 1000 for refusals in request] for request in requests]
    durable = [part for submission in submissions for part in submission if times[part.data] < 1000]
    assert sorted(stream.written) == sorted(as_entries(durable))
