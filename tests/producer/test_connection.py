"""A client that does not get on with its request is dropped; one that does is not."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from producer.connection import MAX_FIELDS, MAX_PIPELINED, guarded_protocol
from producer.deadlines import ConnectionLimits

PATIENCE_SECONDS = 30
SHOUT_BYTES = 32 * 1024 * 1024
BEGIN = b"POST / HTTP/1.1\r\nhost: x\r\n"


async def app(_: Any, __: Any, send: Any) -> None:
    """Answers without reading the body, as a refusal does."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


async def echo(_: Any, receive: Any, send: Any) -> None:
    """Answers with the body, in brackets."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    length = str(len(body) + 2).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": b"[" + body + b"]"})


async def shout(_: Any, __: Any, send: Any) -> None:
    """Answers with more than the sockets' buffers hold."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % SHOUT_BYTES)]})
    await send({"type": "http.response.body", "body": b"x" * SHOUT_BYTES})


@dataclass
class Served:
    """An application behind the protocol, and the reasons for which it refused connections."""

    address: tuple[str, int]
    refused: list[str]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(*self.address)
        yield reader, writer
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def serving(answer: Any = app, idle: int = 3600, **limits: float) -> AsyncIterator[Served]:
    refused: list[str] = []
    patient = {"connections": 100, "head_seconds": 3600, "body_seconds": 3600}
    protocol = guarded_protocol(ConnectionLimits(**patient | limits), refused.append)  # type: ignore[arg-type]
    config = uvicorn.Config(answer, http=protocol, ws="none", lifespan="off", log_config=None, timeout_keep_alive=idle)
    config.load()
    state = uvicorn.server.ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield Served(server.sockets[0].getsockname(), refused)


@asynccontextmanager
async def connection(
    answer: Any = app, **limits: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with serving(answer, **limits) as served, served.connection() as ends:
        yield ends


def is_refusal(answered: bytes, status: int) -> bool:
    """A problem, as every refusal is, and the end of the connection."""
    head, _, body = answered.partition(b"\r\n\r\n")
    return (
        head.startswith(b"HTTP/1.1 %d " % status)
        and b"content-type: application/problem+json" in head
        and b"connection: close" in head
        and json.loads(body)["status"] == status
    )


async def test_a_connection_without_a_request_is_closed_without_a_word() -> None:
    async with connection(idle=0) as (reader, _):
        assert await asyncio.wait_for(reader.read(), PATIENCE_SECONDS) == b""


@pytest.mark.parametrize("sent", [b"POST", BEGIN, BEGIN + b"a: b\r\n"], ids=["method", "line", "header"])
async def test_408_a_head_that_does_not_arrive(sent: bytes) -> None:
    async with serving(head_seconds=0.05) as served, served.connection() as (reader, writer):
        writer.write(sent)
        assert is_refusal(await asyncio.wait_for(reader.read(), PATIENCE_SECONDS), 408)
        assert served.refused == ["slow_head"]


@pytest.mark.parametrize("drip", [b"a", b"a: b\r\n"], ids=["byte", "field"])
async def test_408_a_head_that_drips_gains_no_time_by_it(drip: bytes) -> None:
    async with connection(head_seconds=0.3) as (reader, writer):
        writer.write(BEGIN)
        answer = asyncio.ensure_future(reader.read())
        while not answer.done():
            writer.write(drip)
            await asyncio.sleep(0.01)
    assert is_refusal(await answer, 408)


async def test_empty_lines_do_not_keep_a_connection_open() -> None:
    async with connection(idle=1) as (reader, writer):
        writer.write(BEGIN + b"content-length: 0\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"no"), PATIENCE_SECONDS)
        await asyncio.wait_for(lost(writer), PATIENCE_SECONDS)


async def test_a_body_that_does_not_arrive_ends_the_connection_in_the_end() -> None:
    async with connection(body_seconds=0.05) as (reader, writer):
        writer.write(BEGIN + b"content-length: 5\r\n\r\nab")
        assert b"401" in await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)


async def test_a_request_that_arrived_leaves_the_connection_open_for_the_next() -> None:
    async with connection(head_seconds=0.5, body_seconds=0.5) as (reader, writer):
        for _ in range(2):
            writer.write(BEGIN + b"content-length: 5\r\n\r\nabcde")
            assert b"401" in await asyncio.wait_for(reader.readuntil(b"no"), PATIENCE_SECONDS)
            await asyncio.sleep(0.6)


@pytest.mark.parametrize("next_one", [BEGIN, BEGIN + b"content-length: 5\r\n\r\nab"], ids=["head", "body"])
async def test_a_request_is_answered_however_slow_the_next_one_on_its_connection_is(next_one: bytes) -> None:
    begun, done = asyncio.Event(), asyncio.Event()

    async def slowly(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await done.wait()
        await app(scope, receive, send)

    async with connection(slowly, head_seconds=0.05, body_seconds=0.05) as (reader, writer):
        writer.write(BEGIN + b"content-length: 0\r\n\r\n" + next_one)
        await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)
        await asyncio.sleep(0.3)
        done.set()
        assert b"401" in await asyncio.wait_for(reader.readuntil(b"no"), PATIENCE_SECONDS)
        rest = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    assert is_refusal(rest, 408) if next_one == BEGIN else b"401" in rest


async def test_a_refusal_is_never_taken_for_the_answer_to_an_earlier_request() -> None:
    done, ended = asyncio.Event(), asyncio.Event()

    async def too_late(_: Any, __: Any, ___: Any) -> None:
        await done.wait()
        ended.set()

    async with serving(too_late) as served, served.connection() as (reader, writer):
        writer.write(BEGIN + b"content-length: 0\r\n\r\n" + b"nonsense\r\n\r\n")
        assert await answered_until_closed(reader) == b""
        assert served.refused == ["malformed"]
        done.set()
        await ended.wait()


async def test_400_what_is_no_request() -> None:
    async with connection() as (reader, writer):
        writer.write(b"nonsense\r\n\r\n")
        assert is_refusal(await answered_until_closed(reader), 400)


async def test_503_more_connections_than_may_be_open_and_room_again_once_one_is_closed() -> None:
    async with serving(connections=1) as served:
        async with served.connection(), served.connection() as (reader, _):
            refused = await answered_until_closed(reader)
            assert is_refusal(refused, 503)
            assert b"retry-after: 1\r\n" in refused
        await asyncio.sleep(0.05)
        async with served.connection() as (reader, writer):
            writer.write(BEGIN + b"content-length: 0\r\n\r\n")
            assert b"401" in await asyncio.wait_for(reader.readuntil(b"no"), PATIENCE_SECONDS)
        assert served.refused == ["too_many"]


async def answered_until_closed(reader: asyncio.StreamReader) -> bytes:
    answered = b""
    with contextlib.suppress(ConnectionError):
        while got := await asyncio.wait_for(reader.read(65536), PATIENCE_SECONDS):
            answered += got
    return answered


@pytest.mark.parametrize(
    "head",
    [
        BEGIN + b"a: b\r\n" * (MAX_FIELDS + 1),
        BEGIN + b"a: b\r\n" * 15_000,
        BEGIN + b"a: " + b"b" * 1_000_000,
        BEGIN + b"a" * 1_000_000,
        b"POST /" + b"a" * 1_000_000,
        BEGIN + b"transfer-encoding: chunked\r\n\r\n0\r\na: " + b"b" * 1_000_000,
    ],
    ids=["fields", "many-fields", "value", "name", "url", "trailer"],
)
async def test_a_head_that_does_not_end_ends_the_connection_before_it_fills_the_memory(head: bytes) -> None:
    async with connection(echo) as (reader, writer):
        writer.write(head)
        answered = await answered_until_closed(reader)
    assert is_refusal(answered, 431) or not answered, "an answer may be lost when the connection is closed"


async def test_a_head_of_some_size_is_no_fault_and_neither_is_a_large_body() -> None:
    async with connection(echo) as (reader, writer):
        for _ in range(3):
            writer.write(BEGIN + b"a: %b\r\ncontent-length: 300000\r\n\r\n" % (b"a" * 30_000) + b"b" * 300_000)
            await asyncio.wait_for(reader.readuntil(b"["), PATIENCE_SECONDS)
            assert await asyncio.wait_for(reader.readexactly(300_001), PATIENCE_SECONDS) == b"b" * 300_000 + b"]"


@pytest.mark.parametrize("then", ["close", "keep-alive"])
async def test_a_client_that_never_reads_its_answers_is_dropped(then: str) -> None:
    async with connection(shout, body_seconds=0.2) as (reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own transports have it
        writer.write(BEGIN + b"connection: %b\r\ncontent-length: 0\r\n\r\n" % then.encode())
        await asyncio.wait_for(lost(writer), PATIENCE_SECONDS)
        answered = await answered_until_closed(reader)
    assert len(answered) < SHOUT_BYTES


async def test_of_the_clients_that_do_not_read_the_first_is_dropped_when_their_answers_take_too_much_memory() -> None:
    async with serving(shout) as served, served.connection() as first, served.connection() as second:
        for _, writer in (first, second):
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own transports have it
            writer.write(BEGIN + b"content-length: 0\r\n\r\n")
            await asyncio.sleep(0.2)
        await asyncio.wait_for(lost(first[1]), PATIENCE_SECONDS)
        second[1].transport.resume_reading()  # type: ignore[attr-defined]  # asyncio's own transports have it
        await asyncio.wait_for(second[0].readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        await asyncio.wait_for(second[0].readexactly(SHOUT_BYTES), PATIENCE_SECONDS)


async def lost(writer: asyncio.StreamWriter) -> None:
    """Writing fails once the other side is gone."""
    with contextlib.suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)


UPGRADE = BEGIN + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"


@pytest.mark.parametrize("piece", [1, 7, 1000])
async def test_a_request_that_asks_for_an_upgrade_is_served_as_it_is(piece: int) -> None:
    sent = [
        UPGRADE + b"Content-Length: 5\r\n\r\nabcde",
        UPGRADE + b"\r\n",
        UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        BEGIN + b"Content-Length: 2\r\n\r\nfg",
    ]
    whole = b"".join(sent)
    async with connection(echo) as (reader, writer):
        for at in range(0, len(whole), piece):
            writer.write(whole[at : at + piece])
            await writer.drain()
            await asyncio.sleep(0)
        answers = [await asyncio.wait_for(reader.readuntil(b"]"), PATIENCE_SECONDS) for _ in sent]
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [b"[abcde]", b"[]", b"[abcde]", b"[fg]"]


@pytest.mark.parametrize("head", [BEGIN, UPGRADE], ids=["plain", "upgrade"])
async def test_requests_in_one_piece_are_served_unless_they_are_very_many(head: bytes) -> None:
    async with connection(echo) as (reader, writer):
        writer.write((head + b"\r\n") * MAX_PIPELINED)
        for _ in range(MAX_PIPELINED):
            await asyncio.wait_for(reader.readuntil(b"[]"), PATIENCE_SECONDS)
        writer.write((head + b"\r\n") * 20 * MAX_PIPELINED)
        answered = await answered_until_closed(reader)
    assert answered.count(b"[]") < 20 * MAX_PIPELINED
