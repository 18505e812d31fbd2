"""A gate before the emulator that understands AWS's calls, and answers some of them as AWS does on a bad day."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs

import h11

from tests.drills.loop import Loop

CHUNK = 65_536


@dataclass(frozen=True)
class Call:
    """``action`` is AWS's name for what is asked: PutRecords, SendRawEmail, …"""

    request: h11.Request
    body: bytes

    @property
    def action(self) -> str:
        headers = dict(self.request.headers)
        if b"x-amz-target" in headers:
            return headers[b"x-amz-target"].decode().rpartition(".")[2]
        return parse_qs(self.body.decode(errors="replace")).get("Action", [""])[0]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "application/x-amz-json-1.1"


Forward = Callable[[Call], Awaitable[Answer]]
Trouble = Callable[[Call, Forward], Awaitable[Answer]]
"""What answers in AWS's place; it may forward the call, or another one, before or never."""


class AwsGate:
    """Listens on ``port`` for calls that are meant for ``target``, the emulator's port."""

    def __init__(self, loop: Loop, target: int) -> None:
        self._target = target
        self._troubles: dict[str, Trouble] = {}
        self.troubled = 0
        """Calls that met trouble so far."""
        self.port = loop.serve(self._serve)

    @contextmanager
    def trouble(self, action: str, trouble: Trouble) -> Iterator[None]:
        """``trouble`` has the calls of ``action`` that come while the block lasts."""
        self._troubles[action] = trouble
        try:
            yield
        finally:
            del self._troubles[action]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while call := await _received(connection, reader):
            answer = await self._answer(call)
            headers = [("content-type", answer.content_type), ("content-length", str(len(answer.body)))]
            writer.write(connection.send(h11.Response(status_code=answer.status, headers=headers)) or b"")
            writer.write(connection.send(h11.Data(data=answer.body)) or b"")
            writer.write(connection.send(h11.EndOfMessage()) or b"")
            await writer.drain()
            if connection.our_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _answer(self, call: Call) -> Answer:
        trouble = self._troubles.get(call.action)
        if trouble is None:
            return await self.forward(call)
        self.troubled += 1
        return await trouble(call, self.forward)

    async def forward(self, call: Call) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            return await _exchanged(call, reader, writer)
        finally:
            writer.close()


async def _received(connection: h11.Connection, reader: asyncio.StreamReader) -> Call | None:
    """The connection's next call; None at its end."""
    request: h11.Request | None = None
    body = b""
    while True:
        event = _next(connection)
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(CHUNK))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and request:
            return Call(request, body)
        else:
            return None


async def _exchanged(call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    connection = h11.Connection(h11.CLIENT)
    headers = [(name, value) for name, value in call.request.headers if name not in (b"content-length", b"connection")]
    headers += [(b"content-length", str(len(call.body)).encode()), (b"connection", b"close")]
    request = h11.Request(method=call.request.method, target=call.request.target, headers=headers)
    writer.write(connection.send(request) or b"")
    writer.write(connection.send(h11.Data(data=call.body)) or b"")
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    status, content_type, body = 0, "", b""
    while not isinstance(event := _next(connection), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(CHUNK))
        elif isinstance(event, h11.Response):
            status = event.status_code
            content_type = dict(event.headers).get(b"content-type", b"").decode()
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError
    return Answer(status, body, content_type)


def _next(connection: h11.Connection) -> object:
    """Raises ConnectionResetError where the other side broke off."""
    try:
        return connection.next_event()
    except h11.RemoteProtocolError as error:
        raise ConnectionResetError from error
