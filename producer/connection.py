"""Drops clients that are too slow: uvicorn itself waits for ever for the rest of a header or a body.

A gateway in front shields the service from them; without one, a few hundred open sockets would be enough to stop it.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def deadline_protocol(seconds: float) -> type[HttpToolsProtocol]:
    """uvicorn's protocol, closing a connection on which a request has not wholly arrived in time."""

    class DeadlineProtocol(HttpToolsProtocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
            super().connection_made(transport)
            self._expect_request()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._expect_request()

        def on_message_complete(self) -> None:
            self._stop_waiting()
            super().on_message_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def _expect_request(self) -> None:
            self._stop_waiting()
            self._deadline = self.loop.call_later(seconds, self.transport.close)

        def _stop_waiting(self) -> None:
            if self._deadline:
                self._deadline.cancel()

    return DeadlineProtocol
