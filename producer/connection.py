"""Protects the process from its connections: how many there are, and how much each of them may send before its turn."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import httptools

from producer.deadlines import ConnectionLimits, DeadlineProtocol

MAX_HEAD_BYTES = 32 * 1024
# Short fields take many times their bytes.
MAX_FIELDS = 100
# Each waiting request takes kilobytes, and its sender no more than a line.
MAX_PIPELINED = 100
RETRY_SECONDS = 1
TOO_MANY = "too many connections are open"
HEAD_TOO_LARGE = f"URL and header fields must have at most {MAX_HEAD_BYTES} bytes, in at most {MAX_FIELDS} fields"
MALFORMED = "this is no HTTP/1.1 request"
_FRAMING = (b"content-length", b"transfer-encoding")


def guarded_protocol(limits: ConnectionLimits, on_refusal: Callable[[str], None]) -> type["GuardedProtocol"]:
    """uvicorn's protocol within the limits; `on_refusal` is told the reason of each connection that they end."""
    members = {"limits": limits, "unread": {}, "on_refusal": staticmethod(on_refusal)}
    return type("LimitedProtocol", (GuardedProtocol,), members)


class _HeadTooLargeError(Exception):
    """URL and header fields, or one of them, need more than MAX_HEAD_BYTES, or there are more than MAX_FIELDS."""


class _TooManyRequestsError(Exception):
    """More than MAX_PIPELINED requests wait for the answer to the one before."""


class GuardedProtocol(DeadlineProtocol):
    """Ends what is too many or grows too large; serves in HTTP/1.1 who asks for an upgrade."""

    # What the parser has handed on of the URL and the header fields, and what it keeps to itself.
    _head_bytes = 0
    _fields = 0
    _unparsed_bytes = 0
    _is_resuming = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            headers = {"retry-after": str(RETRY_SECONDS)}
            self.end(HTTPStatus.SERVICE_UNAVAILABLE, TOO_MANY, "too_many", headers)

    def data_received(self, data: bytes) -> None:
        if self.has_ended:
            return
        self._unparsed_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse()
        self.await_the_rest()

    def on_message_begin(self) -> None:
        if self._is_resuming:
            return
        super().on_message_begin()
        self._head_bytes = self._unparsed_bytes = self._fields = 0

    def on_url(self, url: bytes) -> None:
        if self._is_resuming:
            return
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_resuming:
            return
        self._fields += 1
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
        super().on_message_complete()

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
        if self._head_bytes > MAX_HEAD_BYTES or self._fields > MAX_FIELDS:
            raise _HeadTooLargeError

    def _refuse(self) -> None:
        if len(self.pipeline) > MAX_PIPELINED:
            self.transport.abort()
        elif max(self._head_bytes, self._unparsed_bytes) > MAX_HEAD_BYTES or self._fields > MAX_FIELDS:
            self.end(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HEAD_TOO_LARGE, "large_head")
        else:
            self.end(HTTPStatus.BAD_REQUEST, MALFORMED, "malformed")
