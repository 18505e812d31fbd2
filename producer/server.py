"""uvicorn, with our own ideas of signals and patience."""

import asyncio
import contextlib
import math
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from producer.collect import BODY_SECONDS
from producer.connection import deadline_protocol

# Longer than load balancers keep an idle connection (60 s), so that they never send on one that was just closed.
KEEP_ALIVE_SECONDS = 75
# A body's own deadline comes first, so that it is answered; this one ends what nobody answers any more.
REQUEST_SECONDS = BODY_SECONDS + 5
CLOSE = (b"connection", b"close")


def listen(host: str, port: int) -> socket.socket:
    """Raises OSError if the port is taken or the host is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


class Server(uvicorn.Server):
    """Leaves signals to `stop_on_signals`; by itself uvicorn stops at once and dies of the signal in the end.

    Requests that were begun have `grace_seconds` to be answered when it stops; then they are cancelled.
    """

    def __init__(self, app: FastAPI, grace_seconds: float) -> None:
        config = uvicorn.Config(
            app,
            http=deadline_protocol(REQUEST_SECONDS),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=math.ceil(grace_seconds),
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop_on_signals(self, delay_seconds: float, on_first: Callable[[], None]) -> None:
        """At the first SIGTERM or SIGINT calls `on_first` and serves on until the delay is over; a second ends it.

        Meanwhile each answer is the last one of its connection, so that few are left to be cut in the end.
        """
        loop = asyncio.get_running_loop()
        signals = 0

        def stop() -> None:
            nonlocal signals
            signals += 1
            if signals > 1:
                self._stop_accepting()
                return
            on_first()
            self._close_after_answers()
            loop.call_later(delay_seconds, self._stop_accepting)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)

    def _close_after_answers(self) -> None:
        """uvicorn makes the state's headers anew of the configuration's, each second."""
        self.config.encoded_headers.append(CLOSE)
        self.server_state.default_headers.append(CLOSE)

    def _stop_accepting(self) -> None:
        self.should_exit = True
