"""KCL's protocol, driven through kclpy's own loop: what is asked and what is answered, line by line."""

import base64
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
from amazon_kclpy.kcl import KCLProcess

from consumer import logs
from consumer.main import pause_while, run
from consumer.patience import Patience
from consumer.pipeline import Pipeline
from consumer.processor import ShardProcessor
from consumer.shard_state import Diary, read_states
from tests.consumer.builders import ARRIVED, BOOK, FIRST, SHARD, wire
from tests.consumer.fake_store import FakeStore, outage

PORTION = 1280 * 1024


class Daemon:
    """KCL's side. Checkpoints are answered with ``refusals`` (Java class names), one each, then with success."""

    def __init__(
        self,
        store: FakeStore,
        *refusals: str,
        parent_is_gone: Callable[[], bool] = lambda: False,
        diary: Diary | None = None,
    ) -> None:
        self.store = store
        self.waits: list[float] = []
        self._refusals = refusals
        pause = lambda seconds: pause_while(1, lambda: 7 if parent_is_gone() else 1, self.waits.append, crash, seconds)  # noqa: E731
        pipeline = Pipeline(BOOK, store, Patience(pause))
        self._processor = ShardProcessor(pipeline, SHARD.stream_incarnation, crash, pause, diary)

    def refuse(self, *refusals: str) -> None:
        """The next checkpoints."""
        self._refusals = refusals

    def says(self, *messages: dict[str, Any]) -> list[Any]:
        """The child's answers: the ``responseFor`` of a status, the (sequence, sub-sequence) of a checkpoint, and
        last the status it exited with, if it did."""
        answers = io.StringIO()
        commands = io.StringIO("".join(json.dumps(message) + "\n" for message in messages))
        try:
            run(_Conversation(commands, answers, self._refusals), answers, self._processor)
        except SystemExit as ended:
            return [*_answers(answers), ended.code]
        return _answers(answers)


class _Conversation:
    """The child's standard input: a checkpoint's answer comes before the next command."""

    def __init__(self, commands: io.StringIO, answers: io.StringIO, refusals: Sequence[str]) -> None:
        self._commands = commands
        self._answers = answers
        self._refusals = list(refusals)
        self._answered = 0

    def readline(self) -> str:
        asked = [answer for answer in _answers(self._answers) if isinstance(answer, tuple)]
        if len(asked) == self._answered:
            return self._commands.readline()
        self._answered += 1
        error = {"error": self._refusals.pop(0)} if self._refusals else {}
        sequence, sub = asked[-1]
        return json.dumps({"action": "checkpoint", "sequenceNumber": sequence, "subSequenceNumber": sub} | error) + "\n"


def _answers(written: io.StringIO) -> list[Any]:
    said = [json.loads(line) for line in written.getvalue().splitlines() if line]
    return [
        (one["sequenceNumber"], one["subSequenceNumber"]) if one["action"] == "checkpoint" else one["responseFor"]
        for one in said
    ]


def crash() -> NoReturn:
    raise SystemExit(1)


def initialize(checkpoint: str = "TRIM_HORIZON") -> dict[str, Any]:
    asked = {"action": "initialize", "shardId": SHARD.shard_id}
    return asked | {"sequenceNumber": checkpoint, "subSequenceNumber": 0}


def process(*numbered: tuple[int, bytes], sub: int = 0) -> dict[str, Any]:
    records = [
        {
            "action": "record",
            "sequenceNumber": str(FIRST + number),
            "subSequenceNumber": sub + place,
            "approximateArrivalTimestamp": int(ARRIVED.timestamp() * 1000),
            "partitionKey": "k",
            "data": base64.b64encode(data).decode(),
        }
        for place, (number, data) in enumerate(numbered)
    ]
    return {"action": "processRecords", "records": records, "millisBehindLatest": 0}


LEASE_LOST = {"action": "leaseLost"}
SHARD_ENDED = {"action": "shardEnded"}
SHUTDOWN_REQUESTED = {"action": "shutdownRequested"}


def at(number: int, sub: int = 0) -> tuple[str, int]:
    return str(FIRST + number), sub


def test_a_shard_is_processed_and_checkpointed_after_each_batch_at_its_last_record() -> None:
    store = FakeStore()
    said = Daemon(store).says(
        initialize(), process((1, wire()), (2, wire())), process((3, wire())), SHUTDOWN_REQUESTED, LEASE_LOST
    )
    assert said == [
        "initialize",
        at(2, 1),
        "processRecords",
        at(3),
        "processRecords",
        at(3),
        "shutdownRequested",
        "leaseLost",
    ]
    assert store.done[SHARD] == FIRST + 3
    assert store.findings[0].line.arrived_at == ARRIVED


def test_records_of_one_aggregated_record_are_one_record_again() -> None:
    store = FakeStore()
    said = Daemon(store).says(initialize(), process((1, wire()), (1, b"poison"), (1, wire()), sub=5))
    assert said[1:] == [at(1, 7), "processRecords"]
    assert [finding.line.position.line for finding in store.findings] == [1, 3]
    assert [letter.line.position.line for letter in store.dead_letters] == [2]


def large(*numbers: int) -> list[tuple[int, bytes]]:
    """Records of which five are two portions, and one is not."""
    return [(number, wire() * (700_000 // len(wire()))) for number in numbers]


def padded(size: int) -> bytes:
    line = wire()
    return line[:-1] + b" " * (size - len(line)) + b"\n"


def portions(store: FakeStore) -> list[int]:
    """The transactions of each."""
    return [sum(tally.transactions for tally in counts.values()) for counts in store.counts]


def test_a_large_batch_is_stored_in_portions_and_checkpointed_once_at_its_end() -> None:
    store = FakeStore()
    said = Daemon(store).says(initialize(), process(*large(1, 2, 3, 4, 5)))
    assert said == ["initialize", at(5, 4), "processRecords"]
    assert [count / (700_000 // len(wire())) for count in portions(store)] == [3, 2]
    assert store.done[SHARD] == FIRST + 5
    assert len(store.findings) == sum(portions(store))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([2 * PORTION - 401, 400], [2]),
        ([2 * PORTION - 400, 400], [1, 1]),
        ([PORTION, PORTION], [1, 1]),
        ([PORTION - 1, PORTION + 1], [2]),
        ([PORTION + 1, PORTION - 1], [1, 1]),
        ([PORTION - 400, 400, PORTION - 400, 400, PORTION - 400, 400], [2, 2, 2]),
        ([PORTION - 401, 400, 401, PORTION - 400, 400, PORTION - 400], [3, 2, 1]),
        ([6 * PORTION, 400, 400], [1, 2]),
    ],
)
def test_portions_are_alike_in_size_and_whole_records(sizes: list[int], expected: list[int]) -> None:
    store = FakeStore()
    Daemon(store).says(initialize(), process(*enumerate(map(padded, sizes), start=1)))
    assert portions(store) == expected


def test_records_without_a_byte_are_one_portion() -> None:
    store = FakeStore()
    Daemon(store).says(initialize(), process((1, b""), (2, b""), (3, b"")))
    assert len(store.counts) == 1
    assert len(store.dead_letters) == 3


def test_a_portion_never_parts_the_records_of_one_aggregated_record() -> None:
    store = FakeStore()
    Daemon(store).says(initialize(), process(*large(1, 1, 1, 1, 2)))
    assert len(portions(store)) == 2
    numbers = [finding.line.position.sequence_number - FIRST for finding in store.findings]
    assert numbers.count(1) == 4 * numbers.count(2)


def test_a_large_batch_that_broke_off_in_its_middle_is_stored_once() -> None:
    store = FakeStore()
    daemon = Daemon(store)
    daemon.says(initialize(), process(large(1)[0]))
    delivered = process(*large(1, 2, 3, 4, 5))
    store.failures = [("commit", RuntimeError("a bug")), ("begin", RuntimeError("a bug"))]
    assert daemon.says(delivered) == [1]
    assert daemon.says(delivered) == [1]
    assert 1 < store.done[SHARD] - FIRST < 5  # type: ignore[operator]
    assert daemon.says(delivered) == [at(5, 4), "processRecords"]
    lines = [(finding.line.position.sequence_number, finding.line.position.line) for finding in store.findings]
    assert len(lines) == len(set(lines)) == 5 * (700_000 // len(wire()))


def test_a_batch_without_records_and_a_stop_before_the_first_checkpoint_nothing() -> None:
    assert Daemon(FakeStore()).says(initialize(), process(), SHUTDOWN_REQUESTED) == [
        "initialize",
        "processRecords",
        "shutdownRequested",
    ]


def test_an_ended_shard_is_checkpointed_at_its_end() -> None:
    store = FakeStore()
    assert Daemon(store).says(initialize(), SHARD_ENDED)[1:] == [(None, None), "shardEnded"]
    assert store.ended == [SHARD]


@pytest.mark.parametrize("message", [process((1, wire())), SHARD_ENDED])
@pytest.mark.parametrize("refusal", ["ThrottlingException", "KinesisClientLibDependencyException"])
def test_a_passing_refusal_of_a_checkpoint_is_retried_until_it_is_done(message: dict[str, Any], refusal: str) -> None:
    daemon = Daemon(FakeStore(), *[refusal] * 30)
    said = daemon.says(initialize(), message)
    assert len(said) == 1 + 31 + 1
    assert len(set(said[1:-1])) == 1
    assert len(daemon.waits) == 30
    assert max(daemon.waits) <= 10


def test_a_checkpoint_after_the_lease_was_lost_ends_the_shard_quietly() -> None:
    said = Daemon(FakeStore(), "ShutdownException").says(initialize(), process((1, wire())), LEASE_LOST)
    assert said == ["initialize", at(1), "processRecords", "leaseLost"]


@pytest.mark.parametrize("refusal", ["InvalidStateException", "IllegalArgumentException", "SomethingNew"])
def test_any_other_refusal_ends_the_process_without_a_status(refusal: str) -> None:
    assert Daemon(FakeStore(), refusal).says(initialize(), process((1, wire()))) == ["initialize", at(1), 1]


@pytest.mark.parametrize(
    ("message", "answered"),
    [(process((1, wire())), ["initialize"]), (SHARD_ENDED, ["initialize"])],
)
def test_an_unexpected_error_ends_the_process_with_1_and_sends_no_status(
    message: dict[str, Any], answered: list[str]
) -> None:
    daemon = Daemon(FakeStore())
    daemon.says(initialize())
    daemon.store.failures = [("begin", RuntimeError("a bug"))]
    assert daemon.says(message) == [1]


def test_a_refusal_at_the_last_checkpoint_ends_the_process_without_a_status() -> None:
    daemon = Daemon(FakeStore())
    daemon.says(initialize(), process((1, wire())))
    daemon.refuse("InvalidStateException")
    assert daemon.says(SHUTDOWN_REQUESTED) == [at(1), 1]


def test_the_log_says_of_which_shard_and_what_became_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "DEBUG")
    daemon = Daemon(FakeStore(), "ThrottlingException")
    daemon.says(initialize(), process((1, wire())), SHARD_ENDED, SHUTDOWN_REQUESTED, LEASE_LOST)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {line["shard"] for line in told} == {SHARD.shard_id}
    events = [line["event"] for line in told]
    assert list(dict.fromkeys(events)) == [
        "shard taken up",
        "checkpoint delayed",
        "checkpoint",
        "shard read to its end",
        "shutdown requested",
        "shard given up",
    ]
    assert next(line["attempt"] for line in told if line["event"] == "checkpoint delayed") == 1


@pytest.mark.parametrize("end", [LEASE_LOST, SHARD_ENDED])
def test_how_far_the_shard_is_is_written_down_until_it_is_given_up(end: dict[str, Any], tmp_path: Path) -> None:
    daemon = Daemon(FakeStore(), diary=Diary(tmp_path))
    daemon.says(initialize())
    (begun,) = read_states(tmp_path)
    assert (begun.shard, begun.batches) == (SHARD.shard_id, 0)
    daemon.says(process((1, wire()), (2, wire(amount="1"))) | {"millisBehindLatest": 70})
    (state,) = read_states(tmp_path)
    assert (state.batches, state.transactions, state.anomalies, state.lag_ms) == (1, 2, 1, 70)
    daemon.says(end)
    assert read_states(tmp_path) == []


def test_an_error_when_the_lease_is_lost_ends_the_process_too() -> None:
    class Broken(Diary):
        def give_up(self) -> None:
            raise RuntimeError("a bug")

    assert Daemon(FakeStore(), diary=Broken(None)).says(LEASE_LOST) == [1]


def test_an_error_at_initialize_sends_no_status_either() -> None:
    assert Daemon(FakeStore(("begin", RuntimeError("a bug")))).says(initialize()) == [1]


def test_an_outage_is_waited_out_inside_the_call() -> None:
    daemon = Daemon(FakeStore(*[("begin", outage())] * 5))
    assert daemon.says(initialize(), process((1, wire()))) == ["initialize", at(1), "processRecords"]
    assert len(daemon.waits) == 5


def test_a_child_whose_daemon_is_gone_stops_waiting_and_sends_no_status() -> None:
    daemon = Daemon(FakeStore(("begin", outage())), parent_is_gone=lambda: True)
    assert daemon.says(initialize()) == [1]


@pytest.mark.parametrize("checkpoint", ["TRIM_HORIZON", "LATEST", str(FIRST), "000" + str(FIRST + 5)])
def test_a_checkpoint_up_to_what_is_stored_is_taken_up(checkpoint: str) -> None:
    store = FakeStore()
    store.done[SHARD] = FIRST + 5
    assert Daemon(store).says(initialize(checkpoint)) == ["initialize"]


@pytest.mark.parametrize("done", [None, FIRST + 4])
def test_a_checkpoint_ahead_of_what_is_stored_stops_and_names_the_repair(
    done: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("json", "INFO")
    store = FakeStore()
    store.done[SHARD] = done
    assert Daemon(store).says(initialize(str(FIRST + 5))) == [1]
    told = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    assert f"python -m consumer progress accept --shard {SHARD.shard_id}" in told
    assert "python -m consumer replay --from" in told


def test_a_command_that_is_not_understood_ends_the_process_and_is_not_quoted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("json", "INFO")
    assert Daemon(FakeStore()).says({"action": "later", "data": "s3cret"}) == [1]
    assert "s3cret" not in capsys.readouterr().err


def test_kclpy_itself_would_report_an_error_as_success() -> None:
    """Why every callback is guarded; when this fails, kclpy has changed."""

    class Careless(ShardProcessor):
        def initialize(self, received: Any) -> None:
            raise RuntimeError("lost")

    answers = io.StringIO()
    careless = Careless(Pipeline(BOOK, FakeStore(), Patience(bool)), "", crash, bool)
    KCLProcess(careless, io.StringIO(json.dumps(initialize()) + "\n"), answers, io.StringIO()).run()
    assert _answers(answers) == ["initialize"]
