"""The HTTP contract, status by status, over the real application."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.auth import new_key
from producer.buffer import Entry
from producer.errors import StreamBrokenError, StreamUnavailableError
from tests.producer.builders import TRX_ID, numbered_records, record
from tests.producer.fakes import ROOMY, FakeStream
from tests.producer.service import KEY, KEY_TEXT, LIMITS, NOW, PATH, ServiceUnderTest, revised

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


async def test_202_every_record_is_accepted_and_durable() -> None:
    service = await ServiceUnderTest.ready()
    response = await service.post(*numbered_records(2))
    assert response.status_code == 202
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "accepted": 2,
        "rejected": 0,
        "unavailable": 0,
        "records": [accepted(0), accepted(1)],
    }
    assert [line["trxId"] for line in service.written()] == [accepted(0)["trxId"], accepted(1)["trxId"]]


async def test_the_partition_is_the_senders_and_the_line_says_when_it_was_received() -> None:
    service = await ServiceUnderTest.ready()
    await service.post(record(senderId="sender-9", trxId=TRX_ID.upper()))
    (entry,) = service.stream.written
    (line,) = service.written()
    assert entry.partition_key == "sender-9"
    assert line["receivedAt"] == "2026-11-23T10:00:00.000000Z"
    assert line["trxId"] == TRX_ID


async def test_202_comes_only_after_kinesis_acknowledged() -> None:
    service = await ServiceUnderTest.ready()
    service.stream.gate.clear()
    posted = asyncio.create_task(service.post(record()))
    for _ in range(200):
        await asyncio.sleep(0)
    assert service.stream.in_flight == 1
    assert not posted.done()
    service.stream.gate.set()
    assert (await posted).status_code == 202


async def test_207_each_record_of_a_mix_has_its_own_receipt_in_request_order() -> None:
    service = await ServiceUnderTest.ready(stream=refusing(2))
    good = numbered_records(3)
    response = await service.post(good[0], BAD, good[1], good[2])
    assert response.status_code == 207
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "accepted": 2,
        "rejected": 1,
        "unavailable": 1,
        "records": [accepted(0), rejected(1), accepted(1), unavailable(2)],
    }


async def test_207_rejected_and_unavailable_without_any_accepted() -> None:
    service = await ServiceUnderTest.ready(stream=refusing(0))
    response = await service.post(*numbered_records(1), BAD)
    assert response.status_code == 207
    assert response.json()["records"] == [unavailable(0), rejected(1)]


async def test_422_every_record_is_rejected() -> None:
    service = await ServiceUnderTest.ready()
    problem = is_problem(await service.post(BAD, BAD), 422)
    assert (problem["accepted"], problem["rejected"], problem["unavailable"]) == (0, 2, 0)
    assert problem["records"] == [rejected(0), rejected(1)]
    assert service.stream.calls == []


@pytest.mark.parametrize(
    "stream",
    [
        refusing(0, 1),
        FakeStream(failures=[StreamBrokenError("AccessDeniedException")]),
        FakeStream(failures=[StreamUnavailableError("ReadTimeoutError") for _ in range(100)]),
    ],
    ids=["refused", "broken", "down"],
)
async def test_503_nothing_could_be_published(stream: FakeStream) -> None:
    service = await ServiceUnderTest.ready(stream=stream)
    response = await service.post(*numbered_records(2))
    problem = is_problem(response, 503)
    assert int(response.headers["retry-after"]) >= 1
    assert (problem["accepted"], problem["rejected"], problem["unavailable"]) == (0, 0, 2)
    assert problem["records"] == [unavailable(0), unavailable(1)]


async def test_503_at_once_when_the_buffer_is_full() -> None:
    service = await ServiceUnderTest.ready(publish_limits=replace(ROOMY, buffer_records=3))
    service.stream.gate.clear()
    waiting = asyncio.create_task(service.post(*numbered_records(3)))
    for _ in range(200):
        await asyncio.sleep(0)
    response = await service.post(*numbered_records(1))
    problem = is_problem(response, 503)
    assert int(response.headers["retry-after"]) >= 1
    assert problem["records"] == [unavailable(0)]
    service.stream.gate.set()
    assert (await waiting).status_code == 202
    assert len(service.stream.written) == 3


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"records": [NaN]}', "not JSON"),
        (b'{"records": [{}]} x', "not JSON"),
        (b'{"\xff": 1}', "not UTF-8"),
        (b"[]", "JSON object"),
        (b"null", "JSON object"),
        (b"{}", "records is missing"),
        (b'{"records": null}', "must be a list"),
        (b'{"records": {}}', "must be a list"),
        (b'{"records": []}', "1 to 10 records"),
        (b'{"records": [{}], "record": 1, "count": 2}', "unknown record, count"),
        (b'{"records": [{}], "records": [{}]}', "twice"),
        (b'{"records": ' + b"[" * 9000, "nested too deeply"),
        (b'{"records": ["\\ud800"', "not JSON"),
        (b'{"records": ["\\ud800"], "x": 1}', "not JSON"),
    ],
)
async def test_400_the_body_is_no_envelope_of_records(content: bytes, detail: str) -> None:
    service = await ServiceUnderTest.ready()
    assert detail in is_problem(await service.post(content=content), 400)["detail"]


async def test_half_a_surrogate_pair_is_the_fault_of_its_record_alone() -> None:
    service = await ServiceUnderTest.ready()
    content = b'{"records": [' + b", ".join(
        [b'{"senderId": "\\ud800"}', *(httpx.Request("POST", "http://x", json=r).content for r in numbered_records(1))]
    )
    response = await service.post(content=content + b"] }\n")
    assert response.status_code == 207
    assert response.json()["records"][1] == accepted(0)
    faults = response.json()["records"][0]["errors"]
    assert {"field": "senderId", "message": "must be Unicode text, without half a surrogate pair"} in faults


@pytest.mark.parametrize(
    "key", [None, "", "nonsense", "pk_", KEY_TEXT[:-1], KEY_TEXT + "A", KEY_TEXT[:-2] + "~~", new_key("x", NOW)[0]]
)
async def test_401_reads_the_same_whatever_is_wrong_with_the_key(key: str | None) -> None:
    service = await ServiceUnderTest.ready()
    response = await service.post(record(), key=key)
    assert is_problem(response, 401)["detail"] == "a valid API key is required"
    assert "x-api-key" in response.headers["www-authenticate"]
    assert service.stream.calls == []


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": NOW + timedelta(days=1)}, {"expires_at": NOW}, {"expires_at": NOW - timedelta(days=1)}],
    ids=str,
)
async def test_401_the_key_is_expired_or_revoked(change: dict[str, Any]) -> None:
    service = await ServiceUnderTest.ready(keys=[revised(KEY, **change)])
    assert is_problem(await service.post(record()), 401)["detail"] == "a valid API key is required"


async def test_401_comes_before_the_body_is_read() -> None:
    async def unread() -> AsyncIterator[bytes]:
        yield pytest.fail("the body was read")

    service = await ServiceUnderTest.ready()
    is_problem(await service.post(content=unread(), key=None), 401)


async def test_503_while_no_keys_were_ever_read() -> None:
    response = await ServiceUnderTest().post(record())
    is_problem(response, 503)
    assert response.headers["retry-after"] == "1"


async def test_408_the_body_does_not_arrive() -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    service = await ServiceUnderTest.ready(limits=replace(LIMITS, body_seconds=0.01))
    is_problem(await service.post(content=never()), 408)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_413_too_many_bytes_are_refused_by_the_announced_length_before_they_are_read() -> None:
    async def unread() -> AsyncIterator[bytes]:
        yield pytest.fail("the body was read")

    service = await ServiceUnderTest.ready()
    is_problem(await service.post(content=unread(), content_length="10001"), 413)


async def test_413_bytes_are_counted_as_they_arrive() -> None:
    service = await ServiceUnderTest.ready()
    is_problem(await service.post(content=chunks(*[b" " * 1000] * 11)), 413)


async def test_413_too_many_records() -> None:
    service = await ServiceUnderTest.ready()
    assert "at most 10" in is_problem(await service.post(*numbered_records(11)), 413)["detail"]
    assert (await service.post(*numbered_records(10))).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": ""},
        {"content_type": "application/x-ndjson"},
        {"content_type": "application/json; charset=latin-1"},
        {"content_encoding": "gzip"},
        {"content_encoding": "br"},
    ],
    ids=str,
)
async def test_415_another_media_type_or_an_encoding(headers: dict[str, str]) -> None:
    service = await ServiceUnderTest.ready()
    response = await service.post(record(), **headers)
    is_problem(response, 415)
    assert ("accept-encoding" in response.headers) == ("content_encoding" in headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "application/json; charset=utf-8"},
        {"content_type": 'Application/JSON;charset="UTF-8"'},
        {"content_encoding": "identity"},
    ],
    ids=str,
)
async def test_json_in_utf_8_is_taken_however_it_is_announced(headers: dict[str, str]) -> None:
    service = await ServiceUnderTest.ready()
    assert (await service.post(record(), **headers)).status_code == 202


async def test_429_names_the_seconds_to_wait_and_the_quota_then_lets_the_request_through() -> None:
    service = await ServiceUnderTest.ready(rate=2)
    assert (await service.post(*numbered_records(10))).status_code == 202, "a burst is never below the largest request"
    response = await service.post(*numbered_records(3))
    is_problem(response, 429)
    assert response.headers["retry-after"] == "2"
    service.time.now += 2
    assert (await service.post(*numbered_records(3))).status_code == 202


async def test_429_a_key_has_its_own_rate_and_its_own_bucket() -> None:
    slow_text, slow = new_key("slow", NOW, rate=1)
    service = await ServiceUnderTest.ready(keys=[KEY, slow])
    assert (await service.post(*numbered_records(10), key=slow_text)).status_code == 202
    assert (await service.post(*numbered_records(1), key=slow_text)).status_code == 429
    assert (await service.post(*numbered_records(10))).status_code == 202


async def test_rejected_transactions_count_toward_the_quota() -> None:
    service = await ServiceUnderTest.ready(rate=1)
    is_problem(await service.post(*[BAD] * 10), 422)
    is_problem(await service.post(record()), 429)


async def test_404_405_and_500_are_problems_too_and_leak_nothing() -> None:
    service = await ServiceUnderTest.ready()
    is_problem(await service.http.get("/nothing"), 404)
    is_problem(await service.http.post(PATH + "/"), 404)
    not_allowed = await service.http.get(PATH)
    is_problem(not_allowed, 405)
    assert not_allowed.headers["allow"] == "POST"
    service.now = None  # type: ignore[assignment]  # a mistake of ours, somewhere deep inside
    response = await service.post(record())
    is_problem(response, 500)
    assert "NoneType" not in response.text


async def test_liveness_and_readiness() -> None:
    service = ServiceUnderTest(stream=FakeStream(failures=[StreamBrokenError("ResourceNotFoundException")]))
    assert (await service.http.get("/health/live")).status_code == 200
    assert "keys" in is_problem(await service.http.get("/health/ready"), 503)["detail"]
    await service.key_ring.refresh()
    assert (await service.http.get("/health/ready")).status_code == 200
    await service.post(record())
    assert "published" in is_problem(await service.http.get("/health/ready"), 503)["detail"]
    await service.post(record())
    assert (await service.http.get("/health/ready")).status_code == 200
    service.readiness.stopping = True
    assert "stop" in is_problem(await service.http.get("/health/ready"), 503)["detail"]
    assert (await service.post(record())).status_code == 202, "requests are served until the load balancer has let go"


async def test_metrics_count_requests_and_receipts() -> None:
    service = await ServiceUnderTest.ready()
    await service.post(record(), BAD)
    await service.post(key=None)
    metrics = (await service.http.get("/metrics")).text
    for line in (
        'collector_requests_total{status="207"} 1.0',
        'collector_requests_total{status="401"} 1.0',
        'collector_transactions_total{status="accepted"} 1.0',
        'collector_transactions_total{status="rejected"} 1.0',
        "collector_buffered_records 0.0",
    ):
        assert line in metrics.splitlines()


async def test_the_documentation_names_every_status_field_and_limit() -> None:
    service = await ServiceUnderTest.ready()
    document = (await service.http.get("/openapi.json")).json()
    post = document["paths"][PATH]["post"]
    assert set(post["responses"]) == {"202", "207", "400", "401", "408", "413", "415", "422", "429", "500", "503"}
    assert set(post["responses"]["503"]["content"]) == {PROBLEM}
    assert set(post["responses"]["207"]["content"]) == {"application/json"}
    schemas = document["components"]["schemas"]
    assert set(schemas["Record"]["required"]) == set(record())
    assert schemas["Record"]["additionalProperties"] is False
    assert schemas["Transactions"]["properties"]["records"]["maxItems"] == LIMITS.records
    assert document["components"]["securitySchemes"]["apiKey"]["name"] == "x-api-key"
    assert "openapi.json" in (await service.http.get("/docs")).text


@given(st.lists(st.sampled_from(["good", "bad", "refused"]), min_size=1, max_size=10))
def test_receipts_come_in_order_and_counts_add_up_whatever_the_mix(kinds: list[str]) -> None:
    async def post() -> tuple[httpx.Response, list[Entry]]:
        stream = refusing(*(number for number, kind in enumerate(kinds) if kind == "refused"))
        service = await ServiceUnderTest.ready(stream=stream)
        bent = [
            r if kind != "bad" else r | {"amount": -1}
            for r, kind in zip(numbered_records(len(kinds)), kinds, strict=True)
        ]
        return await service.post(*bent), stream.written

    response, written = asyncio.run(post())
    body = response.json()
    makes = {"good": accepted, "refused": unavailable, "bad": rejected}
    assert body["records"] == [makes[kind](number) for number, kind in enumerate(kinds)]
    assert (body["accepted"], body["rejected"], body["unavailable"]) == tuple(
        map(kinds.count, ("good", "bad", "refused"))
    )
    whole = {"good": 202, "bad": 422, "refused": 503}
    assert response.status_code == (whole[kinds[0]] if len(set(kinds)) == 1 else 207)
    assert len(written) == kinds.count("good")
