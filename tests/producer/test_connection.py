"""A client that does not get on with its request is dropped; one that does is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from producer.connection import deadline_protocol

PATIENCE_SECONDS = 30
BEGIN = b"POST / HTTP/1.1\r\nhost: x\r\n"


async def app(_: Any, __: Any, send: Any) -> None:
    """Answers without reading the body, as a refusal does."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


@asynccontextmanager
async def connection(seconds: float) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    protocol = deadline_protocol(seconds)
    config = uvicorn.Config(app, http=protocol, lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield reader, writer
        writer.close()
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
