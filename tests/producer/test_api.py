"""Every record gets its receipt: the answers of the HTTP contract, over the real application."""

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.buffer import Entry
from producer.errors import StreamBrokenError, StreamUnavailableError
from tests.producer.builders import TRX_ID, numbered_records, record
from tests.producer.fakes import FakeStream, with_room
from tests.producer.receipts import BAD, accepted, is_problem, refusing, rejected, unavailable
from tests.producer.service import ServiceUnderTest


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
    service = await ServiceUnderTest.ready(publish_limits=with_room(records=3))
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
