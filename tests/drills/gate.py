"""A gate in a connection between two parts, through which bytes pass as a drill wants them to."""

import asyncio
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tests.drills.loop import Loop

CHUNK = 65_536
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Weather:
    """What happens to the bytes of every connection.

    ``cut``: connections are reset, new ones at once. ``held``: nothing passes until the weather changes, as in a black
    hole; then it goes on where it was, as TCP does. ``slow``: seconds for each kilobyte. ``broken``: the share of
    answers of which a half arrives, then a reset; with ``after``, of the answers to requests that hold these bytes, of
    which nothing arrives.
    """

    cut: bool = False
    held: bool = False
    slow: float = 0.0
    broken: float = 0.0
    after: bytes | None = None


FAIR = Weather()


class Gate:
    """Listens on ``port`` for what is meant for ``target``, another port of this machine."""

    def __init__(self, loop: Loop, target: int, chance: random.Random) -> None:
        self._loop = loop
        self._target = target
        self._chance = chance
        self._weather = FAIR
        self._changed = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self.mishaps = 0
        """What the weather did so far: connections that were broken, pieces that were held or slowed."""
        self.port = loop.serve(self._serve)

    @contextmanager
    def weather(self, **changes: object) -> Iterator[None]:
        """``changes`` to fair weather while the block lasts."""
        self._loop.run(self._change(replace(FAIR, **changes)))  # type: ignore[arg-type]
        try:
            yield
        finally:
            self._loop.run(self._change(FAIR))

    def cut_all(self) -> None:
        """Once: what is connected is reset, and may connect again at once."""
        self._loop.run(self._cut())

    async def _change(self, weather: Weather) -> None:
        self._weather = weather
        self._changed.set()
        self._changed = asyncio.Event()
        if weather.cut:
            await self._cut()

    async def _cut(self) -> None:
        for writer in list(self._open):
            self._reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._weather.cut:
            self._reset(writer)
            return
        await self._while_held()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:  # nobody is there: it is for us to refuse
            reset(writer)
            return
        pair = {writer, far_writer}
        self._open |= pair
        link = Link(self, pair)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(link.pump(reader, far_writer, is_answer=False))
                pumps.create_task(link.pump(far_reader, writer, is_answer=True))
        except* (OSError, EOFError):
            pass
        finally:
            self._open -= pair
            far_writer.close()

    async def passing(self, size: int) -> Weather:
        """The weather once so many bytes may pass."""
        await self._while_held()
        if self._weather.slow:
            self.mishaps += 1
            await asyncio.sleep(self._weather.slow * size / 1024)
        return self._weather

    def strikes(self, share: float) -> bool:
        return self._chance.random() < share

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        self.mishaps += 1
        reset(writer)

    async def _while_held(self) -> None:
        while self._weather.held:
            self.mishaps += 1
            await self._changed.wait()


class Link:
    """One connection through a gate: both of its ends are reset together."""

    def __init__(self, gate: Gate, ends: set[asyncio.StreamWriter]) -> None:
        self._gate = gate
        self._ends = ends
        self._asked = b""

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        while piece := await reader.read(CHUNK):
            weather = await self._gate.passing(len(piece))
            if not is_answer:
                self._asked = piece
            elif self._is_meant(weather) and self._gate.strikes(weather.broken):
                writer.write(b"" if weather.after else piece[: len(piece) // 2])
                await writer.drain()
                self._break()
            writer.write(piece)
            await writer.drain()
        writer.write_eof()

    def _is_meant(self, weather: Weather) -> bool:
        return weather.after is None or weather.after in self._asked

    def _break(self) -> None:
        self._gate.mishaps += 1
        for end in self._ends:
            reset(end)
        raise ConnectionResetError


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with a reset in place of an orderly end."""
    if not writer.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
