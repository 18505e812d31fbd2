"""Bodies are bounded while they are read: as they arrive, as they inflate, and all of them together."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.body import STEP_BYTES, Gzip
from producer.errors import UnreadableError
from tests.producer.builders import numbered_records, record
from tests.producer.fakes import with_room
from tests.producer.receipts import is_problem
from tests.producer.service import LIMITS, ServiceUnderTest

LIMIT = LIMITS.body_bytes


def body(*records: Any) -> bytes:
    return json.dumps({"records": records}).encode()


async def pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for begin in range(0, len(content), size):
        yield content[begin : begin + size]


async def post_gzip(content: bytes, size: int = 0, encoding: str = "gzip") -> httpx.Response:
    service = await ServiceUnderTest.ready()
    sent = pieces(content, size) if size else content
    return await service.post(content=sent, content_encoding=encoding)


@pytest.mark.parametrize("encoding", ["gzip", "GZip", "x-gzip", "identity, gzip"])
@pytest.mark.parametrize("size", [0, 1, 100])
async def test_gzip_is_inflated_with_its_length_and_chunked(encoding: str, size: int) -> None:
    content = gzip.compress(body(*numbered_records(3)))
    assert (await post_gzip(content, size, encoding)).status_code == 202


BOMB = gzip.compress(b'{"records": [' + b" " * 100_000_000)


@pytest.mark.parametrize("size", [0, 10_000])
async def test_413_a_bomb_is_left_where_it_passes_the_limit(size: int) -> None:
    assert len(BOMB) > LIMIT, "by its own length it is refused before it is read"
    is_problem(await post_gzip(BOMB[:LIMIT], size), 413)


def test_no_more_is_inflated_than_is_asked_for() -> None:
    parts = Gzip().inflate(BOMB)
    assert [len(next(parts)) for _ in range(3)] == [STEP_BYTES] * 3


async def test_413_what_inflates_to_the_limit_is_read_and_a_byte_more_is_not() -> None:
    whole = body(record()).ljust(LIMIT)
    assert (await post_gzip(gzip.compress(whole))).status_code == 202
    is_problem(await post_gzip(gzip.compress(whole + b" ")), 413)


async def test_413_packed_bytes_count_too_however_little_they_inflate_to() -> None:
    empty_block = b"\0\0\0\xff\xff"
    is_problem(await post_gzip(gzip.compress(b"")[:10] + empty_block * LIMIT, size=1000), 413)


PACKED = gzip.compress(body(record()))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        body(record()),
        PACKED[:-1],
        PACKED[:-9] + b"\0" + PACKED[-8:],
        PACKED + b"x",
        PACKED + PACKED,
        zlib.compress(body(record())),
    ],
    ids=["nothing", "plain", "cut", "crc", "more", "two-members", "zlib"],
)
@pytest.mark.parametrize("size", [0, 7])
async def test_400_what_is_not_one_member_of_gzip(content: bytes, size: int) -> None:
    assert "gzip" in is_problem(await post_gzip(content, size), 400)["detail"]


@given(st.binary(max_size=200_000), st.integers(1, 1000))
def test_what_was_packed_is_inflated_to_the_same_in_whatever_pieces_it_comes(content: bytes, size: int) -> None:
    packed, inflating = gzip.compress(content), Gzip()
    parts = [part for begin in range(0, len(packed), size) for part in inflating.inflate(packed[begin : begin + size])]
    inflating.require_end()
    assert b"".join(parts) == content
    assert all(len(part) <= STEP_BYTES for part in parts)


@given(st.binary(max_size=100), st.integers(0, 200), st.binary(max_size=3))
def test_bytes_that_are_no_gzip_are_refused_and_nothing_else_happens(head: bytes, cut: int, tail: bytes) -> None:
    inflating = Gzip()
    try:
        parts = [*inflating.inflate(head), *inflating.inflate(PACKED[:cut] + tail)]
        inflating.require_end()
    except UnreadableError:
        return
    assert b"".join(parts) == body(record())


async def test_503_more_bodies_at_once_than_there_is_room_for_and_room_again_when_one_is_gone() -> None:
    service = await ServiceUnderTest.ready(bodies_bytes=1500, limits=replace(LIMITS, body_seconds=30))
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        content = body(*numbered_records(3))
        yield content[:900]
        arrived.set()
        await go_on.wait()
        yield content[900:]

    waiting = asyncio.create_task(service.post(content=slow()))
    await arrived.wait()
    response = await service.post(*numbered_records(3))
    is_problem(response, 503)
    assert response.headers["retry-after"] == "1"
    go_on.set()
    assert (await waiting).status_code == 202
    assert service.intake.bytes == 0
    assert (await service.post(*numbered_records(3))).status_code == 202
    assert 'collector_shed_requests_total{full="bodies"} 1.0' in (await service.http.get("/metrics")).text


@pytest.mark.parametrize("content", [b"{", b"x" * (LIMIT + 1), body(record(amount=-1))], ids=["400", "413", "422"])
async def test_a_refused_body_gives_its_room_back(content: bytes) -> None:
    service = await ServiceUnderTest.ready()
    assert (await service.post(content=pieces(content, 1000))).status_code in (400, 413, 422)
    assert service.intake.bytes == 0


async def test_503_while_the_buffer_is_full_a_body_is_not_even_read() -> None:
    async def unread() -> AsyncIterator[bytes]:
        yield pytest.fail("the body was read")

    service = await ServiceUnderTest.ready(publish_limits=with_room(records=10))
    service.stream.gate.clear()
    waiting = asyncio.create_task(service.post(*numbered_records(8)))
    for _ in range(200):
        await asyncio.sleep(0)
    assert service.stream.in_flight == 1
    assert is_problem(await service.post(*numbered_records(3)), 503)["unavailable"] == 3
    refused = await service.post(content=unread())
    is_problem(refused, 503)
    assert refused.headers["retry-after"] == "1"
    service.stream.gate.set()
    assert (await waiting).status_code == 202
    assert (await service.post(*numbered_records(3))).status_code == 202
