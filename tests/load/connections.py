"""Clients that open connections and do not get on, beside one that behaves well."""

import asyncio
import multiprocessing
from dataclasses import dataclass
from multiprocessing.connection import Connection

import uvloop

from tests.load.open_loop import Load, Outcome, run
from tests.load.process import elsewhere, percentile, resident_bytes, watching
from tests.load.sink import serving
from tests.producer.process import producing
from tests.producer.service import KEY, KEY_TEXT

MOST_P99_SECONDS = 0.25
REQUESTS_A_SECOND = 20
RECORDS = 10
DRIP_SECONDS = 0.5
HEAD = b"POST /collector/transactions HTTP/1.1\r\nhost: x\r\n"
BODY = HEAD + f"x-api-key: {KEY_TEXT}\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n".encode()
# What each kind of client sends first: nothing at all, half a head, half a body.
KINDS = (b"", HEAD, BODY)


@dataclass(frozen=True)
class Measured:
    """The well-behaved client's seconds alone and in company, the company's size, and the producer's memory."""

    alone: Outcome
    beside: Outcome
    company: int
    reopened: int
    idle_bytes: int
    peak_bytes: int

    @property
    def bytes_a_connection(self) -> float:
        return (self.peak_bytes - self.idle_bytes) / self.company

    def broken(self) -> list[str]:
        found = []
        if p99(self.beside) > MOST_P99_SECONDS:
            found.append(f"the well-behaved client's p99 is {p99(self.beside) * 1000:.0f} ms")
        if set(self.beside.statuses) != {202} or self.beside.lost or self.beside.unsent:
            found.append(f"the well-behaved client was not always served: {dict(self.beside.statuses)}")
        return found


def p99(outcome: Outcome) -> float:
    return percentile(outcome.seconds.get(202, []), 0.99)


def measure(company: int, seconds: float) -> Measured:
    """The same light load twice: alone, and beside so many idle and dripping connections, opened again when ended."""
    with serving(KEY, 1_000_000, "slow") as sink, producing(sink.url, API_KEYS_REFRESH_SECONDS="30") as producer:
        producer.wait_for("keys loaded")
        load = Load(producer.port, KEY_TEXT, REQUESTS_A_SECOND, RECORDS, seconds)
        alone = elsewhere(run, load)
        idle = resident_bytes(producer.process.pid)
        pipe, theirs = multiprocessing.Pipe()
        crowd = multiprocessing.get_context("spawn").Process(
            target=_keep_open, args=(theirs, producer.port, company, seconds)
        )
        crowd.start()
        pipe.recv()
        with watching(producer.process.pid) as peak:
            beside = elsewhere(run, load)
        reopened = pipe.recv()
        crowd.join()
    return Measured(alone, beside, company, reopened, idle, peak.bytes)


def _keep_open(pipe: Connection, port: int, company: int, seconds: float) -> None:
    uvloop.run(_Company(port, pipe, company).keep(seconds))


class _Company:
    def __init__(self, port: int, pipe: Connection, size: int) -> None:
        self._port = port
        self._pipe = pipe
        self._size = size
        self._opened = 0
        self._all_open = asyncio.Event()

    async def keep(self, seconds: float) -> None:
        tasks = [asyncio.create_task(self._again(KINDS[place % len(KINDS)])) for place in range(self._size)]
        await self._all_open.wait()
        self._pipe.send("open")
        await asyncio.sleep(seconds + 2)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        self._pipe.send(self._opened - self._size)

    async def _again(self, begin: bytes) -> None:
        while True:
            try:
                await self._hold(begin)
            except OSError:
                await asyncio.sleep(DRIP_SECONDS)

    async def _hold(self, begin: bytes) -> None:
        """Until the producer has enough of it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._opened += 1
        if self._opened == self._size:
            self._all_open.set()
        try:
            writer.write(begin)
            ended = asyncio.ensure_future(reader.read())
            while not (await asyncio.wait([ended], timeout=DRIP_SECONDS))[0]:
                writer.write(b"a" if begin else b"")
            await ended
        finally:
            writer.close()
