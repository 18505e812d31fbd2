"""A collector on a loopback port that answers as its script says, and then well."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.producer.loopback import Answer, loopback

Behaviour = Callable[["Misbehaving", list[Any]], Answer]


@dataclass
class Misbehaving:
    """`script` holds a behaviour a request; `requests` are the bodies as they came, `accepted` what was taken."""

    script: list[Behaviour] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    accepted: list[Any] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        with self.lock:
            self.requests.append(body)
            self.headers.append(headers)
            behave = self.script.pop(0) if self.script else accepting
        return behave(self, json.loads(body)["records"])

    def sizes(self) -> list[int]:
        return [len(json.loads(body)["records"]) for body in self.requests]


def accepting(collector: Misbehaving, records: list[Any]) -> Answer:
    return judging()(collector, records)


def judging(*, unavailable: tuple[int, ...] = (), rejected: tuple[int, ...] = ()) -> Behaviour:
    """Receipts: these places unavailable, those rejected, the others accepted."""

    def behave(collector: Misbehaving, records: list[Any]) -> Answer:
        receipts: list[dict[str, Any]] = []
        for place, record in enumerate(records):
            if place in rejected:
                errors = [{"field": "amount", "message": "must not be negative"}]
                receipts.append({"index": place, "status": "rejected", "errors": errors})
            else:
                status = "unavailable" if place in unavailable else "accepted"
                receipts.append({"trxId": record.get("trxId"), "status": status})
                collector.accepted += [record] if status == "accepted" else []
        status_code = 422 if len(rejected) == len(records) else 207 if rejected or unavailable else 202
        return status_code, {}, json.dumps({"records": receipts}).encode()

    return behave


def refusing(status: int, **headers: str) -> Behaviour:
    body = json.dumps({"detail": "the reason"}).encode()
    return lambda _, __: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def dropping(collector: Misbehaving, records: list[Any]) -> Answer:
    """Takes the records and closes the connection instead of answering."""
    collector.accepted += records
    return None


def babbling(_: Misbehaving, __: list[Any]) -> Answer:
    return 202, {}, b"<html>fine</html>"


def at_most(count: int) -> Behaviour:
    return lambda collector, records: (
        accepting(collector, records) if len(records) <= count else refusing(413)(collector, records)
    )


def choking_on(text: str) -> Behaviour:
    """Calls any request unreadable that holds the text."""
    return lambda collector, records: (
        refusing(400)(collector, records) if text in json.dumps(records) else accepting(collector, records)
    )


@contextmanager
def serving(collector: Misbehaving) -> Iterator[Misbehaving]:
    def answer(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        assert path == "/collector/transactions"
        return collector.answer(headers, body)

    with loopback(answer) as url:
        collector.url = url
        yield collector
