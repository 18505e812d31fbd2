"""What nobody can evaluate becomes a dead letter with its bytes and the reason, and its neighbours arrive."""

import json
from uuid import uuid4

import pytest

from tests.e2e.driver import Driver

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
DEAD_LETTERS = "SELECT payload, reason FROM dead_letters WHERE state = 'open'"


def good_line(trx_id: str, **changes: object) -> bytes:
    transaction = {
        "v": 1,
        "trxId": trx_id,
        "amount": "1500.25",
        **dict.fromkeys(
            ("senderId", "receiverId", "senderIban", "receiverIban", "senderBankId", "receiverBankId"), "x"
        ),
        "transactionDate": "2022-06-30T07:41:46+00:00",
        "receivedAt": "2026-11-23T10:00:00.000000Z",
    }
    kept = {name: value for name, value in (transaction | changes).items() if value is not None}
    return json.dumps(kept).encode() + b"\n"


def test_poison_becomes_dead_letters_and_its_neighbours_arrive(driver: Driver) -> None:
    poison = {
        "not JSON": b"these are no transactions\n",
        "not UTF-8": b'{"v":1,"trxId":"\xff\xfe"}\n',
        "a missing field": good_line(str(uuid4()), senderId=None),
        "a 1 MiB line": b"x" * (1024 * 1024 - 10) + b"\n",
        "an empty record": b"",
        "a future schema version": good_line(str(uuid4()), v=2),
    }
    neighbours = [str(uuid4()) for _ in range(2 * len(poison) + 2)]
    inside = [line for name, line in poison.items() if name not in ("a 1 MiB line", "an empty record")]
    before = len(driver.sql(DEAD_LETTERS))
    for payload, neighbour in zip(poison.values(), neighbours, strict=False):
        driver.put(good_line(neighbour), payload)
    packed = [b"".join(pair) for pair in zip(map(good_line, neighbours[len(poison) :]), inside, strict=False)]
    driver.put(b"".join([*packed, good_line(neighbours[-1])]))
    driver.await_settled()
    assert {reason.partition(" ")[0] for _, reason in driver.sql(DEAD_LETTERS)} >= {"not", "missing", "empty", "schema"}
    payloads = [bytes(payload).rstrip(b"\n") for payload, _ in driver.sql(DEAD_LETTERS)]
    assert len(payloads) == before + len(poison) + len(inside)
    assert {line.rstrip(b"\n") for line in poison.values()} <= set(payloads)
    arrived = {*neighbours[: len(poison)], *neighbours[len(poison) : len(poison) + len(inside)], neighbours[-1]}
    stored = driver.sql(
        "SELECT transaction_id::text FROM anomalies WHERE transaction_id = ANY(%s::uuid[])", sorted(arrived)
    )
    assert {trx_id for (trx_id,) in stored} == arrived
