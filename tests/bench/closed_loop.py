"""Clients that each send their next request when the last one was answered.

`python -m tests.bench.closed_loop` is told what to do as JSON on stdin, and answers so.
"""

import asyncio
import itertools
import re
import sys
import time
from typing import cast

import msgspec
import uvloop

from tests.bench.requests import KEY_TEXT, post, requests
from tests.load.process import percentile

FIRST_ID = b'"00000000-'  # how the trxIds of `requests` begin
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


class Load(msgspec.Struct, frozen=True):
    """`records` a request; the bodies are `bodies` different ones, in turn, `fresh` ones with new trxIds each time."""

    port: int
    connections: int
    records: int
    seconds: float
    bodies: int = 32
    fresh: bool = False
    key: str = KEY_TEXT


class Outcome(msgspec.Struct):
    """``others``: answers that were no 202. Seconds that it lasted, and that half and 99 % of the requests took."""

    requests: int
    others: int
    lasted: float
    p50: float
    p99: float


class _Client(asyncio.Protocol):
    def __init__(self, crowd: "_Crowd", turn: int) -> None:
        self._crowd = crowd
        self._turn = turn
        self._arrived = bytearray()
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self._turn += 1
        self._transport.write(self._crowd.request(self._turn))

    def data_received(self, data: bytes) -> None:
        if not self._arrived and not self._needed and self._is_whole(data):
            self._answered(data)
            return
        self._arrived += data
        if self._is_whole(self._arrived):
            whole = bytes(self._arrived[:12])
            self._arrived.clear()
            self._needed = 0
            self._answered(whole)

    def _is_whole(self, data: bytes | bytearray) -> bool:
        if not self._needed:
            end = data.find(b"\r\n\r\n")
            found = _LENGTH.search(data)
            if end < 0 or not found:
                return False
            self._needed = end + 4 + int(found[1])
        if len(data) < self._needed:
            return False
        self._needed = 0
        return True

    def _answered(self, data: bytes) -> None:
        crowd = self._crowd
        now = time.perf_counter()
        if now >= crowd.ends:
            crowd.done.set_result(None) if not crowd.done.done() else None
            return
        crowd.others += data[9:12] != b"202"
        crowd.seconds.append(now - self._began)
        self._ask()


class _Crowd:
    def __init__(self, load: Load) -> None:
        self.loop = asyncio.get_running_loop()
        self._requests = [post(body, load.key) for body in requests(load.records, load.bodies)]
        self._sent = itertools.count(1) if load.fresh else None
        self.seconds: list[float] = []
        self.others = 0
        self.done = self.loop.create_future()
        self.ends = time.perf_counter() + load.seconds

    def request(self, turn: int) -> bytes:
        found = self._requests[turn % len(self._requests)]
        return found.replace(FIRST_ID, b'"%08x-' % next(self._sent)) if self._sent else found


async def run(load: Load) -> Outcome:
    crowd = _Crowd(load)
    began = time.perf_counter()
    clients = [
        await crowd.loop.create_connection(lambda turn=turn: _Client(crowd, turn * 7), "127.0.0.1", load.port)  # type: ignore[misc]
        for turn in range(load.connections)
    ]
    await asyncio.wait_for(crowd.done, load.seconds + 30)
    lasted = time.perf_counter() - began
    for transport, _ in clients:
        transport.abort()
    return Outcome(
        len(crowd.seconds), crowd.others, lasted, percentile(crowd.seconds, 0.5), percentile(crowd.seconds, 0.99)
    )


if __name__ == "__main__":
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(load))))
