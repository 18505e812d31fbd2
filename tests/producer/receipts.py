"""Receipts and problems, as the contract has them."""

from typing import Any

import httpx

from tests.producer.builders import record
from tests.producer.fakes import FakeStream

PROBLEM = "application/problem+json"
BAD = record(amount=-1)
BAD_RECEIPT = {"status": "rejected", "errors": [{"field": "amount", "message": "must not be negative"}]}


def accepted(number: int) -> dict[str, str]:
    return {"trxId": f"00000000-0000-0000-0000-{number:012x}", "status": "accepted"}


def unavailable(number: int) -> dict[str, str]:
    return accepted(number) | {"status": "unavailable"}


def refusing(*numbers: int) -> FakeStream:
    """A stream that refuses for ever the transactions of these numbers."""
    ids = [f"{number:012x}".encode() for number in numbers]
    return FakeStream(refuse=lambda entry: "InternalFailure" if any(id_ in entry.data for id_ in ids) else None)


def rejected(number: int) -> dict[str, Any]:
    return {"index": number} | BAD_RECEIPT


def is_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM
    problem: dict[str, Any] = response.json()
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["status"] == status
    assert problem["detail"]
    return problem
