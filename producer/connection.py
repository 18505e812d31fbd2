"""Protects the process from its connections: uvicorn itself waits for ever, and keeps headers of any size.

A gateway in front shields the service from such clients; without one, a few hundred open sockets, or one endless
header, would be enough to stop it.
"""

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
# Each waiting request takes kilobytes, and its sender no more than a line.
MAX_PIPELINED = 100
INVALID = "Invalid HTTP request received."
HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_FRAMING = (b"content-length", b"transfer-encoding")


def deadline_protocol(seconds: float) -> type["GuardedProtocol"]:
    """uvicorn's protocol, closing a connection on which a request or an answer does not get on within `seconds`."""

    class DeadlineProtocol(GuardedProtocol):
        patience_seconds = seconds

    return DeadlineProtocol


class _HeadTooLargeError(Exception):
    """URL and header fields, or one of them, need more than MAX_HEAD_BYTES."""


class _TooManyRequestsError(Exception):
    """More than MAX_PIPELINED requests wait for the answer to the one before."""


class GuardedProtocol(HttpToolsProtocol):
    """Ends what does not get on or grows too large; serves in HTTP/1.1 who asks for an upgrade."""

    patience_seconds: float
    _request_deadline: asyncio.TimerHandle | None = None
    _answer_deadline: asyncio.TimerHandle | None = None
    # What the parser has handed on of the URL and the header fields, and what it keeps to itself.
    _head_bytes = 0
    _unparsed_bytes = 0
    _is_resuming = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._request_deadline)
        _cancel(self._answer_deadline)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._unparsed_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse()

    def on_message_begin(self) -> None:
        if self._is_resuming:
            return
        super().on_message_begin()
        self._head_bytes = self._unparsed_bytes = 0
        self._expect_request()

    def on_url(self, url: bytes) -> None:
        if self._is_resuming:
            return
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_resuming:
            return
        self._count_head(len(name) + len(value) + len(": \r\n"))
        self._unparsed_bytes = 0
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_resuming:
            return
        super().on_headers_complete()
        if len(self.pipeline) > MAX_PIPELINED:
            raise _TooManyRequestsError

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade() and self._framing():
            return
        self._unparsed_bytes = 0
        _cancel(self._request_deadline)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.transport.is_closing():
            self._expect_reading()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            _cancel(self._answer_deadline)

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()

    def _parse(self, data: bytes) -> None:
        rest: bytes | memoryview | None = data
        while rest is not None:
            rest = self._parse_until_upgrade(rest)
        if self._unparsed_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse()

    def _parse_until_upgrade(self, data: bytes | memoryview) -> memoryview | None:
        """Returns what follows a request that asks for an upgrade; the parser takes it for another protocol."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._renew_parser(self._framing())
            return memoryview(data)[upgrade.args[0] :]
        return None

    def _renew_parser(self, framing: bytes) -> None:
        """Told how the body is framed, if there is one, a new parser reads on."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        if framing:
            self._is_resuming = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")
            self._is_resuming = False

    def _framing(self) -> bytes:
        return b"".join(b"%b: %b\r\n" % (name, value) for name, value in self.headers if name in _FRAMING)

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > MAX_HEAD_BYTES:
            raise _HeadTooLargeError

    def _refuse(self) -> None:
        if len(self.pipeline) > MAX_PIPELINED:
            self.transport.abort()
            return
        if max(self._head_bytes, self._unparsed_bytes) <= MAX_HEAD_BYTES:
            self.logger.warning(INVALID)
            self.send_400_response(INVALID)
            return
        self.transport.write(HEAD_TOO_LARGE)
        self.transport.close()

    def _expect_request(self) -> None:
        _cancel(self._request_deadline)
        self._request_deadline = self.loop.call_later(self.patience_seconds, self.transport.abort)

    def _expect_reading(self) -> None:
        _cancel(self._answer_deadline)
        self._answer_deadline = self.loop.call_later(self.patience_seconds, self.transport.abort)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()
