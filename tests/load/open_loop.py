"""A client that sends at its own pace, whatever becomes of its requests, as a crowd of clients does.

A request's time counts from the moment when it was due, so that a service which holds up its clients gains nothing.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import httptools
import msgspec
import uvloop

from tests.producer.builders import numbered_records

NUMBER = b"00000000-0000-0000"
# What is under way when the last request was due has so long to be answered.
LAST_SECONDS = 30.0


@dataclass(frozen=True)
class Load:
    """`connections` bounds the requests under way at once; one that finds none free is not sent, and counted."""

    port: int
    key: str
    requests_a_second: float
    records: int
    seconds: float
    connections: int = 1000
    first: int = 0


@dataclass
class Outcome:
    """Statuses, and seconds by status; `unsent` found no connection and `lost` got no answer.

    `in_time` counts the accepted transactions whose answer came while the load lasted.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: dict[int, list[float]] = field(default_factory=dict)
    accepted: set[bytes] = field(default_factory=set)
    in_time: int = 0
    unsent: int = 0
    lost: int = 0


class _Receipt(msgspec.Struct, rename="camel"):
    status: str
    trx_id: str = ""


class _Receipts(msgspec.Struct):
    records: list[_Receipt] = []


_receipts = msgspec.json.Decoder(_Receipts).decode


class _Client(asyncio.Protocol):
    """One connection: a request, then its answer."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def on_message_begin(self) -> None:
        self._body.clear()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.is_open = self._parser.should_keep_alive()
        if self._answer and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), bytes(self._body)))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError())


class Crowd:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._free: list[_Client] = []
        self._under_way = 0
        self._ends = 0.0
        self._outcome = Outcome()
        content = msgspec.json.encode({"records": numbered_records(load.records)})
        head = f"POST /collector/transactions HTTP/1.1\r\nhost: x\r\nx-api-key: {load.key}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        self._request = head.encode() + content

    async def run(self) -> Outcome:
        load, loop = self._load, asyncio.get_running_loop()
        begin = loop.time()
        self._ends = begin + load.seconds
        tasks: set[asyncio.Task[None]] = set()
        for number in range(int(load.requests_a_second * load.seconds)):
            due = begin + number / load.requests_a_second
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            if self._under_way >= load.connections:
                self._outcome.unsent += 1
                continue
            task = loop.create_task(self._send(load.first + number, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=LAST_SECONDS)
            self._outcome.lost += len(late)
        return self._outcome

    async def _send(self, number: int, due: float) -> None:
        self._under_way += 1
        loop = asyncio.get_running_loop()
        try:
            client = await self._connection()
            status, body = await client.ask(self._request.replace(NUMBER, b"%08x-0000-0000" % number))
        except OSError:
            self._outcome.lost += 1
            return
        finally:
            self._under_way -= 1
        if client.is_open:
            self._free.append(client)
        else:
            client.transport.close()
        self._count(status, body, loop.time() - due, is_in_time=loop.time() < self._ends)

    async def _connection(self) -> _Client:
        while self._free:
            if (client := self._free.pop()).is_open:
                return client
        _, client = await asyncio.get_running_loop().create_connection(_Client, "127.0.0.1", self._load.port)
        return client

    def _count(self, status: int, body: bytes, seconds: float, *, is_in_time: bool) -> None:
        self._outcome.statuses[status] += 1
        self._outcome.seconds.setdefault(status, []).append(seconds)
        if status in (202, 207):
            accepted = [receipt.trx_id.encode() for receipt in _receipts(body).records if receipt.status == "accepted"]
            self._outcome.accepted.update(accepted)
            self._outcome.in_time += len(accepted) if is_in_time else 0


def run(load: Load) -> Outcome:
    """In the process that calls it."""
    return uvloop.run(Crowd(load).run())
