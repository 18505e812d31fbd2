"""A body that is made to hurt is answered like any other, and in a time and a memory that grow with its bytes alone."""

import time
import tracemalloc
from dataclasses import replace

import pytest

from producer.envelope import split
from producer.errors import RequestError
from tests.producer import hostile
from tests.producer.hostile import BYTES, RECORDS
from tests.producer.receipts import is_problem
from tests.producer.service import LIMITS, ServiceUnderTest

# Those that grow with the square of their bytes would take hours.
MOST_SECONDS = 15
UNREADABLE, REFUSED, GOOD = dict(hostile.unreadable()), dict(hostile.refused()), dict(hostile.good())


async def answered(content: bytes) -> tuple[int, dict[str, object]]:
    """The status and the body of the answer, which did not take long."""
    assert len(content) <= BYTES
    service = await ServiceUnderTest.ready(limits=replace(LIMITS, records=RECORDS, body_bytes=BYTES))
    began = time.process_time()
    response = await service.post(content=content)
    assert time.process_time() - began < MOST_SECONDS
    if response.status_code != 202:
        is_problem(response, response.status_code)
    return response.status_code, response.json()


@pytest.mark.parametrize("name", UNREADABLE)
async def test_400_or_413_what_is_no_envelope_of_few_records(name: str) -> None:
    status, _ = await answered(UNREADABLE[name])
    assert status in (400, 413)


@pytest.mark.parametrize("name", REFUSED)
async def test_422_records_that_are_all_wrong(name: str) -> None:
    status, body = await answered(REFUSED[name])
    assert (status, body["accepted"], body["unavailable"]) == (422, 0, 0)


@pytest.mark.parametrize("name", GOOD)
async def test_202_records_that_only_look_wrong(name: str) -> None:
    status, _ = await answered(GOOD[name])
    assert status == 202


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_refused_takes_little_more_memory_than_its_bytes(name: str) -> None:
    body = UNREADABLE[name]
    with pytest.raises(RequestError):  # what is made once is made now
        split(body[:-1] + b"x", RECORDS)
    tracemalloc.start()
    try:
        with pytest.raises(RequestError):
            split(body, RECORDS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * BYTES
