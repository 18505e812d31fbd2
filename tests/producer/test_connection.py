"""A client that does not get on with its request is dropped; one that does is not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from producer.connection import MAX_PIPELINED, deadline_protocol

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


@asynccontextmanager
async def connection(
    seconds: float, answer: Any = app
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    protocol = deadline_protocol(seconds)
    config = uvicorn.Config(answer, http=protocol, ws="none", lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield reader, writer
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    "sent", [b"", b"POST", BEGIN, BEGIN + b"content-length: 5\r\n\r\nab"], ids=["nothing", "method", "header", "body"]
)
async def test_a_request_that_does_not_arrive_ends_the_connection(sent: bytes) -> None:
    async with connection(0.05) as (reader, writer):
        writer.write(sent)
        answered = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    assert (b"401" in answered) == sent.endswith(b"ab")


async def test_a_request_that_arrived_leaves_the_connection_open_for_the_next() -> None:
    async with connection(0.5) as (reader, writer):
        for _ in range(2):
            writer.write(BEGIN + b"content-length: 5\r\n\r\nabcde")
            assert b"401" in await asyncio.wait_for(reader.readuntil(b"no"), PATIENCE_SECONDS)
            await asyncio.sleep(0.6)


async def answered_until_closed(reader: asyncio.StreamReader) -> bytes:
    answered = b""
    with contextlib.suppress(ConnectionError):
        while got := await asyncio.wait_for(reader.read(65536), PATIENCE_SECONDS):
            answered += got
    return answered


@pytest.mark.parametrize(
    "head",
    [
        BEGIN + b"a: b\r\n" * 15_000,
        BEGIN + b"a: " + b"b" * 1_000_000,
        BEGIN + b"a" * 1_000_000,
        b"POST /" + b"a" * 1_000_000,
        BEGIN + b"transfer-encoding: chunked\r\n\r\n0\r\na: " + b"b" * 1_000_000,
    ],
    ids=["fields", "value", "name", "url", "trailer"],
)
async def test_a_head_that_does_not_end_ends_the_connection_before_it_fills_the_memory(head: bytes) -> None:
    async with connection(3600, echo) as (reader, writer):
        writer.write(head)
        answered = await answered_until_closed(reader)
    assert answered.startswith(b"HTTP/1.1 431 ") or not answered, "an answer may be lost when the connection is closed"


async def test_a_head_of_some_size_is_no_fault_and_neither_is_a_large_body() -> None:
    async with connection(3600, echo) as (reader, writer):
        for _ in range(3):
            writer.write(BEGIN + b"a: %b\r\ncontent-length: 300000\r\n\r\n" % (b"a" * 30_000) + b"b" * 300_000)
            await asyncio.wait_for(reader.readuntil(b"["), PATIENCE_SECONDS)
            assert await asyncio.wait_for(reader.readexactly(300_001), PATIENCE_SECONDS) == b"b" * 300_000 + b"]"


@pytest.mark.parametrize("then", ["close", "keep-alive"])
async def test_a_client_that_never_reads_its_answers_is_dropped(then: str) -> None:
    async with connection(0.2, shout) as (reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own transports have it
        writer.write(BEGIN + b"connection: %b\r\ncontent-length: 0\r\n\r\n" % then.encode())
        await asyncio.wait_for(lost(writer), PATIENCE_SECONDS)
        answered = await answered_until_closed(reader)
    assert len(answered) < SHOUT_BYTES


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
    async with connection(3600, echo) as (reader, writer):
        for at in range(0, len(whole), piece):
            writer.write(whole[at : at + piece])
            await writer.drain()
            await asyncio.sleep(0)
        answers = [await asyncio.wait_for(reader.readuntil(b"]"), PATIENCE_SECONDS) for _ in sent]
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [b"[abcde]", b"[]", b"[abcde]", b"[fg]"]


@pytest.mark.parametrize("head", [BEGIN, UPGRADE], ids=["plain", "upgrade"])
async def test_requests_in_one_piece_are_served_unless_they_are_very_many(head: bytes) -> None:
    async with connection(3600, echo) as (reader, writer):
        writer.write((head + b"\r\n") * MAX_PIPELINED)
        for _ in range(MAX_PIPELINED):
            await asyncio.wait_for(reader.readuntil(b"[]"), PATIENCE_SECONDS)
        writer.write((head + b"\r\n") * 20 * MAX_PIPELINED)
        answered = await answered_until_closed(reader)
    assert answered.count(b"[]") < 20 * MAX_PIPELINED
