"""KCL's daemon as fast as it gets: words made beforehand, for a child on the measured core."""

import base64
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from tests.bench.stage import MEASURED_CORE

SHARD = "shardId-000000000000"
FIRST_SEQUENCE_NUMBER = 49590338271490256608559692538361571095921575989136588898
ARRIVED_MILLIS = 1_790_000_000_000


class Delivery(NamedTuple):
    """One processRecords call as KCL writes it, and the sequence number of its last record."""

    words: bytes
    last: str


class Answer(msgspec.Struct, rename="camel"):
    action: str
    response_for: str = ""


_answer = msgspec.json.Decoder(Answer).decode


def deliveries(calls: int, records: int, lines: int, source: Iterator[bytes]) -> Iterator[Delivery]:
    """So many calls of so many records of so many lines."""
    count = itertools.count(FIRST_SEQUENCE_NUMBER)
    for _ in range(calls):
        found = [_record(str(next(count)), b"".join(itertools.islice(source, lines))) for _ in range(records)]
        content = {"action": "processRecords", "records": found, "millisBehindLatest": 0}
        yield Delivery(msgspec.json.encode(content) + b"\n", str(found[-1]["sequenceNumber"]))


def _record(sequence_number: str, data: bytes) -> dict[str, object]:
    return {
        "action": "record",
        "data": base64.b64encode(data).decode(),
        "partitionKey": "0",
        "sequenceNumber": sequence_number,
        "subSequenceNumber": 0,
        "approximateArrivalTimestamp": ARRIVED_MILLIS,
    }


class Daemon:
    """Speaks with one child. ``process`` is the child's."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin
        assert process.stdout
        self.process = process
        self._says, self._hears = process.stdin, process.stdout

    def begin(self) -> None:
        asked = {
            "action": "initialize",
            "shardId": SHARD,
            "sequenceNumber": "TRIM_HORIZON",
            "subSequenceNumber": 0,
        }
        self._say(json.dumps(asked).encode() + b"\n")
        self._until("initialize", "")

    def deliver(self, several: Sequence[Delivery]) -> float:
        """The seconds that it took, each call and its checkpoint answered."""
        began = time.perf_counter()
        for one in several:
            self._say(one.words)
            self._until("processRecords", one.last)
        return time.perf_counter() - began

    def _say(self, words: bytes) -> None:
        self._says.write(words)
        self._says.flush()

    def _until(self, done: str, last: str) -> None:
        """Raises AssertionError where the child ends, or answers without a checkpoint."""
        checkpoints = 0
        while True:
            line = self._hears.readline()
            assert line, "the child ended"
            if line == b"\n":
                continue
            answer = _answer(line)
            if answer.action == "checkpoint":
                checkpoints += 1
                reply = {"action": "checkpoint", "sequenceNumber": last, "subSequenceNumber": 0, "error": None}
                self._say(json.dumps(reply).encode() + b"\n")
            elif answer.response_for == done:
                assert checkpoints == bool(last), f"{checkpoints} checkpoints"
                return


@contextmanager
def child(module: str, **settings: str) -> Iterator[Daemon]:
    running = subprocess.Popen(
        ["taskset", "-c", MEASURED_CORE, sys.executable, "-m", module],
        env={**os.environ, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    daemon = Daemon(running)
    try:
        daemon.begin()
        yield daemon
    finally:
        running.kill()
        running.communicate()
