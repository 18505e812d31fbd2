"""Ends connections that keep the process waiting; uvicorn itself waits for ever.

A gateway in front shields the service from such clients; without one, a few hundred of them would be enough to stop it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from producer.problems import on_the_wire, problem
from producer.whole_answers import WholeAnswers

# Of answers that their clients do not read, over all connections.
MAX_UNREAD_BYTES = 32 * 1024 * 1024
LINGER_SECONDS = 1
# More connections than there may be: those that are told so.
MOST_LINGERING = 64
# In a request's scope once all of its body is here: to read it then needs no deadline.
HAS_ARRIVED = "has_arrived"
SLOW_HEAD = "the request's head did not arrive in time"


@dataclass(frozen=True)
class ConnectionLimits:
    """How many connections there are at most, and how long each of them may keep the process waiting.

    A request's head has to arrive within `head_seconds`. Its body is the application's to answer for; after
    `body_seconds` it has not, and the connection ends, as it does when an answer is not read in that time.
    """

    connections: int
    head_seconds: float
    body_seconds: float


def _not_told(_: str) -> None: ...


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's protocol within the limits. `on_refusal` is told the reason of each connection that they end.

    `unread` holds the connections whose answers wait to be read, the longest first.
    """

    limits: ConnectionLimits
    unread: dict["DeadlineProtocol", None]
    on_refusal: Callable[[str], None] = staticmethod(_not_told)
    # Of what began to arrive, the seconds for its rest and what happens then; most come whole and need no timer.
    _awaited: tuple[float, Callable[[], None]] | None = None
    _request_deadline: asyncio.TimerHandle | None = None
    _answer_deadline: asyncio.TimerHandle | None = None
    has_ended = False
    _is_in_body = False
    _unanswered = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self.answers = WholeAnswers(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._request_deadline)
        _cancel(self._answer_deadline)
        self.unread.pop(self, None)
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def await_the_rest(self) -> None:
        """Of the request that has begun to arrive: to be called when all that is here was parsed."""
        if self._awaited:
            self._expect(*self._awaited)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unset_keepalive_if_required()
        self._awaited = self.limits.head_seconds, self._head_is_late

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.cycle.transport = self.answers  # type: ignore[assignment]  # all of it that an answer needs
        self._is_in_body = True
        self._unanswered += 1
        self._unset_keepalive_if_required()
        self._awaited = self.limits.body_seconds, self._body_is_late

    def on_message_complete(self) -> None:
        self.scope[HAS_ARRIVED] = True  # type: ignore[literal-required]  # a key of our own
        self._is_in_body = False
        self._awaited = None
        _cancel(self._request_deadline)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._unanswered -= 1
        self.answers.flush()
        if self.cycle.response_complete:
            self.cycle.body.clear()  # of a body that nobody read, what came with its head
        if self.transport.is_closing():
            self._expect_reading()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()
        self.unread[self] = None
        self._bound_unread()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.unread.pop(self, None)
        if not self.transport.is_closing():
            _cancel(self._answer_deadline)

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()

    def end(self, status: HTTPStatus, detail: str, reason: str, headers: dict[str, str] | None = None) -> None:
        """Closes the connection, with a problem as the answer, unless that would be taken for another request's."""
        if self.transport.is_closing():
            return
        self.on_refusal(reason)
        if self._owes_an_answer():
            self.transport.abort()
            return
        self.transport.write(on_the_wire(problem(status, detail, headers)))
        if len(self.connections) < self.limits.connections + MOST_LINGERING:
            self._linger()
        else:
            self.transport.close()

    def _linger(self) -> None:
        """Closing while the client still sends would reset the connection, and take the answer with it."""
        self.has_ended = True
        self.transport.write_eof()
        self._expect(LINGER_SECONDS, self.transport.abort)

    def _owes_an_answer(self) -> bool:
        """To a request before the one that is arriving, or to that one, the rest of what was begun."""
        if self._is_in_body:
            return self._unanswered > 1 or self.cycle.response_started
        return self._unanswered > 0

    def _head_is_late(self) -> None:
        if self._owes_an_answer():
            self._expect(self.limits.head_seconds, self._head_is_late)
        else:
            self.end(HTTPStatus.REQUEST_TIMEOUT, SLOW_HEAD, "slow_head")

    def _body_is_late(self) -> None:
        if self.pipeline:  # its turn has not come: it is we who do not read it
            self._expect(self.limits.body_seconds, self._body_is_late)
        else:
            self.transport.abort()

    def _bound_unread(self) -> None:
        size = sum(connection.transport.get_write_buffer_size() for connection in self.unread)
        while size > MAX_UNREAD_BYTES and len(self.unread) > 1:
            longest = next(iter(self.unread))
            size -= longest.transport.get_write_buffer_size()
            del self.unread[longest]
            longest.transport.abort()

    def _expect(self, seconds: float, on_late: Callable[[], None]) -> None:
        self._awaited = None
        _cancel(self._request_deadline)
        self._request_deadline = self.loop.call_later(seconds, on_late)

    def _expect_reading(self) -> None:
        _cancel(self._answer_deadline)
        self._answer_deadline = self.loop.call_later(self.limits.body_seconds, self.transport.abort)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()
