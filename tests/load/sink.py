"""AWS in a process of its own, whose stream takes so many records a second and no more, and tells which it has."""

import base64
import multiprocessing
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Literal

from api_keys.document import ApiKey
from tests.producer.fake_aws import FakeAws
from tests.producer.fake_secrets_manager import FakeSecretsManager
from tests.producer.fakes import key_document
from tests.producer.loopback import loopback

Manner = Literal["slow", "throttling"]
TAKEN = {"SequenceNumber": "1", "ShardId": "0"}
REFUSED = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "too fast"}
_TRX_ID = re.compile(rb'"trxId":"([0-9a-f-]{36})"')


class LimitedAws(FakeAws):
    """Beyond `rate` records a second it is slow, or refuses the rest of a call as Kinesis does."""

    def limit(self, rate: float, manner: Manner) -> None:
        self._rate, self._manner = rate, manner
        self._lock = threading.Lock()
        self._free_at = time.monotonic()
        self.taken: set[bytes] = set()

    def put_records(self, **call: Any) -> dict[str, Any]:
        records = call["Records"]
        count = self._wait(len(records)) if self._manner == "slow" else self._room(len(records))
        lines = b"".join(base64.b64decode(record["Data"]) for record in records[:count])
        self.taken.update(_TRX_ID.findall(lines))
        refused = len(records) - count
        return {"FailedRecordCount": refused, "Records": [TAKEN] * count + [REFUSED] * refused}

    def _wait(self, count: int) -> int:
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + count / self._rate
            wait = self._free_at - time.monotonic()
        time.sleep(max(0.0, wait))
        return count

    def _room(self, count: int) -> int:
        """Saves up to a second's worth, as a shard does."""
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - 1)
            taken = min(count, int((now - self._free_at) * self._rate))
            self._free_at += taken / self._rate
            return taken


class Sink:
    """The process's other end."""

    def __init__(self, url: str, pipe: Connection) -> None:
        self.url = url
        self._pipe = pipe

    def taken(self) -> set[bytes]:
        """The ids of all transactions that are durable."""
        self._pipe.send("taken")
        found: set[bytes] = self._pipe.recv()
        return found


def _serve(pipe: Connection, key: ApiKey, rate: float, manner: Manner) -> None:
    aws = LimitedAws(secrets=FakeSecretsManager.holding(key_document(key), "payments/keys"))
    aws.limit(rate, manner)
    with loopback(aws.answer) as url:
        pipe.send(url)
        while pipe.recv() == "taken":
            pipe.send(aws.taken)


@contextmanager
def serving(key: ApiKey, rate: float, manner: Manner) -> Iterator[Sink]:
    pipe, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, key, rate, manner), daemon=True)
    process.start()
    try:
        yield Sink(pipe.recv(), pipe)
    finally:
        pipe.send("end")
        process.join(timeout=30)
