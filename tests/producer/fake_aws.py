"""AWS's wire protocol on a loopback port: as much of Kinesis and Secrets Manager as the real process asks for."""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.producer.loopback import Answer, loopback


@dataclass
class FakeAws:
    """One secret and one stream. A closed `gate` holds PutRecords; `put` is set once a call has come."""

    url: str = ""
    document: str | None = None
    lines: list[bytes] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    put: threading.Event = field(default_factory=threading.Event)

    def answer(self, _: str, headers: Mapping[str, str], body: bytes) -> Answer:
        operation = headers["x-amz-target"].rpartition(".")[2]
        operations = {
            "GetSecretValue": self.get_secret_value,
            "CreateSecret": self.create_secret,
            "PutRecords": self.put_records,
        }
        status, content = operations[operation](json.loads(body))
        return status, {"content-type": "application/x-amz-json-1.1"}, json.dumps(content).encode()

    def get_secret_value(self, _: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.document is None:
            return 400, {"__type": "ResourceNotFoundException"}
        return 200, {"VersionId": "1" * 32, "SecretString": self.document}

    def create_secret(self, call: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.document = call["SecretString"]
        return 200, {}

    def put_records(self, call: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.put.set()
        assert self.gate.wait(timeout=60)
        self.lines += [base64.b64decode(record["Data"]) for record in call["Records"]]
        return 200, {
            "FailedRecordCount": 0,
            "Records": [{"SequenceNumber": "1", "ShardId": "0"} for _ in call["Records"]],
        }


@contextmanager
def serving() -> Iterator[FakeAws]:
    aws = FakeAws()
    aws.gate.set()
    with loopback(aws.answer) as aws.url:
        yield aws
        aws.gate.set()
