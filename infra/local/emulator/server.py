"""Serves ministack's application on loopback, between the start and the end of the corrections' own work."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from infra.local.emulator import corrections
from infra.local.emulator.firehose import Deliveries
from infra.local.emulator.sequence import SequenceNumbers
from infra.local.emulator.settings import EmulatorSettings
from infra.local.emulator.shapes import Receive, Send
from infra.local.emulator.upstream import app

KEEP_ALIVE_SECONDS = 75


class Application:
    """ministack's, with deliveries that run beside it and end before it saves its state."""

    def __init__(self, deliveries: Deliveries, stopping: asyncio.Event) -> None:
        self._deliveries = deliveries
        self._stopping = stopping

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            running = asyncio.create_task(self._deliveries.run(self._stopping))
            receive = self._delivering_first(receive, running)
        await app.app(scope, receive, send)

    def _delivering_first(self, receive: Receive, running: asyncio.Task[None]) -> Receive:
        async def receive_message() -> dict[str, Any]:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await running
                await self._deliveries.flush()
            return message

        return receive_message


async def serve(settings: EmulatorSettings, clock: Callable[[], float]) -> None:
    """Until SIGTERM or SIGINT; then everything is delivered and saved. Raises StateUnreadableError, OSError."""
    stopping = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopping.set)
    application = _corrected(settings, SequenceNumbers(clock), stopping)
    config = Config()
    config.bind = [f"127.0.0.1:{settings.port}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.loglevel = settings.log_level
    shutdown: Callable[..., Awaitable[Any]] = stopping.wait
    await hypercorn_serve(application, config, shutdown_trigger=shutdown)  # type: ignore[arg-type]


def _corrected(settings: EmulatorSettings, numbers: SequenceNumbers, stopping: asyncio.Event) -> Application:
    corrections.close_the_doors()
    corrections.note_calls()
    corrections.correct_kinesis(numbers, stopping)
    corrections.correct_ses()
    if settings.state_folder:
        corrections.correct_state(numbers, settings.state_folder)
    return Application(corrections.correct_firehose(numbers, settings.firehose_max_interval), stopping)
