"""What is read at once is what kclpy reads, and what cannot be is left to kclpy."""

import base64
import io
import json
from typing import Any

import pytest
from amazon_kclpy.kcl import KCLProcess
from amazon_kclpy.v3.processor import RecordProcessorBase

from consumer.delivery import ChildProcess, DeliveredRecord

Heard = list[tuple[str, int, bytes, int]]


class Listener(RecordProcessorBase):  # type: ignore[misc]
    def __init__(self) -> None:
        self.heard: Heard = []
        self.behind: list[int | None] = []
        self.kinds: set[type] = set()

    def initialize(self, received: Any) -> None: ...

    def process_records(self, received: Any) -> None:
        self.behind.append(received.millis_behind_latest)
        for one in received.records:
            self.kinds.add(type(one))
            self.heard.append((one.sequence_number, one.sub_sequence_number, one.binary_data, one.timestamp_millis))
        received.checkpointer.checkpoint(received.records[-1].sequence_number)

    def lease_lost(self, received: Any) -> None: ...

    def shard_ended(self, received: Any) -> None: ...

    def shutdown_requested(self, received: Any) -> None: ...


def delivered(*records: dict[str, Any], **changes: Any) -> str:
    said = {"action": "processRecords", "records": list(records), "millisBehindLatest": 7} | changes
    answered = {"action": "checkpoint", "sequenceNumber": "3", "subSequenceNumber": 0, "error": None}
    return json.dumps(said) + "\n" + json.dumps(answered) + "\n"


def record(number: int = 1, data: bytes = b"\x00\xff line\n", **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "action": "record",
        "data": base64.b64encode(data).decode(),
        "partitionKey": "key \u20ac",
        "explicitHashKey": "12",
        "sequenceNumber": str(10**55 + number),
        "subSequenceNumber": number,
        "approximateArrivalTimestamp": 1_790_000_000_123,
    }
    return found | changes


def hear(process: type[KCLProcess], words: str) -> tuple[Listener, str]:
    listener, answers = Listener(), io.StringIO()
    process(listener, io.StringIO(words), answers, io.StringIO()).run()
    return listener, answers.getvalue()


@pytest.mark.parametrize(
    "words",
    [
        delivered(record()),
        delivered(record(1), record(2, b""), record(3)),
        delivered(record(), millisBehindLatest=None),
    ],
)
def test_records_are_read_at_once_and_as_kclpy_reads_them(words: str) -> None:
    ours, answered = hear(ChildProcess, words)
    theirs, expected = hear(KCLProcess, words)
    assert ours.heard == theirs.heard != []
    assert ours.behind == theirs.behind
    assert answered == expected
    assert ours.kinds == {DeliveredRecord}


def test_a_record_of_another_shape_is_left_to_kclpy() -> None:
    words = delivered(record(approximateArrivalTimestamp="1790000000123"))
    ours, answered = hear(ChildProcess, words)
    theirs, expected = hear(KCLProcess, words)
    assert ours.heard == theirs.heard != []
    assert answered == expected
    assert DeliveredRecord not in ours.kinds


@pytest.mark.parametrize("words", ["not JSON\n", '{"action": "\ud800"}\n', '{"action": "unknown"}\n', "{}\n"])
def test_words_that_nobody_understands_end_the_loop_as_in_kclpy(words: str) -> None:
    with pytest.raises(Exception) as ours:  # noqa: PT011
        hear(ChildProcess, words)
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        hear(KCLProcess, words)
    assert type(ours.value) is type(theirs.value)
