"""The client against a collector that misbehaves: everything arrives, and only what must be is sent again."""

import gzip
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from producer.client import Line, Rejection, Summary, Timing, UnusableError, open_lines, send
from producer.lines import MAX_LINE_BYTES, JsonLines
from tests.producer.builders import encoded, numbered_records
from tests.producer.misbehaving import (
    Behaviour,
    Misbehaving,
    accepting,
    at_most,
    babbling,
    choking_on,
    dropping,
    judging,
    refusing,
    serving,
)


@dataclass
class FakeTime:
    """A clock that only waiting moves."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def timing(self) -> Timing:
        return Timing(lambda: self.now, self.pause, lambda: 1.0)

    def pause(self, _: threading.Event, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@dataclass
class Sent:
    collector: Misbehaving
    summary: Summary
    rejections: list[Rejection]
    waits: list[float]

    def places(self) -> list[int]:
        """The numbers of the records that arrived."""
        return [int(record["trxId"][-12:], 16) for record in self.collector.accepted]


def lines(count: int) -> list[Line]:
    return [Line(number, json.dumps(r).encode()) for number, r in enumerate(numbered_records(count), start=1)]


def sent(script: list[Behaviour], source: Any = None, concurrency: int = 1, **options: Any) -> Sent:
    time, rejections = FakeTime(), list[Rejection]()
    with serving(Misbehaving(script)) as collector:
        summary = send(
            lines(4) if source is None else source,
            url=collector.url,
            api_key="pk",
            concurrency=concurrency,
            on_rejection=rejections.append,
            timing=time.timing(),
            **options,
        )
    return Sent(collector, summary, rejections, time.waits)


def test_lines_are_sent_as_they_are_and_amounts_keep_their_digits() -> None:
    line = encoded().replace(b"1500.25", b"1000.000000000000000001").replace(b", ", b" ,\t")
    outcome = sent([], [Line(1, line), Line(2, line)])
    assert outcome.collector.requests == [b'{"records":[' + line + b"," + line + b"]}"]
    assert outcome.collector.headers[0]["x-api-key"] == "pk"
    assert outcome.collector.headers[0]["content-type"] == "application/json"
    assert outcome.summary.complete


def test_batches_are_limited_in_records_and_in_bytes() -> None:
    assert sent([], lines(10), batch=4).collector.sizes() == [4, 4, 2]
    wide = [Line(number, encoded(senderId="x" * 900_000)) for number in range(1, 7)]
    assert sent([], wide).collector.sizes() == [4, 2]


@pytest.mark.parametrize("again", [refusing(status) for status in (408, 429, 502, 503, 504)] + [dropping, babbling])
def test_a_request_that_failed_or_whose_answer_was_lost_is_sent_again_as_a_whole(again: Behaviour) -> None:
    outcome = sent([again, again])
    assert outcome.collector.sizes() == [4, 4, 4]
    assert outcome.places()[-4:] == [0, 1, 2, 3]
    assert (outcome.summary.accepted, outcome.summary.retries) == (4, 2)
    assert outcome.waits[0] < outcome.waits[1], "each wait is longer than the one before"


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 0.2), ("soon", 0.2), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.2)]
)
def test_retry_after_is_honoured(header: str, seconds: float) -> None:
    assert sent([refusing(429, retry_after=header)]).waits == [seconds]


def test_only_what_was_unavailable_is_sent_again() -> None:
    outcome = sent([judging(unavailable=(1, 3)), judging(unavailable=(0, 1)), judging(unavailable=(1,))])
    assert outcome.collector.sizes() == [4, 2, 2, 1]
    assert outcome.places() == [0, 2, 1, 3]
    assert outcome.summary.complete


def test_what_is_rejected_is_told_by_its_line_and_not_sent_again() -> None:
    outcome = sent([judging(rejected=(1,), unavailable=(2, 3)), judging(rejected=(0, 1))], lines(4))
    errors = (("amount", "must not be negative"),)
    assert outcome.rejections == [Rejection(line, errors) for line in (2, 3, 4)]
    assert outcome.collector.sizes() == [4, 2]
    assert (outcome.summary.accepted, outcome.summary.rejected, outcome.summary.complete) == (1, 3, False)


def test_a_line_that_is_no_json_object_does_not_break_its_neighbours(tmp_path: Path) -> None:
    good = [line.content for line in lines(2)]
    bad = [b"not json", b"[1]", b'{"a": 1} {"b": 2}', b'{"a": ' + b"[" * 100_000, b'{"a": "\\ud800"}', b'{"\xff": 1}']
    path = tmp_path / "payments.jsonl"
    path.write_bytes(b"\n".join([good[0], b"", b"  ", *bad, good[1]]))
    with open_lines(path) as source:
        outcome = sent([], source)
    assert outcome.places() == [0, 1]
    assert [rejection.line for rejection in outcome.rejections] == [4, 5, 6, 7, 8, 9]
    assert all(rejection.errors[0][1].startswith("is no JSON") for rejection in outcome.rejections)
    assert (outcome.summary.read, outcome.summary.rejected) == (8, 6)


def test_a_request_that_is_too_large_is_sent_in_parts() -> None:
    outcome = sent([at_most(2)] * 10, lines(5))
    assert outcome.places() == [0, 1, 2, 3, 4]
    assert outcome.summary.complete


def test_a_record_that_makes_every_request_unreadable_is_found() -> None:
    outcome = sent([choking_on("00000002")] * 20, lines(5))
    assert outcome.places() == [0, 1, 3, 4]
    assert outcome.rejections == [Rejection(3, (("", "the reason"),))]


@pytest.mark.parametrize("status", [401, 403, 404, 415, 500, 301])
def test_an_answer_that_no_retry_helps_stops_the_sending(status: int) -> None:
    outcome = sent([refusing(status, location="http://127.0.0.1:1/")], lines(8), batch=2)
    assert outcome.collector.sizes() == [2]
    assert outcome.summary.stopped == f"the collector answered {status} the reason"
    assert not outcome.summary.complete


@pytest.mark.parametrize("answer", [refusing(503), dropping, judging(unavailable=(0, 1, 2, 3))])
def test_sending_is_given_up_after_a_time_without_receipts(answer: Behaviour) -> None:
    outcome = sent([answer] * 1000, give_up_after=60)
    assert 30 < sum(outcome.waits) <= 60
    assert "60 seconds" in (outcome.summary.stopped or "")
    assert (outcome.summary.unsettled, outcome.summary.complete) == (4, False)


def test_receipts_put_off_the_giving_up() -> None:
    slow = [judging(unavailable=tuple(range(1, left))) for left in range(8, 0, -1)]
    script = [answer for step in slow for answer in (refusing(503, retry_after="40"), step)]
    assert sent(script, lines(8), give_up_after=60).summary.complete


def test_several_requests_are_in_flight_and_the_file_is_read_no_further_than_they_need() -> None:
    together, pulled = threading.Barrier(3), list[int]()

    def meeting(collector: Misbehaving, records: list[Any]) -> Any:
        together.wait(timeout=30)
        return accepting(collector, records)

    def source() -> Iterator[Line]:
        for line in lines(60):
            pulled.append(line.number)
            yield line

    most_ahead = list[int]()
    outcome = sent(
        [meeting] * 6,
        source(),
        concurrency=3,
        batch=10,
        on_progress=lambda summary: most_ahead.append(len(pulled) - summary.accepted),
    )
    assert sorted(outcome.places()) == list(range(60))
    assert max(most_ahead) <= 5 * 10, "three requests in flight, one settled just now, one being read"


def test_an_exception_of_a_listener_ends_the_sending() -> None:
    def listen(_: Summary) -> None:
        raise LookupError

    unread = iter(lines(100))
    with pytest.raises(LookupError):
        sent([], unread, batch=10, on_progress=listen)
    assert len(list(unread)) >= 70


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x", "http://", "http://[", "http://x:port"])
def test_an_address_that_is_none_is_told_at_once(url: str) -> None:
    with pytest.raises(UnusableError):
        send(lines(1), url=url, api_key="pk")


@pytest.mark.parametrize("key", ["", "pk\n", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_told_at_once(key: str) -> None:
    with pytest.raises(UnusableError):
        send(lines(1), url="http://127.0.0.1", api_key=key)


def test_packed_files_are_unpacked_and_progress_is_in_bytes_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "payments.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(line.content for line in lines(100))))
    with open_lines(path) as source:
        assert source.size == path.stat().st_size
        assert [line.number for line in source] == list(range(1, 101))
        assert source.position() == source.size


def test_an_endless_line_is_one_broken_line() -> None:
    source = JsonLines(io.BytesIO(b"x" * (3 * MAX_LINE_BYTES) + b"\n" + lines(1)[0].content))
    outcome = sent([], source)
    assert outcome.rejections == [Rejection(1, (("", f"is longer than {MAX_LINE_BYTES} bytes"),))]
    assert outcome.places() == [0]
