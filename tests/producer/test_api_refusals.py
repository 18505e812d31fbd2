"""What is refused before a single record is looked at, status by status."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api_keys.document import new_key
from producer.envelope import split
from tests.producer.builders import numbered_records, record
from tests.producer.receipts import BAD, accepted, is_problem
from tests.producer.service import KEY, KEY_TEXT, LIMITS, NOW, PATH, ServiceUnderTest, revised


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
        (b'{"records": [{}], "record": 1, "count": 2}', "unknown record"),
        (b'{"records": [{}], "records": [{}]}', "twice"),
        (b'{"records": ["\\ud800"', "not JSON"),
        (b'{"records": ["\\ud800"], "x": 1}', "unknown x"),
        (b'{"records": ["\\ud800"], "records": [1]}', "twice"),
        (b'{"\\u0072ecords": [1], "records": [[1], "a"]}', "twice"),
    ],
)
async def test_400_the_body_is_no_envelope_of_records(content: bytes, detail: str) -> None:
    service = await ServiceUnderTest.ready()
    assert detail in is_problem(await service.post(content=content), 400)["detail"]


@pytest.mark.parametrize(
    "content",
    [b'{"records": ', b'{"records": ["\\ud800", ', b'{"records": [1],"records": '],
    ids=["plain", "surrogate", "twice"],
)
async def test_400_deep_nesting(content: bytes) -> None:
    service = await ServiceUnderTest.ready(limits=replace(LIMITS, body_bytes=1_000_000))
    problem = is_problem(await service.post(content=content + b"[" * 200_000), 400)
    assert "nested too deeply" in problem["detail"]


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
    "content",
    [
        b'{"records":[["\\ud800"],"\\\\ud800"]}',
        b'\t{ "records" : [ ["\\uDfFf", [1]] ,\r\n"]" ] } ',
        b'{"\\u0072ecords": [[1], "\xc3\xa9"]}',
    ],
    ids=["tight", "spaced", "escaped"],
)
def test_records_are_cut_out_as_they_are_in_the_body(content: bytes) -> None:
    cut = [json.loads(bytes(record)) for record in split(content, 2)]
    assert cut == json.loads(content)["records"]


@pytest.mark.parametrize("first", [b'"\\ud800"', b'["a"], "a"'], ids=["surrogate", "list"])
async def test_413_of_too_many_records_not_one_is_read(first: bytes) -> None:
    service = await ServiceUnderTest.ready()
    records = b'"records": [' + first + b", 1" * 10 + b"]"
    problem = is_problem(await service.post(content=b"{" + records + b", " + records + b"}"), 413)
    assert "at most 10" in problem["detail"]


async def test_bad_records_do_not_hold_up_other_requests() -> None:
    service = await ServiceUnderTest.ready(limits=replace(LIMITS, records=1000, body_bytes=1_000_000))
    answered: list[int] = []

    async def post(count: int) -> None:
        is_problem(await service.post(*[BAD] * count), 422)
        answered.append(count)

    await asyncio.gather(post(1000), post(1))
    assert answered == [1, 1000]


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
        {"content_type": "application/json; charset*=latin-1''x"},
        {"content_type": "application/json; a*0=1; a*=2"},
        {"content_type": f"application/json; a*{'1' * 5000}=x"},
        {"content_type": "application/json; charset"},
        {"content_type": "application/json, text/plain"},
        {"content_encoding": "gzip, gzip"},
        {"content_encoding": "gzip, br"},
        {"content_encoding": "deflate"},
        {"content_encoding": "br"},
    ],
    ids=lambda headers: str(headers)[:60],
)
async def test_415_another_media_type_or_an_encoding(headers: dict[str, str]) -> None:
    service = await ServiceUnderTest.ready()
    response = await service.post(record(), **headers)
    is_problem(response, 415)
    assert ("accept-encoding" in response.headers) == ("content_encoding" in headers)


@pytest.mark.parametrize(
    "twice",
    [
        [("content-type", "application/json"), ("content-type", "text/plain")],
        [("content-type", "text/plain"), ("content-type", "application/json")],
        [("content-type", "application/json"), ("content-encoding", "gzip"), ("content-encoding", "br")],
    ],
    ids=str,
)
async def test_415_one_of_several_headers_says_something_else(twice: list[tuple[str, str]]) -> None:
    service = await ServiceUnderTest.ready()
    body = json.dumps({"records": [record()]}).encode()
    is_problem(await service.http.post(PATH, content=body, headers=[("x-api-key", KEY_TEXT), *twice]), 415)


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "application/json; charset=utf-8"},
        {"content_type": 'Application/JSON;charset="UTF-8"'},
        {"content_type": "application/json; profile=x ;"},
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
    assert response.headers["retry-after"] == "1", "without a token, nobody looks how many there are"
    service.time.now += 1
    response = await service.post(*numbered_records(5))
    is_problem(response, 429)
    assert response.headers["retry-after"] == "2"
    service.time.now += 2
    assert (await service.post(*numbered_records(5))).status_code == 202


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


async def test_a_request_that_cannot_be_read_is_not_free() -> None:
    service = await ServiceUnderTest.ready(rate=1)
    for _ in range(10):
        is_problem(await service.post(content=b"{"), 400)
    is_problem(await service.post(content=b"{"), 429)
